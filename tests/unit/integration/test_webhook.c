#include "delivery_world.h"
#include "waybill/json.h"
#include "waybill/sign.h"

/* The integration as config/ and pipeline/ see it: by its descriptor */

#define HOOK "https://hooks.example.com/s3cret/path"
#define POST "POST " HOOK
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OLD_SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

/* --- configuration -----------------------------------------------------------
 */

#define REGISTRATION(more)                                                     \
    "registrations:\n  - {name: hook, integration: webhook, " more "}\n"
#define ATTACHMENT(more)                                                       \
    "attachments:\n  - {registration: hook, workflow: {id: w}" more "}\n"
#define URL "url: '" HOOK "'"

static const struct {
    const char *text;
    const char *fault;
} faults[] = {
    {REGISTRATION(""), ":2:5: registrations[0].url: is required; add it"},
    {REGISTRATION("url: 'http://hooks.example.com/s3cret'"),
     ":2:45: registrations[0].url: the URL is plain http; write https, "
     "or set plain_http: true\n"},
    {REGISTRATION("url: 'https://me:s3cret@hooks.example.com/'"),
     ":2:45: registrations[0].url: the value cannot be used: the URL "
     "contains credentials; write https://host/path\n"},
    {REGISTRATION(URL ", secret: s3cret"),
     "registrations[0].secret: the value cannot be used: a secret of Standard "
     "Webhooks is whsec_ and 24 to 64 bytes in base64\n"},
    {REGISTRATION(URL ", secret: [" SECRET ", s3cret]"),
     "registrations[0].secret[1]: the value cannot be used: a secret of "
     "Standard Webhooks is whsec_ and 24 to 64 bytes in base64\n"},
    {REGISTRATION(URL ", secret: "), "registrations[0].secret: has no value"},
    {REGISTRATION(URL ", headers: {Webhook-Id: s3cret}"),
     "registrations[0].headers: the header 'Webhook-Id' cannot be set here; "
     "remove it\n"},
    {REGISTRATION(URL ", method: GET"),
     "registrations[0].method: 'GET' is not one of POST, PUT, PATCH"},
    {REGISTRATION(URL ", repository: a/b"),
     "registrations[0].repository: unknown key; 'repository' is a key of the "
     "integration 'oci-registry'"},
    {REGISTRATION(URL) ATTACHMENT(", send_attestation: false"),
     "attachments[0].send_attestation: nothing is left to send; set "
     "send_sbom: true, or materials, or remove this key\n"},
    {REGISTRATION(URL) ATTACHMENT(", template: '{{ .workflow.nam }}'"),
     "attachments[0].template: the value cannot be used: line 1, column 4: "
     "unknown placeholder (did you "
     "mean .workflow.name?)\n"},
    {REGISTRATION(URL) ATTACHMENT(", template: 'a {{ .workflow.name }}'"),
     "attachments[0].template: the template does not produce JSON; put "
     "values into quotation marks, and those with | json outside of them, or "
     "set another Content-Type in the headers of the registration\n"},
    {REGISTRATION(URL) ATTACHMENT(", materials: [sbom]"),
     "attachments[0].materials[0]: 'sbom' cannot be used: a material type "
     "consists of upper-case letters"},
    {REGISTRATION(URL) ATTACHMENT(", on_doubt: never"),
     "attachments[0].on_doubt: 'never' is not one of again, skip"},
    {REGISTRATION(URL) ATTACHMENT(", prefix: a"),
     "attachments[0].prefix: unknown key; 'prefix' is a key of the integration "
     "'oci-registry'"},
};

static void options__are_checked_and_their_secrets_not_shown(void **state)
{
    struct config_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        check_contains(faults[i].text, config_fault(test, faults[i].text),
                       faults[i].fault);
        check(faults[i].text, strstr(test->faults.data, "s3cret") == NULL);
    }
}

