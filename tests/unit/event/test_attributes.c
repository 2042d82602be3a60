#include "decoding.h"
#include "waybill/limits.h"

#define TYPE "dev.waybill.attestation.created.v1"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* --- binary mode ---------------------------------------------------------- */

static void attributes__come_from_headers_in_binary_mode(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {
        text_header("ce_specversion", "1.0"),
        text_header("ce_id", "old"),
        text_header("ce_type", TYPE),
        text_header("ce_source", "s"),
        text_header("ce_time", "2026-01-02T03:04:05Z"),
        text_header("ce_traceparent", TRACEPARENT),
        text_header("ce_tracestate", "x=y"),
        text_header("ce_id", "e1"),
        text_header("content-type", "application/json"),
    };
    struct error err = ERROR_UNTOUCHED;
    struct event event;

    assert_int_equal(
        decode_with(EVENT, headers, ARRAY_SIZE(headers), arena, &event, &err),
        0);
    assert_untouched(&err);
    assert_string_equal(event.id, "e1");
    assert_string_equal(event.time, "2026-01-02T03:04:05Z");
    assert_string_equal(event.trace.parent, TRACEPARENT);
    assert_string_equal(event.trace.state, "x=y");
    assert_string_equal(event.workflow.id, "w1");
}

/* The spellings of HTTP and CGI, and of programs that copy such headers into
 * records */
