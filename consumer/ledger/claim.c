#include <stdlib.h>

#include "ledger_internal.h"
#include "waybill/alloc.h"
#include "waybill/fault.h"

/*
 * What a commit takes along, and what it says of it.
 *
 * Two rules keep the text short enough, whatever finishes in whatever order:
 * nothing is taken along that is further above the watermark than its bits may
 * reach, and single slots of a record that is not complete are taken along only
 * while they fit what room is theirs. What has to wait, waits for the
 * watermark, and for nothing else.
 */

/* Magic, version, sums, lengths, counts; and what a few more varints take */
#define FRAME 64
/* An entry of attempts is four varints at least. */
#define MIN_ATTEMPTS_SIZE 4

/* What the text may hold, in bytes; of them for the bits of what is done */
static size_t text_bytes(const struct ledger *ledger)
{
    size_t bytes = ledger->max_text / 4 * 3;

    return bytes > FRAME ? bytes - FRAME : 0;
}

static size_t done_bytes(const struct ledger *ledger)
{
    size_t bytes = text_bytes(ledger) / 10 * 7;

    return bytes < LEDGER_WINDOW / 8 ? bytes : LEDGER_WINDOW / 8;
}

static size_t parts_room(const struct ledger *ledger)
{
    return text_bytes(ledger) - done_bytes(ledger);
}

/* --- what would be ----------------------------------------------------------
 */

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

/* The watermark, if all slots from that state on were committed */
static int64_t watermark_from(const struct ledger *ledger,
                              enum ledger_slot_state min)
{
    const struct ledger_entry *entry;
    int64_t unread = offset_set_next(&ledger->unread, 0);
    int64_t watermark = unread < ledger->cursor ? unread : ledger->cursor;

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
            progress_add_part(progress, slot->id, entry->offset);
        }
    }
}

static void add_in_commit(struct progress *progress,
                          const struct ledger_entry *entry)
{
    if (is_complete_from(entry, SLOT_IN_COMMIT)) {
        offset_set_add(&progress->done, entry->offset);
    } else {
        add_slots(progress, entry, SLOT_IN_COMMIT);
    }
}

static void copy_committed(const struct progress *from, struct progress *to)
{
    *to = (struct progress){.dispatched = from->dispatched};
    offset_set_copy(&to->done, &from->done);
    to->parts = mem_zalloc(from->part_count * sizeof(to->parts[0]));
    to->part_count = from->part_count;
    to->part_capacity = from->part_count;
    for (size_t i = 0; i < from->part_count; i++) {
        to->parts[i].id = from->parts[i].id;
        offset_set_copy(&to->parts[i].done, &from->parts[i].done);
    }
}

static void forget_below(struct progress *progress, int64_t watermark)
{
    size_t kept = 0;

    progress->watermark = watermark;
    progress_forget_attempts_below(progress, watermark);
    offset_set_forget_below(&progress->done, watermark);
    for (size_t i = 0; i < progress->part_count; i++) {
        struct progress_part *part = &progress->parts[i];

        offset_set_forget_below(&part->done, watermark);
        if (offset_set_end(&part->done) > watermark) {
            progress->parts[kept++] = *part;
        } else {
            offset_set_release(&part->done);
        }
    }
    progress->part_count = kept;
}

/* What is committed, and what is in the commit, as if it were */
static void imagine(const struct ledger *ledger, struct progress *image)
{
    const struct ledger_entry *entry;
    int64_t watermark = watermark_from(ledger, SLOT_IN_COMMIT);

    copy_committed(&ledger->committed, image);
    /* First: a set has a bit for all between its members, and behind a gap
     * there is no end of them. */
    forget_below(image, watermark);
    TAILQ_FOREACH(entry, &ledger->in_commit, in_commit)
    {
        if (entry->offset >= watermark) {
            add_in_commit(image, entry);
        }
    }
    if (image->dispatched < ledger->cursor) {
        image->dispatched = ledger->cursor;
    }
}