static const char *const good[] = {
    REGISTRATION("url: 'http://127.0.0.1:8080/hook'"),
    REGISTRATION("url: 'http://hooks.example.com/', plain_http: true"),
    REGISTRATION(URL ", secret: " SECRET),
    REGISTRATION(URL ", secret: [" SECRET ", " OLD_SECRET "]"),
    REGISTRATION(URL ", headers: {Authorization: Bearer a, X-Number: 1}"),
    REGISTRATION(URL ", method: PATCH, tls_min_version: '1.3', proxy: none"),
    REGISTRATION(URL) ATTACHMENT(", send_attestation: false, send_sbom: true"),
    REGISTRATION(URL) ATTACHMENT(", send_attestation: false, materials: [A]"),
    REGISTRATION(URL ", headers: {content-type: text/plain}")
        ATTACHMENT(", template: 'a {{ .workflow.name }}'"),
};

static void options__that_are_good_are_taken(void **state)
{
    struct config_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        config_of(test, good[i]);
    }
}

static void options__of_the_environment_may_be_the_secrets(void **state)
{
    struct config_test *test = *state;

    setenv("WAYBILL_HOOK_URL", HOOK, 1);
    setenv("WAYBILL_HOOK_SECRET", SECRET, 1);
    config_of(test, REGISTRATION("method: PUT"));
    setenv("WAYBILL_HOOK_SECRET", "s3cret", 1);
    assert_string_equal(
        config_fault(test, REGISTRATION("method: PUT")),
        "environment variable WAYBILL_HOOK_SECRET: registrations[0].secret: "
        "the value cannot be used: a secret of Standard Webhooks is whsec_ and "
        "24 to 64 bytes in base64\n");
}

/* --- deliveries --------------------------------------------------------------
 */

#define SBOMS                                                                  \
    ",\"id\":\"e-1\",\"materials\":[{\"name\":\"one\",\"type\":"               \
    "\"SBOM_CYCLONEDX_JSON\",\"content\":\"b25l\"},{\"name\":\"log\","         \
    "\"type\":\"SARIF\",\"content\":\"bG9n\"},{\"type\":\"SBOM_SPDX_JSON\","   \
    "\"content\":\"dHdv\"},{\"name\":\"far\",\"type\":\"SBOM_SPDX_JSON\","     \
    "\"ref\":{\"url\":\"https://a/b\"}}]"

static void answer(struct world *world, int status)
{
    fake_answer(world->http, "*", status, "", "");
}

#define PLAIN REGISTRATION(URL) ATTACHMENT("")

static void delivery__is_one_message_in_chainloops_format(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    const struct http_transfer *asked;
    const char *id;
    struct error err;
    struct json *body;

    world_open(&world, *state, PLAIN, SBOMS);
    begin(&world, &attempt, false);
    asked = fake_asked(world.http, POST);
    id = header(&world, "webhook-id");
    assert_int_equal(strlen(id), strlen("msg_") + 32);
    assert_string_equal(header(&world, "webhook-timestamp"), "1767323045");
    assert_string_equal(header(&world, "Content-Type"), "application/json");
    assert_string_equal(header(&world, "traceparent"), "00-trace");
    assert_null(strstr(asked->headers, "webhook-signature"));
    assert_int_equal(json_parse(asked->body, strlen(asked->body), &body, &err),
                     0);
    assert_string_equal(json_text(json_member(body, "Kind")), "ATTESTATION");
    json_free(body);
    answer(&world, 200);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    assert_string_equal(attempt.report.result.id, id);
    assert_null(attempt.report.result.reference);
    assert_null(attempt.report.result.url);
    assert_int_equal(attempt.report.result.item_count, 0);
}

static void delivery__is_signed_with_every_secret(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    CLEANUP(str_release) struct str expected = STR_INIT(STR_UNLIMITED);
    const struct http_transfer *asked;
    struct error err;

    world_open(&world, *state,
               REGISTRATION(URL ", secret: [" SECRET ", " OLD_SECRET "]")
                   ATTACHMENT(""),
               "");
    begin(&world, &attempt, false);
    asked = fake_asked(world.http, POST);
    assert_int_equal(sign_webhook(SECRET, header(&world, "webhook-id"), NOW,
                                  bytes_of(asked->body), &expected, &err),
                     0);
    str_append_char(&expected, ' ');
    assert_int_equal(sign_webhook(OLD_SECRET, header(&world, "webhook-id"), NOW,
                                  bytes_of(asked->body), &expected, &err),
                     0);
    assert_string_equal(header(&world, "webhook-signature"), expected.data);
    answer(&world, 204);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
}

