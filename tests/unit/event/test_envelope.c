#include "asserts.h"

#include <dirent.h>

#include "event/event_internal.h"
#include "waybill/digest.h"

/* 0 and the stored bytes, or -1 and why not */
static int read_text(const char *text, size_t len, struct str *stored,
                     struct error *err)
{
    struct json *json;
    struct json_at at;
    int result;

    if (json_parse(text, len, &json, err) < 0) {
        return -1;
    }
    at = json_at_root(json);
    result = envelope_read(&at, stored, err);
    json_free(json);
    return result;
}

/* --- the vectors ---------------------------------------------------------- */

static void check_stored(struct arena *arena, const char *name,
                         const struct json *expected, const struct str *stored)
{
    const struct json *layer = json_member(expected, "layer");
    struct bytes bytes = fixture_if_there(
        arena, arena_printf(arena, "vectors/%s/layer.bin", name));
    struct digest digest;

    digest_of(stored->data, stored->len, &digest);
    check_text(name, digest.text, json_text(json_member(layer, "digest")));
    /* Large ones are left out of the repository. */
    if (bytes.data != NULL) {
        check_bytes(name, stored->data, stored->len, bytes.data, bytes.len);
    }
}

/* True: a vector of a refused prefix says nothing about the envelope. */
static bool is_about_prefix(const struct json *expected)
{
    return json_member(expected, "refused") != NULL &&
           json_is_string(json_member(expected, "prefix"));
}

static void check_vector(const char *name)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    CLEANUP(str_release) struct str stored = STR_INIT(STR_UNLIMITED);
    struct bytes sent =
        fixture(arena, arena_printf(arena, "vectors/%s/envelope.json", name));
    struct bytes says =
        fixture(arena, arena_printf(arena, "vectors/%s/expected.json", name));
    struct error err = ERROR_UNTOUCHED;
    struct json *expected;
    int result;

    check_number(name,
                 json_parse((const char *)says.data, says.len, &expected, &err),
                 0);
    result = read_text((const char *)sent.data, sent.len, &stored, &err);
    if (json_member(expected, "refused") == NULL) {
        check_number(name, result, 0);
        check_untouched(name, &err);
        check_stored(arena, name, expected, &stored);
    } else if (!is_about_prefix(expected)) {
        check_number(name, result, -1);
        check_kind(name, &err, ERROR_SCHEMA);
        check_number(name, stored.len, 0);
    }
    json_free(expected);
}

static void envelope__is_stored_as_every_vector_says(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    DIR *folder = opendir(fixture_path(arena, "vectors"));
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            check_vector(entry->d_name);
            count++;
        }
    }
    closedir(folder);
    assert_true(count >= 140);
}

/* --- what the vectors are too short for ----------------------------------- */

struct reading {
    const char *text;
    const char *stored; /* or the message, when it is refused */
    bool refused;
};

#define HEAD "{\"payloadType\":\"t\",\"payload\":\"e30=\""
#define STORED_HEAD "{\"payloadType\":\"t\",\"payload\":\"e30=\","

