/* Deliveries that wait for a permission for longer than max_age: they become
 * dead letters if other records would have to wait for them, and only then. */

#include "service_world.h"

/* The reason why "one" is refused */
static enum error_kind refusal;

static size_t given_up; /* outcomes that are committed */
static size_t of_auth;  /* dead letters of class `auth` */
static size_t skipped;  /* outcomes that are committed */
static int64_t next;    /* offset */

/* With one registration, shedding would make room for nobody, so reading
 * pauses. With several, its records are shed, and read again. */
static void start(uint64_t max_records, size_t registrations)
{
    begin_with(max_records, registrations);
    refusal = ERROR_AUTH;
    given_up = 0;
    of_auth = 0;
    skipped = 0;
    next = 0;
    fake_assign(0, -1, "");
}

static bool contains(const struct message *message, const char *text)
{
    return memmem(message->value.data, message->value.len, text,
                  strlen(text)) != NULL;
}

static bool has_class(const struct message *message, const char *class)
{
    for (size_t i = 0; i < message->header_count; i++) {
        const struct header *header = &message->headers[i];

        if (strcmp(header->name, DEAD_LETTER_FIRST_HEADER) == 0) {
            return header->value.len == strlen(class) &&
                   memcmp(header->value.data, class, strlen(class)) == 0;
        }
    }
    return false;
}

static void commit_and_count(void)
{
    for (size_t i = 0; i < fake_queue()->messages; i++) {
        const struct message *message = fake_message(i);

        if (strcmp(message->topic, "dead") == 0) {
            of_auth += has_class(message, "auth");
        } else {
            given_up += contains(message, "\"status\":\"failed\"");
            skipped += contains(message, "\"status\":\"skipped\"");
        }
    }
    fake_commit_ends(KAFKA_COMMITTED);
    world_turn(&world);
}

/* "one" refuses everything, and the others do what the test sets. */
static void answer_all(void)
{
    while (fake_running("one") > 0) {
        fake_fail(fake_running_one("one"), refusal, 403, 0);
        world_turn(&world);
    }
    while (fake_running(NULL) > 0) {
        fake_succeed(fake_running_one(NULL));
        world_turn(&world);
    }
}

static void pass(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 1000) {
        world_pass(&world, 1000);
        answer_all();
        if (fake_queue()->committing) {
            commit_and_count();
        }
    }
}

/* As many as are read; all of them are written now. */
static size_t feed(const char *workflow, size_t count)
{
    size_t read = 0;

    while (read < count && record(next, workflow)) {
        next++;
        read++;
        answer_all();
    }
    return read;
}

static void expire__ends_nothing_while_nobody_waits(void **state)
{
    start(10, 1);
    assert_int_equal(feed("one", 5), 5);
    pass(6 * HOUR);
    assert_false(fake_queue()->paused);
    assert_int_equal(given_up, 0);
    assert_int_equal(service_records(service), 5);
    end();
}

static void expire__ends_what_is_too_old_when_reading_pauses(void **state)
{
    start(10, 1);
    assert_int_equal(feed("one", 100), 10);
    assert_true(fake_queue()->paused);
    pass(9 * MINUTE);
    assert_int_equal(given_up, 0); /* none is older than max_age */
    assert_true(fake_queue()->paused);
    pass(2 * MINUTE);
    assert_in_range(given_up, 5, 10); /* until there is room */
    assert_int_equal(of_auth, given_up);
    assert_false(fake_queue()->paused);
    /* Nobody else waits: the next records get their outcome. */
    assert_int_equal(feed("nobody", 3), 3);
    pass(2000);
    assert_int_equal(skipped, 3);
    end();
}

static void expire__leaves_what_is_younger(void **state)
{
    start(10, 1);
    assert_int_equal(feed("one", 5), 5);
    pass(8 * MINUTE);
    assert_int_equal(feed("one", 100), 5);
    assert_true(fake_queue()->paused);
    pass(3 * MINUTE);
    assert_int_equal(given_up, 5);
    assert_int_equal(of_auth, 5);
    assert_int_equal(service_records(service), 5);
    end();
}

/* A quota, or a read-only mode, which an operator will end. */
static void expire__never_ends_what_is_blocked(void **state)
{
    start(10, 1);
    refusal = ERROR_BLOCKED;
    assert_int_equal(feed("one", 100), 10);
    pass(6 * HOUR);
    assert_true(fake_queue()->paused);
    assert_int_equal(given_up, 0);
    end();
}

/* The records around it are done, and their progress has the maximum size,
 * whatever is shed: the partition is paused. */
static void expire__ends_what_a_partition_would_rest_for(void **state)
{
    start(100, ARRAY_SIZE(world_registrations));
    while (next < 100000 && !fake_queue()->resting[0]) {
        if (feed(next % 2 == 0 ? "one" : "far", 1) == 0) {
            pass(1000);
        } else if (fake_queue()->committing) {
            commit_and_count();
        } else if (next % 64 == 0) {
            world_pass(&world, 50);
        }
    }
    assert_true(fake_queue()->resting[0]);
    assert_int_equal(given_up, 0);
    pass(11 * MINUTE);
    assert_true(given_up > 0);
    assert_int_equal(of_auth, given_up);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expire__ends_nothing_while_nobody_waits),
        cmocka_unit_test(expire__ends_what_is_too_old_when_reading_pauses),
        cmocka_unit_test(expire__leaves_what_is_younger),
        cmocka_unit_test(expire__never_ends_what_is_blocked),
        cmocka_unit_test(expire__ends_what_a_partition_would_rest_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
