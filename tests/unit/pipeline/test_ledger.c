#include "asserts.h"
#include "pipeline/pipeline_internal.h"
#include "waybill/random.h"

static struct ledger ledger;
static struct ledger_entry entries[16];

static int begin(void **state)
{
    ledger_init(&ledger);
    memset(entries, 0, sizeof(entries));
    return 0;
}

static void add(size_t index, int64_t offset)
{
    entries[index].offset = offset;
    assert_true(ledger_add(&ledger, &entries[index]));
}

static int64_t watermark(void)
{
    int64_t offset = -1;

    return ledger_watermark(&ledger, &offset) ? offset : -1;
}

static size_t claim_all(void)
{
    size_t count = 0;

    while (ledger_claim(&ledger) != NULL) {
        count++;
    }
    return count;
}

static void ledger__is_empty_when_it_is_born(void **state)
{
    int64_t offset = 77;

    assert_true(ledger_is_empty(&ledger));
    assert_false(ledger_has_ready(&ledger));
    assert_null(ledger_claim(&ledger));
    assert_false(ledger_watermark(&ledger, &offset));
    assert_int_equal(offset, 77);
    assert_null(ledger_take_claimed(&ledger));
    assert_null(ledger_take(&ledger));
    assert_null(ledger_take_unready(&ledger));
    ledger_unclaim(&ledger);
}

static void ledger__commits_nothing_beyond_what_is_not_done(void **state)
{
    add(0, 10);
    add(1, 11);
    add(2, 12);
    entries[1].done = true;
    entries[2].done = true;
    assert_false(ledger_has_ready(&ledger));
    assert_null(ledger_claim(&ledger));
    assert_int_equal(watermark(), -1);
    entries[0].done = true;
    entries[1].done = false;
    assert_true(ledger_has_ready(&ledger));
    assert_ptr_equal(ledger_claim(&ledger), &entries[0]);
    assert_null(ledger_claim(&ledger));
    assert_int_equal(watermark(), 11);
}

static void ledger__commits_the_offset_behind_the_last_done_one(void **state)
{
    add(0, 10);
    add(1, 25); /* a gap, as compaction leaves it */
    entries[0].done = true;
    entries[1].done = true;
    assert_int_equal(claim_all(), 2);
    assert_int_equal(watermark(), 26);
}

static void ledger__takes_no_offset_that_has_been_there(void **state)
{
    struct ledger_entry again = {.offset = 10};
    struct ledger_entry before = {.offset = 3};
    struct ledger_entry next = {.offset = 11, .done = true};

    add(0, 10);
    assert_false(ledger_add(&ledger, &again));
    assert_false(ledger_add(&ledger, &before));
    /* What was added is not done, whatever was left in it. */
    assert_true(ledger_add(&ledger, &next));
    assert_false(next.done);
    /* Neither once it is committed and gone */
    assert_ptr_equal(ledger_take(&ledger), &entries[0]);
    assert_ptr_equal(ledger_take(&ledger), &next);
    assert_false(ledger_add(&ledger, &again));
    assert_true(ledger_is_empty(&ledger));
}

static void ledger__begins_at_any_offset(void **state)
{
    add(0, 0);
    add(1, INT64_MAX - 1);
    entries[0].done = true;
    entries[1].done = true;
    claim_all();
    assert_true(watermark() == INT64_MAX);
}

static void ledger__hands_out_what_is_committed_and_keeps_the_rest(void **state)
{
    add(0, 1);
    add(1, 2);
    add(2, 3);
    entries[0].done = true;
    entries[1].done = true;
    assert_int_equal(claim_all(), 2);
    entries[2].done = true; /* while the commit is under way */
    assert_ptr_equal(ledger_take_claimed(&ledger), &entries[0]);
    assert_ptr_equal(ledger_take_claimed(&ledger), &entries[1]);
    assert_null(ledger_take_claimed(&ledger));
    assert_int_equal(watermark(), -1);
    assert_true(ledger_has_ready(&ledger));
    assert_ptr_equal(ledger_claim(&ledger), &entries[2]);
    assert_int_equal(watermark(), 4);
}

