#define KIND "discord-webhook"
#define URL "https://discord.com/api/webhooks/123/s3cret-token_x"

#include "chat_world.h"

#define POST "POST " URL "?wait=true"

/* --- configuration -----------------------------------------------------------
 */

#define AT(path) REGISTRATION("webhook: 'https://discord.com" path "'")

static void options__are_checked_and_their_secrets_not_shown(void **state)
{
    static const struct chat_fault faults[] = {
        {REGISTRATION("username: a"), "registrations[0].webhook: is required"},
        {REGISTRATION("webhook: 'http://example.com/s3cret'"),
         "registrations[0].webhook: the URL is plain http"},
        {AT("/api/webhooks/123"), "this is no URL of a webhook, which is "
                                  "https://discord.com/api/webhooks/ID/TOKEN"},
        {AT("/api/webhooks/123/s3cret/slack"), "this is no URL of a webhook"},
        {AT("/api/webhooks/123/s3cret/github"), "this is no URL of a webhook"},
        {AT("/api/webhooks/x/s3cret"), "this is no URL of a webhook"},
        {AT("/channels/123/s3cret"), "this is no URL of a webhook"},
        {AT("/api/webhooks/123/s3cret?thread_id=4"),
         "set thread_id as a key of its own"},
        {REGISTRATION(WEBHOOK ", username: ''"), "registrations[0].username: "},
        {REGISTRATION(WEBHOOK ", username: My Discord"),
         "names of up to 80 characters that contain neither"},
        {REGISTRATION(
             WEBHOOK
             ", username: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
         "names of up to 80 characters"},
        {REGISTRATION(WEBHOOK ", thread_id: abc"),
         "registrations[0].thread_id: 'abc' cannot be used: an id consists of "
         "up to 20 digits"},
        {REGISTRATION(WEBHOOK) ATTACHMENT(", thread_id: '1'"),
         "attachments[0].thread_id: unknown key"},
    };

    check_chat_faults(*state, faults, ARRAY_SIZE(faults));
}

static void options__that_are_good_are_taken(void **state)
{
    static const char *const good[] = {
        PLAIN,
        TABLE,
        AT("/api/v10/webhooks/1/a-b_c.d"),
        REGISTRATION("webhook: 'https://canary.discord.com/api/webhooks/1/a'"),
        REGISTRATION("webhook: 'https://discordapp.com/api/webhooks/1/a'"),
        REGISTRATION("webhook: 'http://127.0.0.1:8080/any'"),
        REGISTRATION(WEBHOOK ", username: 'Frachtbrief Ü', thread_id: '18'"),
    };

    check_chat_configs(*state, good, ARRAY_SIZE(good));
}

/* --- deliveries --------------------------------------------------------------
 */

#define STORED                                                                 \
    "{\"id\":\"1102673482913091604\",\"channel_id\":\"2\",\"content\":\"\"}"
#define FIELD(name, value, side)                                               \
    "{\"name\":\"" name "\",\"value\":\"" value "\",\"inline\":" side "}"
#define FACT(name, value) FIELD(name, value, "true")
#define ZWSP "\\u200b"
#define MENTIONS "\"allowed_mentions\":{\"parse\":[]}"

static void delivery__posts_an_embed_that_mentions_nobody(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    CLEANUP(str_release) struct str digest = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str expected = STR_INIT(STR_UNLIMITED);

    world_open(&world, *state, PLAIN, EVENT);
    begin(&world, &attempt, false);
    assert_string_equal(header(&world, "Content-Type"), "application/json");
    str_append_text(&digest, world.decoded.event.envelope_digest.text + 7);
    str_printf(
        &expected,
        "{" MENTIONS ",\"embeds\":[{\"title\":\"shop/build \\\\*all\\\\* & "
        "\\\\<!channel\\\\>\\\\: attestation received\",\"url\":"
        "\"https://ci.example/r?a=1&b=2\",\"color\":2336090,\"fields\":["
        "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s],\"footer\":{\"text\":\"e-1\"}}]}",
        FACT("State", "success"),
        FACT("Workflow", "build \\\\*all\\\\* & \\\\<!channel\\\\>"),
        FACT("Project", "shop"), FACT("Team", "@" ZWSP "everyone"),
        FACT("Organization", "acme"), FACT("Run", "r\\\\_1"),
        FACT("Started", "2026\\\\-01\\\\-02T03\\\\:04\\\\:05Z"),
        FACT("Finished", "2026\\\\-01\\\\-02T03\\\\:05\\\\:06Z"),
        arena_printf(world.kept, FACT("Attestation", "sha256\\\\:%s"),
                     digest.data),
        FIELD("Subjects", "ghcr.io/acme/shop@sha256\\\\:" HEX, "false"),
        FIELD("Materials", "sbom \\\\(SBOM\\\\_SPDX\\\\_JSON\\\\)\\nlog",
              "false"));
    assert_string_equal(fake_asked(world.http, POST)->body, expected.data);
    fake_answer(world.http, "*", 200, "", STORED);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    assert_string_equal(attempt.report.result.id, "1102673482913091604");
    assert_string_equal(attempt.report.result.reference, "1102673482913091604");
    assert_int_equal(attempt.report.pause_ms, 0);
}

static void delivery__goes_to_the_thread_under_the_name(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;

    world_open(&world, *state,
               REGISTRATION(WEBHOOK ", username: Frachtbrief, thread_id: '18'")
                   ATTACHMENT(""),
               "");
    begin(&world, &attempt, false);
    check_contains("name", fake_asked(world.http, POST "&thread_id=18")->body,
                   "{\"username\":\"Frachtbrief\"," MENTIONS ",\"embeds\":");
    fake_answer(world.http, "*", 200, "", "not JSON");
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    assert_null(attempt.report.result.id);
}

static void delivery__sends_chainloops_table_as_a_file(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    const char *body;
    const char *boundary;

    world_open(&world, *state, TABLE, "");
    begin(&world, &attempt, false);
    boundary = header(&world, "Content-Type");
    assert_true(
        strncmp(boundary, "multipart/form-data; boundary=waybill-", 38) == 0);
    boundary = strchr(boundary, '=') + 1;
    body = fake_asked(world.http, POST)->body;
    check_contains(
        "json", body,
        arena_printf(
            world.kept,
            "--%s\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n"
            "Content-Type: application/json\r\n\r\n{\"content\":\"New "
            "Attestation Received\"," MENTIONS ",\"attachments\":[{\"id\":"
            "\"0\",\"filename\":\"statement.txt\"}]}\r\n--%s\r\n"
            "Content-Disposition: form-data; name=\"files[0]\"; filename="
            "\"statement.txt\"\r\nContent-Type: application/octet-stream\r\n"
            "\r\n┌──",
            boundary, boundary));
    check_contains(
        "end", body,
        arena_printf(world.kept, " -o statement\r\n--%s--\r\n", boundary));
    fake_answer(world.http, "*", 200, "", STORED);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
}

static void delivery__of_a_large_event_keeps_the_limits(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    const struct json *embed;
    size_t all;
    struct json *body;

    world_open(&world, *state, PLAIN, "");
    use_large_event(&world, 100);
    begin(&world, &attempt, false);
    body = asked_json(&world);
    embed = json_first(json_member(body, "embeds"));
    all = length_in_characters(json_member(embed, "title"));
    assert_in_range(all, 1, 256);
    all +=
        length_in_characters(json_member(json_member(embed, "footer"), "text"));
    assert_in_range(json_count(json_member(embed, "fields")), 1, 25);
    for (const struct json *field = json_first(json_member(embed, "fields"));
         field != NULL; field = json_next(field)) {
        const struct json *value = json_member(field, "value");

        assert_in_range(length_in_characters(value), 1, 1024);
        all += length_in_characters(json_member(field, "name")) +
               length_in_characters(value);
    }
    assert_in_range(all, 1000, 6000);
    json_free(body);
    fake_answer(world.http, "*", 200, "", STORED);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
}

/* --- limits on the rate ------------------------------------------------------
 */

static void bucket__that_is_empty_pauses_the_endpoint(void **state)
{
    static const struct {
        const char *headers;
        uint32_t pause_ms;
    } rows[] = {
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 1.2345\n", 1235},
        {"x-ratelimit-remaining: 0\nx-ratelimit-reset-after: 3600\n", 3600000},
        {"X-RateLimit-Remaining: 1\nX-RateLimit-Reset-After: 1\n", 0},
        {"X-RateLimit-Remaining: 0\n", 0},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: soon\n", 0},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 1e9\n", 0},
        {"X-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 99999999\n",
         86400000},
        {"X-RateLimit-Reset-After: 5\n", 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, *state, PLAIN, "");
        begin(&world, &attempt, false);
        fake_answer(world.http, "*", 200, rows[i].headers, STORED);
        assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
        check_number(rows[i].headers, attempt.report.pause_ms,
                     rows[i].pause_ms);
    }
}

