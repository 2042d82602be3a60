#include "dead_letter_list.h"

#define ROW(name, value)                                                       \
    {                                                                          \
        name, bytes_of(value)                                                  \
    }
/* The headers that Waybill always adds */
#define FROM_A_RECORD                                                          \
    ROW("waybill-error-class", "schema"), ROW("waybill-topic", "in"),          \
        ROW("waybill-partition", "0"), ROW("waybill-offset", "7")

static void letter__says_what_its_headers_say(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct sample sample;
    struct dead_letter dead_letter;

    sample_init(&sample);
    sample_add(&sample, "waybill-replays", "2");
    dead_letter_read(&sample.input, arena, &dead_letter);
    assert_int_equal(dead_letter.partition, 2);
    assert_int_equal(dead_letter.offset, 40);
    assert_string_equal(dead_letter.error_class, "not_found");
    assert_string_equal(dead_letter.code, "NAME_UNKNOWN");
    assert_int_equal(dead_letter.http_status, 404);
    assert_string_equal(dead_letter.attachment, "ghcr:w1");
    assert_string_equal(dead_letter.topic, "in");
    assert_int_equal(dead_letter.origin_partition, 3);
    assert_int_equal(dead_letter.origin_offset, 42);
    assert_string_equal(dead_letter.event_id, "e1");
    assert_true(dead_letter.failed_ms == 1767323049000);
    assert_int_equal(dead_letter.replays, 2);
    assert_int_equal(dead_letter.state, DEAD_LETTER_WAITING);
}

static void letter__believes_no_header_of_the_record_itself(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct header headers[] = {
        {"waybill-error-class", bytes_of("auth")},
        {"waybill-attachment", bytes_of("somebody's")},
        {"waybill-replays", bytes_of("99")},
        {"waybill-dead-letter", bytes_of("dead/0/1")},
        {"waybill-group", bytes_of("another")},
        {"waybill-event-id", bytes_of("another")},
        FROM_A_RECORD,
    };
    struct dead_letter dead_letter;

    read_headers(headers, ARRAY_SIZE(headers), arena, &dead_letter);
    assert_string_equal(dead_letter.error_class, "schema");
    assert_null(dead_letter.attachment);
    assert_null(dead_letter.group);
    assert_null(dead_letter.event_id);
    assert_int_equal(dead_letter.replays, 0);
    assert_int_equal(dead_letter.state, DEAD_LETTER_WAITING);
}

static void letter__is_unreadable_without_its_origin(void **state)
{
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"waybill-error-class", NULL},
        {"waybill-error-class", ""},
        {"waybill-topic", NULL},
        {"waybill-partition", NULL},
        {"waybill-partition", "-1"},
        {"waybill-partition", "2147483648"},
        {"waybill-offset", "9223372036854775808"},
        {"waybill-offset", "1x"},
        {"waybill-offset", ""},
        {"waybill-offset", "99999999999999999999999999"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct sample sample;
        struct dead_letter dead_letter;

        sample_init(&sample);
        sample_set(&sample, rows[i].name, rows[i].value);
        dead_letter_read(&sample.input, arena, &dead_letter);
        check(rows[i].name, dead_letter.state == DEAD_LETTER_UNREADABLE);
    }
}

static void letter__keeps_no_more_of_a_header_than_waybill_writes(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    static char huge[100001];
    struct sample sample;
    struct dead_letter dead_letter;

    memset(huge, 'x', sizeof(huge) - 1);
    sample_init(&sample);
    sample_set(&sample, "waybill-attachment", huge);
    dead_letter_read(&sample.input, arena, &dead_letter);
    assert_null(dead_letter.attachment);
    assert_int_equal(dead_letter.state, DEAD_LETTER_UNREADABLE);
}

/* A dead letter without an attachment concerns all of them. */
static void letter__is_not_for_everybody_when_its_attachment_is_no_text(
    void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct sample sample;
    struct dead_letter dead_letter;

    sample_init(&sample);
    sample_set(&sample, "waybill-attachment", "ghcr:\xFF");
    dead_letter_read(&sample.input, arena, &dead_letter);
    assert_int_equal(dead_letter.state, DEAD_LETTER_UNREADABLE);
}

static void letter__survives_hostile_headers(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct sample sample;
    struct dead_letter dead_letter;

    sample_init(&sample);
    sample_set(&sample, "waybill-last-failure", "yesterday");
    sample_set(&sample, "waybill-http-status", "-404");
    sample.headers[2].value =
        (struct bytes){(const unsigned char *)"A\0B\xFF", 4};
    sample.headers[3].value = (struct bytes){NULL, 0};
    dead_letter_read(&sample.input, arena, &dead_letter);
    assert_null(dead_letter.code);
    assert_null(dead_letter.message);
    assert_int_equal(dead_letter.state, DEAD_LETTER_WAITING);
    assert_int_equal(dead_letter.http_status, 0);
    /* The timestamp of the record is used instead. */
    assert_true(dead_letter.failed_ms == 1767323000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letter__says_what_its_headers_say),
        cmocka_unit_test(letter__believes_no_header_of_the_record_itself),
        cmocka_unit_test(letter__is_unreadable_without_its_origin),
        cmocka_unit_test(letter__keeps_no_more_of_a_header_than_waybill_writes),
        cmocka_unit_test(
            letter__is_not_for_everybody_when_its_attachment_is_no_text),
        cmocka_unit_test(letter__survives_hostile_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
