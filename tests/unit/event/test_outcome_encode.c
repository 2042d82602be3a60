#include "outcomes.h"
#include "waybill/json.h"

#define HEX "5ab8c7901816087721e2e9a44af97300b4f9a1405d034fce8b5c74ab6b3c0224"

static const struct outcome_style structured = {
    .source = "waybill/g",
    .group = "g",
    .topic = "outcomes",
    .dead_letter_topic = "dead",
    .structured = true,
};

static const struct event event = {
    .id = "e1",
    .time = "2026-01-02T03:04:05+01:00",
    .trace = {"00-a-b-01", "x=y"},
    .organization = "acme",
    .workflow = {.id = "w1",
                 .name = "build",
                 .project = "shop",
                 .team = "core"},
    .run = {.id = "r1"},
};

/* A record that could not be parsed at all */
static const struct event unread = {.id = "in/3/42"};

static struct input record(void)
{
    return (struct input){
        .message = {.topic = "in",
                    .key = bytes_of("k"),
                    .value = bytes_of("v"),
                    .timestamp_ms = 1767323045678},
        .partition = 3,
        .offset = 42,
    };
}

static const struct artifact artifact = {
    .registry = "ghcr.io",
    .repository = "acme/chainloop-" HEX,
    .reference = "ghcr.io/acme/chainloop-" HEX "@sha256:m",
    .tag = "latest",
    .digest = "sha256:m",
    .media_type = "application/vnd.oci.image.manifest.v1+json",
    .size = 488,
    .layer_digest = "sha256:l",
    .layout = "chainloop",
};

static struct outcome succeeded(const struct input *input)
{
    return (struct outcome){
        .status = OUTCOME_SUCCEEDED,
        .input = input,
        .event = &event,
        .attachment = &outcome_attachment,
        .result = {.reference = "ghcr.io/acme/chainloop-" HEX "@sha256:m",
                   .artifact = &artifact},
        .attempts = 2,
        .started_ms = 1767323046000,
        .finished_ms = 1767323047041,
        .duration_ms = 1041,
    };
}

static struct outcome failed(const struct input *input)
{
    static const struct error error = {
        .kind = ERROR_REJECTED,
        .http_status = 400,
        .code = "MANIFEST_INVALID",
        .message = "push: \"no\"",
    };

    return failed_outcome(input, &event, &error);
}

#define INPUT                                                                  \
    "\"input\":{\"topic\":\"in\",\"partition\":3,\"offset\":42,"               \
    "\"id\":\"e1\",\"time\":\"2026-01-02T02:04:05.000Z\"},"
#define CONTEXT                                                                \
    "\"organization\":\"acme\",\"workflow\":{\"id\":\"w1\",\"name\":"          \
    "\"build\",\"project\":\"shop\",\"team\":\"core\"},\"run\":{\"id\":"       \
    "\"r1\"},"
#define DELIVERY                                                               \
    "\"integration\":\"oci-registry\",\"registration\":\"ghcr\","              \
    "\"attachment\":\"ghcr:w1\","
#define OFF "\"verification\":{\"status\":\"off\"},"

#define SUCCEEDED_DATA                                                         \
    "{\"status\":\"succeeded\"," INPUT CONTEXT DELIVERY                        \
    "\"artifact\":{\"registry\":\"ghcr.io\",\"repository\":"                   \
    "\"acme/chainloop-" HEX "\",\"reference\":\"ghcr.io/acme/chainloop-" HEX   \
    "@sha256:m\",\"tag\":\"latest\",\"digest\":\"sha256:m\",\"media_type\":"   \
    "\"application/vnd.oci.image.manifest.v1+json\",\"size\":488,"             \
    "\"layer_digest\":\"sha256:l\",\"layout\":\"chainloop\","                  \
    "\"already_present\":false},\"result\":{\"reference\":"                    \
    "\"ghcr.io/acme/chainloop-" HEX "@sha256:m\",\"already_present\":"         \
    "false}," OFF                                                              \
    "\"attempts\":2,\"started_at\":\"2026-01-02T03:04:06.000Z\","              \
    "\"finished_at\":\"2026-01-02T03:04:07.041Z\",\"duration_ms\":1041}"

