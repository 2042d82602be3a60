/* kafka.h: reading records, the start positions, and reading again */

#include "kafka_world.h"
#include "shard.h"

/* --- records ---------------------------------------------------------------
 */

static bool has_rows(const void *payload)
{
    return ((const struct member *)payload)->records >= ROWS;
}

static void records_arrive_as_they_were_written(void **state)
{
    write_rows(&world.cluster);
    join();
    world.member.checks_rows = true;
    await(&world.member, has_rows);
    leave();
    assert_int_equal(world.member.records, ROWS);
}

static bool can_work(const void *payload)
{
    const struct member *member = payload;
    struct kafka_state can;

    kafka_get_state(member->queue, &can);
    return can.member && can.producer && member->records == 20;
}

static void it_is_known_when_work_can_be_done_and_where_the_log_ends(
    void **state)
{
    const struct kafka_partition at = {EVENTS, 1};
    struct kafka_bounds bounds;
    struct kafka_state can;

    write_numbers(&world.cluster, 0, 20);
    join();
    kafka_get_state(world.member.queue, &can);
    assert_false(can.member);
    kafka_get_bounds(world.member.queue, &at, &bounds);
    assert_true(bounds.first == -1 && bounds.end == -1);
    await(&world.member, can_work);
    kafka_get_bounds(world.member.queue, &at, &bounds);
    assert_true(bounds.end == 10);
}

static void pausing_loses_nothing_and_repeats_nothing(void **state)
{
    enum { COUNT = 500 };
    int pauses = 0;

    write_numbers(&world.cluster, 0, COUNT);
    join();
    world.member.pause_every = 60;
    while (world.member.records < COUNT / 60 * 60) {
        await(&world.member, is_paused);
        /* Gives prefetched records time to arrive. */
        wait_ms(pauses++ == 0 ? 1500 : 100);
        assert_int_equal(world.member.while_paused, 0);
        world.member.paused = false;
        kafka_resume(world.member.queue);
    }
    /* Writes more records while the client is paused and while it runs. */
    write_numbers(&world.cluster, COUNT, COUNT + 100);
    while (world.member.records < COUNT + 100) {
        if (turn_until(world.loop, is_paused, &world.member, 2000)) {
            world.member.paused = false;
            kafka_resume(world.member.queue);
        }
    }
    assert_int_equal(world.member.while_paused, 0);
    assert_false(world.member.out_of_order);
    for (int i = 0; i < COUNT + 100; i++) {
        assert_int_equal(world.member.seen[i], 1);
    }
    assert_true(pauses >= COUNT / 60);
}

/* Partitions that are assigned while the client is paused are paused, too. */
static void a_queue_that_is_paused_at_once_reads_nothing(void **state)
{
    write_numbers(&world.cluster, 0, 20);
    join();
    world.member.paused = true;
    kafka_pause(world.member.queue);
    await(&world.member, has_partition);
    wait_ms(1500);
    assert_int_equal(world.member.records, 0);
    world.member.paused = false;
    kafka_resume(world.member.queue);
    while (world.member.records < 20) {
        assert_true(
            turn_until(world.loop, has_partition, &world.member, SOON_MS));
        loop_turn(world.loop, true);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(world.member.seen[i], 1);
    }
}

/* --- positions -------------------------------------------------------------
 */

