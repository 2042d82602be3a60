#include "asserts.h"
#include "pipeline/scheduler.h"

#define MOST 4

#define ATTACHMENTS 3

struct fixture {
    struct scheduler scheduler;
    struct endpoint endpoint;
    struct registration_queue queue;
    struct attachment_queue attachments[ATTACHMENTS];
    struct delivery deliveries[10];
};

/* All of the backlog belongs to the first attachment. */
static void open_queue(struct fixture *fixture, size_t backlog)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->endpoint.scheduler = &fixture->scheduler;
    registration_queue_init(&fixture->queue, NULL, MOST, fixture->attachments);
    fixture->queue.attachment_count = ATTACHMENTS;
    fixture->queue.endpoint = &fixture->endpoint;
    for (size_t i = 0; i < ATTACHMENTS; i++) {
        attachment_queue_init(&fixture->attachments[i], NULL, &fixture->queue);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fixture->deliveries); i++) {
        fixture->deliveries[i].attachment_queue = &fixture->attachments[0];
    }
    for (size_t i = 0; i < backlog; i++) {
        attachment_queue_push(&fixture->attachments[0],
                              &fixture->deliveries[i]);
    }
}

static void push(struct fixture *fixture, size_t attachment, size_t delivery)
{
    fixture->deliveries[delivery].attachment_queue =
        &fixture->attachments[attachment];
    attachment_queue_push(&fixture->attachments[attachment],
                          &fixture->deliveries[delivery]);
}

static enum held refuse(struct fixture *fixture, size_t attachment,
                        uint64_t now_ms)
{
    static const struct error err = {.kind = ERROR_AUTH, .http_status = 403};
    static const uint64_t pauses[] = {60000, 1000};

    return registration_queue_refused(&fixture->attachments[attachment], &err,
                                      now_ms, pauses);
}

static enum held accept(struct fixture *fixture, size_t attachment)
{
    return registration_queue_accepted(&fixture->attachments[attachment]);
}

/* Takes the next delivery that may begin, and begins it. */
static struct delivery *begin_next(struct registration_queue *queue,
                                   uint64_t now_ms)
{
    struct delivery *delivery = registration_queue_next(queue, now_ms);

    if (delivery != NULL) {
        attachment_queue_begin(delivery->attachment_queue);
    }
    return delivery;
}

static void registration_queue__gives_in_order_of_arrival(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 3);
    assert_int_equal(fixture.queue.backlog_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[i]);
        assert_int_equal(fixture.queue.in_flight, i + 1);
        assert_int_equal(fixture.queue.backlog_count, 2 - i);
    }
    assert_null(begin_next(&fixture.queue, 0));
    assert_int_equal(fixture.queue.in_flight, 3);
}

static void registration_queue__gives_no_more_than_may_begin(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 6);
    for (size_t i = 0; i < MOST; i++) {
        assert_non_null(begin_next(&fixture.queue, 0));
    }
    assert_null(begin_next(&fixture.queue, 0));
    assert_int_equal(fixture.queue.in_flight, MOST);
    attachment_queue_end(&fixture.attachments[0]);
    assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[MOST]);
}

static void registration_queue__lets_anybody_leave(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 3);
    attachment_queue_remove(&fixture.attachments[0], &fixture.deliveries[1]);
    assert_int_equal(fixture.queue.backlog_count, 2);
    assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[0]);
    assert_ptr_equal(begin_next(&fixture.queue, 0), &fixture.deliveries[2]);
    assert_null(begin_next(&fixture.queue, 0));
}

/* The results of attempts: r (refused) and a (accepted) for the first
 * attachment, s and b for the second one; and which of the three are held then:
 * the registration, the first attachment, the second one. */