static void ledger__claims_once_more_what_was_not_committed(void **state)
{
    add(0, 1);
    add(1, 2);
    entries[0].done = true;
    assert_int_equal(claim_all(), 1);
    assert_int_equal(claim_all(), 0);
    ledger_unclaim(&ledger);
    assert_int_equal(watermark(), -1);
    assert_null(ledger_take_claimed(&ledger));
    entries[1].done = true;
    assert_int_equal(claim_all(), 2);
    assert_int_equal(watermark(), 3);
}

static void ledger__claims_what_comes_after_everything_was_claimed(void **state)
{
    add(0, 1);
    entries[0].done = true;
    assert_int_equal(claim_all(), 1);
    add(1, 2);
    assert_false(ledger_has_ready(&ledger));
    entries[1].done = true;
    assert_int_equal(claim_all(), 1);
    assert_int_equal(watermark(), 3);
}

/* The partition goes away: what is done may still be committed, the others are
 * somebody else's. */
static void ledger__keeps_what_is_done_at_the_front_and_gives_up_the_rest(
    void **state)
{
    size_t given_up = 0;

    for (size_t i = 0; i < 6; i++) {
        add(i, (int64_t)i);
    }
    entries[0].done = true;
    entries[1].done = true;
    entries[3].done = true;
    entries[5].done = true;
    assert_ptr_equal(ledger_claim(&ledger), &entries[0]);
    while (ledger_take_unready(&ledger) != NULL) {
        given_up++;
    }
    assert_int_equal(given_up, 4);
    assert_ptr_equal(ledger_claim(&ledger), &entries[1]);
    assert_null(ledger_claim(&ledger));
    assert_int_equal(watermark(), 2);
}

static void ledger__gives_up_nothing_when_all_is_done(void **state)
{
    add(0, 1);
    add(1, 2);
    entries[0].done = true;
    entries[1].done = true;
    assert_null(ledger_take_unready(&ledger));
    assert_int_equal(claim_all(), 2);
    assert_null(ledger_take_unready(&ledger));
    assert_int_equal(watermark(), 3);
}

/* --- against a list that is looked through from the front each time ------- */

#define MOST 64

struct model {
    int64_t offsets[MOST];
    bool done[MOST];
    struct ledger_entry *entry[MOST];
    size_t count;
    size_t claimed; /* so many at the front */
    int64_t next;
};

static struct ledger_entry *model_remove(struct model *model, size_t index)
{
    struct ledger_entry *entry = model->entry[index];
    size_t tail = model->count - index - 1;

    memmove(&model->offsets[index], &model->offsets[index + 1],
            tail * sizeof(model->offsets[0]));
    memmove(&model->done[index], &model->done[index + 1],
            tail * sizeof(model->done[0]));
    memmove(&model->entry[index], &model->entry[index + 1],
            tail * sizeof(model->entry[0]));
    model->count--;
    if (index < model->claimed) {
        model->claimed--;
    }
    return entry;
}

static size_t model_find(const struct model *model,
                         const struct ledger_entry *entry)
{
    size_t index = 0;

    while (index < model->count && model->entry[index] != entry) {
        index++;
    }
    return index;
}

static void step_add(struct model *model, struct random *random)
{
    struct ledger_entry *entry = malloc(sizeof(*entry));
    int64_t offset = model->next - 2 + (int64_t)random_below(random, 6);
    bool fresh = offset >= model->next;

    *entry = (struct ledger_entry){.offset = offset};
    if (model->count == MOST || offset < 0) {
        free(entry);
        return;
    }
    assert_int_equal(ledger_add(&ledger, entry), fresh);
    if (!fresh) {
        free(entry);
        return;
    }
    model->offsets[model->count] = offset;
    model->done[model->count] = false;
    model->entry[model->count] = entry;
    model->count++;
    model->next = offset + 1;
}

static void step_done(struct model *model, struct random *random)
{
    if (model->count > 0) {
        size_t index = random_below(random, model->count);

        model->done[index] = true;
        model->entry[index]->done = true;
    }
}

static void step_claim(struct model *model)
{
    bool can = model->claimed < model->count && model->done[model->claimed];
    struct ledger_entry *expected = can ? model->entry[model->claimed] : NULL;

    assert_ptr_equal(ledger_claim(&ledger), expected);
    model->claimed += can;
}

