#include "dead_letter_list.h"

#define SUCCEEDED "dev.waybill.delivery.succeeded.v1"
#define FAILED "dev.waybill.delivery.failed.v1"

static struct dead_letter_list *sample_dead_letters(void)
{
    struct dead_letter_list *list = dead_letter_list_new();
    struct sample sample;

    sample_init(&sample);
    dead_letter_list_put(list, &sample, 0, 1);
    sample_set(&sample, "waybill-attachment", "ghcr:w2");
    dead_letter_list_put(list, &sample, 0, 2);
    sample_set(&sample, "waybill-attachment", NULL);
    sample_set(&sample, "waybill-event-id", "e2");
    dead_letter_list_put(list, &sample, 0, 3);
    sample_set(&sample, "waybill-event-id", NULL);
    dead_letter_list_put(list, &sample, 0, 4);
    dead_letter_list_sort(list);
    return list;
}

static const char data[] = "{\"status\": \"succeeded\", \"input\": {\"id\": "
                           "\"e1\", \"topic\": \"in\", \"partition\": 3, "
                           "\"offset\": 42}, \"attachment\": \"ghcr:w1\"}";

static bool read_binary(struct dead_letter_list *list, struct arena *arena,
                        const char *type, const char *source, const char *id,
                        const char *value, struct replay_outcome *ret_note)
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

    return replay_outcome_read(&message, "waybill/g", list, arena, ret_note);
}

static void outcomes__of_these_events_are_read(void **state)
{
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = sample_dead_letters();
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct replay_outcome note;

    assert_true(
        read_binary(list, arena, SUCCEEDED, "waybill/g", "e1", data, &note));
    assert_string_equal(note.event_id, "e1");
    assert_string_equal(note.attachment, "ghcr:w1");
    assert_true(note.succeeded);
    assert_false(note.failed);
}

static void outcomes__of_others_are_not(void **state)
{
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = sample_dead_letters();
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
        {SUCCEEDED, "waybill/g", "e1", "{\"input\": {\"id\": \"e1\"}}"},
        {SUCCEEDED, "waybill/g", "e1",
         "{\"input\": {\"id\": \"e1\", \"topic\": \"in\", "
         "\"partition\": 4294967299, \"offset\": 42}}"},
        {SUCCEEDED, "waybill/g", "e1",
         "{\"input\": {\"id\": \"e1\", \"topic\": \"in\", "
         "\"partition\": 3, \"offset\": 42, \"origin\": 7}}"},
        {SUCCEEDED, "waybill/g", "e1", "{\"input\": {\"id\": \"e9\"}}"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct replay_outcome note;

        check_number("row",
                     read_binary(list, arena, rows[i][0], rows[i][1],
                                 rows[i][2], rows[i][3], &note),
                     false);
    }
}

static void outcomes__are_read_in_structured_mode(void **state)
{
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = sample_dead_letters();
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header type = {
        "Content-Type",
        bytes_of("application/cloudevents+json; charset=UTF-8")};
    struct message message = {
        .value = bytes_of("{\"source\": \"waybill/g\", \"data\": {\"status\": "
                          "\"failed\", \"input\": {\"id\": \"e2\", \"topic\": "
                          "\"replays\", \"partition\": 0, \"offset\": 1, "
                          "\"origin\": {\"topic\": \"in\", "
                          "\"partition\": 3, \"offset\": 42}}}}"),
        .headers = &type,
        .header_count = 1};
    struct replay_outcome note;

    assert_true(replay_outcome_read(&message, "waybill/g", list, arena, &note));
    assert_string_equal(note.event_id, "e2");
    assert_string_equal(note.origin.topic, "in");
    assert_int_equal(note.origin.partition, 3);
    assert_int_equal(note.origin.offset, 42);
    assert_true(note.is_replay);
    assert_null(note.attachment);
    assert_true(note.failed);
    assert_false(
        replay_outcome_read(&message, "waybill/h", list, arena, &note));
}

static void outcomes__settle_the_delivery_that_they_are_of(void **state)
{
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = sample_dead_letters();
    struct replay_outcome note = {.event_id = "e1",
                                  .origin = {"in", 3, 42},
                                  .attachment = "ghcr:w1",
                                  .failed = true};

    dead_letter_list_apply_outcome(list, &note);
    assert_int_equal(list->all[0].state, DEAD_LETTER_WAITING);
    note.succeeded = true;
    dead_letter_list_apply_outcome(list, &note);
    assert_int_equal(list->all[0].state, DEAD_LETTER_DELIVERED);
    assert_int_equal(list->all[1].state, DEAD_LETTER_WAITING);
    /* A record that could not be parsed was delivered once any of its
     * deliveries was. */
    note.event_id = "e2";
    dead_letter_list_apply_outcome(list, &note);
    assert_int_equal(list->all[2].state, DEAD_LETTER_DELIVERED);
    assert_int_equal(list->all[3].state, DEAD_LETTER_WAITING);
}

static void outcomes__are_told_apart_from_those_of_others(void **state)
{
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = sample_dead_letters();
    struct replay_outcome note = {.event_id = "e1",
                                  .origin = {"in", 3, 42},
                                  .is_replay = true,
                                  .attachment = "ghcr:w1"};

    assert_false(dead_letter_list_has_replayed(list, &note));
    list->all[1].in_transaction = true;
    assert_false(dead_letter_list_has_replayed(list, &note));
    list->all[0].copied = true;
    assert_true(dead_letter_list_has_replayed(list, &note));
    note.is_replay = false;
    assert_false(dead_letter_list_has_replayed(list, &note));
}

/* Its producer chose the id of an event that has a dead letter. */
static void outcomes__of_a_forged_event_settle_nothing(void **state)
{
    static const struct position forged[] = {
        {"in", 3, 43}, {"in", 2, 42}, {"other", 3, 42}, {NULL, 0, 0}};
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = sample_dead_letters();

    for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
        struct replay_outcome note = {.event_id = "e1",
                                      .origin = forged[i],
                                      .is_replay = true,
                                      .attachment = "ghcr:w1",
                                      .succeeded = true};

        list->all[0].copied = true;
        dead_letter_list_apply_outcome(list, &note);
        check_number("state", list->all[0].state, DEAD_LETTER_WAITING);
        check("replayed", !dead_letter_list_has_replayed(list, &note));
        list->all[0].copied = false;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes__of_these_events_are_read),
        cmocka_unit_test(outcomes__of_others_are_not),
        cmocka_unit_test(outcomes__are_read_in_structured_mode),
        cmocka_unit_test(outcomes__settle_the_delivery_that_they_are_of),
        cmocka_unit_test(outcomes__are_told_apart_from_those_of_others),
        cmocka_unit_test(outcomes__of_a_forged_event_settle_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
