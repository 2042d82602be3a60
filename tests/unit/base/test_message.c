#include "asserts.h"
#include "waybill/message.h"

static void message__finds_the_last_header_whatever_its_case(void **state)
{
    static const struct header headers[] = {
        {"ce_id", {(const unsigned char *)"1", 1}},
        {"Content-Type", {(const unsigned char *)"x", 1}},
        {"CE_ID", {(const unsigned char *)"2", 1}},
        {"ce_idx", {(const unsigned char *)"3", 1}},
        {"none", {NULL, 0}},
    };
    struct message message = {.headers = headers, .header_count = 5};

    assert_ptr_equal(message_header(&message, "ce_id"), &headers[2]);
    assert_ptr_equal(message_header(&message, "content-type"), &headers[1]);
    assert_ptr_equal(message_header(&message, "none"), &headers[4]);
    assert_null(message_header(&message, "ce_"));
    message.header_count = 0;
    assert_null(message_header(&message, "ce_id"));
}

static void message__is_copied_to_the_last_byte(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char topic[] = "topic";
    char name[] = "name";
    unsigned char bytes[] = {'k', 0, 'v'};
    char file[] = "file";
    struct header headers[] = {{name, {bytes, 3}}, {name, {NULL, 0}}};
    struct input input = {
        .message = {.topic = topic,
                    .key = {bytes, 1},
                    .value = {bytes, 3},
                    .headers = headers,
                    .header_count = 2,
                    .timestamp_ms = 12},
        .partition = 3,
        .offset = 1LL << 40,
        .file = file,
        .index = 9,
    };
    struct input copy;

    input_copy(arena, &input, &copy);
    memset(topic, 'x', 5);
    memset(name, 'x', 4);
    memset(bytes, 'x', 3);
    memset(file, 'x', 4);
    memset(headers, 0, sizeof(headers));
    assert_string_equal(copy.message.topic, "topic");
    check_bytes("key", copy.message.key.data, copy.message.key.len, "k", 1);
    check_bytes("value", copy.message.value.data, copy.message.value.len,
                "k\0v", 3);
    assert_int_equal(copy.message.header_count, 2);
    assert_string_equal(copy.message.headers[0].name, "name");
    check_bytes("header", copy.message.headers[0].value.data,
                copy.message.headers[0].value.len, "k\0v", 3);
    assert_null(copy.message.headers[1].value.data);
    assert_int_equal(copy.message.timestamp_ms, 12);
    assert_int_equal(copy.partition, 3);
    assert_true(copy.offset == 1LL << 40);
    assert_string_equal(copy.file, "file");
    assert_int_equal(copy.index, 9);
}

static void message__stays_a_tombstone_in_its_copy(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct message message = {.topic = "t", .key = bytes_of("")};
    struct message copy;

    message_copy(arena, &message, &copy);
    assert_null(copy.value.data);
    assert_non_null(copy.key.data);
    assert_int_equal(copy.key.len, 0);
    assert_int_equal(copy.header_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message__finds_the_last_header_whatever_its_case),
        cmocka_unit_test(message__is_copied_to_the_last_byte),
        cmocka_unit_test(message__stays_a_tombstone_in_its_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