static void delivery__goes_out_as_the_registration_says(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;

    world_open(&world, *state,
               REGISTRATION(URL
                            ", method: PUT, headers: {Authorization: Bearer "
                            "t, content-type: text/plain}")
                   ATTACHMENT(", template: '{{ .id }} {{ .kind }} "
                              "{{ .attachment | raw }}'"),
               "");
    begin(&world, &attempt, false);
    assert_string_equal(header(&world, "Authorization"), "Bearer t");
    assert_string_equal(header(&world, "content-type"), "text/plain");
    check_contains("body", fake_asked(world.http, "PUT " HOOK)->body,
                   header(&world, "webhook-id"));
    check_contains("body", fake_asked(world.http, "PUT " HOOK)->body,
                   " ATTESTATION hook:w:template=");
    answer(&world, 299);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
}

static void assert_kind_and_data(struct world *world, const char *text)
{
    assert_string_equal(fake_asked(world->http, POST)->body, text);
}

#define EACH                                                                   \
    "template: '\"{{ .kind }} {{ .material.name }} {{ .data | raw }}\"'"

static void delivery__has_a_message_for_each_material_that_is_wanted(
    void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    const char *ids[3];

    world_open(&world, *state,
               REGISTRATION(URL)
                   ATTACHMENT(", send_attestation: false, send_sbom: true, "
                              "materials: [SARIF], " EACH),
               SBOMS);
    begin(&world, &attempt, false);
    ids[0] = header(&world, "webhook-id");
    assert_kind_and_data(&world, "\"SBOM_CYCLONEDX_JSON one b25l\"");
    answer(&world, 200);
    ids[1] = header(&world, "webhook-id");
    assert_kind_and_data(&world, "\"SARIF log bG9n\"");
    answer(&world, 200);
    ids[2] = header(&world, "webhook-id");
    assert_kind_and_data(&world, "\"SBOM_SPDX_JSON  dHdv\"");
    answer(&world, 200);
    assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    assert_string_equal(attempt.report.result.id, ids[0]);
    assert_int_equal(attempt.report.result.item_count, 3);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"one", "log", "SBOM_SPDX_JSON"};

        assert_string_equal(attempt.report.result.items[i].name, names[i]);
        assert_string_equal(attempt.report.result.items[i].reference, ids[i]);
    }
    assert_string_not_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[1], ids[2]);
}

static void delivery__with_nothing_to_send_is_skipped(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;

    world_open(&world, *state,
               REGISTRATION(URL)
                   ATTACHMENT(", send_attestation: false, materials: [JUNIT]"),
               SBOMS);
    begin(&world, &attempt, false);
    assert_ended(&world, &attempt, DELIVERY_SKIPPED);
    check_contains("reason", attempt.report.skip_reason, "no material");
    assert_int_equal(fake_sent(world.http), 0);
}

/* --- repetition
 * --------------------------------------------------------------- */

#define ALL REGISTRATION(URL) ATTACHMENT(", send_sbom: true, " EACH)

static void delivery__does_not_send_again_what_was_accepted(void **state)
{
    CLEANUP(world_close) struct world world;
    const char *id;

    world_open(&world, *state, ALL, SBOMS);
    {
        CLEANUP(end) struct attempt attempt;

        begin(&world, &attempt, false);
        answer(&world, 200);
        id = header(&world, "webhook-id");
        answer(&world, 503);
        assert_int_equal(attempt.calls, 1);
        assert_int_equal(attempt.report.status, DELIVERY_FAILED);
        assert_int_equal(attempt.err.kind, ERROR_UNAVAILABLE);
        assert_true(attempt.report.did_not_arrive);
    }
    {
        CLEANUP(end) struct attempt attempt;

        begin(&world, &attempt, false);
        assert_string_equal(header(&world, "webhook-id"), id);
        answer(&world, 200);
        answer(&world, 200);
        assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
        assert_int_equal(attempt.report.result.item_count, 3);
        assert_int_equal(fake_sent(world.http), 4);
    }
}