static void registration_queue__knows_who_is_refused(void **state)
{
    static const struct {
        const char *happens;
        const char *held;
    } table[] = {
        {"", ""},
        {"a", ""},
        {"r", ""},
        {"rr", ""},
        {"rrr", "R1"},
        {"rrrrr", "R1"},
        {"rra", ""},
        {"rrarr", ""},
        {"rrarrr", "R1"},
        {"rrra", ""},
        {"rrrarr", ""},
        {"rarara", ""},
        /* Others succeed meanwhile, before, after, again. */
        {"rbrr", "1"},
        {"rrbrbr", "1"},
        {"brrr", "R1"},
        {"brrrb", "1"},
        {"rrrb", "1"},
        {"rrrbr", "1"},
        {"rrrba", ""},
        /* Another one shows at once whether it is refused, too. */
        {"rrrs", "R12"},
        {"rrrsb", "1"},
        {"rrrsa", "2"},
        /* At first only the first, then all of them */
        {"rbrrsss", "R12"},
        {"rbrrssb", "1"},
        {"rsrsrs", "R12"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct fixture fixture;
        char held[4] = "";

        open_queue(&fixture, 0);
        for (const char *at = table[i].happens; *at != '\0'; at++) {
            size_t attachment = *at == 's' || *at == 'b';

            if (*at == 'r' || *at == 's') {
                refuse(&fixture, attachment, 0);
            } else {
                accept(&fixture, attachment);
            }
        }
        strcat(held, fixture.queue.held ? "R" : "");
        for (size_t n = 0; n < 2; n++) {
            if (fixture.attachments[n].permission == PERMISSION_REFUSED) {
                strcat(held, n == 0 ? "1" : "2");
            }
        }
        check_text(table[i].happens, held, table[i].held);
    }
}

static void registration_queue__says_what_is_new(void **state)
{
    struct fixture fixture;

    open_queue(&fixture, 0);
    assert_int_equal(refuse(&fixture, 0, 0), HELD_NOTHING);
    assert_int_equal(refuse(&fixture, 0, 0), HELD_NOTHING);
    assert_int_equal(refuse(&fixture, 0, 0), HELD_REGISTRATION);
    assert_int_equal(refuse(&fixture, 0, 0), HELD_NOTHING);
    assert_int_equal(refuse(&fixture, 1, 0), HELD_ATTACHMENT);
    assert_int_equal(accept(&fixture, 2), HELD_REGISTRATION);
    assert_int_equal(accept(&fixture, 1), HELD_ATTACHMENT);
    assert_int_equal(accept(&fixture, 1), HELD_NOTHING);
}

static void hold(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++) {
        refuse(fixture, 0, 0);
    }
    assert_true(fixture->queue.held);
}

static void registration_queue__tries_one_at_a_time_while_it_is_held(
    void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 0);
    for (size_t i = 0; i < 5; i++) {
        fixture.deliveries[i].refused = true;
        push(&fixture, 0, i);
    }
    hold(&fixture);
    assert_null(begin_next(queue, 0));
    assert_null(begin_next(queue, 59999));
    assert_int_equal(registration_queue_due_ms(queue, 1000), 60000);
    assert_ptr_equal(begin_next(queue, 60000), &fixture.deliveries[0]);
    assert_null(begin_next(queue, 60000));
    assert_null(begin_next(queue, 100000));
    assert_int_equal(registration_queue_due_ms(queue, 60000), 0);
    /* It is refused as well. */
    refuse(&fixture, 0, 61000);
    attachment_queue_end(&fixture.attachments[0]);
    assert_null(begin_next(queue, 120999));
    assert_ptr_equal(begin_next(queue, 121000), &fixture.deliveries[1]);
}

/* A record with a path of its own may be permitted: those that were not refused
 * before are tried sooner, and do not delay the others for ever. */
