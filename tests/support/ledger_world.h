#ifndef WAYBILL_TESTS_LEDGER_WORLD_H
#define WAYBILL_TESTS_LEDGER_WORLD_H

#include "asserts.h"
#include "waybill/fault.h"
#include "waybill/ledger.h"

/* Replaces the program's own function, which cannot make it break a rule. */
static const char *broken_rule;

void fault_point(const char *name)
{
}

bool fault_is_broken(const char *rule)
{
    return broken_rule != NULL && strcmp(rule, broken_rule) == 0;
}

#define MAX_ENTRIES 20000
#define MAX_PARTS 8
#define ALL 1000000

/* One partition, its records, and what is committed in Kafka: for each test
 * that is listed as LEDGER_TEST() */
static struct ledger ledger;
static struct ledger_entry entries[MAX_ENTRIES];
static struct ledger_slot slots[MAX_ENTRIES][MAX_PARTS];
static size_t entry_count;
static int64_t kept_offset;
static struct str kept_text = STR_INIT(STR_UNLIMITED);
static struct progress said; /* the decoded form of the last metadata */

static inline int begin_ledger(void **state)
{
    ledger_init(&ledger);
    entry_count = 0;
    kept_offset = -1001; /* the values of librdkafka if there is none */
    str_clear(&kept_text);
    said = (struct progress){0};
    return 0;
}

static inline int end_ledger(void **state)
{
    ledger_release(&ledger);
    progress_release(&said);
    str_release(&kept_text);
    broken_rule = NULL;
    return 0;
}

/* Adds an entry without reading it, with slots of the ids from `first_id` on.
 */
static inline struct ledger_entry *add_from(int64_t offset, uint64_t first_id,
                                            size_t slot_count)
{
    struct ledger_entry *entry = &entries[entry_count];

    ledger_entry_init(entry, offset, NULL);
    for (size_t i = 0; i < slot_count; i++) {
        struct ledger_slot *slot = &slots[entry_count][i];

        *slot = (struct ledger_slot){.id = first_id + i};
        ledger_restore_attempts(&ledger, slot, offset);
        ledger_entry_add_slot(entry, slot);
    }
    entry_count++;
    ledger_add(&ledger, entry);
    return entry;
}

static inline struct ledger_entry *add(int64_t offset, size_t slot_count)
{
    return add_from(offset, 1, slot_count);
}

static inline struct ledger_entry *take_in(int64_t offset, size_t slot_count)
{
    assert_true(ledger_read(&ledger, offset));
    return add(offset, slot_count);
}

static inline struct ledger_slot *slot_of(const struct ledger_entry *entry,
                                          size_t index)
{
    return &slots[entry - entries][index];
}

static inline void finish(struct ledger_entry *entry)
{
    for (size_t i = 0; i < entry->slot_count; i++) {
        ledger_finish(slot_of(entry, i));
    }
}

static inline void finish_part(struct ledger_entry *entry, size_t index)
{
    assert_true(slot_of(entry, index)->state == SLOT_OPEN);
    ledger_finish(slot_of(entry, index));
}

static inline void fail_part(struct ledger_entry *entry, size_t index,
                             unsigned count, int64_t first_ms)
{
    ledger_note_attempts(slot_of(entry, index), count, first_ms);
}

/* The metadata of the commit in progress */
static inline int64_t describe(void)
{
    struct error err;

    str_clear(&kept_text);
    kept_offset = ledger_encode(&ledger, &kept_text);
    progress_release(&said);
    if (progress_decode(kept_offset, kept_text.data, &said, &err) < 0) {
        print_error("%s\n", err.message);
        fail();
    }
    return kept_offset;
}

static inline bool prepare(size_t max)
{
    if (!ledger_prepare(&ledger, max)) {
        return false;
    }
    describe();
    return true;
}

/* Returns the watermark; -1 if there is nothing to commit. */
static inline int64_t commit(void)
{
    if (!prepare(ALL)) {
        return -1;
    }
    ledger_committed(&ledger);
    return kept_offset;
}

static inline void restart(void)
{
    struct error err;

    ledger_release(&ledger);
    ledger_init(&ledger);
    assert_int_equal(ledger_restore(&ledger, kept_offset, kept_text.data, &err),
                     0);
}

static inline size_t count_state(const struct ledger_entry *entry,
                                 enum ledger_slot_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < entry->slot_count; i++) {
        count += slot_of(entry, i)->state == state;
    }
    return count;
}

static inline bool is_done(int64_t offset)
{
    return offset_set_has(&said.done, offset);
}

static inline void check_complete(struct ledger_entry *entry)
{
    assert_ptr_equal(ledger_take_complete(&ledger), entry);
}

#define LEDGER_TEST(function)                                                  \
    cmocka_unit_test_setup_teardown(function, begin_ledger, end_ledger)

#endif