#define FAILED_DATA                                                            \
    "{\"status\":\"failed\"," INPUT CONTEXT DELIVERY OFF                       \
    "\"attempts\":1,\"started_at\":\"2026-01-02T03:04:06.000Z\","              \
    "\"finished_at\":\"2026-01-02T03:04:06.000Z\",\"duration_ms\":0,"          \
    "\"error\":{\"class\":\"rejected\",\"code\":\"MANIFEST_INVALID\","         \
    "\"http_status\":400,\"message\":\"push: \\\"no\\\"\",\"retriable\":"      \
    "false},\"dead_letter\":{\"topic\":\"dead\"}}"

/* --- checks --------------------------------------------------------------- */

/* The headers of binary mode, and those that any mode has */
#define CE(id, type, time)                                                     \
    "ce_specversion: 1.0\nce_id: " id "\nce_source: waybill/g\nce_type: " type \
    "\nce_time: " time "\n"
#define SUBJECT(subject) "ce_subject: " subject "\n"
#define CAUSE(id) "ce_causationid: " id "\n"
#define CE_TRACE "ce_traceparent: 00-a-b-01\nce_tracestate: x=y\n"
#define JSON_TYPE "content-type: application/json\n"
#define CLOUDEVENT_TYPE                                                        \
    "content-type: application/cloudevents+json; charset=UTF-8\n"
#define TRACE "traceparent: 00-a-b-01\ntracestate: x=y\n"

static void check_headers(const char *label, const struct message *message,
                          const char *expected)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    check_text(label, headers_text(message, 0, message->header_count, arena),
               expected);
}

static void check_value(const char *label, const struct message *message,
                        const char *expected)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err;
    struct json *json;

    check_text(label,
               arena_printf(arena, "%.*s", (int)message->value.len,
                            (const char *)message->value.data),
               expected);
    check_number(label,
                 json_parse((const char *)message->value.data,
                            message->value.len, &json, &err),
                 0);
    json_free(json);
}

/* --- binary mode ---------------------------------------------------------- */

static void encode__writes_a_success_in_binary_mode(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = succeeded(&input);
    struct message message;

    outcome_encode(&outcome, &binary, arena, &message);
    assert_string_equal(message.topic, "outcomes");
    check_bytes("key", message.key.data, message.key.len, "k", 1);
    assert_int_equal(message.timestamp_ms, 0);
    check_headers("succeeded", &message,
                  CE("in/3/42@1767323045678/ghcr:w1",
                     "dev.waybill.delivery.succeeded.v1",
                     "2026-01-02T03:04:07.041Z")
                      SUBJECT("ghcr.io/acme/chainloop-" HEX "@sha256:m")
                          CAUSE("e1") CE_TRACE JSON_TYPE TRACE);
    check_value("succeeded", &message, SUCCEEDED_DATA);
}

static void encode__writes_a_failure_in_binary_mode(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = failed(&input);
    struct message message;

    outcome_encode(&outcome, &binary, arena, &message);
    check_headers("failed", &message,
                  CE("in/3/42@1767323045678/ghcr:w1",
                     "dev.waybill.delivery.failed.v1",
                     "2026-01-02T03:04:06.000Z") SUBJECT("w1") CAUSE("e1")
                      CE_TRACE JSON_TYPE TRACE);
    check_value("failed", &message, FAILED_DATA);
}

static void encode__writes_a_skip_in_binary_mode(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct event quiet = event;
    struct outcome outcome = {.status = OUTCOME_SKIPPED,
                              .input = &input,
                              .event = &quiet,
                              .started_ms = 1767323046000,
                              .finished_ms = 1767323046001,
                              .duration_ms = 1};
    struct message message;

    quiet.trace = (struct trace_context){NULL, NULL};
    outcome_encode(&outcome, &binary, arena, &message);
    check_headers(
        "skipped", &message,
        CE("in/3/42@1767323045678", "dev.waybill.attestation.skipped.v1",
           "2026-01-02T03:04:06.001Z") SUBJECT("w1") CAUSE("e1") JSON_TYPE);
    check_value("skipped", &message,
                "{\"status\":\"skipped\"," INPUT CONTEXT
                "\"attempts\":0,\"started_at\":\"2026-01-02T03:04:06.000Z\","
                "\"finished_at\":\"2026-01-02T03:04:06.001Z\","
                "\"duration_ms\":1}");
}

