#include "decoding.h"
#include "vectors.h"
#include "waybill/digest.h"
#include "waybill/limits.h"

static int read_envelope(struct bytes text, struct arena *arena,
                         struct event *event, struct error *err)
{
    return decode_attestation("envelope", text, arena, event, err);
}

/* --- the vectors ---------------------------------------------------------- */

static void check_stored(struct arena *arena, const char *name,
                         const struct json *expected, struct bytes stored)
{
    const struct json *layer = json_member(expected, "layer");
    struct bytes bytes = vector_file(arena, name, "layer.bin");
    struct digest digest;

    digest_of(stored.data, stored.len, &digest);
    check_text(name, digest.text, json_text(json_member(layer, "digest")));
    /* Large ones are left out of the repository. */
    if (bytes.data != NULL) {
        check_bytes(name, stored.data, stored.len, bytes.data, bytes.len);
    }
}

/* True: a vector of a refused prefix says nothing about the envelope. */
static bool is_about_prefix(const struct json *expected)
{
    return json_member(expected, "refused") != NULL &&
           json_is_string(json_member(expected, "prefix"));
}

static void check_vector(struct arena *arena, const char *name,
                         const struct json *expected)
{
    struct error err = ERROR_UNTOUCHED;
    struct event event;
    int result = read_envelope(vector_file(arena, name, "envelope.json"), arena,
                               &event, &err);

    if (json_member(expected, "refused") == NULL) {
        check_number(name, result, 0);
        check_untouched(name, &err);
        check_stored(arena, name, expected, event.envelope);
    } else if (!is_about_prefix(expected)) {
        check_number(name, result, -1);
        check_kind(name, &err, ERROR_SCHEMA);
        check_number(name, event.envelope.len, 0);
    }
}

static void envelope__is_stored_as_every_vector_says(void **state)
{
    assert_true(for_each_vector("", check_vector) >= 140);
}

/* --- cases that are not in the vectors -------------------------------------
 */

struct reading {
    const char *text;
    const char *stored; /* or the message, if it is rejected */
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
    /* decoded over the previous array, element by element */
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
    {"{\"payloadType\":\"t\"}", ".envelope.payload: is missing", true},
    {"{\"payload\":\"e30=\"}", ".envelope.payloadType: is missing", true},
    {"{\"payloadType\":\"t\",\"payload\":null}",
     ".envelope.payload: is missing", true},
    /* a later member of the right type does not correct a wrong one */
    {HEAD ",\"payload\":7,\"payload\":\"e30=\"}",
     ".envelope.payload: expected a string, not a number", true},
    {HEAD ",\"Payload\":[]}",
     ".envelope.payload: expected a string, not an array", true},
    {HEAD ",\"signatures\":{}}", ".envelope.signatures: expected an array",
     true},
    {HEAD ",\"signatures\":[{},{\"sig\":1}]}",
     ".envelope.signatures[1].sig: expected a string, not a number", true},
    {HEAD ",\"signatures\":[[]]}",
     ".envelope.signatures[0]: expected an object", true},
    {"{\"payloadType\":\"t\",\"payload\":\"e30\"}",
     ".envelope.payload: is not base64", true},
    {"{\"payloadType\":\"t\",\"payload\":\"+_==\"}",
     ".envelope.payload: is not base64", true},
    {"[]", ".envelope: expected an object, not an array", true},
};

static void envelope__is_read_as_go_reads_it(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
        const struct reading *row = &readings[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err = ERROR_UNTOUCHED;
        struct event event;
        int result = read_envelope(bytes_of(row->text), arena, &event, &err);

        check_number(row->text, result, row->refused ? -1 : 0);
        if (row->refused) {
            check_kind(row->text, &err, ERROR_SCHEMA);
            check_contains(row->text, err.message, row->stored);
            check_number(row->text, event.envelope.len, 0);
        } else {
            check_untouched(row->text, &err);
            check_bytes(row->text, event.envelope.data, event.envelope.len,
                        row->stored, strlen(row->stored));
        }
    }
}

static int read_signatures(size_t count, struct error *err)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct event event;

    str_append_text(&text, HEAD ",\"signatures\":[{}");
    for (size_t i = 1; i < count; i++) {
        str_append_text(&text, ",{}");
    }
    str_append_text(&text, "]}");
    return read_envelope(str_bytes(&text), arena, &event, err);
}

static void envelope__has_so_many_signatures_and_no_more(void **state)
{
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(read_signatures(LIMIT_ENVELOPE_SIGNATURES, &err), 0);
    assert_untouched(&err);
    assert_int_equal(read_signatures(LIMIT_ENVELOPE_SIGNATURES + 1, &err), -1);
    assert_message_contains(&err, ".signatures: more than 1024");
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