static void attributes__may_be_spelled_as_other_bindings_spell_them(
    void **state)
{
    static const char *const spellings[][3] = {
        {"ce-type", "ce-id", "ce-traceparent"},
        {"CE_TYPE", "CE_ID", "CE_TRACEPARENT"},
        {"Ce-Type", "Ce-Id", "Ce-Traceparent"},
        {"ce_type", "ce-id", "CE-TRACEPARENT"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        const struct header headers[] = {
            text_header("ce_id", "old"),
            text_header(spellings[i][0], TYPE),
            text_header(spellings[i][1], "e1"),
            text_header(spellings[i][2], TRACEPARENT),
        };
        struct error err = ERROR_UNTOUCHED;
        struct event event;

        check_number(spellings[i][0],
                     decode_with(EVENT, headers, 4, arena, &event, &err), 0);
        check_untouched(spellings[i][0], &err);
        check_text(spellings[i][1], event.id, "e1");
        check_text(spellings[i][2], event.trace.parent, TRACEPARENT);
    }
}

static void attributes__of_binary_mode_are_known_by_any_spelling(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {text_header("CE-Id", "e1")};
    struct error err;
    struct event event;

    assert_int_equal(decode_with(EVENT, headers, 1, arena, &event, &err), -1);
    assert_string_equal(err.message, "$.type: is missing");
    assert_string_equal(event.id, "e1");
}

/* --- other types ---------------------------------------------------------- */

struct other_event {
    const char *label;
    const char *value; /* NULL: a tombstone */
    struct header headers[3];
    const char *type; /* NULL: it has none */
    const char *id;
};

static const struct other_event other_events[] = {
    {"binary",
     "{}",
     {{"ce_id", {(const unsigned char *)"e1", 2}},
      {"ce_type", {(const unsigned char *)"other", 5}}},
     "other",
     "e1"},
    {"binary, another spelling",
     "{}",
     {{"CE-Type", {(const unsigned char *)"other", 5}}},
     "other",
     "t/2/7"},
    {"binary, not JSON",
     "\x01\x02",
     {{"ce_type", {(const unsigned char *)"other", 5}}},
     "other",
     "t/2/7"},
    {"binary, a tombstone",
     NULL,
     {{"ce_type", {(const unsigned char *)"other", 5}}},
     "other",
     "t/2/7"},
    {"binary, of another version, with an id that breaks the rules",
     "{}",
     {{"ce_type", {(const unsigned char *)"other", 5}},
      {"ce_specversion", {(const unsigned char *)"0.3", 3}},
      {"ce_id", {(const unsigned char *)"", 0}}},
     "other",
     "t/2/7"},
    {"structured",
     "{\"specversion\":\"1.0\",\"id\":\"e2\",\"type\":\"other\"}",
     {{"content-type",
       {(const unsigned char *)"application/cloudevents+json", 28}}},
     "other",
     "e2"},
    {"structured, known by specversion",
     "{\"specversion\":\"0.3\",\"id\":7,\"type\":\"other\"}",
     {{NULL, {NULL, 0}}},
     "other",
     "t/2/7"},
    {"plain",
     "{\"id\":7,\"type\":\"other\"}",
     {{NULL, {NULL, 0}}},
     "other",
     "7"},
    {"an attestation's",
     "{}",
     {{"ce_type", {(const unsigned char *)TYPE, sizeof(TYPE) - 1}}},
     NULL,
     "t/2/7"},
    {"none", "{}", {{"ce_id", {(const unsigned char *)"e3", 2}}}, NULL, "e3"},
    {"empty",
     "{}",
     {{"ce_type", {(const unsigned char *)"", 0}}},
     NULL,
     "t/2/7"},
    {"the header's, which does not count in structured mode",
     "{\"specversion\":\"1.0\",\"type\":\"" TYPE "\"}",
     {{"content-type",
       {(const unsigned char *)"application/cloudevents+json", 28}},
      {"ce_type", {(const unsigned char *)"other", 5}}},
     NULL,
     "t/2/7"},
};

static void attributes__tell_events_of_other_types(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(other_events); i++) {
        const struct other_event *row = &other_events[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        size_t count = 0;
        struct error err;
        struct event event;

        while (count < 3 && row->headers[count].name != NULL) {
            count++;
        }
        check_number(
            row->label,
            decode_with(row->value, row->headers, count, arena, &event, &err),
            -1);
        check_kind(row->label, &err, ERROR_SCHEMA);
        check_text(row->label, event.other_type, row->type);
        check_text(row->label, event.id, row->id);
        if (row->type != NULL) {
            check_contains(row->label, err.message, "$.type: 'other' is not");
        }
    }
}

static void attributes__show_another_type_without_its_control_characters(
    void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err;
    struct event event;

    assert_int_equal(decode("{\"type\":\"a\\n\\u001bb\"}", arena, &event, &err),
                     -1);
    check_contains("message", err.message, "$.type: 'a  b' is not");
    assert_string_equal(event.other_type, "a\n\033b");
}

/* --- ids that are numbers ------------------------------------------------- */

struct numeric_id {
    const char *number;
    const char *text; /* NULL: refused */
};

static const struct numeric_id numeric_ids[] = {
    {"7", "7"},
    {"0", "0"},
    {"-1", "-1"},
    {"12.0", "12"},
    {"1e3", "1000"},
    {"9007199254740992", "9007199254740992"},
    {"9007199254740994", NULL},
    {"-9007199254740994", NULL},
    {"7.5", NULL},
    {"1e400", NULL},
};

static void attributes__let_an_id_be_a_whole_number_in_plain_json(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(numeric_ids); i++) {
        const struct numeric_id *row = &numeric_ids[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err = ERROR_UNTOUCHED;
        struct event event;
        int result =
            decode(arena_printf(arena,
                                "{\"id\":%s,\"run\":{\"id\":%s}," WORKFLOW
                                "," ATTESTATION "}",
                                row->number, row->number),
                   arena, &event, &err);

        check_number(row->number, result, row->text != NULL ? 0 : -1);
        if (row->text != NULL) {
            check_text(row->number, event.id, row->text);
            check_text(row->number, event.run.id, row->text);
        } else {
            check_contains(row->number, err.message,
                           "$.id: expected a string or a whole number");
        }
    }
}

static void attributes__of_a_cloudevent_are_no_numbers(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err;
    struct event event;

    assert_int_equal(decode("{\"specversion\":\"1.0\",\"id\":7,\"type\":\"" TYPE
                            "\",\"data\":" EVENT "}",
                            arena, &event, &err),
                     -1);
    assert_string_equal(err.message, "$.id: expected a string, not a number");
}

static void attributes__of_the_run_may_be_a_number_everywhere(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err;
    struct event event;

    assert_int_equal(decode("{\"specversion\":\"1.0\",\"type\":\"" TYPE
                            "\",\"data\":{\"run\":{\"id\":9876543210}," WORKFLOW
                            "," ATTESTATION "}}",
                            arena, &event, &err),
                     0);
    assert_string_equal(event.run.id, "9876543210");
    assert_int_equal(decode("{\"run\":{\"id\":[]}," WORKFLOW "," ATTESTATION
                            "}",
                            arena, &event, &err),
                     -1);
    assert_string_equal(err.message,
                        "$.run.id: expected a string, not an array");
}

/* The value is then the data, whatever it looks like. */
static void attributes__of_the_value_do_not_count_in_binary_mode(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {text_header("ce_type", TYPE)};
    struct error err;
    struct event event;

    assert_int_equal(
        decode_with("{\"specversion\":\"1.0\",\"id\":\"inner\",\"type\""
                    ":\"other\"," WORKFLOW "," ATTESTATION "}",
                    headers, 1, arena, &event, &err),
        0);
    assert_string_equal(event.id, "t/2/7");
}

struct refused_headers {
    const char *label;
    struct header headers[3];
    const char *message;
};

#define LONG_ID_SIZE (LIMIT_EVENT_ID + 2)
static char long_id[LONG_ID_SIZE];

static void attributes__are_refused_in_headers_that_break_the_rules(
    void **state)
{
    /* This precedes the check of its length. */
    void *filled = memset(long_id, 'a', LONG_ID_SIZE - 1);
    const struct refused_headers rows[] = {
        {"no ce_type", {text_header("ce_id", "e1")}, "$.type: is missing"},
        {"other type",
         {text_header("ce_type", "x")},
         "$.type: 'x' is not 'dev.waybill.attestation.created.v1'"},
        {"empty type", {text_header("ce_type", "")}, "$.type: must be text"},
        {"type without a value",
         {text_header("ce_type", NULL)},
         "$.type: must be text that is not empty"},
        {"version",
         {text_header("ce_type", TYPE), text_header("ce_specversion", "0.3")},
         "$.specversion: only CloudEvents 1.0 is supported"},
        {"version without a value",
         {text_header("ce_type", TYPE), text_header("ce_specversion", NULL)},
         "$.specversion: only"},
        {"empty id",
         {text_header("ce_type", TYPE), text_header("ce_id", "")},
         "$.id: must be text that is not empty"},
        {"long id",
         {text_header("ce_type", TYPE), text_header("ce_id", filled)},
         "$.id: longer than 512 bytes"},
        {"id not UTF-8",
         {text_header("ce_type", TYPE), text_header("ce_id", "\xFF")},
         "$.id: must be text"},
        {"id with a NUL",
         {text_header("ce_type", TYPE),
          {"ce_id", {(const unsigned char *)"a\0b", 3}}},
         "$.id: must be text"},
        {"empty source",
         {text_header("ce_type", TYPE), text_header("ce_source", "")},
         "$.source: must be text"},
        {"batch",
         {text_header("content-type", "application/cloudevents-batch+json")},
         "$: a batch of CloudEvents"},
        {"Avro",
         {text_header("content-type", "application/cloudevents+avro")},
         "$: a CloudEvent in the avro format"},
        {"Protobuf",
         {text_header("content-type", "application/cloudevents+protobuf")},
         "$: a CloudEvent in the protobuf format"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        size_t count = 1 + (rows[i].headers[1].name != NULL);
        struct error err;
        struct event event;

        check_number(
            rows[i].label,
            decode_with(EVENT, rows[i].headers, count, arena, &event, &err),
            -1);
        check_kind(rows[i].label, &err, ERROR_SCHEMA);
        check_contains(rows[i].label, err.message, rows[i].message);
        check(rows[i].label, event.id != NULL);
        check(rows[i].label, event.workflow.id == NULL);
    }
}

static void attributes__take_an_id_of_the_greatest_length(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    void *filled = memset(long_id, 'a', LONG_ID_SIZE - 1);
    struct header headers[] = {text_header("ce_type", TYPE),
                               text_header("ce_id", filled)};
    struct error err;
    struct event event;

    headers[1].value.len = LIMIT_EVENT_ID;
    assert_int_equal(decode_with(EVENT, headers, 2, arena, &event, &err), 0);
    assert_int_equal(strlen(event.id), LIMIT_EVENT_ID);
}

/* --- structured mode ------------------------------------------------------ */

#define ATTRIBUTES                                                             \
    "\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"s\",\"type\":\"" TYPE  \
    "\""

static void attributes__come_from_the_value_in_structured_mode(void **state)
{
    static const char *const types[] = {
        "application/cloudevents+json",
        "application/cloudevents+json; charset=UTF-8",
        "Application/CloudEvents+JSON",
        "application/cloudevents",
        NULL, /* detected by specversion alone */
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        const struct header header = text_header("Content-Type", types[i]);
        struct error err = ERROR_UNTOUCHED;
        struct event event;

        assert_int_equal(
            decode_with("{" ATTRIBUTES ",\"time\":\"2026-01-02T03:04:05Z\","
                        "\"traceparent\":\"" TRACEPARENT "\",\"data\":" EVENT
                        "}",
                        &header, types[i] != NULL, arena, &event, &err),
            0);
        assert_untouched(&err);
        assert_string_equal(event.id, "e1");
        assert_string_equal(event.time, "2026-01-02T03:04:05Z");
        assert_string_equal(event.trace.parent, TRACEPARENT);
        assert_null(event.trace.state);
        assert_string_equal(event.workflow.id, "w1");
    }
}

static void attributes__in_structured_mode_win_over_headers(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {
        text_header("ce_id", "header"),
        text_header("content-type", "application/cloudevents+json"),
    };
    struct error err;
    struct event event;

    assert_int_equal(decode_with("{" ATTRIBUTES ",\"data\":" EVENT "}", headers,
                                 2, arena, &event, &err),
                     0);
    assert_string_equal(event.id, "e1");
}

struct refused_value {
    const char *value;
    const char *message;
};

static const struct refused_value refused_values[] = {
    {"{\"specversion\":\"0.3\",\"type\":\"" TYPE "\",\"data\":" EVENT "}",
     "$.specversion: only CloudEvents 1.0 is supported"},
    {"{\"specversion\":1.0,\"type\":\"" TYPE "\",\"data\":" EVENT "}",
     "$.specversion: expected a string, not a number"},
    {"{\"type\":\"" TYPE "\",\"data\":" EVENT "}", "$.specversion: only"},
    {"{\"specversion\":\"1.0\",\"data\":" EVENT "}", "$.type: is missing"},
    {"{\"specversion\":\"1.0\",\"type\":null,\"data\":" EVENT "}",
     "$.type: is missing"},
    {"{\"specversion\":\"1.0\",\"type\":\"x\",\"data\":" EVENT "}",
     "$.type: 'x' is not 'dev.waybill"},
    {"{" ATTRIBUTES ",\"time\":1,\"data\":" EVENT "}",
     "$.time: expected a string, not a number"},
    {"{\"id\":\"\",\"specversion\":\"1.0\",\"type\":\"" TYPE
     "\",\"data\":" EVENT "}",
     "$.id: must be text that is not empty"},
    {"{\"id\":\"a\\u0000\",\"specversion\":\"1.0\",\"type\":\"" TYPE
     "\",\"data\":" EVENT "}",
     "$.id: holds U+0000"},
    {"{" ATTRIBUTES "}", "$.data: is missing"},
    {"{" ATTRIBUTES ",\"data\":null}", "$.data: is missing"},
    {"{" ATTRIBUTES ",\"data\":[]}",
     "$.data: expected an object, not an array"},
    {"{" ATTRIBUTES ",\"data\":{" ATTESTATION "}}",
     "$.data.workflow: is missing"},
    {"{" ATTRIBUTES ",\"data_base64\":7}",
     "$.data_base64: expected a string, not a number"},
    {"{" ATTRIBUTES ",\"data_base64\":\"e30\"}",
     "$.data_base64: is not base64"},
    {"{" ATTRIBUTES ",\"data_base64\":\"e30=\"}",
     "$.data.workflow: is missing"},
    {"{" ATTRIBUTES ",\"data_base64\":\"eyJ9\"}", "$.data_base64: not JSON"},
    {"{" ATTRIBUTES ",\"data_base64\":\"bnVsbA==\"}", "$.data: expected"},
};

static void attributes__are_refused_in_a_value_that_breaks_the_rules(
    void **state)
{
    const struct header header =
        text_header("content-type", "application/cloudevents+json");

    for (size_t i = 0; i < ARRAY_SIZE(refused_values); i++) {
        const struct refused_value *row = &refused_values[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err;
        struct event event;

        check_number(row->value,
                     decode_with(row->value, &header, 1, arena, &event, &err),
                     -1);
        check_kind(row->value, &err, ERROR_SCHEMA);
        check_contains(row->value, err.message, row->message);
    }
}

static void attributes__let_data_come_as_base64(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    /* EVENT */
    static const char value[] =
        "{" ATTRIBUTES ",\"data_base64\":"
        "\"eyJ3b3JrZmxvdyI6eyJpZCI6IncxIn0sImF0dGVzdGF0aW9uIjp7ImVudmVsb3BlIj"
        "p7InBheWxvYWRUeXBlIjoidCIsInBheWxvYWQiOiJlMzA9Iiwic2lnbmF0dXJlcyI6W1"
        "19fX0=\"}";
    struct error err = ERROR_UNTOUCHED;
    struct event event;

    assert_int_equal(decode_with(value, NULL, 0, arena, &event, &err), 0);
    assert_untouched(&err);
    assert_string_equal(event.workflow.id, "w1");
    check_bytes("envelope", event.envelope.data, event.envelope.len, ENVELOPE,
                strlen(ENVELOPE));
}

/* --- plain JSON ----------------------------------------------------------- */

static void attributes__may_be_missing_in_plain_json(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {
        text_header("content-type", "application/json"),
        text_header("x-anything", "\xFF"),
    };
    struct error err = ERROR_UNTOUCHED;
    struct event event;

    assert_int_equal(decode_with(EVENT, headers, 2, arena, &event, &err), 0);
    assert_untouched(&err);
    assert_string_equal(event.id, "t/2/7");
    assert_null(event.time);
}

static void attributes__stand_beside_the_rest_in_plain_json(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err;
    struct event event;

    assert_int_equal(decode_with("{\"id\":\"e9\",\"type\":\"" TYPE
                                 "\",\"time\":\"x\"," WORKFLOW "," ATTESTATION
                                 "}",
                                 NULL, 0, arena, &event, &err),
                     0);
    assert_string_equal(event.id, "e9");
    assert_string_equal(event.time, "x");
    assert_int_equal(decode_with("{\"type\":\"x\"," WORKFLOW "," ATTESTATION
                                 "}",
                                 NULL, 0, arena, &event, &err),
                     -1);
    assert_message_contains(&err, "$.type: 'x' is not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes__come_from_headers_in_binary_mode),
        cmocka_unit_test(
            attributes__may_be_spelled_as_other_bindings_spell_them),
        cmocka_unit_test(attributes__of_binary_mode_are_known_by_any_spelling),
        cmocka_unit_test(attributes__tell_events_of_other_types),
        cmocka_unit_test(
            attributes__show_another_type_without_its_control_characters),
        cmocka_unit_test(attributes__let_an_id_be_a_whole_number_in_plain_json),
        cmocka_unit_test(attributes__of_a_cloudevent_are_no_numbers),
        cmocka_unit_test(attributes__of_the_run_may_be_a_number_everywhere),
        cmocka_unit_test(attributes__of_the_value_do_not_count_in_binary_mode),
        cmocka_unit_test(
            attributes__are_refused_in_headers_that_break_the_rules),
        cmocka_unit_test(attributes__take_an_id_of_the_greatest_length),
        cmocka_unit_test(attributes__come_from_the_value_in_structured_mode),
        cmocka_unit_test(attributes__in_structured_mode_win_over_headers),
        cmocka_unit_test(
            attributes__are_refused_in_a_value_that_breaks_the_rules),
        cmocka_unit_test(attributes__let_data_come_as_base64),
        cmocka_unit_test(attributes__may_be_missing_in_plain_json),
        cmocka_unit_test(attributes__stand_beside_the_rest_in_plain_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
