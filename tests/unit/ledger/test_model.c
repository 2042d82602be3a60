#include "asserts.h"
#include "waybill/alloc.h"
#include "waybill/ledger.h"
#include "waybill/random.h"

/* Compares the ledger with a plain array: random records that finish in random
 * order, commits that succeed, fail or have an unknown result, and lives that
 * end at any point, of which only the committed state remains. */

#define MAX_RECORDS 3000
#define MAX_PARTS 6
#define MAX_IN_WORK 600

/* The parameters of one partition; probabilities are per 1000 */
struct weather {
    const char *name;
    uint64_t seed;
    size_t records;
    unsigned part_count; /* of a record, at most; 0 is a record's own outcome */
    unsigned gap;        /* the next offset is not consecutive */
    int64_t widest_gap;
    unsigned nothing_owed;
    unsigned stuck;
    unsigned failing;
    unsigned crash;
    unsigned abort;
    unsigned drop;
    size_t max;       /* parts in a commit */
    unsigned shorten; /* as many times in every life */
    size_t in_work;
};

struct part {
    uint64_t id;
    bool stuck;
    unsigned commits;
    unsigned attempts; /* as of the last life */
};

struct record {
    int64_t offset;
    struct part parts[MAX_PARTS];
    size_t part_count;
    bool begun;
};

/* The records in work in this life */
struct job {
    struct ledger_entry entry;
    struct ledger_slot slots[MAX_PARTS];
    struct record *record;
};

struct world {
    const struct weather *weather;
    struct random random;
    struct record records[MAX_RECORDS];
    size_t count;
    struct ledger ledger;
    struct job *jobs[MAX_IN_WORK];
    size_t job_count;
    size_t position; /* of the consumer, in records */
    bool committing;
    int64_t offset; /* the content of the current commit */
    struct str text;
    int64_t kept_offset; /* the committed state */
    struct str kept_text;
    bool calm; /* nothing fails or is stuck any more */
    unsigned lives;
    unsigned commits;
    unsigned out_of_order;
};

static bool happens(struct world *world, unsigned chance)
{
    return random_below(&world->random, 1000) < chance;
}

/* --- the truth ---------------------------------------------------------------
 */

static bool is_complete(const struct record *record)
{
    for (size_t i = 0; i < record->part_count; i++) {
        if (record->parts[i].commits == 0) {
            return false;
        }
    }
    return true;
}

/* The parts are unknown only until their record is done. */
static void check_record(const struct world *world,
                         const struct progress *progress,
                         const struct record *record)
{
    const char *name = world->weather->name;

    if (record->offset < progress->watermark) {
        check(name, is_complete(record));
        return;
    }
    if (record->part_count == 0) {
        return; /* reading it again has no effect */
    }
    check_number(name, offset_set_has(&progress->done, record->offset),
                 is_complete(record));
    for (size_t i = 0; i < record->part_count && !is_complete(record); i++) {
        check_number(name,
                     progress_has_delivery(progress, record->parts[i].id,
                                           record->offset),
                     record->parts[i].commits);
    }
}

static void check_kept(struct world *world)
{
    CLEANUP(progress_release) struct progress progress = {0};
    struct error err;

    if (progress_decode(world->kept_offset, world->kept_text.data, &progress,
                        &err) < 0) {
        print_error("%s: %s\n", world->weather->name, err.message);
        fail();
    }
    for (size_t i = 0; i < world->count; i++) {
        check_record(world, &progress, &world->records[i]);
    }
    world->out_of_order += offset_set_end(&progress.done) > 0;
}

/* --- lives ------------------------------------------------------------------
 */

static void free_job(struct world *world, size_t index)
{
    mem_free(world->jobs[index]);
    world->jobs[index] = world->jobs[--world->job_count];
}

static void begin_life(struct world *world)
{
    struct error err;

    ledger_init(&world->ledger);
    world->position = 0;
    world->lives++;
    check(world->weather->name,
          ledger_restore(&world->ledger, world->kept_offset,
                         world->kept_text.data, &err) == 0);
    for (unsigned i = 0; i < world->weather->shorten; i++) {
        ledger_limit_metadata(&world->ledger, world->ledger.max_text / 2);
    }
    for (size_t i = 0; i < world->count; i++) {
        struct record *record = &world->records[i];

        world->position += record->offset < world->kept_offset;
        /* Attempts that began after the last commit are not known to anyone. */
        record->begun = record->begun &&
                        ledger_was_dispatched(&world->ledger, record->offset);
    }
}

/* State that existed in memory only is lost. */
static void end_life(struct world *world)
{
    ledger_release(&world->ledger);
    while (world->job_count > 0) {
        free_job(world, 0);
    }
    world->committing = false;
}

