#include <strings.h>

#include "outcomes.h"

static const struct event event = {.id = "e1", .workflow = {.id = "w1"}};

static struct outcome failed(const struct input *input)
{
    static const struct error error = {
        .kind = ERROR_NOT_FOUND,
        .http_status = 404,
        .code = "NAME_UNKNOWN",
        .message = "push: not found",
    };
    struct outcome outcome = failed_outcome(input, &event, &error);

    outcome.attempts = 12;
    outcome.finished_ms = 1767323049000;
    outcome.first_failed_ms = 1767323047000;
    return outcome;
}

static void dead_letter__is_the_record_and_why_it_is_there(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct header own[] = {
        {"ce_id", bytes_of("e1")},
        {"waybill-error-class", bytes_of("of an earlier life")},
        {"binary", {(const unsigned char *)"\xFF\0", 2}},
        {"without", {NULL, 0}},
    };
    struct input input = {.message = {.topic = "in",
                                      .key = bytes_of("k"),
                                      .value = bytes_of("{}"),
                                      .headers = own,
                                      .header_count = ARRAY_SIZE(own),
                                      .timestamp_ms = 1767323045678},
                          .partition = 3,
                          .offset = 42};
    struct outcome outcome = failed(&input);
    static const char added[] =
        "waybill-error-class: not_found\n"
        "waybill-error-code: NAME_UNKNOWN\n"
        "waybill-error-message: push: not found\n"
        "waybill-http-status: 404\n"
        "waybill-attempts: 12\n"
        "waybill-first-failure: 2026-01-02T03:04:07.000Z\n"
        "waybill-last-failure: 2026-01-02T03:04:09.000Z\n"
        "waybill-integration: oci-registry\n"
        "waybill-registration: ghcr\n"
        "waybill-attachment: ghcr:w1\n"
        "waybill-topic: in\n"
        "waybill-partition: 3\n"
        "waybill-offset: 42\n"
        "waybill-timestamp: 1767323045678\n"
        "waybill-group: g\n"
        "waybill-event-id: e1\n"
        "waybill-version: " WAYBILL_VERSION "\n"
        "__connect.errors.topic: in\n"
        "__connect.errors.partition: 3\n"
        "__connect.errors.offset: 42\n"
        "__connect.errors.exception.message: push: not found\n";
    struct message letter;

    dead_letter_encode(&outcome, &binary, arena, &letter);
    assert_string_equal(letter.topic, "dead");
    check_bytes("key", letter.key.data, letter.key.len, "k", 1);
    check_bytes("value", letter.value.data, letter.value.len, "{}", 2);
    /* The time of writing, from which retention counts */
    assert_true(letter.timestamp_ms == 0);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        check_text("own", letter.headers[i].name, own[i].name);
        check(own[i].name, bytes_equal(letter.headers[i].value, own[i].value));
    }
    assert_string_equal(
        headers_text(&letter, ARRAY_SIZE(own), letter.header_count, arena),
        added);
    /* The last header of a name applies. */
    assert_string_equal(
        (const char *)message_header(&letter, "waybill-error-class")
            ->value.data,
        "not_found");
}

static void dead_letter__leaves_out_what_does_not_apply(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {
        .message = {.topic = "in", .value = bytes_of("x"), .timestamp_ms = -1},
        .partition = 0,
        .offset = 0};
    struct outcome outcome = failed(&input);
    static const char added[] =
        "waybill-error-class: schema\n"
        "waybill-error-message: $: not JSON\n"
        "waybill-last-failure: 2026-01-02T03:04:09.000Z\n"
        "waybill-topic: in\n"
        "waybill-partition: 0\n"
        "waybill-offset: 0\n"
        "waybill-group: g\n"
        "waybill-event-id: e1\n"
        "waybill-version: " WAYBILL_VERSION "\n"
        "__connect.errors.topic: in\n"
        "__connect.errors.partition: 0\n"
        "__connect.errors.offset: 0\n"
        "__connect.errors.exception.message: $: not JSON\n";
    struct message letter;

    error_set(&outcome.error, ERROR_SCHEMA, "$: not JSON");
    outcome.attachment = NULL;
    outcome.attempts = 0;
    outcome.first_failed_ms = 0;
    dead_letter_encode(&outcome, &binary, arena, &letter);
    assert_string_equal(headers_text(&letter, 0, letter.header_count, arena),
                        added);
    assert_null(letter.key.data);
}

