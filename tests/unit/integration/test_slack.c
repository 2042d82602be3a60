#define KIND "slack-webhook"
#define URL "https://hooks.slack.com/services/T0/B0/s3cret-token"

#include "chat_world.h"

/* --- configuration -----------------------------------------------------------
 */

static void options__are_checked_and_their_secrets_not_shown(void **state)
{
    static const struct chat_fault faults[] = {
        {REGISTRATION("ca_file: /a"), "registrations[0].webhook: is required"},
        {REGISTRATION("webhook: 'http://hooks.example.com/s3cret'"),
         "registrations[0].webhook: the URL is plain http"},
        {REGISTRATION("webhook: 'hooks.slack.com/services/s3cret'"),
         "registrations[0].webhook: the value cannot be used"},
        {REGISTRATION("webhook: 'https://hooks.slack.com/triggers/s3cret'"),
         "registrations[0].webhook: the value cannot be used: this is no "
         "incoming webhook, whose path begins with /services/"},
        {REGISTRATION("webhook: 'https://hooks.slack.com/workflows/s3cret'"),
         "this is no incoming webhook"},
        {REGISTRATION(WEBHOOK ", username: a"),
         "registrations[0].username: unknown key"},
        {REGISTRATION(WEBHOOK) ATTACHMENT(", format: text"),
         "attachments[0].format: 'text' is not one of compact, chainloop"},
        {REGISTRATION(WEBHOOK) ATTACHMENT(", on_doubt: never"),
         "attachments[0].on_doubt: 'never' is not one of again, skip"},
    };

    check_chat_faults(*state, faults, ARRAY_SIZE(faults));
}

static void options__permit_what_is_compatible_with_slack(void **state)
{
    static const char *const good[] = {
        PLAIN,
        TABLE,
        REGISTRATION("webhook: 'https://chat.example.com/hooks/abc'"),
        REGISTRATION("webhook: 'https://hooks.slack-gov.com/services/a/b'"),
        REGISTRATION("webhook: 'http://127.0.0.1:8065/hooks/abc'"),
        REGISTRATION(WEBHOOK ", proxy: none, tls_min_version: '1.3'"),
    };

    check_chat_configs(*state, good, ARRAY_SIZE(good));
}

/* --- deliveries --------------------------------------------------------------
 */

#define PLAIN_TEXT(text)                                                       \
    "{\"type\":\"plain_text\",\"text\":\"" text "\",\"emoji\":false}"
#define NAME "shop/build *all* &amp; &lt;!channel&gt;"
#define TITLE NAME ": attestation received"

static void delivery__posts_blocks_that_show_the_event_as_plain_text(
    void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    CLEANUP(str_release) struct str expected = STR_INIT(STR_UNLIMITED);

    world_open(&world, *state, PLAIN, EVENT);
    begin(&world, &attempt, false);
    assert_string_equal(header(&world, "Content-Type"),
                        "application/json; charset=utf-8");
    assert_null(strstr(fake_asked(world.http, "*")->headers, "traceparent"));
    str_printf(
        &expected,
        "{\"text\":\"" TITLE "\",\"blocks\":[{\"type\":\"header\",\"text\":%s},"
        "{\"type\":\"section\",\"fields\":[%s,%s,%s,%s,%s,%s,%s,%s,%s]},"
        "{\"type\":\"section\",\"text\":%s},{\"type\":\"section\",\"text\":%s},"
        "{\"type\":\"context\",\"elements\":[{\"type\":\"mrkdwn\",\"text\":"
        "\"<https://ci.example/r?a=1&amp;b=2|Open the run>\"},%s]}]}",
        PLAIN_TEXT(TITLE), PLAIN_TEXT("State\\nsuccess"),
        PLAIN_TEXT("Workflow\\nbuild *all* &amp; &lt;!channel&gt;"),
        PLAIN_TEXT("Project\\nshop"), PLAIN_TEXT("Team\\n@everyone"),
        PLAIN_TEXT("Organization\\nacme"), PLAIN_TEXT("Run\\nr_1"),
        PLAIN_TEXT("Started\\n2026-01-02T03:04:05Z"),
        PLAIN_TEXT("Finished\\n2026-01-02T03:05:06Z"),
        arena_printf(world.kept, PLAIN_TEXT("Attestation\\n%s"),
                     world.decoded.event.envelope_digest.text),
        PLAIN_TEXT("Subjects\\nghcr.io/acme/shop@sha256:" HEX),
        PLAIN_TEXT("Materials\\nsbom (SBOM_SPDX_JSON)\\nlog"),
        PLAIN_TEXT("Event e-1"));
    assert_string_equal(fake_asked(world.http, "POST " URL)->body,
                        expected.data);
    fake_answer(world.http, "*", 200, "", "ok");
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    assert_null(attempt.report.result.id);
    assert_null(attempt.report.result.reference);
}

static void delivery__posts_chainloops_table_if_it_is_wanted(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    const char *text;
    struct json *body;

    world_open(&world, *state, TABLE,
               ",\"run\":{\"id\":\"```<!here>\"},\"organization\":\"o\"");
    begin(&world, &attempt, false);
    body = asked_json(&world);
    text = json_text(json_member(body, "text"));
    assert_int_equal(json_count(body), 1);
    assert_true(strncmp(text, "\nNew attestation received!\n```\n┌──", 35) ==
                0);
    check_contains("fence", text, "`\xE2\x80\x8B`\xE2\x80\x8B`&lt;!here&gt; ");
    check_contains("end", text, " -o statement\n```\n");
    json_free(body);
    fake_answer(world.http, "*", 200, "", "ok");
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
}