/* --- steps ------------------------------------------------------------------
 */

/* The ledger's statements about a delivery match its real state. */
static void take_part(const struct world *world, struct job *job,
                      const struct part *part)
{
    struct ledger_slot *open = &job->slots[job->entry.slot_count];
    const struct ledger *ledger = &world->ledger;
    int64_t offset = job->record->offset;
    bool done = ledger_is_delivery_done(ledger, offset, part->id);

    check_number(world->weather->name, part->commits, done);
    if (done) {
        assert_true(ledger_has_deliveries_done(ledger, offset));
        return;
    }
    *open = (struct ledger_slot){.id = part->id};
    ledger_restore_attempts(ledger, open, offset);
    assert_true(open->attempts <= part->attempts);
    ledger_entry_add_slot(&job->entry, open);
}

static void take_in(struct world *world, struct record *record)
{
    struct job *job = mem_zalloc(sizeof(*job));

    record->begun = true;
    job->record = record;
    ledger_entry_init(&job->entry, record->offset, job);
    for (size_t i = 0; i < record->part_count; i++) {
        take_part(world, job, &record->parts[i]);
    }
    check(world->weather->name,
          record->part_count == 0 || job->entry.slot_count > 0);
    ledger_add(&world->ledger, &job->entry);
    world->jobs[world->job_count++] = job;
}

static void read_on(struct world *world)
{
    struct record *record = &world->records[world->position];

    if (world->position == world->count ||
        world->job_count == world->weather->in_work ||
        (ledger_is_full(&world->ledger) &&
         !ledger_is_rereading(&world->ledger))) {
        return;
    }
    world->position++;
    if (ledger_read(&world->ledger, record->offset)) {
        take_in(world, record);
    }
}

static struct part *part_of(const struct job *job, uint64_t id)
{
    for (size_t i = 0; i < job->record->part_count; i++) {
        if (job->record->parts[i].id == id) {
            return &job->record->parts[i];
        }
    }
    fail();
    return NULL;
}

/* A delivery of some record finishes or fails. */
static void work(struct world *world)
{
    struct job *job;
    struct ledger_slot *open;
    struct part *part;

    if (world->job_count == 0) {
        return;
    }
    job = world->jobs[random_below(&world->random, world->job_count)];
    if (job->entry.slot_count == 0) {
        return;
    }
    open = &job->slots[random_below(&world->random, job->entry.slot_count)];
    part = part_of(job, open->id);
    if (open->state != SLOT_OPEN) {
        return;
    }
    if ((part->stuck || happens(world, world->weather->failing)) &&
        !world->calm) {
        ledger_note_attempts(open, open->attempts + 1, 1767323045000);
        part->attempts =
            open->attempts > part->attempts ? open->attempts : part->attempts;
        return;
    }
    ledger_finish(open);
}

static void give_up_one(struct world *world)
{
    size_t index;
    const struct ledger_entry *entry;

    if (world->job_count == 0) {
        return;
    }
    index = random_below(&world->random, world->job_count);
    entry = &world->jobs[index]->entry;
    if (!ledger_entry_has(entry, SLOT_OPEN) ||
        ledger_entry_has(entry, SLOT_FINISHED) ||
        ledger_entry_has(entry, SLOT_IN_COMMIT)) {
        return;
    }
    if (ledger_shed(&world->ledger, &world->jobs[index]->entry)) {
        free_job(world, index);
    }
}

static void rewind_reading(struct world *world)
{
    int64_t offset;

    if (!ledger_needs_rewind(&world->ledger)) {
        return;
    }
    offset = ledger_rewind(&world->ledger);
    while (world->position > 0 &&
           world->records[world->position - 1].offset >= offset) {
        world->position--;
    }
}

/* --- commits ----------------------------------------------------------------
 */

static size_t count_claimed(const struct world *world, size_t *ret_records)
{
    size_t count = 0;

    *ret_records = 0;
    for (size_t i = 0; i < world->job_count; i++) {
        const struct ledger_entry *entry = &world->jobs[i]->entry;

        for (size_t j = 0; j < entry->slot_count; j++) {
            count += world->jobs[i]->slots[j].state == SLOT_IN_COMMIT;
        }
        *ret_records += ledger_entry_has(entry, SLOT_IN_COMMIT);
    }
    return count;
}

/* Records that were read may have been worked on. */
static void check_dispatched(const struct world *world)
{
    CLEANUP(progress_release) struct progress progress = {0};
    struct error err;

    check(world->weather->name, progress_decode(world->offset, world->text.data,
                                                &progress, &err) == 0);
    for (size_t i = 0; i < world->count && world->text.len > 0; i++) {
        check(world->weather->name,
              !world->records[i].begun ||
                  world->records[i].offset < progress.dispatched);
    }
}

