#include "ledger_internal.h"
#include "waybill/alloc.h"

/* Reading, entries, slots and shedding; commit.c has the commits. */

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){
        .committed = {.watermark = -1, .dispatched = -1},
        .cursor = -1,
        .last = -1,
        .skipped_from = -1,
        .next_offset = -1,
        .rewind_target = -1,
        .full_at_watermark = -1,
        .max_text = PROGRESS_MAX_TEXT,
    };
    TAILQ_INIT(&ledger->entries);
    TAILQ_INIT(&ledger->ready);
    TAILQ_INIT(&ledger->partial);
    TAILQ_INIT(&ledger->in_commit);
    TAILQ_INIT(&ledger->failing);
    TAILQ_INIT(&ledger->idle);
    TAILQ_INIT(&ledger->complete);
}

void ledger_release(struct ledger *ledger)
{
    progress_release(&ledger->committed);
    offset_set_release(&ledger->to_refetch);
}

int ledger_restore(struct ledger *ledger, int64_t offset, const char *text,
                   struct error *err)
{
    if (offset < 0) {
        return 0;
    }
    if (progress_decode(offset, text, &ledger->committed, err) < 0) {
        return -1;
    }
    ledger->cursor = offset;
    ledger->done_size = progress_done_size(&ledger->committed);
    return 0;
}

/* Offsets between two records that are read one after the other hold no
 * record. */
static void note_gap(struct ledger *ledger, int64_t offset)
{
    bool follows = ledger->last >= 0 && ledger->last < offset;

    ledger->next_offset = offset;
    ledger->next_from = follows ? ledger->last + 1 : offset;
    if (follows && ledger->skipped_from >= 0) {
        ledger->next_from = ledger->skipped_from;
    }
    ledger->skipped_from = -1;
}

/* Handles a record that was read before: it is wanted only if it was shed. Shed
 * records that the reading skips no longer exist in the log. */
static bool reread(struct ledger *ledger, int64_t offset)
{
    bool wanted = offset_set_has(&ledger->to_refetch, offset);
    int64_t gone = INT64_MAX;

    if (ledger->last >= 0) {
        gone = offset_set_next(&ledger->to_refetch, ledger->last + 1);
    }
    while (gone < offset) {
        offset_set_remove(&ledger->to_refetch, gone);
        gone = offset_set_next(&ledger->to_refetch, gone);
    }
    offset_set_remove(&ledger->to_refetch, offset);
    ledger->last = offset;
    ledger->target_found |= offset == ledger->rewind_target;
    return wanted;
}

bool ledger_read(struct ledger *ledger, int64_t offset)
{
    if (ledger->committed.watermark < 0) {
        ledger->committed.watermark = offset;
        ledger->committed.dispatched = offset;
    }
    note_gap(ledger, offset);
    if (offset < ledger->cursor) {
        return reread(ledger, offset);
    }
    ledger->cursor = offset + 1;
    ledger->last = offset;
    return !offset_set_has(&ledger->committed.done, offset);
}

void ledger_skip(struct ledger *ledger, int64_t offset)
{
    if (offset == ledger->next_offset) {
        ledger->skipped_from = ledger->next_from;
    }
}

void ledger_skip_to(struct ledger *ledger, int64_t offset)
{
    if (ledger->committed.watermark >= 0 && offset > ledger->cursor) {
        ledger->cursor = offset;
    }
}

int64_t ledger_span(const struct ledger *ledger)
{
    return ledger->cursor - ledger->committed.watermark;
}

bool ledger_is_delivery_done(const struct ledger *ledger, int64_t offset,
                             uint64_t id)
{
    return progress_has_delivery(&ledger->committed, id, offset);
}

bool ledger_has_deliveries_done(const struct ledger *ledger, int64_t offset)
{
    for (size_t i = 0; i < ledger->committed.delivery_count; i++) {
        if (offset_set_has(&ledger->committed.deliveries[i].done, offset)) {
            return true;
        }
    }
    return false;
}

bool ledger_was_dispatched(const struct ledger *ledger, int64_t offset)
{
    return offset < ledger->committed.dispatched;
}

/* This does not change what is committed: a commit always covers everything
 * that was read. */
void ledger_note_dispatched(struct ledger *ledger, int64_t offset)
{
    if (ledger->committed.dispatched <= offset) {
        ledger->committed.dispatched = offset + 1;
    }
}

void ledger_restore_attempts(const struct ledger *ledger,
                             struct ledger_slot *slot, int64_t offset)
{
    const struct progress *committed = &ledger->committed;

    for (size_t i = progress_attempts_from(committed, offset);
         i < committed->attempts_count &&
         committed->attempts[i].offset == offset;
         i++) {
        if (committed->attempts[i].id != slot->id) {
            continue;
        }
        if (committed->attempts[i].attempts == 0) {
            slot->mark = MARK_COMMITTED;
        } else {
            slot->attempts = committed->attempts[i].attempts;
            slot->first_failed_ms = committed->attempts[i].first_failed_ms;
        }
    }
}