static void step_take_claimed(struct model *model)
{
    struct ledger_entry *taken = ledger_take_claimed(&ledger);

    if (model->claimed == 0) {
        assert_null(taken);
        return;
    }
    assert_ptr_equal(taken, model->entry[0]);
    free(model_remove(model, 0));
}

static void step_take_unready(struct model *model)
{
    struct ledger_entry *taken = ledger_take_unready(&ledger);
    size_t first = model->claimed;
    size_t index = model_find(model, taken);

    while (first < model->count && model->done[first]) {
        first++;
    }
    if (first == model->count) {
        assert_null(taken);
        return;
    }
    /* Any that is not in the run of done ones at the front */
    assert_true(index >= first && index < model->count);
    free(model_remove(model, index));
}

static void step_take(struct model *model)
{
    struct ledger_entry *taken = ledger_take(&ledger);
    size_t index = model_find(model, taken);

    if (model->count == 0) {
        assert_null(taken);
        return;
    }
    assert_true(index < model->count);
    free(model_remove(model, index));
}

static void check_same(const struct model *model)
{
    int64_t expected =
        model->claimed > 0 ? model->offsets[model->claimed - 1] + 1 : -1;

    assert_int_equal(ledger_is_empty(&ledger), model->count == 0);
    assert_int_equal(ledger_has_ready(&ledger),
                     model->claimed < model->count &&
                         model->done[model->claimed]);
    assert_true(watermark() == expected);
}

static void ledger__does_what_a_naive_list_does(void **state)
{
    struct random random;

    random_seed(&random, 42);
    for (int round = 0; round < 200; round++) {
        struct model model = {.count = 0};

        ledger_init(&ledger);
        for (int step = 0; step < 400; step++) {
            uint64_t what = random_below(&random, 100);

            if (what < 35) {
                step_add(&model, &random);
            } else if (what < 65) {
                step_done(&model, &random);
            } else if (what < 80) {
                step_claim(&model);
            } else if (what < 92) {
                step_take_claimed(&model);
            } else if (what < 96) {
                ledger_unclaim(&ledger);
                model.claimed = 0;
            } else if (what < 99) {
                step_take_unready(&model);
            } else {
                step_take(&model);
            }
            check_same(&model);
        }
        while (model.count > 0) {
            step_take(&model);
        }
        assert_true(ledger_is_empty(&ledger));
    }
}

/* A message that is committed twice, or never, shows as a hole here. */
static void ledger__lets_every_offset_out_once_and_in_order(void **state)
{
    struct random random;
    struct ledger_entry *many = calloc(1000, sizeof(*many));
    int64_t committed = 0;
    size_t added = 0;
    size_t out = 0;

    random_seed(&random, 7);
    while (out < 1000) {
        struct ledger_entry *entry;
        size_t window = added + 20 < 1000 ? added + 20 : 1000;

        for (; added < window; added++) {
            many[added].offset = (int64_t)added;
            assert_true(ledger_add(&ledger, &many[added]));
        }
        for (int i = 0; i < 15; i++) {
            many[out + random_below(&random, added - out)].done = true;
        }
        claim_all();
        if (random_below(&random, 3) == 0) {
            ledger_unclaim(&ledger);
            continue;
        }
        while ((entry = ledger_take_claimed(&ledger)) != NULL) {
            assert_true(entry->done);
            assert_int_equal(entry->offset, committed);
            committed++;
            out++;
        }
    }
    free(many);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ledger__is_empty_when_it_is_born),
        TEST(ledger__commits_nothing_beyond_what_is_not_done),
        TEST(ledger__commits_the_offset_behind_the_last_done_one),
        TEST(ledger__takes_no_offset_that_has_been_there),
        TEST(ledger__begins_at_any_offset),
        TEST(ledger__hands_out_what_is_committed_and_keeps_the_rest),
        TEST(ledger__claims_once_more_what_was_not_committed),
        TEST(ledger__claims_what_comes_after_everything_was_claimed),
        TEST(ledger__keeps_what_is_done_at_the_front_and_gives_up_the_rest),
        TEST(ledger__gives_up_nothing_when_all_is_done),
        TEST(ledger__does_what_a_naive_list_does),
        TEST(ledger__lets_every_offset_out_once_and_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
