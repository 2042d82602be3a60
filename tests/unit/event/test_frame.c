#include "decoding.h"
#include "waybill/event_content.h"
#include "waybill/event_form.h"

/* A value that may contain zero bytes */
#define BYTES(text)                                                            \
    {                                                                          \
        (const unsigned char *)(text), sizeof(text) - 1                        \
    }

/* --- frames of schema registries ------------------------------------------ */

static void frame__is_removed_when_json_follows(void **state)
{
    static const struct bytes values[] = {
        BYTES("\0\0\0\0\x2A" EVENT),
        BYTES("\0\0\0\0\x2A \r\n\t" EVENT),
        /* the id is that of the letters { and newline */
        BYTES("\0\0\0\x7B\x0A" EVENT),
        /* Apicurio's 8-byte id */
        BYTES("\0\0\0\0\0\0\0\0\x07" EVENT),
        /* AWS Glue, not compressed */
        BYTES("\x03\0abcdefghijklmnop" EVENT),
    };

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err = ERROR_UNTOUCHED;
        struct event event;

        check_number("result",
                     decode_record(values[i], NULL, 0, arena, &event, &err), 0);
        check_untouched("frame", &err);
        check_text("workflow", event.workflow.id, "w1");
        check_bytes("envelope", event.envelope.data, event.envelope.len,
                    ENVELOPE, strlen(ENVELOPE));
    }
}

static void frame__does_not_hide_the_contents_of_materials(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct input input = {
        .message = {.topic = "t",
                    .value = BYTES("\0\0\0\0\1{" WORKFLOW "," ATTESTATION
                                   ",\"materials\":[{\"content\":\"aGk=\"}]}")},
    };
    struct bytes content;
    struct event event;
    struct error err;

    assert_int_equal(event_decode(&input, 1000, arena, &event, &err), 0);
    assert_int_equal(event_material_content(&event, 0, arena, &content, &err),
                     0);
    check_bytes("content", content.data, content.len, "hi", 2);
    event_release(&event);
}

/* --- other formats -------------------------------------------------------- */

struct foreign {
    struct bytes value;
    const char *message;
};

static const struct foreign foreigners[] = {
    {BYTES("\xEF\xBB\xBF" EVENT), "$: begins with a byte order mark"},
    {BYTES("\0\0\0\0\x2A\xEF\xBB\xBF{}"),
     "$: is in the frame of a schema registry (schema id 42) and holds"},
    {BYTES("\xFF\xFE{\0}\0"), "$: is UTF-16"},
    {BYTES("\xFE\xFF\0{\0}"), "$: is UTF-16"},
    {BYTES("{\0\"\0"), "$: is UTF-16"},
    {BYTES("\0{\0\"\0w"), "$: is UTF-16"},
    {BYTES("\xFF\xFE\0\0{\0\0\0"), "$: is UTF-32"},
    {BYTES("\0\0\xFE\xFF\0\0\0{"), "$: is UTF-32"},
    {BYTES("{\0\0\0\"\0\0\0"), "$: is UTF-32"},
    {BYTES("\x1F\x8B\x08\0\0\0\0\0"), "$: is compressed with gzip"},
    {BYTES("\x28\xB5\x2F\xFD\x04"), "$: is compressed with zstd"},
    {BYTES("\xAC\xED\0\x05t\0\x04null"), "$: is a serialized Java object"},
    {BYTES("Obj\x01\x04\x14"), "$: is an Avro file"},
    /* id 258, message [0], field 1 = "w1" */
    {BYTES("\0\0\0\x01\x02\0\x0A\x02w1"), "(schema id 258) and holds Protobuf"},
    /* message [1, 2], fixed32, fixed64, varint */
    {BYTES("\0\0\0\0\1\x04\x02\x04\x0D"
           "abcd\x11"
           "abcdefgh\x08\x96\x01"),
     "holds Protobuf"},
    /* a string of 2 bytes, as Avro writes it */
    {BYTES("\0\0\0\0\1\x04w1\x02x"), "holds Avro"},
    /* a Protobuf field that is longer than the rest of the value */
    {BYTES("\0\0\0\0\1\0\x0A\x7Fw"), "holds Avro"},
    {BYTES("\0\0\0\0\1\0\x03"), "holds Avro"},
    {BYTES("\0\xFF\xFF\xFF\xFF\x01"), "(schema id 4294967295)"},
    {BYTES("\x03\x05"
           "abcdefghijklmnop"
           "x\x9C"),
     "$: is in the frame of AWS Glue's schema registry"},
    {BYTES("eyJ3b3JrZmxvdyI6e319"), "$: is base64"},
    /* no known frame or format */
    {BYTES("\0\0\0\0\1"), "$: not JSON"},
    {BYTES("eyJ3"), "$: is base64"},
    {BYTES("eyJ3b3J"), "$: not JSON"},
    {BYTES("\x03\x01"), "$: not JSON"},
    {BYTES("ping"), "$: not JSON"},
};

static void value__that_is_not_json_is_named(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(foreigners); i++) {
        const struct foreign *row = &foreigners[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err;
        struct event event;

        check_number(row->message,
                     decode_record(row->value, NULL, 0, arena, &event, &err),
                     -1);
        check_kind(row->message, &err, ERROR_SCHEMA);
        check_contains(row->message, err.message, row->message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame__is_removed_when_json_follows),
        cmocka_unit_test(frame__does_not_hide_the_contents_of_materials),
        cmocka_unit_test(value__that_is_not_json_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
