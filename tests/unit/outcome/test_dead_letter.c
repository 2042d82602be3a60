#include "asserts.h"
#include "waybill/outcome_encode.h"

static const struct registration registration = {.name = "ghcr",
                                                 .integration = "oci-registry"};

static const struct attachment attachment = {.name = "ghcr:w1",
                                             .registration_name = "ghcr",
                                             .registration = &registration};

static const struct outcome_style style = {
    .source = "waybill/g",
    .group = "g",
    .topic = "outcomes",
    .dead_letter_topic = "dead",
};

static const struct event event = {.id = "e1", .workflow = {.id = "w1"}};

static struct outcome failed(const struct input *input)
{
    struct outcome outcome = {
        .status = OUTCOME_FAILED,
        .input = input,
        .event = &event,
        .attachment = &attachment,
        .error = {.kind = ERROR_NOT_FOUND, .http_status = 404},
        .dead_letter = true,
        .attempts = 12,
        .started_ms = 1767323046000,
        .finished_ms = 1767323049000,
        .first_failed_ms = 1767323047000,
    };

    strcpy(outcome.error.code, "NAME_UNKNOWN");
    strcpy(outcome.error.message, "push: not found");
    return outcome;
}

static void check_header(const struct message *message, size_t index,
                         const char *name, const char *value)
{
    const struct header *header = &message->headers[index];

    check(name, index < message->header_count);
    check_text(name, header->name, name);
    check_bytes(name, header->value.data, header->value.len, value,
                strlen(value));
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
    static const char *const added[][2] = {
        {"waybill-error-class", "not_found"},
        {"waybill-error-code", "NAME_UNKNOWN"},
        {"waybill-error-message", "push: not found"},
        {"waybill-http-status", "404"},
        {"waybill-attempts", "12"},
        {"waybill-first-failure", "2026-01-02T03:04:07.000Z"},
        {"waybill-last-failure", "2026-01-02T03:04:09.000Z"},
        {"waybill-integration", "oci-registry"},
        {"waybill-registration", "ghcr"},
        {"waybill-attachment", "ghcr:w1"},
        {"waybill-topic", "in"},
        {"waybill-partition", "3"},
        {"waybill-offset", "42"},
        {"waybill-timestamp", "1767323045678"},
        {"waybill-group", "g"},
        {"waybill-event-id", "e1"},
        {"waybill-version", WAYBILL_VERSION},
        {"__connect.errors.topic", "in"},
        {"__connect.errors.partition", "3"},
        {"__connect.errors.offset", "42"},
        {"__connect.errors.exception.message", "push: not found"},
    };
    struct message letter;

    dead_letter_encode(&outcome, &style, arena, &letter);
    assert_string_equal(letter.topic, "dead");
    check_bytes("key", letter.key.data, letter.key.len, "k", 1);
    check_bytes("value", letter.value.data, letter.value.len, "{}", 2);
    assert_true(letter.timestamp_ms == 1767323045678);
    assert_int_equal(letter.header_count, ARRAY_SIZE(own) + ARRAY_SIZE(added));
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        check_text("own", letter.headers[i].name, own[i].name);
        check(own[i].name, bytes_equal(letter.headers[i].value, own[i].value));
    }
    for (size_t i = 0; i < ARRAY_SIZE(added); i++) {
        check_header(&letter, ARRAY_SIZE(own) + i, added[i][0], added[i][1]);
    }
    /* The latest word counts for whoever reads. */
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
    static const char *const added[][2] = {
        {"waybill-error-class", "schema"},
        {"waybill-error-message", "$: not JSON"},
        {"waybill-last-failure", "2026-01-02T03:04:09.000Z"},
        {"waybill-topic", "in"},
        {"waybill-partition", "0"},
        {"waybill-offset", "0"},
        {"waybill-group", "g"},
        {"waybill-event-id", "e1"},
        {"waybill-version", WAYBILL_VERSION},
        {"__connect.errors.topic", "in"},
        {"__connect.errors.partition", "0"},
        {"__connect.errors.offset", "0"},
        {"__connect.errors.exception.message", "$: not JSON"},
    };
    struct message letter;

    error_set(&outcome.error, ERROR_SCHEMA, "$: not JSON");
    outcome.attachment = NULL;
    outcome.attempts = 0;
    outcome.first_failed_ms = 0;
    dead_letter_encode(&outcome, &style, arena, &letter);
    assert_int_equal(letter.header_count, ARRAY_SIZE(added));
    for (size_t i = 0; i < ARRAY_SIZE(added); i++) {
        check_header(&letter, i, added[i][0], added[i][1]);
    }
    assert_null(letter.key.data);
}

static void dead_letter__of_a_tombstone_stays_one(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {.message = {.topic = "in", .key = bytes_of("")}};
    struct outcome outcome = failed(&input);
    struct message letter;

    dead_letter_encode(&outcome, &style, arena, &letter);
    assert_null(letter.value.data);
    assert_non_null(letter.key.data);
    assert_int_equal(letter.key.len, 0);
}

static void dead_letter__carries_a_message_of_at_most_one_kib(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {.message = {.topic = "in"}};
    struct outcome outcome = failed(&input);
    struct message letter;
    char text[3000];

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&outcome.error, ERROR_REJECTED, "%s", text);
    dead_letter_encode(&outcome, &style, arena, &letter);
    assert_int_equal(
        message_header(&letter, "waybill-error-message")->value.len, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_letter__is_the_record_and_why_it_is_there),
        cmocka_unit_test(dead_letter__leaves_out_what_does_not_apply),
        cmocka_unit_test(dead_letter__of_a_tombstone_stays_one),
        cmocka_unit_test(dead_letter__carries_a_message_of_at_most_one_kib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