static void registration_queue__tries_what_is_new_more_often(void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;
    uint64_t now_ms = 0;

    open_queue(&fixture, 9);
    fixture.deliveries[9].refused = true;
    push(&fixture, 0, 9);
    hold(&fixture);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(registration_queue_due_ms(queue, now_ms),
                         now_ms + 1000);
        now_ms += 1000;
        assert_null(begin_next(queue, now_ms - 1));
        assert_ptr_equal(begin_next(queue, now_ms), &fixture.deliveries[i]);
        refuse(&fixture, 0, now_ms);
        attachment_queue_end(&fixture.attachments[0]);
    }
    assert_ptr_equal(begin_next(queue, 60000), &fixture.deliveries[9]);
}

/* Attachments that have not been tried since then show their state at once. */
static void registration_queue__tries_each_attachment_at_once(void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 5);
    push(&fixture, 1, 6);
    push(&fixture, 1, 7);
    push(&fixture, 2, 8);
    accept(&fixture, 1);
    hold(&fixture);
    assert_ptr_equal(begin_next(queue, 0), &fixture.deliveries[6]);
    assert_null(begin_next(queue, 0));
    refuse(&fixture, 1, 0);
    attachment_queue_end(&fixture.attachments[1]);
    assert_ptr_equal(begin_next(queue, 0), &fixture.deliveries[8]);
    accept(&fixture, 2);
    attachment_queue_end(&fixture.attachments[2]);
    assert_false(queue->held);
    /* One of each attachment that is held, without a wait */
    assert_ptr_equal(begin_next(queue, 0), &fixture.deliveries[0]);
    assert_ptr_equal(begin_next(queue, 0), &fixture.deliveries[7]);
    assert_null(begin_next(queue, 0));
    refuse(&fixture, 0, 0);
    attachment_queue_end(&fixture.attachments[0]);
    assert_ptr_equal(begin_next(queue, 0), &fixture.deliveries[1]);
}

static void registration_queue__lets_attachments_take_turns(void **state)
{
    static const size_t order[] = {0, 4, 6, 1};
    struct fixture fixture;

    open_queue(&fixture, 4);
    push(&fixture, 1, 4);
    push(&fixture, 2, 6);
    push(&fixture, 2, 7);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        assert_ptr_equal(begin_next(&fixture.queue, 0),
                         &fixture.deliveries[order[i]]);
    }
}

/* Those that were in flight when it was held */
static void registration_queue__tries_nothing_while_something_is_in_flight(
    void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 5);
    begin_next(queue, 0);
    begin_next(queue, 0);
    hold(&fixture);
    assert_null(begin_next(queue, 2000));
    attachment_queue_end(&fixture.attachments[0]);
    assert_null(begin_next(queue, 2000));
    attachment_queue_end(&fixture.attachments[0]);
    assert_non_null(begin_next(queue, 2000));
}

static void registration_queue__goes_on_when_one_is_accepted(void **state)
{
    struct fixture fixture;
    struct registration_queue *queue = &fixture.queue;

    open_queue(&fixture, 6);
    hold(&fixture);
    begin_next(queue, 1000);
    assert_int_equal(accept(&fixture, 0), HELD_REGISTRATION);
    for (size_t i = 1; i < MOST; i++) {
        assert_non_null(begin_next(queue, 1000));
    }
    assert_null(begin_next(queue, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration_queue__gives_in_order_of_arrival),
        cmocka_unit_test(registration_queue__gives_no_more_than_may_begin),
        cmocka_unit_test(registration_queue__lets_anybody_leave),
        cmocka_unit_test(registration_queue__knows_who_is_refused),
        cmocka_unit_test(registration_queue__says_what_is_new),
        cmocka_unit_test(
            registration_queue__tries_one_at_a_time_while_it_is_held),
        cmocka_unit_test(registration_queue__tries_what_is_new_more_often),
        cmocka_unit_test(registration_queue__tries_each_attachment_at_once),
        cmocka_unit_test(registration_queue__lets_attachments_take_turns),
        cmocka_unit_test(
            registration_queue__tries_nothing_while_something_is_in_flight),
        cmocka_unit_test(registration_queue__goes_on_when_one_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
