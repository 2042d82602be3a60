#ifndef WAYBILL_LEDGER_H
#define WAYBILL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "waybill/error.h"
#include "waybill/progress.h"
#include "waybill/str.h"

/*
 * What is known of one assigned partition: how far it has been read, which of
 * its records are in work, which of their deliveries are finished, claimed by
 * the commit that is under way, or committed.
 *
 * Deliveries finish in any order, and what is finished is committed at once,
 * together with the progress that says so (progress.h). So what a delivery
 * waits for is never another one; only the watermark does that.
 *
 * Offsets grow but need not follow each other: compaction and the markers of
 * transactions leave gaps, which are nobody's and hold up nothing.
 *
 * Pure: no I/O, no clock. Entries and parts are the caller's memory.
 */

/* A partition is read no further above its watermark. At a bit each that is 2
 * KiB, which always fits beside what parts and attempts need. */
#define LEDGER_WINDOW 16384

enum ledger_part_state {
    PART_OPEN,
    PART_FINISHED,
    PART_CLAIMED,
    PART_COMMITTED,
};

/* One outcome that a record owes: that of an attachment, or its own */
struct ledger_part {
    uint64_t id; /* progress_id(); 0: the record's own */
    enum ledger_part_state state;
    unsigned attempts; /* the caller's to keep up to date, as the next */
    int64_t first_failed_ms;
};

struct ledger_entry {
    TAILQ_ENTRY(ledger_entry) link;
    int64_t offset;
    struct ledger_part *parts; /* none: it owes nothing (any more) */
    size_t part_count;
    void *owner;
};

TAILQ_HEAD(ledger_entries, ledger_entry);

struct ledger {
    struct ledger_entries entries;  /* in work, by their offsets */
    struct ledger_entries complete; /* committed whole, to be taken */
    struct progress committed;      /* attempts: of what is not in work */
    int64_t cursor;                 /* smaller offsets have been read */
    struct offset_set unread;       /* of them: dropped, to be read again */
    int64_t last;                   /* read, since the rewind; -1: none */
    int64_t target;                 /* of the last rewind */
    bool met;                       /* that one has been read again */
    unsigned missed;                /* rewinds that went past it */
    int64_t claimed; /* the watermark of the commit that is under way */
    size_t text_most;
};

/* Life cycle */
void ledger_init(struct ledger *ledger);
/* From what was committed; offset < 0: nothing ever was. */
int ledger_restore(struct ledger *ledger, int64_t offset, const char *text,
                   struct error *err) NODISCARD;
void ledger_release(struct ledger *ledger); /* entries are not touched */

/* Reading. False: that record is in work, or done, or has been read before. */
bool ledger_read(struct ledger *ledger, int64_t offset);
/* There is no record below `offset` that has not been read. */
void ledger_pass(struct ledger *ledger, int64_t offset);
/* Deliveries of a record that is about to be added, which are done already,
 * have failed before, or may have been begun by somebody. */
bool ledger_is_part_done(const struct ledger *ledger, int64_t offset,
                         uint64_t id);
bool ledger_has_parts_done(const struct ledger *ledger, int64_t offset);
bool ledger_was_dispatched(const struct ledger *ledger, int64_t offset);
/* From now on ledger_was_dispatched() is true of it. */
void ledger_note_dispatched(struct ledger *ledger, int64_t offset);
void ledger_recall(const struct ledger *ledger, int64_t offset,
                   struct ledger_part *part);
/* Of what has been read; part->state is PART_OPEN. */
void ledger_add(struct ledger *ledger, struct ledger_entry *entry);
/* How far above its watermark it has been read */
int64_t ledger_span(const struct ledger *ledger);

/* An entry that is given up for now, to be read again after a rewind: it keeps
 * nothing but its bit, and the watermark waits for it. False, and nothing is
 * done: it cannot be given up, because a part of it is finished and not yet
 * committed, or it is too far up. */
bool ledger_drop(struct ledger *ledger, struct ledger_entry *entry) NODISCARD;
/* An entry that is planned anew: another one with its offset is about to be
 * added. Nothing of it is claimed, and something is open; what is finished and
 * not committed is done again. */
void ledger_withdraw(struct ledger *ledger, struct ledger_entry *entry);
bool ledger_has_unread(const struct ledger *ledger);
/* The offset to read from, so that what was dropped comes again */
int64_t ledger_rewind(struct ledger *ledger);
/* Since the rewind it has not been read as far as it was before. */
bool ledger_is_rereading(const struct ledger *ledger);

/* Committing: prepare claims finished parts, at most so many; false: there is
 * nothing to be said. Then exactly one of the last two, whenever the result is
 * known. What is finished in between waits for the next. */
bool ledger_prepare(struct ledger *ledger, size_t most);
/* The offset and the text to commit for what is claimed */
int64_t ledger_describe(const struct ledger *ledger, struct str *text);
void ledger_committed(struct ledger *ledger);
void ledger_aborted(struct ledger *ledger);
/* An entry that is over, or NULL */
struct ledger_entry *ledger_take_complete(struct ledger *ledger);
/* Any entry, for the end of the ledger, or NULL */
struct ledger_entry *ledger_take(struct ledger *ledger);
/* The broker takes no text of the length that was last tried. */
void ledger_shorten(struct ledger *ledger);

bool ledger_entry_has(const struct ledger_entry *entry,
                      enum ledger_part_state state);

#endif