/* --- entries --- */

void ledger_entry_init(struct ledger_entry *entry, int64_t offset, void *owner)
{
    *entry =
        (struct ledger_entry){.offset = offset, .from = offset, .owner = owner};
    STAILQ_INIT(&entry->slots);
}

void ledger_entry_add_slot(struct ledger_entry *entry, struct ledger_slot *slot)
{
    slot->entry = entry;
    STAILQ_INSERT_TAIL(&entry->slots, slot, link);
    entry->slot_count++;
    entry->in_state[slot->state]++;
}

bool ledger_entry_has(const struct ledger_entry *entry,
                      enum ledger_slot_state state)
{
    return entry->in_state[state] > 0;
}

/* This runs once per entry. First failures happen roughly in the order in which
 * the records were read, so the insertion point is usually the end. */
static void add_failing(struct ledger *ledger, struct ledger_entry *entry)
{
    struct ledger_entry *before;

    entry->is_failing = true;
    TAILQ_FOREACH_REVERSE(before, &ledger->failing, ledger_entries, failing)
    {
        if (before->offset < entry->offset) {
            TAILQ_INSERT_AFTER(&ledger->failing, before, entry, failing);
            return;
        }
    }
    TAILQ_INSERT_HEAD(&ledger->failing, entry, failing);
}

static void note_if_failing(struct ledger_entry *entry,
                            const struct ledger_slot *slot)
{
    bool has_failed = slot->attempts > 0 && slot->first_failed_ms > 0;

    if (entry == NULL || entry->ledger == NULL) {
        return;
    }
    if (!entry->is_failing && (has_failed || slot->mark != MARK_NONE)) {
        add_failing(entry->ledger, entry);
    }
    entry->ledger->has_new_marks |= slot->mark == MARK_NEW;
}

static void insert_in_order(struct ledger *ledger, struct ledger_entry *entry)
{
    struct ledger_entry *before;

    TAILQ_FOREACH_REVERSE(before, &ledger->entries, ledger_entries, link)
    {
        if (before->offset < entry->offset) {
            TAILQ_INSERT_AFTER(&ledger->entries, before, entry, link);
            return;
        }
    }
    TAILQ_INSERT_HEAD(&ledger->entries, entry, link);
}

void ledger_add(struct ledger *ledger, struct ledger_entry *entry)
{
    const struct ledger_slot *slot;

    /* The attempts are the slots' own from now on. */
    progress_forget_attempts(&ledger->committed, entry->offset);
    entry->ledger = ledger;
    if (entry->offset == ledger->next_offset) {
        entry->from = ledger->next_from;
    }
    insert_in_order(ledger, entry);
    ledger->entry_count++;
    if (entry->slot_count == 0) {
        TAILQ_INSERT_TAIL(&ledger->idle, entry, idle);
    }
    STAILQ_FOREACH(slot, &entry->slots, link)
    {
        note_if_failing(entry, slot);
    }
}

/* The list of an entry with finished slots, on which it waits for a commit */
static struct ledger_entries *finished_list(const struct ledger_entry *entry)
{
    if (entry->ledger == NULL || entry->in_state[SLOT_FINISHED] == 0) {
        return NULL;
    }
    return entry->in_state[SLOT_OPEN] == 0 ? &entry->ledger->ready
                                           : &entry->ledger->partial;
}

static void leave_lists(struct ledger *ledger, struct ledger_entry *entry)
{
    if (entry->in_state[SLOT_IN_COMMIT] > 0) {
        TAILQ_REMOVE(&ledger->in_commit, entry, in_commit);
    }
    if (entry->is_failing) {
        TAILQ_REMOVE(&ledger->failing, entry, failing);
    }
    if (entry->slot_count == 0) {
        TAILQ_REMOVE(&ledger->idle, entry, idle);
    }
}

void ledger_remove(struct ledger *ledger, struct ledger_entry *entry)
{
    struct ledger_entries *list = finished_list(entry);

    TAILQ_REMOVE(&ledger->entries, entry, link);
    ledger->entry_count--;
    if (list != NULL) {
        TAILQ_REMOVE(list, entry, finished);
    }
    leave_lists(ledger, entry);
    entry->is_failing = false;
    entry->ledger = NULL;
}

struct ledger_entry *ledger_take(struct ledger *ledger)
{
    struct ledger_entry *entry = TAILQ_FIRST(&ledger->entries);

    if (entry != NULL) {
        ledger_remove(ledger, entry);
    }
    return entry;
}

/* --- slots --- */

static void move_finished(struct ledger_entry *entry,
                          struct ledger_entries *from,
                          struct ledger_entries *to)
{
    if (from == to) {
        return;
    }
    if (from != NULL) {
        TAILQ_REMOVE(from, entry, finished);
    }
    if (to != NULL) {
        TAILQ_INSERT_TAIL(to, entry, finished);
    }
}