static void errors__have_the_code_and_the_delay_of_discord(void **state)
{
    static const struct chat_error errors[] = {
        {400, "", "{\"message\":\"Invalid Form Body\",\"code\":50035}",
         ERROR_REJECTED, "50035", 0},
        {400, "",
         "{\"message\":\"Webhooks posted to forum channels must have "
         "a thread_name or thread_id\",\"code\":220001}",
         ERROR_BLOCKED, "220001", 0},
        {400, "", "{\"code\":0}", ERROR_REJECTED, "", 0},
        {401, "", "{\"message\":\"Invalid Webhook Token\",\"code\":50027}",
         ERROR_AUTH, "50027", 0},
        {403, "", "{\"code\":50013}", ERROR_AUTH, "50013", 0},
        {404, "", "{\"message\":\"Unknown Webhook\",\"code\":10015}",
         ERROR_AUTH, "10015", 0},
        {404, "", "<html>", ERROR_AUTH, "", 0},
        {404, "", "{\"message\":\"s3cret-token_x\",\"code\":\"10015\"}",
         ERROR_AUTH, "", 0},
        {413, "", "{\"code\":40005}", ERROR_TOO_LARGE, "40005", 0},
        {429, "Retry-After: 2\n",
         "{\"message\":\"You are being rate limited.\",\"retry_after\":1.3371,"
         "\"global\":false}",
         ERROR_RATE_LIMITED, "", 1338},
        {429, "Retry-After: 1337\n",
         "{\"retry_after\":1336.57,\"global\":true}", ERROR_RATE_LIMITED, "",
         1336570},
        {429, "Retry-After: 65\n", "error code: 1015", ERROR_RATE_LIMITED, "",
         65000},
        {429,
         "X-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 4\n"
         "Retry-After: 1\n",
         "{}", ERROR_RATE_LIMITED, "", 4000},
        {429, "", "{\"retry_after\":-1}", ERROR_RATE_LIMITED, "", 0},
        {502, "", "<html>", ERROR_UNAVAILABLE, "", 0},
    };

    check_chat_errors(*state, errors, ARRAY_SIZE(errors));
}