/* As slack_sdk checks them; and the 13,200 characters that no page mentions */
static void delivery__of_a_large_event_keeps_the_limits(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    struct json *body;
    const struct json *blocks;

    world_open(&world, *state, PLAIN, "");
    use_large_event(&world, 100);
    begin(&world, &attempt, false);
    body = asked_json(&world);
    blocks = json_member(body, "blocks");
    assert_in_range(json_count(blocks), 1, 50);
    assert_true(strlen(fake_asked(world.http, "*")->body) < 13200);
    for (const struct json *block = json_first(blocks); block != NULL;
         block = json_next(block)) {
        const struct json *text = json_member(block, "text");
        const char *type = json_text(json_member(block, "type"));
        size_t max = strcmp(type, "header") == 0 ? 150 : 3000;

        if (text != NULL) {
            check(type, length_in_characters(json_member(text, "text")) <= max);
        }
        if (json_member(block, "fields") != NULL) {
            check(type, json_count(json_member(block, "fields")) <= 10);
        }
    }
    check_contains("rest", fake_asked(world.http, "*")->body, " more\"");
    json_free(body);
    fake_answer(world.http, "*", 200, "", "ok");
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
}

static void delivery__links_to_nothing_but_urls(void **state)
{
    static const char *const links[] = {
        "javascript:alert(1)", "https://a.b/b|c", "https://ci/1",
        "https://a.b/ b",      "ci.example/1",    "https://me:pw@a.b/",
    };

    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, *state, PLAIN, "");
        world.decoded.event.run.url = links[i];
        begin(&world, &attempt, false);
        check(links[i],
              strstr(fake_asked(world.http, "*")->body, "|Open") == NULL);
        fake_answer(world.http, "*", 200, "", "ok");
        assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    }
}

/* --- errors ------------------------------------------------------------------
 */

static void errors__have_the_code_that_slack_says(void **state)
{
    static const struct chat_error errors[] = {
        {400, "", "invalid_payload", ERROR_REJECTED, "invalid_payload", 0},
        {400, "", "invalid_blocks\n", ERROR_REJECTED, "invalid_blocks", 0},
        {400, "", "user_not_found", ERROR_AUTH, "user_not_found", 0},
        {400, "", "no_text", ERROR_REJECTED, "no_text", 0},
        {400, "", "msg_blocks_too_long", ERROR_TOO_LARGE, "msg_blocks_too_long",
         0},
        {403, "", "action_prohibited", ERROR_AUTH, "action_prohibited", 0},
        {403, "", "invalid_token", ERROR_AUTH, "invalid_token", 0},
        {404, "", "no_service", ERROR_AUTH, "no_service", 0},
        {404, "", "channel_not_found", ERROR_AUTH, "channel_not_found", 0},
        {404, "", "<html>Not Found</html>", ERROR_AUTH, "", 0},
        {404, "", "", ERROR_AUTH, "", 0},
        {410, "", "channel_is_archived", ERROR_AUTH, "channel_is_archived", 0},
        {410, "", "s3cret-token is gone", ERROR_AUTH, "", 0},
        {413, "", "", ERROR_TOO_LARGE, "", 0},
        {429, "Retry-After: 30\n", "rate_limited", ERROR_RATE_LIMITED,
         "rate_limited", 30000},
        {429, "Retry-After: 4500\n", "", ERROR_RATE_LIMITED, "", 4500000},
        {429, "Retry-After: 0.35\n", "", ERROR_RATE_LIMITED, "", 350},
        {429, "Retry-After: 999999\n", "", ERROR_RATE_LIMITED, "", 86400000},
        {503, "Retry-After: 999999\n", "", ERROR_UNAVAILABLE, "", 300000},
        {500, "", "rollup_error", ERROR_UNAVAILABLE, "rollup_error", 0},
        {502, "", "<html>", ERROR_UNAVAILABLE, "", 0},
    };

    check_chat_errors(*state, errors, ARRAY_SIZE(errors));
}

static void class__names_the_webhook_without_its_secret(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const char *name;
    const struct integration_class *class = chat_class(*state, arena, &name);

    assert_string_equal(name, "hooks.slack.com (chat)");
    /* Nothing can be asked without posting a message. */
    assert_null(class->probe);
    assert_null(class->inspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(options__are_checked_and_their_secrets_not_shown),
        CONFIG_TEST(options__permit_what_is_compatible_with_slack),
        CONFIG_TEST(delivery__posts_blocks_that_show_the_event_as_plain_text),
        CONFIG_TEST(delivery__posts_chainloops_table_if_it_is_wanted),
        CONFIG_TEST(delivery__of_a_large_event_keeps_the_limits),
        CONFIG_TEST(delivery__links_to_nothing_but_urls),
        CONFIG_TEST(errors__have_the_code_that_slack_says),
        CONFIG_TEST(repetition__is_as_the_attachment_says),
        CONFIG_TEST(attempt__can_be_cancelled),
        CONFIG_TEST(class__names_the_webhook_without_its_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
