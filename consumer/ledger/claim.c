#include <stdlib.h>

#include "waybill/alloc.h"
#include "waybill/fault.h"
#include "waybill/ledger.h"

/*
 * What a commit takes along, and what it says of it.
 *
 * Two rules keep the text short enough, whatever finishes in whatever order:
 * nothing is claimed that is further above the watermark than its bits may
 * reach, and single deliveries of a record that is not complete are claimed
 * only while they fit what room is theirs. What has to wait, waits for the
 * watermark, and for nothing else.
 */

/* Magic, version, sums, lengths, counts; and what a few more varints take */
#define FRAME 64

/* What the text may hold, in bytes; of them for the bits of what is done */
static size_t text_bytes(const struct ledger *ledger)
{
    size_t bytes = ledger->text_most / 4 * 3;

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

static bool would_be_complete(const struct ledger_entry *entry,
                              enum ledger_part_state least)
{
    for (size_t i = 0; i < entry->part_count; i++) {
        if (entry->parts[i].state < least) {
            return false;
        }
    }
    return true;
}

/* The watermark, if all parts from that state on were committed */
static int64_t watermark_from(const struct ledger *ledger,
                              enum ledger_part_state least)
{
    const struct ledger_entry *entry;
    int64_t unread = offset_set_next(&ledger->unread, 0);
    int64_t watermark = unread < ledger->cursor ? unread : ledger->cursor;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        if (entry->offset >= watermark) {
            return watermark;
        }
        if (!would_be_complete(entry, least)) {
            return entry->offset;
        }
    }
    return watermark;
}

/* An entry that owes nothing is like a gap: nothing is said of it. */
static void add_claimed(struct progress *progress,
                        const struct ledger_entry *entry)
{
    if (!ledger_entry_has(entry, PART_CLAIMED)) {
        return;
    }
    if (would_be_complete(entry, PART_CLAIMED)) {
        offset_set_add(&progress->done, entry->offset);
        return;
    }
    for (size_t i = 0; i < entry->part_count; i++) {
        if (entry->parts[i].state == PART_CLAIMED) {
            progress_add_part(progress, entry->parts[i].id, entry->offset);
        }
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

/* What is committed, and what is claimed, as if it were */
static void imagine(const struct ledger *ledger, struct progress *image)
{
    const struct ledger_entry *entry;
    int64_t watermark = watermark_from(ledger, PART_CLAIMED);

    copy_committed(&ledger->committed, image);
    /* First: a set has a bit for all between its members, and behind a gap
     * there is no end of them. */
    forget_below(image, watermark);
    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        if (entry->offset >= watermark) {
            add_claimed(image, entry);
        }
    }
    if (image->dispatched < ledger->cursor) {
        image->dispatched = ledger->cursor;
    }
}

/* --- claiming ---------------------------------------------------------------
 */

static void move_parts(struct ledger_entry *entry, enum ledger_part_state from,
                       enum ledger_part_state to)
{
    for (size_t i = 0; i < entry->part_count; i++) {
        if (entry->parts[i].state == from) {
            entry->parts[i].state = to;
        }
    }
}

static size_t claim_entry(struct ledger_entry *entry, size_t most)
{
    size_t count = 0;

    for (size_t i = 0; i < entry->part_count && count < most; i++) {
        if (entry->parts[i].state == PART_FINISHED) {
            entry->parts[i].state = PART_CLAIMED;
            count++;
        }
    }
    return count;
}

static size_t finished_in(const struct ledger_entry *entry)
{
    size_t count = 0;

    for (size_t i = 0; i < entry->part_count; i++) {
        count += entry->parts[i].state == PART_FINISHED;
    }
    return count;
}

/* Whole records, whose bits reach far enough, and always one; returns how many
 * parts may still be claimed. */
static size_t claim_complete(struct ledger *ledger, const size_t most)
{
    size_t left = most;
    int64_t watermark = watermark_from(ledger, PART_FINISHED);
    int64_t reach = watermark + (int64_t)done_bytes(ledger) * 8;
    struct ledger_entry *entry;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        size_t count;

        if (entry->offset >= reach) {
            break;
        }
        if (!would_be_complete(entry, PART_FINISHED)) {
            continue;
        }
        if ((left < most || most == 0) && finished_in(entry) > left) {
            break;
        }
        count = claim_entry(entry, SIZE_MAX);
        left -= count < left ? count : left;
    }
    return left;
}