static void prepare(struct world *world)
{
    const char *name = world->weather->name;
    size_t records;
    size_t claimed;

    if (world->committing ||
        !ledger_prepare(&world->ledger, world->weather->max)) {
        return;
    }
    claimed = count_claimed(world, &records);
    check(name, claimed <= world->weather->max || records == 1);
    str_clear(&world->text);
    world->offset = ledger_encode(&world->ledger, &world->text);
    check(name, world->text.len <= (size_t)PROGRESS_MAX_TEXT >>
                    world->weather->shorten);
    check(name, world->offset >= world->kept_offset);
    check_dispatched(world);
    world->committing = true;
}

/* The commit succeeded, whether or not this is known here. */
static void keep(struct world *world)
{
    for (size_t i = 0; i < world->job_count; i++) {
        const struct job *job = world->jobs[i];

        for (size_t j = 0; j < job->entry.slot_count; j++) {
            if (job->slots[j].state == SLOT_IN_COMMIT) {
                struct part *part = part_of(job, job->slots[j].id);

                part->commits++;
                check_number(world->weather->name, part->commits, 1);
            }
        }
    }
    world->kept_offset = world->offset;
    str_clear(&world->kept_text);
    str_append_text(&world->kept_text, world->text.data);
    world->commits++;
    check_kept(world);
}

static void take_complete(struct world *world)
{
    struct ledger_entry *entry;

    while ((entry = ledger_take_complete(&world->ledger)) != NULL) {
        size_t index = 0;

        while (&world->jobs[index]->entry != entry) {
            index++;
            assert_true(index < world->job_count);
        }
        check(world->weather->name, is_complete(world->jobs[index]->record));
        free_job(world, index);
    }
}

static void end_commit(struct world *world)
{
    if (!world->committing) {
        return;
    }
    world->committing = false;
    if (happens(world, world->weather->abort) && !world->calm) {
        ledger_aborted(&world->ledger);
        return;
    }
    keep(world);
    ledger_committed(&world->ledger);
    take_complete(world);
}

static void crash(struct world *world)
{
    if (world->committing && happens(world, 500)) {
        keep(world);
    }
    end_life(world);
    begin_life(world);
}

/* --- the whole --------------------------------------------------------------
 */

static void make_part(struct world *world, struct record *record)
{
    struct part *part = &record->parts[record->part_count];
    uint64_t id = world->weather->part_count > 0
                      ? 1 + random_below(&world->random, MAX_PARTS)
                      : 0;

    for (size_t i = 0; i < record->part_count; i++) {
        if (record->parts[i].id == id) {
            return;
        }
    }
    *part =
        (struct part){.id = id, .stuck = happens(world, world->weather->stuck)};
    record->part_count++;
}

static void make_records(struct world *world)
{
    const struct weather *weather = world->weather;
    int64_t offset = (int64_t)random_below(&world->random, 1000);

    for (size_t i = 0; i < weather->records; i++) {
        struct record *record = &world->records[i];
        uint64_t count = 1 + random_below(&world->random, weather->part_count);

        *record = (struct record){.offset = offset};
        if (!happens(world, weather->nothing_owed)) {
            for (uint64_t j = 0; j < count; j++) {
                make_part(world, record);
            }
        }
        offset++;
        if (happens(world, weather->gap)) {
            offset += 1 + (int64_t)random_below(&world->random,
                                                (uint64_t)weather->widest_gap);
        }
    }
    world->count = weather->records;
}