static const struct reading readings[] = {
    {HEAD "}", STORED_HEAD "\"signatures\":null}", false},
    {"{\"payload\":\"e30=\",\"PAYLOADTYPE\":\"t\"}",
     STORED_HEAD "\"signatures\":null}", false},
    {HEAD ",\"\xC5\xBFignature\xC5\xBF\":[{\"\xE2\x84\xAA"
          "eyid\":\"k\",\"\xC5\xBFig\":\"s\"}]}",
     STORED_HEAD "\"signatures\":[{\"keyid\":\"k\",\"sig\":\"s\"}]}", false},
    {HEAD ",\"signatures\":[{}]}",
     STORED_HEAD "\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"}]}", false},
    /* over the array before it, element by element */
    {HEAD ",\"signatures\":[{\"keyid\":\"a\"},{\"keyid\":\"b\"}],"
          "\"signatures\":[{\"sig\":\"1\"}]}",
     STORED_HEAD "\"signatures\":[{\"keyid\":\"a\",\"sig\":\"1\"}]}", false},
    {HEAD ",\"signatures\":[{\"keyid\":\"a\"},{\"keyid\":\"b\"}],"
          "\"signatures\":[{}],\"signatures\":[{},{},{}]}",
     STORED_HEAD "\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\"},"
                 "{\"keyid\":\"b\",\"sig\":\"\"},{\"keyid\":\"\",\"sig\":"
                 "\"\"}]}",
     false},
    {HEAD ",\"signatures\":[{\"keyid\":\"a\"}],\"signatures\":[],"
          "\"signatures\":[{}]}",
     STORED_HEAD "\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"}]}", false},
    {HEAD ",\"signatures\":[{\"keyid\":\"a\"}],\"signatures\":null,"
          "\"signatures\":[null]}",
     STORED_HEAD "\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"}]}", false},
    {HEAD ",\"payload\":null,\"payloadType\":null}",
     STORED_HEAD "\"signatures\":null}", false},
    /* required by DSSE, if not by Go */
    {"{\"payloadType\":\"t\"}", "$.payload: is missing", true},
    {"{\"payload\":\"e30=\"}", "$.payloadType: is missing", true},
    {"{\"payloadType\":\"t\",\"payload\":null}", "$.payload: is missing", true},
    /* a wrong type is not mended by a right one */
    {HEAD ",\"payload\":7,\"payload\":\"e30=\"}",
     "$.payload: expected a string, not a number", true},
    {HEAD ",\"Payload\":[]}", "$.payload: expected a string, not an array",
     true},
    {HEAD ",\"signatures\":{}}", "$.signatures: expected an array", true},
    {HEAD ",\"signatures\":[{},{\"sig\":1}]}",
     "$.signatures[1].sig: expected a string, not a number", true},
    {HEAD ",\"signatures\":[[]]}", "$.signatures[0]: expected an object", true},
    {"{\"payloadType\":\"t\",\"payload\":\"e30\"}", "$.payload: is not base64",
     true},
    {"{\"payloadType\":\"t\",\"payload\":\"+_==\"}", "$.payload: is not base64",
     true},
    {"[]", "$: expected an object, not an array", true},
    {"null", "$: expected an object, not null", true},
};

static void envelope__is_read_as_go_reads_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        const struct reading *row = &readings[i];
        CLEANUP(str_release) struct str stored = STR_INIT(STR_UNLIMITED);
        struct error err = ERROR_UNTOUCHED;
        int result = read_text(row->text, strlen(row->text), &stored, &err);

        check_number(row->text, result, row->refused ? -1 : 0);
        if (row->refused) {
            check_kind(row->text, &err, ERROR_SCHEMA);
            check_contains(row->text, err.message, row->stored);
            check_text(row->text, stored.data, "");
        } else {
            check_untouched(row->text, &err);
            check_text(row->text, stored.data, row->stored);
        }
    }
}

static int read_signatures(size_t count, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str stored = STR_INIT(STR_UNLIMITED);

    str_puts(&text, HEAD ",\"signatures\":[{}");
    for (size_t i = 1; i < count; i++) {
        str_puts(&text, ",{}");
    }
    str_puts(&text, "]}");
    return read_text(text.data, text.len, &stored, err);
}

static void envelope__has_so_many_signatures_and_no_more(void **state)
{
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(read_signatures(LIMIT_ENVELOPE_SIGNATURES, &err), 0);
    assert_untouched(&err);
    assert_int_equal(read_signatures(LIMIT_ENVELOPE_SIGNATURES + 1, &err), -1);
    assert_message_contains(&err, "$.signatures: more than 1024");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelope__is_stored_as_every_vector_says),
        cmocka_unit_test(envelope__is_read_as_go_reads_it),
        cmocka_unit_test(envelope__has_so_many_signatures_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