/* --- questions ---------------------------------------------------------------
 */

struct asked {
    int calls;
    bool is_alive;
    struct integration_finding finding;
    char text[512];
};

static void on_probed(void *payload, const struct error *err)
{
    struct asked *asked = payload;

    asked->calls++;
    asked->is_alive = err == NULL;
}

static void on_inspected(void *payload,
                         const struct integration_finding *findings,
                         size_t count)
{
    struct asked *asked = payload;

    asked->calls++;
    assert_int_equal(count, 1);
    asked->finding = findings[0];
    snprintf(asked->text, sizeof(asked->text), "%s", findings[0].text);
}

static void probe__asks_whether_the_service_is_there(void **state)
{
    static const struct {
        int status;
        bool is_alive;
    } rows[] = {
        {200, true}, {404, true}, {401, true}, {429, false}, {500, false}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(world_close) struct world world;
        struct asked asked = {0};

        world_open(&world, *state, PLAIN, "");
        integration_probe(world.integration, world.attachment->registration,
                          on_probed, &asked);
        fake_answer(world.http, "GET " URL, rows[i].status, "", "{}");
        assert_int_equal(asked.calls, 1);
        assert_int_equal(asked.is_alive, rows[i].is_alive);
    }
}

static void inspection__reads_the_webhook_and_posts_nothing(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum integration_verdict verdict;
        const char *text;
    } rows[] = {
        {200, "{\"id\":\"1\",\"name\":\"CI\\u001b\"}", FINDING_GOOD,
         "'CI ' exists"},
        {200, "<html>", FINDING_BAD, "does not answer as Discord does"},
        {404, "{\"message\":\"Unknown Webhook\",\"code\":10015}", FINDING_BAD,
         "'discord.com' answers 404: {\"message\":\"Unknown Webhook\","
         "\"code\":10015} (the webhook is gone; create another, and set its "
         "URL)"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(world_close) struct world world;
        struct asked asked = {0};

        world_open(&world, *state, PLAIN, "");
        integration_inspect(world.integration, world.attachment->registration,
                            NULL, on_inspected, &asked);
        fake_answer(world.http, "GET " URL, rows[i].status, "", rows[i].body);
        assert_int_equal(asked.calls, 1);
        assert_int_equal(asked.finding.verdict, rows[i].verdict);
        check_contains(rows[i].body, asked.text, rows[i].text);
    }
}

static void question__can_be_cancelled(void **state)
{
    CLEANUP(world_close) struct world world;
    struct asked asked = {0};

    world_open(&world, *state, PLAIN, "");
    integration_cancel(integration_probe(
        world.integration, world.attachment->registration, on_probed, &asked));
    fake_settle(world.http);
    assert_int_equal(asked.calls, 0);
}

static void class__names_the_webhook_without_its_secret(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const char *name;
    const struct integration_class *class = chat_class(*state, arena, &name);

    assert_string_equal(name, "discord.com (chat)");
    assert_non_null(class->probe);
    assert_non_null(class->inspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(options__are_checked_and_their_secrets_not_shown),
        CONFIG_TEST(options__that_are_good_are_taken),
        CONFIG_TEST(delivery__posts_an_embed_that_mentions_nobody),
        CONFIG_TEST(delivery__goes_to_the_thread_under_the_name),
        CONFIG_TEST(delivery__sends_chainloops_table_as_a_file),
        CONFIG_TEST(delivery__of_a_large_event_keeps_the_limits),
        CONFIG_TEST(bucket__that_is_empty_pauses_the_endpoint),
        CONFIG_TEST(errors__have_the_code_and_the_delay_of_discord),
        CONFIG_TEST(probe__asks_whether_the_service_is_there),
        CONFIG_TEST(inspection__reads_the_webhook_and_posts_nothing),
        CONFIG_TEST(question__can_be_cancelled),
        CONFIG_TEST(repetition__is_as_the_attachment_says),
        CONFIG_TEST(attempt__can_be_cancelled),
        CONFIG_TEST(class__names_the_webhook_without_its_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