/* --- taking along -----------------------------------------------------------
 */

/* Returns how many it has moved; at most so many. */
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

static int by_offset(const void *a, const void *b)
{
    const struct ledger_entry *x = *(struct ledger_entry *const *)a;
    const struct ledger_entry *y = *(struct ledger_entry *const *)b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Entries come to the list in the order in which they finish; what may be taken
 * along depends on what lies below. */
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
        qsort(all, count, sizeof(struct ledger_entry *), by_offset);
        TAILQ_INIT(list);
        for (size_t i = 0; i < count; i++) {
            TAILQ_INSERT_TAIL(list, all[i], finished);
        }
    }
    mem_free(all);
}

/* Whole records, whose bits reach far enough, and always one; returns how many
 * slots may still be taken along. */
static size_t take_complete(struct ledger *ledger, const size_t max)
{
    size_t left = max;
    int64_t reach =
        watermark_from(ledger, SLOT_FINISHED) + (int64_t)done_bytes(ledger) * 8;
    struct ledger_entry *entry;

    sort_finished(&ledger->ready);
    while ((entry = TAILQ_FIRST(&ledger->ready)) != NULL &&
           entry->offset < reach) {
        size_t count = entry->in_state[SLOT_FINISHED];

        if ((left < max || max == 0) && count > left) {
            break;
        }
        move_slots(entry, SLOT_FINISHED, SLOT_IN_COMMIT, SIZE_MAX);
        left -= count < left ? count : left;
    }
    return left;
}

static size_t count_singles(const struct ledger *ledger, int64_t reach)
{
    const struct ledger_entry *entry;
    size_t count = 0;

    TAILQ_FOREACH(entry, &ledger->partial, finished)
    {
        if (entry->offset >= reach) {
            break;
        }
        count += entry->in_state[SLOT_FINISHED];
    }
    return count;
}

static void add_singles(const struct ledger *ledger, size_t count,
                        struct progress *image)
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
                progress_add_part(image, slot->id, entry->offset);
            }
        }
    }
}

/* Room for half as much again: a run that goes on through records that become
 * complete takes a byte more from 128 on, where two runs took one each. */
static bool singles_fit(const struct ledger *ledger, size_t count)
{
    struct progress image;
    bool fit;

    imagine(ledger, &image);
    add_singles(ledger, count, &image);
    fit = progress_parts_size(&image) / 2 * 3 <= parts_room(ledger);
    progress_release(&image);
    return fit;
}

/* As many as fit; in practice all or none. */
static void take_singles(struct ledger *ledger, size_t max)
{
    int64_t watermark = watermark_from(ledger, SLOT_IN_COMMIT);
    struct ledger_entry *entry;
    struct ledger_entry *next;
    size_t count;

    if (max == 0 || ledger->full_at == watermark) {
        return;
    }
    sort_finished(&ledger->partial);
    count = count_singles(ledger, watermark + (int64_t)done_bytes(ledger) * 8);
    ledger->full_at = count > 0 ? watermark : -1;
    count = count < max ? count : max;
    while (count > 0 && !singles_fit(ledger, count)) {
        count /= 2;
    }
    for (entry = TAILQ_FIRST(&ledger->partial); count > 0; entry = next) {
        next = TAILQ_NEXT(entry, finished);
        count -= move_slots(entry, SLOT_FINISHED, SLOT_IN_COMMIT, count);
        ledger->full_at = -1;
    }
}

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

bool ledger_prepare(struct ledger *ledger, size_t max)
{
    if (ledger->committed.watermark < 0) {
        return false; /* not a record has been read yet */
    }
    max = take_complete(ledger, max);
    take_singles(ledger, max);
    ledger->next_watermark = watermark_from(ledger, SLOT_IN_COMMIT);
    ledger->marks_in_commit = ledger->has_new_marks;
    ledger->has_new_marks = false;
    move_marks(ledger, MARK_NEW, MARK_IN_COMMIT);
    return ledger->marks_in_commit || !TAILQ_EMPTY(&ledger->in_commit) ||
           ledger->next_watermark > ledger->committed.watermark;
}

