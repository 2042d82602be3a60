#include "asserts.h"

#include "waybill/base64.h"
#include "waybill/event_content.h"
#include "waybill/event_decode.h"
#include "waybill/json.h"
#include "waybill/limits.h"

#define NO_CAP ((size_t)1 << 30)

#define STATEMENT                                                              \
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"   \
    "\"a\",\"digest\":{\"sha1\":\"1\",\"sha256\":\"2\"}},{\"name\":\"b\","     \
    "\"digest\":{\"gitCommit\":\"3\"}}],\"predicateType\":\"p\","              \
    "\"predicate\":{\"x\":[1,2]}}"

struct read_event {
    struct arena *arena;
    struct input input;
    struct event event;
};

static void read_one(struct read_event *read, const char *value, size_t len)
{
    struct error err;

    read->input = (struct input){
        .message = {.topic = "t", .value = {(const unsigned char *)value, len}},
    };
    assert_int_equal(
        event_decode(&read->input, NO_CAP, read->arena, &read->event, &err), 0);
}

/* An event whose envelope signs that payload */
static void read_signed(struct read_event *read, const char *payload,
                        const char *more)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    read->arena = arena_new();
    str_append_text(&text, "{\"workflow\":{\"id\":\"w\"},\"attestation\":{"
                           "\"envelope\":{\"payloadType\":\"application/"
                           "vnd.in-toto+json\",\"payload\":\"");
    base64_encode(&text, payload, strlen(payload));
    str_printf(&text, "\",\"signatures\":[]}}%s}", more);
    read_one(read, arena_strdup(read->arena, text.data), text.len);
}

static void end_read(struct read_event *read)
{
    event_release(&read->event);
    arena_free(read->arena);
}

static void content__decodes_the_statement_once(void **state)
{
    CLEANUP(end_read) struct read_event read;
    const struct statement *statement;
    struct error err;

    read_signed(&read, STATEMENT, "");
    assert_int_equal(event_content_size(&read.event), 0);
    statement = event_statement(&read.event, &err);
    assert_non_null(statement);
    assert_string_equal(statement->predicate_type, "p");
    assert_int_equal(json_count(json_member(statement->predicate, "x")), 2);
    assert_int_equal(statement->subject_count, 2);
    assert_string_equal(statement->subjects[0].digest, "sha256:2");
    assert_string_equal(statement->subjects[1].name, "b");
    assert_string_equal(statement->subjects[1].digest, "gitCommit:3");
    check_bytes("bytes", statement->bytes.data, statement->bytes.len, STATEMENT,
                strlen(STATEMENT));
    assert_ptr_equal(event_statement(&read.event, &err), statement);
    assert_true(event_content_size(&read.event) > strlen(STATEMENT));
}

static void content__says_what_is_no_statement(void **state)
{
    static const struct {
        const char *payload;
        const char *message;
    } rows[] = {
        {"no JSON", "statement: "},
        {"[]", "statement: $: expected an object"},
        {"{}", "$._type: is not that of an in-toto statement"},
        {"{\"_type\":7}", "$._type: expected a string"},
        {"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[7]}",
         "$.subject[0]: expected an object"},
        {"{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"subject\":{}}",
         "$.subject: expected an array"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(end_read) struct read_event read;
        struct error first;
        struct error second;

        read_signed(&read, rows[i].payload, "");
        check(rows[i].payload, event_statement(&read.event, &first) == NULL);
        check_kind(rows[i].payload, &first, ERROR_SCHEMA);
        check_contains(rows[i].payload, first.message, rows[i].message);
        check(rows[i].payload, event_statement(&read.event, &second) == NULL);
        check_text(rows[i].payload, second.message, first.message);
    }
}

static void content__limits_the_size_of_a_statement(void **state)
{
    CLEANUP(str_release) struct str payload = STR_INIT(STR_UNLIMITED);
    CLEANUP(end_read) struct read_event read;
    struct error err;

    str_append_text(&payload, STATEMENT);
    for (size_t i = 0; i < LIMIT_STATEMENT; i++) {
        str_append_char(&payload, ' ');
    }
    read_signed(&read, payload.data, "");
    assert_null(event_statement(&read.event, &err));
    check_kind("large", &err, ERROR_TOO_LARGE);
}

static void content__keeps_what_materials_and_subjects_say(void **state)
{
    CLEANUP(end_read) struct read_event read;
    const struct material *material;
    struct bytes content;
    struct error err;

    read_signed(&read, STATEMENT,
                ",\"run\":{\"id\":\"r\",\"state\":\"success\",\"run_url\":"
                "\"https://ci/1\"},\"subjects\":[{\"ref\":\"ghcr.io/a/b\","
                "\"media_type\":\"m\"}],\"materials\":[{\"name\":\"sbom\","
                "\"type\":\"SBOM_CYCLONEDX_JSON\",\"filename\":\"s.json\","
                "\"content\":\"aGVsbG8=\",\"annotations\":{\"k\":\"v\",\"n\":7}"
                "},{\"name\":\"far\",\"ref\":{\"url\":\"https://h.x/1\"}}]");
    assert_string_equal(read.event.run.state, "success");
    assert_string_equal(read.event.run.url, "https://ci/1");
    assert_int_equal(read.event.subject_count, 1);
    assert_string_equal(read.event.subjects[0].ref, "ghcr.io/a/b");
    assert_int_equal(read.event.material_count, 2);
    material = &read.event.materials[0];
    assert_string_equal(material->type, "SBOM_CYCLONEDX_JSON");
    assert_string_equal(material->filename, "s.json");
    assert_int_equal(material->annotation_count, 1);
    assert_string_equal(material->annotations[0].value, "v");
    assert_true(material->has_content);
    assert_false(read.event.materials[1].has_content);
    assert_string_equal(read.event.materials[1].url, "https://h.x/1");
    assert_int_equal(
        event_material_content(&read.event, 0, read.arena, &content, &err), 0);
    check_bytes("content", content.data, content.len, "hello", 5);
    assert_int_equal(
        event_material_content(&read.event, 1, read.arena, &content, &err), -1);
    assert_int_equal(
        event_material_content(&read.event, 2, read.arena, &content, &err), -1);
}

/* data_base64 of a structured event is decoded as well. */
static void content__finds_materials_of_a_wrapped_event(void **state)
{
    static const char data[] =
        "{\"workflow\":{\"id\":\"w\"},\"attestation\":{\"envelope\":{"
        "\"payloadType\":\"x\",\"payload\":\"\",\"signatures\":[]}},"
        "\"materials\":[{\"name\":\"a\",\"content\":\"aGVsbG8=\"}]}";
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(end_read) struct read_event read = {.arena = arena_new()};
    struct bytes content;
    struct error err;

    str_append_text(&text,
                    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\","
                    "\"type\":\"dev.waybill.attestation.created.v1\","
                    "\"data_base64\":\"");
    base64_encode(&text, data, strlen(data));
    str_append_text(&text, "\"}");
    read_one(&read, arena_strdup(read.arena, text.data), text.len);
    assert_int_equal(
        event_material_content(&read.event, 0, read.arena, &content, &err), 0);
    check_bytes("content", content.data, content.len, "hello", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content__decodes_the_statement_once),
        cmocka_unit_test(content__says_what_is_no_statement),
        cmocka_unit_test(content__limits_the_size_of_a_statement),
        cmocka_unit_test(content__keeps_what_materials_and_subjects_say),
        cmocka_unit_test(content__finds_materials_of_a_wrapped_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