/* Commits as another client of the group, which has no members yet. */
static void commit_position(const struct cluster *cluster, int32_t partition,
                            int64_t offset, const char *metadata)
{
    rd_kafka_t *client =
        new_client(RD_KAFKA_CONSUMER,
                   (const char *const[]){"bootstrap.servers", cluster->brokers,
                                         "group.id", "group", NULL});
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(list, EVENTS, partition);

    at->offset = offset;
    at->metadata = strdup(metadata); /* the list frees it */
    at->metadata_size = strlen(metadata);
    assert_int_equal(rd_kafka_commit(client, list, 0),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

static void a_new_group_begins_at_the_first_record(void **state)
{
    write_numbers(&world.cluster, 0, 20);
    join_whole();
    for (int i = 0; i < PARTITIONS; i++) {
        assert_true(world.member.begins[i] == -1);
        assert_string_equal(world.member.metadata[i], "");
    }
    await(&world.member, has_twenty);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(world.member.seen[i], 1);
    }
}

static void a_partition_begins_where_it_was_left_with_what_was_said(
    void **state)
{
    static const char text[] = "V2F5YmlsbA==, and much more than that";

    write_numbers(&world.cluster, 0, 26); /* 13 each */
    commit_position(&world.cluster, 0, 6, text);
    join_whole();
    assert_true(world.member.begins[0] == 6);
    assert_string_equal(world.member.metadata[0], text);
    assert_true(world.member.begins[1] == -1);
    assert_string_equal(world.member.metadata[1], "");
    await(&world.member, has_twenty);
    wait_ms(300);
    for (int i = 0; i < 26; i++) {
        assert_int_equal(world.member.seen[i], i % 2 == 1 || i / 2 >= 6);
    }
}

/* Offset 0 is a position like any other. */
static void a_position_at_the_first_offset_is_one(void **state)
{
    commit_position(&world.cluster, 1, 0, "");
    join_whole();
    assert_true(world.member.begins[0] == -1);
    assert_true(world.member.begins[1] == 0);
    assert_string_equal(world.member.metadata[1], "");
}

/* --- one partition ---------------------------------------------------------
 */

static const struct kafka_partition first_partition = {EVENTS, 0};

static void pause_both_ways(struct member *member, bool partition)
{
    if (partition) {
        kafka_pause_partition(member->queue, &first_partition);
    } else {
        kafka_pause(member->queue);
    }
}

static void resume_both_ways(struct member *member, bool partition)
{
    if (partition) {
        kafka_resume_partition(member->queue, &first_partition);
    } else {
        kafka_resume(member->queue);
    }
}

/* Records of the first partition, which have the even numbers */
static int records_of_first(const struct member *member)
{
    int count = 0;

    for (int i = 0; i < MAX_SEEN; i += PARTITIONS) {
        count += member->seen[i];
    }
    return count;
}

struct numbers {
    const struct member *member;
    int from; /* every second number from there on */
    int to;
    const int *before; /* these numbers were delivered that often, and are
                          delivered once more */
};

static bool came_once_more(const void *payload)
{
    const struct numbers *numbers = payload;

    for (int i = numbers->from; i < numbers->to; i += PARTITIONS) {
        if (numbers->member->seen[i] <= numbers->before[i]) {
            return false;
        }
    }
    return true;
}

static void assert_come_once_more(const char *name, struct member *member,
                                  const int *before, int from, int to)
{
    struct numbers numbers = {member, from, to, before};

    if (!turn_until(member->loop, came_once_more, &numbers, 10000)) {
        int missing = from;

        while (member->seen[missing] > before[missing]) {
            missing += PARTITIONS;
        }
        fail_msg("%s: number %d does not come again", name, missing);
    }
}

static void a_partition_may_rest_while_the_other_goes_on(void **state)
{
    enum { COUNT = 100 };
    static const int never[MAX_SEEN];

    join_whole();
    kafka_pause_partition(world.member.queue, &first_partition);
    kafka_pause_partition(world.member.queue, &first_partition); /* no harm */
    write_numbers(&world.cluster, 0, COUNT);
    assert_come_once_more("the other one", &world.member, never, 1, COUNT);
    wait_ms(500);
    assert_int_equal(records_of_first(&world.member), 0);
    /* The client resumes, but this partition remains paused. */
    kafka_pause(world.member.queue);
    kafka_resume(world.member.queue);
    wait_ms(1000);
    assert_int_equal(records_of_first(&world.member), 0);
    /* The partition resumes, but the client is paused. */
    kafka_pause(world.member.queue);
    kafka_resume_partition(world.member.queue, &first_partition);
    wait_ms(1000);
    assert_int_equal(records_of_first(&world.member), 0);
    kafka_resume(world.member.queue);
    assert_come_once_more("it", &world.member, never, 0, COUNT);
    wait_ms(300);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(world.member.seen[i], 1);
    }
}