static void dead_letter__of_a_tombstone_stays_one(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {.message = {.topic = "in", .key = bytes_of("")}};
    struct outcome outcome = failed(&input);
    struct message letter;

    dead_letter_encode(&outcome, &binary, arena, &letter);
    assert_null(letter.value.data);
    assert_non_null(letter.key.data);
    assert_int_equal(letter.key.len, 0);
}

static void dead_letter__carries_a_message_of_at_max_one_kib(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {.message = {.topic = "in"}};
    struct outcome outcome = failed(&input);
    struct message letter;
    char text[3000];

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&outcome.error, ERROR_REJECTED, "%s", text);
    dead_letter_encode(&outcome, &binary, arena, &letter);
    assert_int_equal(
        message_header(&letter, "waybill-error-message")->value.len, 1024);
}

/* --- replays -------------------------------------------------------------- */

static size_t times(const struct message *letter, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < letter->header_count; i++) {
        count += strcasecmp(letter->headers[i].name, name) == 0;
    }
    return count;
}

static void check_last(const char *label, const struct message *letter,
                       const char *name, const char *value)
{
    const struct header *header = message_header(letter, name);

    if (value == NULL) {
        check(label, header == NULL);
        return;
    }
    check(label, header != NULL);
    check_bytes(label, header->value.data, header->value.len, value,
                strlen(value));
}

/* A replay of a record whose producer used the names of Waybill's headers */
static const struct header replay_headers[] = {
    {"ce_id", {(const unsigned char *)"e1", 2}},
    {"waybill-error-class", {(const unsigned char *)"auth", 4}},
    {"waybill-attachment", {(const unsigned char *)"another", 7}},
    {"waybill-topic", {(const unsigned char *)"another", 7}},
    {"waybill-replays", {(const unsigned char *)"99", 2}},
    {"__connect.errors.stage", {(const unsigned char *)"s", 1}},
    {"mine", {(const unsigned char *)"kept", 4}},
#define PRODUCERS_HEADERS 7
    {"waybill-replays", {(const unsigned char *)"2", 1}},
    {"waybill-attachment", {(const unsigned char *)"ghcr:w1", 7}},
    {"waybill-event-id", {(const unsigned char *)"e1", 2}},
    {"waybill-topic", {(const unsigned char *)"in", 2}},
    {"waybill-partition", {(const unsigned char *)"3", 1}},
    {"waybill-offset", {(const unsigned char *)"42", 2}},
    {"waybill-timestamp", {(const unsigned char *)"1700000000001", 13}},
    {"waybill-dead-letter", {(const unsigned char *)"dead/0/7", 8}},
};

static struct input replayed_input(size_t header_count)
{
    return (struct input){.message = {.topic = "replayed",
                                      .value = bytes_of("{}"),
                                      .headers = replay_headers,
                                      .header_count = header_count,
                                      .timestamp_ms = 1767323045678},
                          .partition = 7,
                          .offset = 1000,
                          .is_replay = true};
}

static void check_kept(const struct message *letter, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_text("kept", letter->headers[i].name, replay_headers[i].name);
        check(replay_headers[i].name,
              bytes_equal(letter->headers[i].value, replay_headers[i].value));
    }
    check_text("ours follow", letter->headers[count].name,
               "waybill-error-class");
}

static void dead_letter__of_a_replay_takes_the_place_of_the_first(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = replayed_input(ARRAY_SIZE(replay_headers));
    struct outcome outcome = failed(&input);
    static const char *const wanted[][2] = {
        {"waybill-error-class", "schema"},
        {"waybill-error-message", "$: not JSON"},
        {"waybill-attempts", "12"},
        {"waybill-attachment", "ghcr:w1"},
        {"waybill-topic", "in"},
        {"waybill-partition", "3"},
        {"waybill-offset", "42"},
        {"waybill-replays", "2"},
        {"waybill-timestamp", "1700000000001"},
        {"waybill-version", WAYBILL_VERSION},
        {"waybill-dead-letter", NULL},
        {"__connect.errors.topic", "in"},
        {"__connect.errors.partition", "3"},
        {"__connect.errors.offset", "42"},
        {"__connect.errors.exception.message", "$: not JSON"},
    };
    struct message letter;
    struct message own;

    error_set(&outcome.error, ERROR_SCHEMA, "$: not JSON");
    dead_letter_encode(&outcome, &binary, arena, &letter);
    check_kept(&letter, PRODUCERS_HEADERS);
    own = message_with_own_headers(&letter, DEAD_LETTER_FIRST_HEADER);
    assert_int_equal(letter.header_count - own.header_count, PRODUCERS_HEADERS);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        const char *name = wanted[i][0];

        check_last(name, &own, name, wanted[i][1]);
        check_number(name, times(&own, name), wanted[i][1] != NULL);
    }
}

