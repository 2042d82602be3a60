#include <stdlib.h>

#include "ledger_internal.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"

/*
 * Selects the slots of a commit, and encodes its progress.
 *
 * Two rules keep the metadata short enough, in whatever order slots finish:
 * finished records are included only while the set of finished offsets fits
 * into the space reserved for it, and single slots of an incomplete record only
 * while they fit into theirs. ledger_is_full() sees to it that the former
 * always fit; slots that have to wait wait only for the watermark to advance.
 */

/* The attempts of one slot take at least four varints. */
#define MIN_ATTEMPTS_SIZE 4

/* --- the progress after the commit --- */

static bool is_complete_from(const struct ledger_entry *entry,
                             enum ledger_slot_state min)
{
    for (int state = SLOT_OPEN; state < (int)min; state++) {
        if (entry->in_state[state] > 0) {
            return false;
        }
    }
    return true;
}

/* The watermark if all slots with that state or a later one were committed */
static int64_t watermark_from(const struct ledger *ledger,
                              enum ledger_slot_state min)
{
    const struct ledger_entry *entry;
    int64_t to_refetch = offset_set_next(&ledger->to_refetch, 0);
    int64_t watermark =
        to_refetch < ledger->cursor ? to_refetch : ledger->cursor;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        if (entry->offset >= watermark) {
            return watermark;
        }
        if (!is_complete_from(entry, min)) {
            return entry->offset;
        }
    }
    return watermark;
}

static void add_slots(struct progress *progress,
                      const struct ledger_entry *entry,
                      enum ledger_slot_state state)
{
    const struct ledger_slot *slot;

    STAILQ_FOREACH(slot, &entry->slots, link)
    {
        if (slot->state == state) {
            progress_add_delivery(progress, slot->id, entry->offset);
        }
    }
}

static void add_done(struct progress *progress,
                     const struct ledger_entry *entry)
{
    int64_t from =
        entry->from > progress->watermark ? entry->from : progress->watermark;

    offset_set_add_range(&progress->done, from, entry->offset + 1);
}

static void add_in_commit(struct progress *progress,
                          const struct ledger_entry *entry)
{
    if (is_complete_from(entry, SLOT_IN_COMMIT)) {
        add_done(progress, entry);
    } else {
        add_slots(progress, entry, SLOT_IN_COMMIT);
    }
}

static void copy_committed(const struct progress *from, struct progress *to)
{
    *to = (struct progress){.dispatched = from->dispatched};
    offset_set_copy(&to->done, &from->done);
    to->deliveries =
        mem_zalloc(from->delivery_count * sizeof(to->deliveries[0]));
    to->delivery_count = from->delivery_count;
    to->delivery_capacity = from->delivery_count;
    for (size_t i = 0; i < from->delivery_count; i++) {
        to->deliveries[i].id = from->deliveries[i].id;
        offset_set_copy(&to->deliveries[i].done, &from->deliveries[i].done);
    }
}

static void forget_below(struct progress *progress, int64_t watermark)
{
    size_t kept = 0;

    progress->watermark = watermark;
    progress_forget_attempts_below(progress, watermark);
    offset_set_forget_below(&progress->done, watermark);
    for (size_t i = 0; i < progress->delivery_count; i++) {
        struct progress_delivery *delivery = &progress->deliveries[i];

        offset_set_forget_below(&delivery->done, watermark);
        if (offset_set_end(&delivery->done) > watermark) {
            progress->deliveries[kept++] = *delivery;
        } else {
            offset_set_release(&delivery->done);
        }
    }
    progress->delivery_count = kept;
}

static void add_idle(const struct ledger *ledger, struct progress *progress)
{
    const struct ledger_entry *entry = TAILQ_FIRST(&ledger->idle);

    for (size_t i = 0; i < ledger->idle_in_commit; i++) {
        add_done(progress, entry);
        entry = TAILQ_NEXT(entry, idle);
    }
}

/* Builds the progress as it will be once the commit has succeeded. */
static void build_progress(const struct ledger *ledger,
                           struct progress *progress)
{
    const struct ledger_entry *entry;
    int64_t watermark = watermark_from(ledger, SLOT_IN_COMMIT);

    copy_committed(&ledger->committed, progress);
    forget_below(progress, watermark);
    TAILQ_FOREACH(entry, &ledger->in_commit, in_commit)
    {
        if (entry->offset >= watermark) {
            add_in_commit(progress, entry);
        }
    }
    add_idle(ledger, progress);
    if (progress->dispatched < ledger->cursor) {
        progress->dispatched = ledger->cursor;
    }
}