static const char *value_of(const struct outcome *outcome, struct arena *arena)
{
    struct message message;

    outcome_encode(outcome, &binary, arena, &message);
    return arena_printf(arena, "%.*s", (int)message.value.len,
                        (const char *)message.value.data);
}

static void encode__needs_no_artifact(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = succeeded(&input);
    const struct delivery_item items[] = {
        {.name = "attestation", .reference = "msg/1"},
        {.name = "sbom", .already_present = true},
    };
    const char *value;

    outcome.result = (struct delivery_result){
        .id = "msg_1", .url = "https://h.x/1", .items = items, .item_count = 2};
    value = value_of(&outcome, arena);
    check_contains("result", value,
                   "\"result\":{\"id\":\"msg_1\",\"url\":\"https://h.x/1\","
                   "\"already_present\":false,\"items\":[{\"name\":"
                   "\"attestation\",\"reference\":\"msg/1\","
                   "\"already_present\":false},{\"name\":\"sbom\","
                   "\"already_present\":true}]}");
    assert_null(strstr(value, "artifact"));
}

/* The workflow is the subject if there is no reference. */
static void encode__falls_back_to_the_workflow_as_subject(void **state)
{
    struct input input = record();
    struct outcome outcome = succeeded(&input);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    outcome.result = (struct delivery_result){.id = "1"};
    outcome_append_structured(&outcome, &binary, &text);
    check_contains("subject", text.data, "\"subject\":\"w1\"");
}

static void encode__says_why_one_attachment_delivers_nothing(void **state)
{
    struct input input = record();
    struct outcome outcome = succeeded(&input);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    outcome.status = OUTCOME_SKIPPED;
    outcome.skip_reason = "the event has no SBOM";
    outcome_append_structured(&outcome, &binary, &text);
    check_contains("type", text.data,
                   "\"type\":\"dev.waybill.delivery.skipped.v1\"");
    check_contains("reason", text.data,
                   "\"skip_reason\":\"the event has no SBOM\"");
    assert_null(strstr(text.data, "artifact"));
}

static void encode__says_of_a_visible_delivery_whether_it_may_be_a_second_one(
    void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = succeeded(&input);

    assert_null(strstr(value_of(&outcome, arena), "possibly_repeated"));
    outcome.repetition_is_visible = true;
    check_contains("first", value_of(&outcome, arena),
                   "\"possibly_repeated\":false");
    outcome.possibly_repeated = true;
    check_contains("second", value_of(&outcome, arena),
                   "\"possibly_repeated\":true");
}

static void encode__says_nothing_of_what_could_not_be_read(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = failed(&input);
    struct message message;

    input.message.key = bytes_of(NULL);
    outcome.event = &unread;
    outcome.attachment = NULL;
    outcome.attempts = 0;
    error_set(&outcome.error, ERROR_SCHEMA, "$: not JSON");
    outcome_encode(&outcome, &binary, arena, &message);
    assert_null(message.key.data);
    check_headers("unread", &message,
                  CE("in/3/42@1767323045678", "dev.waybill.delivery.failed.v1",
                     "2026-01-02T03:04:06.000Z") CAUSE("in/3/42") JSON_TYPE);
    check_value("unread", &message,
                "{\"status\":\"failed\",\"input\":{\"topic\":\"in\","
                "\"partition\":3,\"offset\":42,\"id\":\"in/3/42\","
                "\"time\":\"2026-01-02T03:04:05.678Z\"},\"attempts\":0,"
                "\"started_at\":\"2026-01-02T03:04:06.000Z\","
                "\"finished_at\":\"2026-01-02T03:04:06.000Z\","
                "\"duration_ms\":0,\"error\":{\"class\":\"schema\","
                "\"message\":\"$: not JSON\",\"retriable\":false},"
                "\"dead_letter\":{\"topic\":\"dead\"}}");
}

/* --- structured mode ------------------------------------------------------ */