static size_t claim_single(struct ledger *ledger, size_t most)
{
    int64_t reach =
        watermark_from(ledger, PART_CLAIMED) + (int64_t)done_bytes(ledger) * 8;
    struct ledger_entry *entry;
    size_t count = 0;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        if (entry->offset >= reach) {
            break;
        }
        if (!would_be_complete(entry, PART_FINISHED)) {
            count += claim_entry(entry, most - count);
        }
    }
    return count;
}

static void unclaim_single(struct ledger *ledger)
{
    struct ledger_entry *entry;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        if (!would_be_complete(entry, PART_CLAIMED)) {
            move_parts(entry, PART_CLAIMED, PART_FINISHED);
        }
    }
}

/* Room for half as much again: a run that goes on through records that become
 * complete takes a byte more from 128 on, where two runs took one each. */
static bool single_fit(const struct ledger *ledger)
{
    struct progress image;
    bool fit;

    imagine(ledger, &image);
    fit = progress_parts_size(&image) / 2 * 3 <= parts_room(ledger);
    progress_release(&image);
    return fit;
}

/* As many as fit; in practice all or none. */
static void claim_singles(struct ledger *ledger, size_t most)
{
    size_t count = claim_single(ledger, most);

    while (count > 0 && !single_fit(ledger)) {
        unclaim_single(ledger);
        count = count / 2 > 0 ? claim_single(ledger, count / 2) : 0;
    }
}

static bool has_claimed(const struct ledger *ledger)
{
    const struct ledger_entry *entry;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        if (ledger_entry_has(entry, PART_CLAIMED)) {
            return true;
        }
    }
    return false;
}

bool ledger_prepare(struct ledger *ledger, size_t most)
{
    if (ledger->committed.watermark < 0) {
        return false; /* not a record has been read yet */
    }
    most = claim_complete(ledger, most);
    claim_singles(ledger, most);
    ledger->claimed = watermark_from(ledger, PART_CLAIMED);
    return has_claimed(ledger) || ledger->claimed > ledger->committed.watermark;
}

/* --- saying -----------------------------------------------------------------
 */

static int by_offset(const void *a, const void *b)
{
    const struct progress_attempts *x = a;
    const struct progress_attempts *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void remember(const struct ledger *ledger, struct progress *image)
{
    const struct ledger_entry *entry;

    for (size_t i = 0; i < ledger->committed.attempts_count; i++) {
        if (ledger->committed.attempts[i].offset >= image->watermark) {
            progress_add_attempts(image, &ledger->committed.attempts[i]);
        }
    }
    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        for (size_t i = 0; i < entry->part_count; i++) {
            const struct ledger_part *part = &entry->parts[i];

            if (part->state < PART_CLAIMED && part->attempts > 0 &&
                part->first_failed_ms > 0) {
                progress_add_attempts(
                    image, &(struct progress_attempts){entry->offset, part->id,
                                                       part->attempts,
                                                       part->first_failed_ms});
            }
        }
    }
    if (image->attempts_count > 0) {
        qsort(image->attempts, image->attempts_count,
              sizeof(image->attempts[0]), by_offset);
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
        !progress_encode(&image, ledger->text_most, text)) {
        image.attempts_count = 0;
        progress_encode(&image, SIZE_MAX, text);
    }
    watermark = image.watermark;
    progress_release(&image);
    return watermark;
}

void ledger_committed(struct ledger *ledger)
{
    struct ledger_entry *entry = TAILQ_FIRST(&ledger->entries);

    forget_below(&ledger->committed, ledger->claimed);
    while (entry != NULL) {
        struct ledger_entry *next = TAILQ_NEXT(entry, link);

        if (entry->offset >= ledger->claimed) {
            add_claimed(&ledger->committed, entry);
        }
        move_parts(entry, PART_CLAIMED, PART_COMMITTED);
        if (would_be_complete(entry, PART_COMMITTED)) {
            TAILQ_REMOVE(&ledger->entries, entry, link);
            TAILQ_INSERT_TAIL(&ledger->complete, entry, link);
        }
        entry = next;
    }
    offset_set_forget_below(&ledger->unread, ledger->claimed);
}

void ledger_aborted(struct ledger *ledger)
{
    struct ledger_entry *entry;

    TAILQ_FOREACH(entry, &ledger->entries, link)
    {
        move_parts(entry, PART_CLAIMED, PART_FINISHED);
    }
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
    ledger->text_most /= 2;
}
