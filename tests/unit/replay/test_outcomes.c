#include "letters.h"

#define SUCCEEDED "dev.waybill.delivery.succeeded.v1"
#define FAILED "dev.waybill.delivery.failed.v1"

static struct letters *sample_letters(void)
{
    struct letters *letters = letters_new();
    struct sample sample;

    sample_init(&sample);
    letters_put(letters, &sample, 0, 1);
    sample_set(&sample, "waybill-attachment", "ghcr:w2");
    letters_put(letters, &sample, 0, 2);
    sample_set(&sample, "waybill-attachment", NULL);
    sample_set(&sample, "waybill-event-id", "e2");
    letters_put(letters, &sample, 0, 3);
    sample_set(&sample, "waybill-event-id", NULL);
    letters_put(letters, &sample, 0, 4);
    letters_sort(letters);
    return letters;
}

static const char data[] = "{\"status\": \"succeeded\", \"input\": {\"id\": "
                           "\"e1\"}, \"attachment\": \"ghcr:w1\"}";

static bool read_binary(struct letters *letters, struct arena *arena,
                        const char *type, const char *source, const char *id,
                        const char *value, struct outcome_note *ret_note)
{
    const struct header headers[] = {
        {"ce_type", bytes_of(type)},
        {"ce_source", bytes_of(source)},
        {"ce_causationid", bytes_of(id)},
        {"content-type", bytes_of("application/json")},
    };
    const struct message message = {.value = bytes_of(value),
                                    .headers = headers,
                                    .header_count = ARRAY_SIZE(headers)};

    return outcome_note_read(&message, "waybill/g", letters, arena, ret_note);
}

static void outcomes__of_these_events_are_read(void **state)
{
    CLEANUP(release_letters) struct letters *letters = sample_letters();
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct outcome_note note;

    assert_true(
        read_binary(letters, arena, SUCCEEDED, "waybill/g", "e1", data, &note));
    assert_string_equal(note.event_id, "e1");
    assert_string_equal(note.attachment, "ghcr:w1");
    assert_true(note.succeeded);
    assert_false(note.failed);
}

static void outcomes__of_others_are_not(void **state)
{
    CLEANUP(release_letters) struct letters *letters = sample_letters();
    CLEANUP(release_arena) struct arena *arena = arena_new();
    static const char *const rows[][4] = {
        {SUCCEEDED, "waybill/h", "e1", data},
        {"dev.waybill.attestation.skipped.v1", "waybill/g", "e1", data},
        {SUCCEEDED, "waybill/g", "e9", data},
        {SUCCEEDED, "waybill/g", "", data},
        {SUCCEEDED, "waybill/g", NULL, data},
        {SUCCEEDED, "waybill/g", "e1", NULL},
        {SUCCEEDED, "waybill/g", "e1", "not JSON"},
        {SUCCEEDED, "waybill/g", "e1", "{\"input\": 7}"},
        {SUCCEEDED, "waybill/g", "e1", "{\"input\": {\"id\": \"e9\"}}"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct outcome_note note;

        check_number("row",
                     read_binary(letters, arena, rows[i][0], rows[i][1],
                                 rows[i][2], rows[i][3], &note),
                     false);
    }
}

static void outcomes__are_read_in_structured_mode(void **state)
{
    CLEANUP(release_letters) struct letters *letters = sample_letters();
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header type = {
        "Content-Type",
        bytes_of("application/cloudevents+json; charset=UTF-8")};
    struct message message = {
        .value = bytes_of("{\"source\": \"waybill/g\", \"data\": {\"status\": "
                          "\"failed\", \"input\": {\"id\": \"e2\"}}}"),
        .headers = &type,
        .header_count = 1};
    struct outcome_note note;

    assert_true(
        outcome_note_read(&message, "waybill/g", letters, arena, &note));
    assert_string_equal(note.event_id, "e2");
    assert_null(note.attachment);
    assert_true(note.failed);
    assert_false(
        outcome_note_read(&message, "waybill/h", letters, arena, &note));
}

static void outcomes__settle_the_delivery_that_they_are_of(void **state)
{
    CLEANUP(release_letters) struct letters *letters = sample_letters();
    struct outcome_note note = {
        .event_id = "e1", .attachment = "ghcr:w1", .failed = true};

    letters_note(letters, &note);
    assert_int_equal(letters->all[0].state, LETTER_WAITING);
    note.succeeded = true;
    letters_note(letters, &note);
    assert_int_equal(letters->all[0].state, LETTER_DELIVERED);
    assert_int_equal(letters->all[1].state, LETTER_WAITING);
    /* A record that could not be read was delivered once anything of it was. */
    note.event_id = "e2";
    letters_note(letters, &note);
    assert_int_equal(letters->all[2].state, LETTER_DELIVERED);
    assert_int_equal(letters->all[3].state, LETTER_WAITING);
}

static void outcomes__are_told_apart_from_those_of_others(void **state)
{
    CLEANUP(release_letters) struct letters *letters = sample_letters();
    struct outcome_note note = {.event_id = "e1", .attachment = "ghcr:w1"};

    assert_false(letters_were_replayed(letters, &note));
    letters->all[1].put = true;
    assert_false(letters_were_replayed(letters, &note));
    letters->all[0].copied = true;
    assert_true(letters_were_replayed(letters, &note));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes__of_these_events_are_read),
        cmocka_unit_test(outcomes__of_others_are_not),
        cmocka_unit_test(outcomes__are_read_in_structured_mode),
        cmocka_unit_test(outcomes__settle_the_delivery_that_they_are_of),
        cmocka_unit_test(outcomes__are_told_apart_from_those_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