/* Another process does not know which messages were accepted, but the receiver
 * recognizes them by their ids. */
static void delivery__has_the_same_ids_after_a_restart(void **state)
{
    const char *first;
    const char *second;
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (int i = 0; i < 2; i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, *state, ALL, SBOMS);
        world.now.wall += i * 86400000;
        begin(&world, &attempt, i > 0);
        if (i == 0) {
            first = arena_strdup(arena, header(&world, "webhook-id"));
            answer(&world, 200);
            second = arena_strdup(arena, header(&world, "webhook-id"));
        } else {
            assert_string_equal(header(&world, "webhook-timestamp"),
                                "1767409445");
            assert_string_equal(header(&world, "webhook-id"), first);
            answer(&world, 200);
            assert_string_equal(header(&world, "webhook-id"), second);
        }
        answer(&world, 200);
        answer(&world, 200);
        assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
    }
}

/* Receivers skip messages that they have already, so no other message may have
 * the same id. */
static void delivery__has_an_id_of_its_own(void **state)
{
    static const struct {
        const char *config;
        const char *more;
    } rows[] = {
        {PLAIN, ",\"id\":\"e-1\""},
        {PLAIN, ",\"id\":\"e-2\""},
        {REGISTRATION(URL) ATTACHMENT(", name: other"), ",\"id\":\"e-1\""},
        {REGISTRATION(URL)
             ATTACHMENT(", send_attestation: false, send_sbom: true"),
         SBOMS},
        {REGISTRATION(URL) ATTACHMENT(
             ", name: 'hook:w', send_attestation: false, send_sbom: true"),
         SBOMS},
        /* the boundaries of parts that are moved to the next one */
        {REGISTRATION(URL) ATTACHMENT(", name: '1hook:w'"), ",\"id\":\"e-\""},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const char *ids[ARRAY_SIZE(rows)];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, *state, rows[i].config, rows[i].more);
        begin(&world, &attempt, false);
        ids[i] = arena_strdup(arena, header(&world, "webhook-id"));
        attempt.operation->cancel(attempt.operation);
        for (size_t j = 0; j < i; j++) {
            check(rows[i].config, strcmp(ids[i], ids[j]) != 0);
        }
    }
}

static void delivery__in_doubt_is_repeated_or_skipped_as_configured(
    void **state)
{
    static const char *const configs[] = {
        PLAIN, REGISTRATION(URL) ATTACHMENT(", on_doubt: skip")};

    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;
        struct attempt refused;

        world_open(&world, *state, configs[i], "");
        /* After a refusal it is certain that the message was not accepted. */
        begin(&world, &refused, false);
        fake_refuse_connection(world.http, POST);
        assert_true(refused.report.did_not_arrive);
        end(&refused);
        begin(&world, &refused, false);
        fake_break(world.http, POST, ERROR_UNREACHABLE);
        assert_false(refused.report.did_not_arrive);
        end(&refused);
        begin(&world, &attempt, true);
        if (i == 0) {
            answer(&world, 200);
            assert_ended(&world, &attempt, DELIVERY_SUCCEEDED);
        } else {
            assert_ended(&world, &attempt, DELIVERY_SKIPPED);
            assert_string_equal(
                attempt.report.skip_reason,
                "an earlier attempt may have arrived (on_doubt: skip)");
            assert_int_equal(fake_sent(world.http), 2);
        }
    }
}

static void delivery__can_be_cancelled_at_any_time(void **state)
{
    CLEANUP(world_close) struct world world;
    struct attempt attempt;

    world_open(&world, *state, ALL, SBOMS);
    begin(&world, &attempt, false);
    attempt.operation->cancel(attempt.operation);
    end(&attempt);
    begin(&world, &attempt, false);
    answer(&world, 200);
    attempt.operation->cancel(attempt.operation);
    assert_int_equal(fake_waiting(world.http), 0);
    assert_int_equal(attempt.calls, 0);
    end(&attempt);
}