static void move_in_commit(struct ledger_entry *entry, bool was_in)
{
    bool is_in = entry->in_state[SLOT_IN_COMMIT] > 0;

    if (is_in && !was_in) {
        TAILQ_INSERT_TAIL(&entry->ledger->in_commit, entry, in_commit);
    } else if (was_in && !is_in) {
        TAILQ_REMOVE(&entry->ledger->in_commit, entry, in_commit);
    }
}

void ledger_set_state(struct ledger_slot *slot, enum ledger_slot_state state)
{
    struct ledger_entry *entry = slot->entry;
    struct ledger_entries *from;
    bool was_in;

    if (entry != NULL) {
        from = finished_list(entry);
        was_in = entry->in_state[SLOT_IN_COMMIT] > 0;
        entry->in_state[slot->state]--;
        entry->in_state[state]++;
        move_finished(entry, from, finished_list(entry));
        if (entry->ledger != NULL) {
            move_in_commit(entry, was_in);
        }
    }
    slot->state = state;
}

void ledger_note_attempts(struct ledger_slot *slot, unsigned attempts,
                          int64_t first_failed_ms)
{
    slot->attempts = attempts;
    slot->first_failed_ms = first_failed_ms;
    note_if_failing(slot->entry, slot);
}

void ledger_mark(struct ledger_slot *slot)
{
    if (slot->mark == MARK_NONE) {
        slot->mark = MARK_NEW;
        note_if_failing(slot->entry, slot);
    }
}

void ledger_unmark(struct ledger_slot *slot)
{
    bool is_in_metadata = slot->mark > MARK_NEW;

    slot->mark = MARK_NONE;
    if (is_in_metadata && slot->entry != NULL && slot->entry->ledger != NULL) {
        slot->entry->ledger->has_new_marks = true;
    }
}

void ledger_finish(struct ledger_slot *slot)
{
    if (slot->state == SLOT_OPEN) {
        ledger_set_state(slot, SLOT_FINISHED);
    }
}

void ledger_reopen(struct ledger_slot *slot)
{
    if (slot->state == SLOT_FINISHED) {
        ledger_set_state(slot, SLOT_OPEN);
    }
}

/* --- shedding --- */

void ledger_withdraw(struct ledger *ledger, struct ledger_entry *entry)
{
    const struct ledger_slot *slot;

    STAILQ_FOREACH(slot, &entry->slots, link)
    {
        struct progress_attempts attempts = {
            entry->offset, slot->id, slot->attempts, slot->first_failed_ms};

        if (slot->state < SLOT_IN_COMMIT && slot->mark != MARK_NONE) {
            progress_add_mark(&ledger->committed, entry->offset, slot->id);
        }
        if (slot->state == SLOT_OPEN && slot->attempts > 0) {
            progress_add_attempts(&ledger->committed, &attempts);
        }
    }
    ledger->next_offset = entry->offset;
    ledger->next_from = entry->from;
    ledger_remove(ledger, entry);
}

bool ledger_shed(struct ledger *ledger, struct ledger_entry *entry)
{
    if (ledger_entry_has(entry, SLOT_FINISHED) ||
        ledger_entry_has(entry, SLOT_IN_COMMIT)) {
        return false;
    }
    ledger_withdraw(ledger, entry);
    offset_set_add(&ledger->to_refetch, entry->offset);
    return true;
}

bool ledger_needs_rewind(const struct ledger *ledger)
{
    return offset_set_next(&ledger->to_refetch, 0) != INT64_MAX;
}

/* The record at the target may no longer exist (compaction), and then no rewind
 * will find it; after this many it is given up. */
#define MAX_MISSED 3

int64_t ledger_rewind(struct ledger *ledger)
{
    int64_t rewind_target = offset_set_next(&ledger->to_refetch, 0);

    if (rewind_target != ledger->rewind_target || ledger->target_found ||
        ledger->last < rewind_target) {
        ledger->missed_rewinds = 0;
    } else if (++ledger->missed_rewinds == MAX_MISSED) {
        offset_set_remove(&ledger->to_refetch, rewind_target);
    }
    ledger->target_found = false;
    ledger->rewind_target = rewind_target;
    ledger->last = -1;
    return rewind_target;
}

bool ledger_is_rereading(const struct ledger *ledger)
{
    return ledger->rewind_target >= 0 && ledger->last < ledger->cursor - 1;
}

int64_t ledger_skip_known(struct ledger *ledger, int64_t min)
{
    int64_t next;

    if (!ledger_is_rereading(ledger) || ledger->last < 0) {
        return -1;
    }
    next = offset_set_next(&ledger->to_refetch, ledger->last + 1);
    if (next > ledger->cursor) {
        next = ledger->cursor;
    }
    if (next - ledger->last - 1 < min) {
        return -1;
    }
    ledger->last = next - 1;
    ledger->skipped_from = -1;
    return next;
}