/* --- selecting slots --- */

/* Moves at most `max` slots, and returns their number. */
static size_t move_slots(struct ledger_entry *entry,
                         enum ledger_slot_state from, enum ledger_slot_state to,
                         size_t max)
{
    struct ledger_slot *slot;
    size_t count = 0;

    STAILQ_FOREACH(slot, &entry->slots, link)
    {
        if (slot->state == from && count < max) {
            ledger_set_state(slot, to);
            count++;
        }
    }
    return count;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct ledger_entry *x = *(struct ledger_entry *const *)a;
    const struct ledger_entry *y = *(struct ledger_entry *const *)b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Entries are appended in the order in which they finish, but the selection
 * depends on their offsets. */
static void sort_finished(struct ledger_entries *list)
{
    struct ledger_entry **all = NULL;
    struct ledger_entry *entry;
    size_t capacity = 0;
    size_t count = 0;

    TAILQ_FOREACH(entry, list, finished)
    {
        all =
            mem_grow(all, &capacity, count + 1, sizeof(struct ledger_entry *));
        all[count++] = entry;
    }
    if (count > 1) {
        qsort(all, count, sizeof(struct ledger_entry *), compare_offsets);
        TAILQ_INIT(list);
        for (size_t i = 0; i < count; i++) {
            TAILQ_INSERT_TAIL(list, all[i], finished);
        }
    }
    mem_free(all);
}

/* Whether the set of finished offsets fits if the first `count` complete
 * records are added to it */
static bool complete_fit(const struct ledger *ledger, size_t count)
{
    struct progress progress = {.watermark =
                                    watermark_from(ledger, SLOT_FINISHED)};
    const struct ledger_entry *entry;
    size_t index = 0;
    bool fit;

    offset_set_copy(&progress.done, &ledger->committed.done);
    TAILQ_FOREACH(entry, &ledger->ready, finished)
    {
        if (index++ < count) {
            offset_set_add_range(&progress.done, entry->from,
                                 entry->offset + 1);
        } else if (entry->offset < progress.watermark) {
            progress.watermark = entry->offset;
        }
    }
    offset_set_forget_below(&progress.done, progress.watermark);
    fit = ledger_done_fits(ledger, &progress);
    progress_release(&progress);
    return fit;
}

/* The number of complete records, up to `max` slots, but at least one record
 * unless `max` is 0 */
static size_t count_complete(const struct ledger *ledger, size_t max)
{
    const struct ledger_entry *entry;
    size_t slots = 0;
    size_t count = 0;

    TAILQ_FOREACH(entry, &ledger->ready, finished)
    {
        slots += entry->in_state[SLOT_FINISHED];
        if (slots > max && (count > 0 || max == 0)) {
            break;
        }
        count++;
    }
    return count;
}

/* How many of the first `count` complete records fit. In practice all do. */
static size_t count_fitting(const struct ledger *ledger, size_t count)
{
    size_t fitting = 0;

    if (ledger_span(ledger) <= (int64_t)ledger_max_done_size(ledger) * 8 ||
        complete_fit(ledger, count)) {
        return count;
    }
    while (fitting + 1 < count) {
        size_t middle = fitting + (count - fitting) / 2;

        if (complete_fit(ledger, middle)) {
            fitting = middle;
        } else {
            count = middle;
        }
    }
    return fitting;
}

/* Adds complete records to the commit as long as their slots do not exceed
 * `max` and the metadata has room. Returns the number of slots left of `max`.
 */
static size_t select_complete(struct ledger *ledger, size_t max)
{
    size_t wanted;
    size_t count;

    sort_finished(&ledger->ready);
    wanted = count_complete(ledger, max);
    count = count_fitting(ledger, wanted);
    ledger->has_unfit = count < wanted;
    for (; count > 0; count--) {
        struct ledger_entry *entry = TAILQ_FIRST(&ledger->ready);
        size_t slots = entry->in_state[SLOT_FINISHED];

        move_slots(entry, SLOT_FINISHED, SLOT_IN_COMMIT, SIZE_MAX);
        max -= slots < max ? slots : max;
    }
    return max;
}

static size_t count_singles(const struct ledger *ledger)
{
    const struct ledger_entry *entry;
    size_t count = 0;

    TAILQ_FOREACH(entry, &ledger->partial, finished)
    {
        count += entry->in_state[SLOT_FINISHED];
    }
    return count;
}

static void add_singles(const struct ledger *ledger, size_t count,
                        struct progress *progress)
{
    const struct ledger_entry *entry;
    const struct ledger_slot *slot;

    TAILQ_FOREACH(entry, &ledger->partial, finished)
    {
        STAILQ_FOREACH(slot, &entry->slots, link)
        {
            if (slot->state == SLOT_FINISHED) {
                if (count-- == 0) {
                    return;
                }
                progress_add_delivery(progress, slot->id, entry->offset);
            }
        }
    }
}

/* Requires space for half as much again: a run that continues through records
 * that become complete needs one more byte from a length of 128 on, where two
 * runs took one byte each. */
static bool singles_fit(const struct ledger *ledger, size_t count)
{
    struct progress progress;
    bool fit;

    build_progress(ledger, &progress);
    add_singles(ledger, count, &progress);
    fit = progress_deliveries_size(&progress) / 2 * 3 <=
          ledger_max_deliveries_size(ledger);
    progress_release(&progress);
    return fit;
}

/* Adds as many single slots as fit, in practice all or none. */
static void select_singles(struct ledger *ledger, size_t max)
{
    int64_t watermark = watermark_from(ledger, SLOT_IN_COMMIT);
    struct ledger_entry *entry;
    struct ledger_entry *next;
    size_t count;

    if (max == 0 || ledger->full_at_watermark == watermark) {
        return;
    }
    sort_finished(&ledger->partial);
    count = count_singles(ledger);
    ledger->full_at_watermark = count > 0 ? watermark : -1;
    count = count < max ? count : max;
    while (count > 0 && !singles_fit(ledger, count)) {
        count /= 2;
    }
    for (entry = TAILQ_FIRST(&ledger->partial); count > 0; entry = next) {
        next = TAILQ_NEXT(entry, finished);
        count -= move_slots(entry, SLOT_FINISHED, SLOT_IN_COMMIT, count);
        ledger->full_at_watermark = -1;
    }
}

/* Entries with marks are on the list of failing ones, whose attempts the
 * metadata contains. */
static void move_marks(struct ledger *ledger, enum ledger_mark from,
                       enum ledger_mark to)
{
    struct ledger_entry *entry;
    struct ledger_slot *slot;

    if (!ledger->marks_in_commit) {
        return;
    }
    TAILQ_FOREACH(entry, &ledger->failing, failing)
    {
        STAILQ_FOREACH(slot, &entry->slots, link)
        {
            if (slot->mark == from) {
                slot->mark = to;
            }
        }
    }
}

/* Records that need no outcome count as finished, all or none. If they do not
 * fit, they are read again after a restart, which does no harm. */
static void select_idle(struct ledger *ledger)
{
    const struct ledger_entry *entry;
    struct progress progress;

    if (TAILQ_EMPTY(&ledger->idle)) {
        return;
    }
    TAILQ_FOREACH(entry, &ledger->idle, idle)
    {
        ledger->idle_in_commit++;
    }
    build_progress(ledger, &progress);
    if (!ledger_done_fits(ledger, &progress)) {
        ledger->idle_in_commit = 0;
    }
    progress_release(&progress);
}

bool ledger_prepare(struct ledger *ledger, size_t max)
{
    if (ledger->committed.watermark < 0) {
        return false; /* no record has been read yet */
    }
    ledger->idle_in_commit = 0;
    max = select_complete(ledger, max);
    select_singles(ledger, max);
    select_idle(ledger);
    ledger->next_watermark = watermark_from(ledger, SLOT_IN_COMMIT);
    ledger->marks_in_commit = ledger->has_new_marks;
    ledger->has_new_marks = false;
    move_marks(ledger, MARK_NEW, MARK_IN_COMMIT);
    return ledger->marks_in_commit || !TAILQ_EMPTY(&ledger->in_commit) ||
           ledger->next_watermark > ledger->committed.watermark;
}

/* --- encoding --- */

static void add_entry_attempts(const struct ledger_entry *entry,
                               struct progress *progress)
{
    const struct ledger_slot *slot;

    STAILQ_FOREACH(slot, &entry->slots, link)
    {
        if (slot->state < SLOT_IN_COMMIT && slot->mark != MARK_NONE) {
            progress_add_mark(progress, entry->offset, slot->id);
        }
        if (slot->state < SLOT_IN_COMMIT && slot->attempts > 0 &&
            slot->first_failed_ms > 0) {
            progress_add_attempts(
                progress, &(struct progress_attempts){entry->offset, slot->id,
                                                      slot->attempts,
                                                      slot->first_failed_ms});
        }
    }
}

/* Adds the attempts of records without an entry and of those with one, merged
 * by offset, up to the number that can fit. */
static void add_attempts(const struct ledger *ledger, struct progress *progress)
{
    const struct progress *committed = &ledger->committed;
    const struct ledger_entry *entry = TAILQ_FIRST(&ledger->failing);
    size_t max = ledger->max_text / 4 * 3 / MIN_ATTEMPTS_SIZE + 1;
    size_t at = progress_attempts_from(committed, progress->watermark);

    while (progress->attempts_count < max) {
        bool any = at < committed->attempts_count;

        if (any &&
            (entry == NULL || committed->attempts[at].offset < entry->offset)) {
            progress_add_attempts(progress, &committed->attempts[at++]);
        } else if (entry != NULL) {
            add_entry_attempts(entry, progress);
            entry = TAILQ_NEXT(entry, failing);
        } else {
            return;
        }
    }
}

int64_t ledger_encode(const struct ledger *ledger, struct str *text)
{
    struct progress progress;
    int64_t watermark;

    build_progress(ledger, &progress);
    add_attempts(ledger, &progress);
    /* It always fits, unless the metadata was restored from a broker with a
     * larger limit. In that case this broker has to reject it: omitting
     * finished deliveries would deliver them again. */
    if (!fault_is_broken("drop-metadata") &&
        !progress_encode(&progress, ledger->max_text, text)) {
        progress.attempts_count = 0;
        progress_encode(&progress, SIZE_MAX, text);
    }
    watermark = progress.watermark;
    progress_release(&progress);
    return watermark;
}

/* --- the result of the commit --- */

static void complete_entry(struct ledger *ledger, struct ledger_entry *entry)
{
    ledger_remove(ledger, entry);
    TAILQ_INSERT_TAIL(&ledger->complete, entry, link);
}

static void commit_entry(struct ledger *ledger, struct ledger_entry *entry)
{
    bool had_delivery = ledger_entry_has(entry, SLOT_COMMITTED);

    if (entry->offset >= ledger->next_watermark) {
        add_in_commit(&ledger->committed, entry);
    }
    move_slots(entry, SLOT_IN_COMMIT, SLOT_COMMITTED, SIZE_MAX);
    if (is_complete_from(entry, SLOT_COMMITTED)) {
        if (had_delivery) {
            progress_forget_deliveries(&ledger->committed, entry->offset);
        }
        complete_entry(ledger, entry);
        /* Its single deliveries are no longer encoded, which leaves space for
         * others. */
        ledger->full_at_watermark =
            had_delivery ? -1 : ledger->full_at_watermark;
    }
}

void ledger_committed(struct ledger *ledger)
{
    struct ledger_entry *entry;

    forget_below(&ledger->committed, ledger->next_watermark);
    while ((entry = TAILQ_FIRST(&ledger->in_commit)) != NULL) {
        commit_entry(ledger, entry);
    }
    add_idle(ledger, &ledger->committed);
    while ((entry = TAILQ_FIRST(&ledger->idle)) != NULL) {
        if (ledger->idle_in_commit > 0) {
            progress_forget_deliveries(&ledger->committed, entry->offset);
            ledger->idle_in_commit--;
        }
        complete_entry(ledger, entry);
    }
    offset_set_forget_below(&ledger->to_refetch, ledger->next_watermark);
    ledger->done_size = progress_done_size(&ledger->committed);
    move_marks(ledger, MARK_IN_COMMIT, MARK_COMMITTED);
    ledger->marks_in_commit = false;
}

void ledger_aborted(struct ledger *ledger)
{
    struct ledger_entry *entry;

    while ((entry = TAILQ_FIRST(&ledger->in_commit)) != NULL) {
        move_slots(entry, SLOT_IN_COMMIT, SLOT_FINISHED, SIZE_MAX);
    }
    move_marks(ledger, MARK_IN_COMMIT, MARK_NEW);
    ledger->has_new_marks |= ledger->marks_in_commit;
    ledger->marks_in_commit = false;
}

struct ledger_entry *ledger_take_complete(struct ledger *ledger)
{
    struct ledger_entry *entry = TAILQ_FIRST(&ledger->complete);

    if (entry != NULL) {
        TAILQ_REMOVE(&ledger->complete, entry, link);
    }
    return entry;
}

void ledger_limit_metadata(struct ledger *ledger, size_t max)
{
    if (!fault_is_broken("ignore-metadata")) {
        ledger->max_text = max;
    }
}
