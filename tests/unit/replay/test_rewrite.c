#include "dead_letter_list.h"

static void check_header(const struct message *message, size_t index,
                         const char *name, const char *value)
{
    check(name, index < message->header_count);
    check_text(name, message->headers[index].name, name);
    check_bytes(name, message->headers[index].value.data,
                message->headers[index].value.len, value, strlen(value));
}

static void rewrite__gives_the_original_and_what_it_is_a_replay_of(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct header headers[] = {
        {"ce_id", bytes_of("e1")},
        {"Waybill-Replays", bytes_of("1")},
        {"binary", {(const unsigned char *)"\xFF\0", 2}},
        {"__connect.errors.topic", bytes_of("of an earlier life")},
        {"without", {NULL, 0}},
        {"waybill-error-class", bytes_of("not_found")},
        {"waybill-attachment", bytes_of("ghcr:w1")},
        {"waybill-topic", bytes_of("in")},
        {"waybill-partition", bytes_of("3")},
        {"waybill-offset", bytes_of("42")},
        {"waybill-timestamp", bytes_of("1700000000001")},
        {"waybill-event-id", bytes_of("e1")},
        {"waybill-replays", bytes_of("1")},
        {"__connect.errors.topic", bytes_of("in")},
    };
    struct input input = {.message = {.topic = "dead",
                                      .key = bytes_of("k"),
                                      .value = bytes_of("{}"),
                                      .headers = headers,
                                      .header_count = ARRAY_SIZE(headers),
                                      .timestamp_ms = 1767323045678},
                          .partition = 1,
                          .offset = 9};
    struct dead_letter dead_letter;
    struct message message;

    dead_letter_read(&input, arena, &dead_letter);
    dead_letter_rewrite(&input, &dead_letter, "in", arena, &message);
    assert_string_equal(message.topic, "in");
    assert_true(bytes_equal(message.key, input.message.key));
    assert_true(bytes_equal(message.value, input.message.value));
    /* The time of writing, from which retention counts */
    assert_true(message.timestamp_ms == 0);
    /* The headers of the record, whatever their names are, and then those of
     * the replay */
    assert_int_equal(message.header_count, 13);
    check_header(&message, 0, "ce_id", "e1");
    check_header(&message, 1, "Waybill-Replays", "1");
    assert_true(bytes_equal(message.headers[2].value, headers[2].value));
    check_header(&message, 3, "__connect.errors.topic", "of an earlier life");
    assert_string_equal(message.headers[4].name, "without");
    assert_null(message.headers[4].value.data);
    check_header(&message, 5, "waybill-replays", "2");
    check_header(&message, 6, "waybill-attachment", "ghcr:w1");
    check_header(&message, 7, "waybill-event-id", "e1");
    check_header(&message, 8, "waybill-topic", "in");
    check_header(&message, 9, "waybill-partition", "3");
    check_header(&message, 10, "waybill-offset", "42");
    check_header(&message, 11, "waybill-timestamp", "1700000000001");
    check_header(&message, 12, "waybill-dead-letter", "dead/1/9");
}

static void rewrite__names_no_attachment_where_none_had_failed(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct sample sample;
    struct dead_letter dead_letter;
    struct message message;

    sample_init(&sample);
    sample_set(&sample, "waybill-attachment", NULL);
    sample.input.message.key = (struct bytes){NULL, 0};
    sample.input.message.value = (struct bytes){NULL, 0};
    dead_letter_read(&sample.input, arena, &dead_letter);
    dead_letter_rewrite(&sample.input, &dead_letter, "in", arena, &message);
    assert_null(message_header(&message, "waybill-attachment"));
    assert_null(message.key.data);
    assert_null(message.value.data);
    check_header(&message, 1, "waybill-replays", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            rewrite__gives_the_original_and_what_it_is_a_replay_of),
        cmocka_unit_test(rewrite__names_no_attachment_where_none_had_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