static void step(struct world *world)
{
    switch (random_below(&world->random, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        read_on(world);
        break;
    case 4:
        prepare(world);
        break;
    case 5:
        end_commit(world);
        break;
    case 6:
        rewind_reading(world);
        break;
    case 7:
        if (!world->calm && happens(world, world->weather->crash)) {
            crash(world);
        }
        if (!world->calm && happens(world, world->weather->drop)) {
            give_up_one(world);
        }
        break;
    default:
        work(world);
    }
}

static bool is_over(const struct world *world)
{
    return world->position == world->count && world->job_count == 0 &&
           !world->committing &&
           world->kept_offset > world->records[world->count - 1].offset;
}

static void check_end(const struct world *world)
{
    check(world->weather->name, is_over(world));
    for (size_t i = 0; i < world->count; i++) {
        const struct record *record = &world->records[i];

        for (size_t j = 0; j < record->part_count; j++) {
            assert_int_equal(record->parts[j].commits, 1);
        }
    }
    check_text(world->weather->name, world->kept_text.data, "");
}

/* Or it was too fine to be recorded. */
static void check_was_rough(const struct world *world)
{
    const struct weather *weather = world->weather;

    check(weather->name, weather->crash == 0 || world->lives > 3);
    check(weather->name, world->commits > 50);
    check(weather->name, weather->shorten > 5 || world->out_of_order > 20);
}

static struct world *live_through(const struct weather *weather)
{
    struct world *world = mem_zalloc(sizeof(*world));

    world->weather = weather;
    world->kept_offset = -1001;
    str_init(&world->text, STR_UNLIMITED);
    str_init(&world->kept_text, STR_UNLIMITED);
    random_seed(&world->random, weather->seed);
    make_records(world);
    begin_life(world);
    for (size_t i = 0; i < 20 * weather->records; i++) {
        step(world);
    }
    world->calm = true;
    for (size_t i = 0; i < 200 * weather->records && !is_over(world); i++) {
        step(world);
    }
    check_end(world);
    return world;
}

static void free_world(struct world *world)
{
    end_life(world);
    str_release(&world->text);
    str_release(&world->kept_text);
    mem_free(world);
}

static const struct weather weathers[] = {
    {.name = "fair", .seed = 1, .records = 2000, .max = 100, .in_work = 200},
    {.name = "one attachment",
     .seed = 2,
     .records = 2000,
     .part_count = 1,
     .stuck = 5,
     .failing = 100,
     .crash = 5,
     .abort = 100,
     .drop = 50,
     .max = 50,
     .in_work = 100},
    {.name = "several",
     .seed = 3,
     .records = 2000,
     .part_count = 6,
     .stuck = 3,
     .failing = 200,
     .crash = 5,
     .abort = 200,
     .drop = 100,
     .max = 1000,
     .in_work = 300},
    {.name = "gaps",
     .seed = 4,
     .records = 2000,
     .part_count = 3,
     .gap = 300,
     .widest_gap = 40,
     .nothing_owed = 200,
     .stuck = 3,
     .failing = 100,
     .crash = 5,
     .abort = 200,
     .drop = 100,
     .max = 7,
     .in_work = 300},
    {.name = "abysses",
     .seed = 5,
     .records = 1500,
     .part_count = 2,
     .gap = 100,
     .widest_gap = 20000,
     .nothing_owed = 200,
     .failing = 100,
     .crash = 5,
     .abort = 100,
     .drop = 50,
     .max = 100,
     .in_work = 100},
    {.name = "much at once",
     .seed = 6,
     .records = 3000,
     .part_count = 6,
     .stuck = 30,
     .failing = 500,
     .crash = 2,
     .abort = 100,
     .drop = 100,
     .max = 1000,
     .in_work = 600},
    {.name = "one at a time",
     .seed = 7,
     .records = 1000,
     .part_count = 6,
     .stuck = 3,
     .failing = 100,
     .crash = 10,
     .abort = 300,
     .drop = 500,
     .max = 1,
     .in_work = 50},
    {.name = "short texts",
     .seed = 8,
     .records = 1500,
     .part_count = 4,
     .gap = 100,
     .widest_gap = 10,
     .nothing_owed = 100,
     .stuck = 10,
     .failing = 100,
     .crash = 10,
     .abort = 200,
     .drop = 100,
     .max = 100,
     .shorten = 4,
     .in_work = 300},
    {.name = "no texts",
     .seed = 9,
     .records = 1500,
     .part_count = 4,
     .gap = 100,
     .widest_gap = 10,
     .nothing_owed = 100,
     .failing = 100,
     .crash = 10,
     .abort = 200,
     .drop = 100,
     .max = 100,
     .shorten = 12,
     .in_work = 300},
    {.name = "short lives",
     .seed = 10,
     .records = 1000,
     .part_count = 4,
     .gap = 100,
     .widest_gap = 10,
     .stuck = 10,
     .failing = 200,
     .crash = 100,
     .abort = 300,
     .drop = 100,
     .max = 100,
     .in_work = 300},
};

static void ledger__commits_everything_exactly_once(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(weathers); i++) {
        struct world *world = live_through(&weathers[i]);

        check_was_rough(world);
        free_world(world);
    }
}

/* WAYBILL_MODEL_SEEDS=1000 runs the same with more seeds. */
static void ledger__commits_everything_exactly_once_in_many_worlds(void **state)
{
    const char *asked = getenv("WAYBILL_MODEL_SEEDS");
    uint64_t seeds = asked != NULL ? strtoull(asked, NULL, 10) : 0;

    seeds = seeds > 0 ? seeds : 1;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        for (size_t i = 0; i < ARRAY_SIZE(weathers); i++) {
            struct weather weather = weathers[i];

            weather.seed = seed * 1000 + i;
            free_world(live_through(&weather));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledger__commits_everything_exactly_once),
        cmocka_unit_test(
            ledger__commits_everything_exactly_once_in_many_worlds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