#define ENVELOPED(id, type, time, subject, data)                               \
    "{\"specversion\":\"1.0\",\"id\":\"" id                                    \
    "\",\"source\":\"waybill/g\",\"type\":\"" type "\",\"time\":\"" time       \
    "\",\"subject\":\"" subject                                                \
    "\",\"causationid\":\"e1\",\"traceparent\":\"00-a-b-01\","                 \
    "\"tracestate\":\"x=y\",\"datacontenttype\":\"application/json\","         \
    "\"data\":" data "}"

static void encode__writes_everything_in_the_value_in_structured_mode(
    void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcomes[] = {succeeded(&input), failed(&input)};
    static const char *const values[] = {
        ENVELOPED("in/3/42@1767323045678/ghcr:w1",
                  "dev.waybill.delivery.succeeded.v1",
                  "2026-01-02T03:04:07.041Z",
                  "ghcr.io/acme/chainloop-" HEX "@sha256:m", SUCCEEDED_DATA),
        ENVELOPED("in/3/42@1767323045678/ghcr:w1",
                  "dev.waybill.delivery.failed.v1", "2026-01-02T03:04:06.000Z",
                  "w1", FAILED_DATA),
    };

    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
        CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
        struct message message;

        outcome_encode(&outcomes[i], &structured, arena, &message);
        assert_string_equal(message.topic, "outcomes");
        check_bytes("key", message.key.data, message.key.len, "k", 1);
        check_headers("structured", &message, CLOUDEVENT_TYPE TRACE);
        check_value("structured", &message, values[i]);
        /* The output of `waybill push` is the same. */
        outcome_append_structured(&outcomes[i], &binary, &line);
        check_text("line", line.data, values[i]);
    }
}

static void encode__makes_up_no_trace_in_structured_mode(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct event quiet = event;
    struct outcome outcome = succeeded(&input);
    struct message message;

    quiet.trace = (struct trace_context){NULL, NULL};
    outcome.event = &quiet;
    outcome_encode(&outcome, &structured, arena, &message);
    check_headers("structured", &message, CLOUDEVENT_TYPE);
}

static void encode__names_file_and_place_of_an_event_out_of_a_file(void **state)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    struct input input = {
        .message = {.value = bytes_of("v"), .timestamp_ms = -1},
        .file = "a \"b\".json",
        .index = 2};
    struct event plain = {.id = "a \"b\".json/2",
                          .workflow = {.project = "shop", .name = "build"}};
    struct outcome outcome = {.status = OUTCOME_SKIPPED,
                              .input = &input,
                              .event = &plain,
                              .finished_ms = 1767323046001};
    struct error err;
    struct json *json;

    outcome_append_structured(&outcome, &binary, &line);
    assert_string_equal(
        line.data,
        "{\"specversion\":\"1.0\",\"id\":\"a \\\"b\\\".json/2\",\"source\":"
        "\"waybill/g\",\"type\":\"dev.waybill.attestation.skipped.v1\","
        "\"time\":\"2026-01-02T03:04:06.001Z\",\"subject\":\"shop/build\","
        "\"causationid\":\"a \\\"b\\\".json/2\",\"datacontenttype\":"
        "\"application/json\",\"data\":{\"status\":\"skipped\",\"input\":{"
        "\"file\":\"a \\\"b\\\".json\",\"index\":2,\"id\":"
        "\"a \\\"b\\\".json/2\"},\"workflow\":{\"name\":\"build\",\"project\":"
        "\"shop\"},\"attempts\":0,\"finished_at\":\"2026-01-02T03:04:06.001Z\","
        "\"duration_ms\":0}}");
    assert_int_equal(json_parse(line.data, line.len, &json, &err), 0);
    json_free(json);
    outcome.attachment = &outcome_attachment;
    str_clear(&line);
    outcome_append_structured(&outcome, &binary, &line);
    assert_non_null(strstr(line.data, "\"id\":\"a \\\"b\\\".json/2/ghcr:w1\""));
}

/* --- rules ---------------------------------------------------------------- */

struct keyed {
    const char *label;
    const char *own; /* NULL: the record has none */
    struct workflow workflow;
    const char *key; /* NULL: none */
};

