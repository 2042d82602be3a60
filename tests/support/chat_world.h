#ifndef WAYBILL_TESTS_CHAT_WORLD_H
#define WAYBILL_TESTS_CHAT_WORLD_H

/* What the tests of the integrations with services for messages share. URL is
 * the one of a webhook, and KIND the integration's. */

#include "delivery_world.h"
#include "waybill/json.h"

#define REGISTRATION(more)                                                     \
    "registrations:\n  - {name: chat, integration: " KIND ", " more "}\n"
#define ATTACHMENT(more)                                                       \
    "attachments:\n  - {registration: chat, workflow: {id: w}" more "}\n"
#define WEBHOOK "webhook: '" URL "'"
#define PLAIN REGISTRATION(WEBHOOK) ATTACHMENT("")
#define TABLE REGISTRATION(WEBHOOK) ATTACHMENT(", format: chainloop")

#define HEX "3036f2e5d709a23808eaa05570f1718afff92d4ad35e232c138738372ac93dfb"

/* Everything that a message can show, with what the services interpret */
#define EVENT                                                                  \
    ",\"id\":\"e-1\",\"organization\":\"acme\",\"workflow\":{\"id\":\"w\","    \
    "\"name\":\"build *all* & <!channel>\",\"project\":\"shop\",\"team\":"     \
    "\"@everyone\"},\"run\":{\"id\":\"r_1\",\"state\":\"success\","            \
    "\"started_at\":\"2026-01-02T03:04:05Z\",\"finished_at\":"                 \
    "\"2026-01-02T03:05:06Z\",\"run_url\":\"https://ci.example/r?a=1&b=2\"},"  \
    "\"subjects\":[{\"ref\":\"ghcr.io/acme/shop\",\"digest\":\"sha256:" HEX    \
    "\"}],"                                                                    \
    "\"materials\":[{\"name\":\"sbom\",\"type\":\"SBOM_SPDX_JSON\"},"          \
    "{\"name\":\"log\"}]"

struct chat_fault {
    const char *text;
    const char *fault;
};

static inline void check_chat_faults(struct config_test *test,
                                     const struct chat_fault *faults,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_contains(faults[i].text, config_fault(test, faults[i].text),
                       faults[i].fault);
        check(faults[i].text, strstr(test->faults.data, "s3cret") == NULL);
    }
}

/* Begins an attempt, answers it, and checks that it fails without a trace of
 * the webhook's URL. */
static inline void fail_with(struct world *world, struct attempt *attempt,
                             int status, const char *headers, const char *body)
{
    begin(world, attempt, false);
    fake_answer(world->http, "*", status, headers, body);
    assert_int_equal(attempt->calls, 1);
    assert_int_equal(attempt->report.status, DELIVERY_FAILED);
    assert_int_equal(attempt->err.http_status, status);
    check(body, strstr(attempt->err.message, "s3cret") == NULL);
}

static inline void check_chat_configs(struct config_test *test,
                                      const char *const *configs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        config_of(test, configs[i]);
    }
}

struct chat_error {
    int status;
    const char *headers;
    const char *body;
    enum error_kind kind;
    const char *code;
    uint32_t retry_after_ms;
};

static inline void check_chat_errors(struct config_test *test,
                                     const struct chat_error *errors,
                                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, test, PLAIN, "");
        fail_with(&world, &attempt, errors[i].status, errors[i].headers,
                  errors[i].body);
        check_kind(errors[i].body, &attempt.err, errors[i].kind);
        check_text(errors[i].body, attempt.err.code, errors[i].code);
        check_number(errors[i].body, attempt.err.retry_after_ms,
                     errors[i].retry_after_ms);
        check_number(errors[i].body, attempt.report.did_not_arrive,
                     errors[i].status != 502);
    }
}

/* Replaces the event of the world by one with `count` materials, each with a
 * name that the services escape. */
static inline void use_large_event(struct world *world, size_t count)
{
    CLEANUP(str_release) struct str more = STR_INIT(STR_UNLIMITED);

    str_append_text(&more, ",\"id\":\"e-1\",\"materials\":[");
    for (size_t i = 0; i < count; i++) {
        str_printf(&more,
                   "%s{\"name\":\"<material> & *%zu* of %0200d\",\"type\":"
                   "\"SBOM_CYCLONEDX_JSON\"}",
                   i > 0 ? "," : "", i, 7);
    }
    str_append_char(&more, ']');
    str_printf(&more,
               ",\"run\":{\"id\":\"%0900d\",\"state\":\"%0900d\"},\"workflow\":"
               "{\"id\":\"w\",\"name\":\"%0900d\",\"project\":\"%0900d\","
               "\"team\":\"%0900d\"},\"organization\":\"%0900d\"",
               1, 2, 3, 4, 5, 6);
    decoded_event_release(&world->decoded);
    decoded_event_of(&world->decoded, STATEMENT, more.data);
}

static inline size_t length_in_characters(const struct json *text)
{
    size_t count = 0;

    for (const char *at = json_text(text); *at != '\0'; at++) {
        count += ((unsigned char)*at & 0xC0) != 0x80;
    }
    return count;
}

/* The body of the request that waits, as JSON, which the caller frees */
static inline struct json *asked_json(struct world *world)
{
    const char *body = fake_asked(world->http, "*")->body;
    struct json *json;
    struct error err;

    assert_int_equal(json_parse(body, strlen(body), &json, &err), 0);
    return json;
}

static const char *const chat_doubts[] = {
    PLAIN, REGISTRATION(WEBHOOK) ATTACHMENT(", on_doubt: skip")};

static inline void repetition__is_as_the_attachment_says(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(chat_doubts); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt first;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, *state, chat_doubts[i], "");
        begin(&world, &first, false);
        fake_break(world.http, "*", ERROR_UNREACHABLE);
        assert_false(first.report.did_not_arrive);
        begin(&world, &attempt, true);
        if (i == 0) {
            fake_answer(world.http, "*", 200, "", "ok");
        } else {
            fake_settle(world.http);
        }
        assert_ended(&world, &attempt,
                     i == 0 ? DELIVERY_SUCCEEDED : DELIVERY_SKIPPED);
    }
}

static inline void attempt__can_be_cancelled(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(chat_doubts); i++) {
        CLEANUP(world_close) struct world world;
        CLEANUP(end) struct attempt attempt;

        world_open(&world, *state, chat_doubts[i], "");
        begin(&world, &attempt, true);
        attempt.operation->cancel(attempt.operation);
        fake_settle(world.http);
        assert_int_equal(fake_waiting(world.http), 0);
        assert_int_equal(attempt.calls, 0);
    }
}

/* Returns the class, and its name of the endpoint in *ret_name. */
static inline const struct integration_class *chat_class(
    struct config_test *test, struct arena *arena, const char **ret_name)
{
    const struct registration *registration =
        &config_of(test, PLAIN)->registrations[0];
    const struct integration_class *class = integration_class_for(registration);

    assert_int_equal(class->fields.repetition, REPETITION_VISIBLE);
    assert_int_equal(class->max_concurrency, 1);
    *ret_name = class->endpoint(registration, arena);
    return class;
}

#endif
