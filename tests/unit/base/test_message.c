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

static struct header header_of(const char *name, const void *value, size_t len)
{
    return (struct header){name, {value, len}};
}

static void header__is_text_of_which_a_string_can_be_made(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header headers[] = {
        header_of("text", "old", 3),
        header_of("TEXT",
                  "gr\xC3\xBC\xC3\x9F"
                  "ex",
                  7),
        header_of("empty", "", 0),
        header_of("none", NULL, 0),
        header_of("nul", "a\0b", 3),
        header_of("nul-behind", "ab\0", 3),
        header_of("overlong", "\xC0\x80", 2),
        header_of("latin-1", "gr\xFC\xDF", 4),
        header_of("cut", "gr\xC3", 3),
    };
    static const char *const refused[] = {"empty",      "none",     "nul",
                                          "nul-behind", "overlong", "latin-1",
                                          "cut",        "absent"};
    const struct message message = {.headers = headers,
                                    .header_count = ARRAY_SIZE(headers)};
    const char *text = message_header_text(&message, "Text", 7, arena);

    /* Not the byte after it */
    assert_string_equal(text, "gr\xC3\xBC\xC3\x9F"
                              "e");
    assert_null(message_header_text(&message, "text", 6, arena));
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        check_text(refused[i],
                   message_header_text(&message, refused[i], 100, arena), NULL);
    }
}

static void header__is_compared_byte_for_byte(void **state)
{
    const struct header headers[] = {
        header_of("id", "a\0b", 3), header_of("id", "ab", 2),
        header_of("empty", "", 0), header_of("none", NULL, 0)};
    const struct message message = {.headers = headers,
                                    .header_count = ARRAY_SIZE(headers)};
    const struct message first = {.headers = headers, .header_count = 1};

    assert_true(message_header_is(&message, "ID", "ab"));
    assert_false(message_header_is(&message, "id", "AB"));
    assert_false(message_header_is(&message, "id", "a"));
    assert_false(message_header_is(&first, "id", "a"));
    assert_true(message_header_is(&message, "empty", ""));
    assert_false(message_header_is(&message, "none", ""));
    assert_false(message_header_is(&message, "none", NULL));
    assert_false(message_header_is(&message, "absent", NULL));
    assert_false(message_header_is(&message, "absent", ""));
}

static void header__begins_with_a_prefix_in_any_case(void **state)
{
    const struct header headers[] = {header_of("type", "Application/JSON;", 16),
                                     header_of("none", NULL, 0)};
    const struct message message = {.headers = headers,
                                    .header_count = ARRAY_SIZE(headers)};

    assert_true(message_header_begins(&message, "type", "application/json"));
    assert_true(message_header_begins(&message, "type", ""));
    assert_false(message_header_begins(&message, "type", "application/json;"));
    assert_false(message_header_begins(&message, "type", "text"));
    assert_false(message_header_begins(&message, "none", ""));
    assert_false(message_header_begins(&message, "absent", ""));
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

static void position__is_parsed_as_logs_write_it(void **state)
{
    static const struct {
        const char *text;
        const char *topic; /* "": the text is no position */
        int32_t partition;
        int64_t offset;
    } cases[] = {
        {"in/3/42", "in", 3, 42},
        {"3/42", NULL, 3, 42},
        {"in/2147483647/9223372036854775806", "in", INT32_MAX, INT64_MAX - 1},
        {"in/2147483648/0", "", 0, 0},
        {"in/0/9223372036854775807", "", 0, 0},
        {"in/0/99999999999999999999", "", 0, 0},
        {"in/0/00000000000000000001", "", 0, 0},
        {"in/-1/0", "", 0, 0},
        {"in/0/", "", 0, 0},
        {"in//0", "", 0, 0},
        {"/0/0", "", 0, 0},
        {"in/0/1x", "", 0, 0},
        {"42", "", 0, 0},
        {"", "", 0, 0},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool is_one = cases[i].topic == NULL || *cases[i].topic != '\0';
        struct position position;

        check_number(cases[i].text,
                     position_parse(cases[i].text, arena, &position), is_one);
        if (!is_one) {
            continue;
        }
        check_text(cases[i].text, position.topic != NULL ? position.topic : "-",
                   cases[i].topic != NULL ? cases[i].topic : "-");
        assert_int_equal(position.partition, cases[i].partition);
        assert_true(position.offset == cases[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message__finds_the_last_header_whatever_its_case),
        cmocka_unit_test(header__is_text_of_which_a_string_can_be_made),
        cmocka_unit_test(header__is_compared_byte_for_byte),
        cmocka_unit_test(header__begins_with_a_prefix_in_any_case),
        cmocka_unit_test(message__is_copied_to_the_last_byte),
        cmocka_unit_test(message__stays_a_tombstone_in_its_copy),
        cmocka_unit_test(position__is_parsed_as_logs_write_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