static const struct keyed keys[] = {
    {"the record's", "k", {.id = "w1"}, "k"},
    {"the record's, though empty", "", {.id = "w1"}, ""},
    {"the workflow's id",
     NULL,
     {.id = "w1", .project = "p", .name = "n"},
     "w1"},
    {"an id that says nothing",
     NULL,
     {.id = "", .project = "p", .name = "n"},
     "p/n"},
    {"project and name", NULL, {.project = "p", .name = "n"}, "p/n"},
    {"neither", NULL, {.name = "n"}, NULL},
    {"nothing was read", NULL, {0}, NULL},
};

static void encode__has_the_key_of_the_record_or_its_workflow(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct input input = record();
        struct event read = {.id = "e", .workflow = keys[i].workflow};
        struct outcome outcome = {
            .status = OUTCOME_SKIPPED, .input = &input, .event = &read};
        struct message message;

        input.message.key = bytes_of(keys[i].own);
        outcome_encode(&outcome, &binary, arena, &message);
        check(keys[i].label, bytes_equal(message.key, bytes_of(keys[i].key)));
        outcome_encode(&outcome, &structured, arena, &message);
        check(keys[i].label, bytes_equal(message.key, bytes_of(keys[i].key)));
    }
}

/* Bytes that are not UTF-8 must not prevent the outcome. */
static void encode__keeps_a_binary_key_as_it_is(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = succeeded(&input);
    struct message message;

    input.message.key = (struct bytes){(const unsigned char *)"\xFF\0\x01", 3};
    outcome_encode(&outcome, &binary, arena, &message);
    check_bytes("key", message.key.data, message.key.len, "\xFF\0\x01", 3);
}

static void encode__gives_the_same_bytes_for_the_same_outcome(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome outcome = failed(&input);
    struct message one;
    struct message other;

    outcome_encode(&outcome, &structured, arena, &one);
    outcome_encode(&outcome, &structured, arena, &other);
    assert_true(bytes_equal(one.value, other.value));
}

/* Equal source and id mean the same event, so the id depends only on what the
 * outcome is about. */
static void encode__makes_the_id_of_coordinates_and_attachment_alone(
    void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = record();
    struct outcome one = failed(&input);
    struct outcome other = succeeded(&input);
    struct message first;
    struct message second;

    other.attempts = 9;
    other.finished_ms += 1000;
    outcome_encode(&one, &binary, arena, &first);
    outcome_encode(&other, &binary, arena, &second);
    assert_true(bytes_equal(message_header(&first, "ce_id")->value,
                            message_header(&second, "ce_id")->value));
    input.offset++;
    outcome_encode(&one, &binary, arena, &second);
    assert_false(bytes_equal(message_header(&first, "ce_id")->value,
                             message_header(&second, "ce_id")->value));
    /* The same offset of a topic that was created again */
    input.offset--;
    input.message.timestamp_ms++;
    outcome_encode(&one, &binary, arena, &second);
    assert_false(bytes_equal(message_header(&first, "ce_id")->value,
                             message_header(&second, "ce_id")->value));
    /* Records of very old topics have no timestamp. */
    input.message.timestamp_ms = -1;
    outcome_encode(&one, &binary, arena, &second);
    check_text("without", message_header_text(&second, "ce_id", 100, arena),
               "in/3/42/ghcr:w1");
}

struct timed {
    const char *of_event;
    int64_t of_record;
    const char *part; /* NULL: no time at all */
};

static const struct timed times[] = {
    {"2026-01-02T03:04:05Z", 5000, "\"time\":\"2026-01-02T03:04:05.000Z\"}"},
    {"no time", 5000, "\"time\":\"1970-01-01T00:00:05.000Z\"}"},
    {NULL, 5000, "\"time\":\"1970-01-01T00:00:05.000Z\"}"},
    {NULL, -1, NULL},
    {NULL, 0, NULL},
    {"no time", -1, NULL},
};