static void delivery__that_is_skipped_can_be_cancelled_before(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;

    world_open(&world, *state, REGISTRATION(URL) ATTACHMENT(", on_doubt: skip"),
               "");
    begin(&world, &attempt, true);
    attempt.operation->cancel(attempt.operation);
    assert_int_equal(fake_waiting(world.http), 0);
    assert_int_equal(attempt.calls, 0);
}

/* A template may insert a large value repeatedly. */
static void delivery__of_too_large_a_message_fails_for_good(void **state)
{
    CLEANUP(world_close) struct world world;
    CLEANUP(end) struct attempt attempt;
    CLEANUP(str_release) struct str config = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str more = STR_INIT(STR_UNLIMITED);

    str_append_text(&config, REGISTRATION(URL));
    str_append_text(&config,
                    "attachments:\n  - {registration: hook, workflow: {id: w}, "
                    "template: '\"");
    for (int i = 0; i < 70; i++) {
        str_append_text(&config, "{{ .data }}");
    }
    str_append_text(&config,
                    "\"', materials: [BIG], send_attestation: false}\n");
    str_append_text(&more, ",\"materials\":[{\"type\":\"BIG\",\"content\":\"");
    for (int i = 0; i < 1 << 18; i++) {
        str_append_text(&more, "AAAA");
    }
    str_append_text(&more, "\"}]");
    world_open(&world, *state, config.data, more.data);
    begin(&world, &attempt, false);
    assert_int_equal(fake_waiting(world.http), 0);
    assert_int_equal(attempt.calls, 1);
    assert_int_equal(attempt.report.status, DELIVERY_FAILED);
    assert_int_equal(attempt.err.kind, ERROR_TOO_LARGE);
    assert_true(attempt.report.did_not_arrive);
}

/* --- the descriptor ----------------------------------------------------------
 */

static void class__says_what_its_kind_is(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct config_test *test = *state;
    const struct settings *settings = config_of(test, PLAIN);
    const struct integration_class *class =
        integration_class_for(&settings->registrations[0]);

    assert_int_equal(class->fields.repetition, REPETITION_VISIBLE);
    assert_string_equal(class->fields.material_types[0], "SBOM_CYCLONEDX_JSON");
    assert_string_equal(class->fields.material_types[1], "SBOM_SPDX_JSON");
    assert_null(class->fields.material_types[2]);
    assert_string_equal(class->endpoint(&settings->registrations[0], arena),
                        "hooks.example.com");
    assert_null(
        class->probe); /* the endpoint cannot be probed without a message */
    assert_null(class->inspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(options__are_checked_and_their_secrets_not_shown),
        CONFIG_TEST(options__that_are_good_are_taken),
        CONFIG_TEST(options__of_the_environment_may_be_the_secrets),
        CONFIG_TEST(delivery__is_one_message_in_chainloops_format),
        CONFIG_TEST(delivery__is_signed_with_every_secret),
        CONFIG_TEST(delivery__goes_out_as_the_registration_says),
        CONFIG_TEST(delivery__has_a_message_for_each_material_that_is_wanted),
        CONFIG_TEST(delivery__with_nothing_to_send_is_skipped),
        CONFIG_TEST(delivery__does_not_send_again_what_was_accepted),
        CONFIG_TEST(delivery__has_the_same_ids_after_a_restart),
        CONFIG_TEST(delivery__has_an_id_of_its_own),
        CONFIG_TEST(delivery__in_doubt_is_repeated_or_skipped_as_configured),
        CONFIG_TEST(delivery__can_be_cancelled_at_any_time),
        CONFIG_TEST(delivery__that_is_skipped_can_be_cancelled_before),
        CONFIG_TEST(delivery__of_too_large_a_message_fails_for_good),
        CONFIG_TEST(class__says_what_its_kind_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