/* The steps around a rewind of the first partition:
 *
 *     w  the rewind     P  pause all      p  pause the partition
 *     .  a moment       R  resume all     r  resume the partition
 */
struct interplay {
    const char *name;
    const char *steps;
};

static const struct interplay interplays[] = {
    {"alone", "w"},
    {"twice", "ww"},
    {"while all are paused", "P.w.R"},
    {"while all are paused, without a moment", "PwR"},
    {"while it rests", "p.w.r"},
    {"while it rests, without a moment", "pwr"},
    {"as it is resumed", "p.rw"},
    {"all are paused at once, and resumed", "wPR"},
    {"all are paused at once, and resumed later", "wP.R"},
    {"it is paused at once, and resumed", "wpr"},
    {"it is paused at once, and resumed later", "wp.r"},
    {"while all are paused, which then pause once more", "PwRP.R"},
    {"while it rests, and all pause", "pwP.Rr"},
    {"while it rests, and all pause, which ends later", "pwP.r.R"},
    {"while both", "Pp.w.rR"},
    {"again, between two pauses", "wP.RwP.R"},
};

static void take_step(struct member *member, char step, int64_t offset)
{
    switch (step) {
    case 'w':
        kafka_rewind(member->queue, &first_partition, offset);
        break;
    case 'P':
    case 'p':
        pause_both_ways(member, step == 'p');
        break;
    case 'R':
    case 'r':
        resume_both_ways(member, step == 'r');
        break;
    default:
        wait_ms(300);
        break;
    }
}

enum { REWOUND = 60, FROM = 20 };

/* One member for all cases */
static int open_rewound(void **state)
{
    static const int never[MAX_SEEN];

    world_open(state);
    write_numbers(&world.cluster, 0, REWOUND);
    join();
    assert_come_once_more("the first time", &world.member, never, 0, REWOUND);
    assert_come_once_more("the first time", &world.member, never, 1, REWOUND);
    return 0;
}

static void a_rewind_brings_records_once_more(void **state)
{
    const struct interplay *row = *state;
    struct member *member = &world.member;
    int before[MAX_SEEN];

    memcpy(before, member->seen, sizeof(before));
    for (const char *step = row->steps; *step != '\0'; step++) {
        take_step(member, *step, FROM / PARTITIONS);
    }
    assert_come_once_more(row->name, member, before, FROM, REWOUND);
    wait_ms(200);
    /* None of the other partition, and of earlier records only those that were
     * delivered before. */
    for (int i = 1; i < REWOUND; i += PARTITIONS) {
        assert_int_equal(member->seen[i], before[i]);
    }
}

static const struct CMUnitTest tests[] = {
    KAFKA_TEST(records_arrive_as_they_were_written),
    KAFKA_TEST(it_is_known_when_work_can_be_done_and_where_the_log_ends),
    KAFKA_TEST(pausing_loses_nothing_and_repeats_nothing),
    KAFKA_TEST(a_queue_that_is_paused_at_once_reads_nothing),
    KAFKA_TEST(a_new_group_begins_at_the_first_record),
    KAFKA_TEST(a_partition_begins_where_it_was_left_with_what_was_said),
    KAFKA_TEST(a_position_at_the_first_offset_is_one),
    KAFKA_TEST(a_partition_may_rest_while_the_other_goes_on),
};

int main(void)
{
    struct CMUnitTest rewinds[ARRAY_SIZE(interplays)];
    int failed;

    for (size_t i = 0; i < ARRAY_SIZE(interplays); i++) {
        rewinds[i] =
            (struct CMUnitTest){.name = interplays[i].name,
                                .test_func = a_rewind_brings_records_once_more,
                                .initial_state = (void *)&interplays[i]};
    }
    failed = run_shard("records", tests, ARRAY_SIZE(tests), NULL, NULL);
    return failed + run_shard("rewinds", rewinds, ARRAY_SIZE(rewinds),
                              open_rewound, world_close);
}