/* --- saying -----------------------------------------------------------------
 */

static void remember_entry(const struct ledger_entry *entry,
                           struct progress *image)
{
    const struct ledger_slot *slot;

    STAILQ_FOREACH(slot, &entry->slots, link)
    {
        if (slot->state < SLOT_IN_COMMIT && slot->mark != MARK_NONE) {
            progress_add_mark(image, entry->offset, slot->id);
        }
        if (slot->state < SLOT_IN_COMMIT && slot->attempts > 0 &&
            slot->first_failed_ms > 0) {
            progress_add_attempts(
                image, &(struct progress_attempts){entry->offset, slot->id,
                                                   slot->attempts,
                                                   slot->first_failed_ms});
        }
    }
}

/* Attempts of what is not in work, and of what is, in order: as many as may
 * find room. */
static void remember(const struct ledger *ledger, struct progress *image)
{
    const struct progress *past = &ledger->committed;
    const struct ledger_entry *entry = TAILQ_FIRST(&ledger->failing);
    size_t max = ledger->max_text / 4 * 3 / MIN_ATTEMPTS_SIZE + 1;
    size_t at = progress_attempts_from(past, image->watermark);

    while (image->attempts_count < max) {
        bool any = at < past->attempts_count;

        if (any &&
            (entry == NULL || past->attempts[at].offset < entry->offset)) {
            progress_add_attempts(image, &past->attempts[at++]);
        } else if (entry != NULL) {
            remember_entry(entry, image);
            entry = TAILQ_NEXT(entry, failing);
        } else {
            return;
        }
    }
}

int64_t ledger_describe(const struct ledger *ledger, struct str *text)
{
    struct progress image;
    int64_t watermark;

    imagine(ledger, &image);
    remember(ledger, &image);
    /* It fits, but where an earlier broker has let more pass; then it is this
     * one's to refuse: a text that says less would be a promise broken. */
    if (!fault_is_broken("drop-metadata") &&
        !progress_encode(&image, ledger->max_text, text)) {
        image.attempts_count = 0;
        progress_encode(&image, SIZE_MAX, text);
    }
    watermark = image.watermark;
    progress_release(&image);
    return watermark;
}

/* --- the result -------------------------------------------------------------
 */

static void complete(struct ledger *ledger, struct ledger_entry *entry)
{
    ledger_remove(ledger, entry);
    TAILQ_INSERT_TAIL(&ledger->complete, entry, link);
}

static void commit_entry(struct ledger *ledger, struct ledger_entry *entry)
{
    bool had_part = ledger_entry_has(entry, SLOT_COMMITTED);

    if (entry->offset >= ledger->next_watermark) {
        add_in_commit(&ledger->committed, entry);
    }
    move_slots(entry, SLOT_IN_COMMIT, SLOT_COMMITTED, SIZE_MAX);
    if (is_complete_from(entry, SLOT_COMMITTED)) {
        complete(ledger, entry);
        /* What was said of its parts makes room for those of others. */
        ledger->full_at = had_part ? -1 : ledger->full_at;
    }
}

void ledger_committed(struct ledger *ledger)
{
    struct ledger_entry *entry;

    forget_below(&ledger->committed, ledger->next_watermark);
    while ((entry = TAILQ_FIRST(&ledger->in_commit)) != NULL) {
        commit_entry(ledger, entry);
    }
    while ((entry = TAILQ_FIRST(&ledger->idle)) != NULL) {
        complete(ledger, entry);
    }
    offset_set_forget_below(&ledger->unread, ledger->next_watermark);
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

void ledger_shorten(struct ledger *ledger)
{
    ledger->max_text /= 2;
}