static void encode__has_the_time_of_the_event_or_the_record_if_any(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct input input = record();
        struct event timed = {.id = "e", .time = times[i].of_event};
        struct outcome outcome = {
            .status = OUTCOME_SKIPPED, .input = &input, .event = &timed};
        struct message message;
        const char *text;

        input.message.timestamp_ms = times[i].of_record;
        outcome_encode(&outcome, &binary, arena, &message);
        text = arena_printf(arena, "%.*s", (int)message.value.len,
                            (const char *)message.value.data);
        if (times[i].part != NULL) {
            check_contains("time", text, times[i].part);
        } else {
            check(text, strstr(text, "\"time\"") == NULL);
        }
    }
}

struct retriable {
    enum error_kind kind;
    const char *class;
    bool is;
};

static const struct retriable retriables[] = {
    {ERROR_ATTEMPTS_EXHAUSTED, "attempts_exhausted", true},
    {ERROR_UNREACHABLE, "attempts_exhausted", true},
    {ERROR_UNAVAILABLE, "attempts_exhausted", true},
    {ERROR_AUTH, "auth", true},
    {ERROR_SCHEMA, "schema", false},
    {ERROR_REJECTED, "rejected", false},
    {ERROR_NOT_FOUND, "not_found", false},
    {ERROR_TOO_LARGE, "too_large", false},
    {ERROR_DIGEST_MISMATCH, "digest_mismatch", false},
    {ERROR_CONFIG, "config", false},
};

static void encode__says_whether_another_try_may_help(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(retriables); i++) {
        const struct retriable *row = &retriables[i];
        CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
        struct input input = record();
        struct outcome outcome = failed(&input);
        char part[128];

        error_set(&outcome.error, row->kind, "m");
        outcome.dead_letter = false;
        outcome_append_structured(&outcome, &binary, &line);
        snprintf(part, sizeof(part),
                 "\"error\":{\"class\":\"%s\",\"message\":\"m\","
                 "\"retriable\":%s}}}",
                 row->class, row->is ? "true" : "false");
        check_contains(row->class, line.data, part);
    }
}

static void encode__is_json_whatever_the_event_and_the_registry_say(
    void **state)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    struct input input = record();
    struct outcome outcome = failed(&input);
    struct event odd = {.id = "\"\\\n\x01\xFF\xC0\x80<>",
                        .organization = "\xE2\x80\xA8",
                        .workflow = {.id = "\"", .name = "\x7F"}};
    struct error err;
    struct json *json;

    outcome.event = &odd;
    strcpy(outcome.error.message, "\x1B[31m\xFF\"\\");
    outcome_append_structured(&outcome, &binary, &line);
    assert_int_equal(json_parse(line.data, line.len, &json, &err), 0);
    assert_string_equal(json_text(json_member(json, "causationid")),
                        "\"\\\n\x01\xEF\xBF\xBD\xC0\x80<>");
    json_free(json);
    assert_null(strchr(line.data, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode__writes_a_success_in_binary_mode),
        cmocka_unit_test(encode__writes_a_failure_in_binary_mode),
        cmocka_unit_test(encode__writes_a_skip_in_binary_mode),
        cmocka_unit_test(encode__needs_no_artifact),
        cmocka_unit_test(encode__falls_back_to_the_workflow_as_subject),
        cmocka_unit_test(encode__says_why_one_attachment_delivers_nothing),
        cmocka_unit_test(
            encode__says_of_a_visible_delivery_whether_it_may_be_a_second_one),
        cmocka_unit_test(encode__says_nothing_of_what_could_not_be_read),
        cmocka_unit_test(
            encode__writes_everything_in_the_value_in_structured_mode),
        cmocka_unit_test(encode__makes_up_no_trace_in_structured_mode),
        cmocka_unit_test(
            encode__names_file_and_place_of_an_event_out_of_a_file),
        cmocka_unit_test(encode__has_the_key_of_the_record_or_its_workflow),
        cmocka_unit_test(encode__keeps_a_binary_key_as_it_is),
        cmocka_unit_test(encode__gives_the_same_bytes_for_the_same_outcome),
        cmocka_unit_test(
            encode__makes_the_id_of_coordinates_and_attachment_alone),
        cmocka_unit_test(
            encode__has_the_time_of_the_event_or_the_record_if_any),
        cmocka_unit_test(encode__says_whether_another_try_may_help),
        cmocka_unit_test(
            encode__is_json_whatever_the_event_and_the_registry_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