/* In the attestations topic all headers belong to the producer, whatever their
 * names are. */
static void dead_letter__of_no_replay_keeps_every_header(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    size_t count = ARRAY_SIZE(replay_headers);
    struct input input = replayed_input(count);
    struct outcome outcome = failed(&input);
    struct message letter;
    struct message own;

    input.is_replay = false;
    dead_letter_encode(&outcome, &binary, arena, &letter);
    check_kept(&letter, count);
    own = message_with_own_headers(&letter, DEAD_LETTER_FIRST_HEADER);
    check_last("its own place", &own, "waybill-topic", "replayed");
    check_last("its own place", &own, "waybill-partition", "7");
    check_last("its own place", &own, "waybill-offset", "1000");
    check_last("its own place", &own, "__connect.errors.offset", "1000");
    check_last("no replay", &own, "waybill-replays", NULL);
    check_last("no replay", &own, "waybill-dead-letter", NULL);
}

struct place_row {
    const char *label;
    struct header headers[3];
    const char *topic;
    const char *partition;
    const char *offset;
};

#define TEN "0123456789"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define PLACE(name, value)                                                     \
    {                                                                          \
        "waybill-" name,                                                       \
        {                                                                      \
            (const unsigned char *)(value), sizeof(value) - 1                  \
        }                                                                      \
    }

/* The original position, if all of it is known, else the current one */
static const struct place_row place_rows[] = {
    {"all",
     {PLACE("topic", "in"), PLACE("partition", "3"), PLACE("offset", "42")},
     "in",
     "3",
     "42"},
    {"nothing", {{0}}, "replayed", "7", "1000"},
    {"no offset",
     {PLACE("topic", "in"), PLACE("partition", "3")},
     "replayed",
     "7",
     "1000"},
    {"a topic without a value",
     {{"waybill-topic", {NULL, 0}},
      PLACE("partition", "3"),
      PLACE("offset", "42")},
     "replayed",
     "7",
     "1000"},
    {"an offset that is too long",
     {PLACE("topic", "in"), PLACE("partition", "3"),
      PLACE("offset", LONG LONG)},
     "replayed",
     "7",
     "1000"},
    {"a partition that is no number",
     {PLACE("topic", "in"), PLACE("partition", "3x"), PLACE("offset", "42")},
     "replayed",
     "7",
     "1000"},
    {"another case",
     {{"WAYBILL-TOPIC", {(const unsigned char *)"in", 2}},
      {"Waybill-Partition", {(const unsigned char *)"3", 1}},
      {"waybill-OFFSET", {(const unsigned char *)"42", 2}}},
     "in",
     "3",
     "42"},
};

static void dead_letter__says_where_the_record_stood_first(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(place_rows); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        const struct place_row *row = &place_rows[i];
        struct input input = replayed_input(0);
        struct outcome outcome = failed(&input);
        struct header headers[4] = {{"waybill-replays", bytes_of("1")}};
        struct message letter;
        size_t count = 1;

        while (count < 4 && row->headers[count - 1].name != NULL) {
            headers[count] = row->headers[count - 1];
            count++;
        }
        input.message.headers = headers;
        input.message.header_count = count;
        dead_letter_encode(&outcome, &binary, arena, &letter);
        check_last(row->label, &letter, "waybill-topic", row->topic);
        check_last(row->label, &letter, "waybill-partition", row->partition);
        check_last(row->label, &letter, "waybill-offset", row->offset);
        check_last(row->label, &letter, "__connect.errors.topic", row->topic);
        check_last(row->label, &letter, "waybill-replays", "1");
        check_number(row->label, times(&letter, "waybill-topic"), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_letter__is_the_record_and_why_it_is_there),
        cmocka_unit_test(dead_letter__leaves_out_what_does_not_apply),
        cmocka_unit_test(dead_letter__of_a_tombstone_stays_one),
        cmocka_unit_test(dead_letter__carries_a_message_of_at_max_one_kib),
        cmocka_unit_test(dead_letter__of_a_replay_takes_the_place_of_the_first),
        cmocka_unit_test(dead_letter__of_no_replay_keeps_every_header),
        cmocka_unit_test(dead_letter__says_where_the_record_stood_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
