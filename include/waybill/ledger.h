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
 * its records are in work, which of their deliveries are finished, in the
 * commit that is under way, or committed.
 *
 * Deliveries finish in any order, and what is finished is committed at once,
 * together with the progress that says so (progress.h). So what a delivery
 * waits for is never another one; only the watermark does that.
 *
 * Offsets grow but need not follow each other: compaction and the markers of
 * transactions leave gaps, which are nobody's and hold up nothing.
 *
 * A commit costs what it commits (times its logarithm, and the length of the
 * text), however many records are in work beside it: entries are on lists of
 * what a commit may concern, and count their slots by state.
 *
 * Pure: no I/O, no clock. Entries and slots are the caller's memory, and stay
 * where they are until the ledger has given the entry back or given it up.
 */

/* A partition is read no further above its watermark. At a bit each that is 2
 * KiB, which always fits beside what parts and attempts need. */
#define LEDGER_WINDOW 16384

enum ledger_slot_state {
    SLOT_OPEN,
    SLOT_FINISHED,
    SLOT_IN_COMMIT,
    SLOT_COMMITTED,
};
#define LEDGER_SLOT_STATES (SLOT_COMMITTED + 1)

/* Whether the committed progress says that an attempt may have arrived: it is
 * said before the attempt begins (a write-ahead log), so that it is known even
 * if nobody lives to see the attempt end. */
enum ledger_mark {
    MARK_NONE,
    MARK_NEW, /* for the next commit */
    MARK_IN_COMMIT,
    MARK_COMMITTED,
};

/* One outcome that a record owes: that of a delivery, or the record's own. All
 * of it is changed by the functions below only. */
struct ledger_slot {
    STAILQ_ENTRY(ledger_slot) link; /* of the same entry */
    struct ledger_entry *entry;     /* NULL: of none; only notes attempts */
    uint64_t id;                    /* progress_id(); 0: the record's own */
    enum ledger_slot_state state;
    enum ledger_mark mark;
    unsigned attempts;
    int64_t first_failed_ms; /* wall; 0: none has failed */
    void *owner;
};

STAILQ_HEAD(ledger_slots, ledger_slot);

/* One record in work */
struct ledger_entry {
    int64_t offset;
    void *owner;
    struct ledger_slots slots; /* none: it owes nothing (any more) */
    /* The rest is the ledger's own. */
    struct ledger *ledger; /* NULL: in none */
    size_t slot_count;
    size_t in_state[LEDGER_SLOT_STATES];
    bool is_failing;
    TAILQ_ENTRY(ledger_entry) link;      /* in work, or complete */
    TAILQ_ENTRY(ledger_entry) finished;  /* ready, or partial */
    TAILQ_ENTRY(ledger_entry) in_commit; /* while a slot is in the commit */
    TAILQ_ENTRY(ledger_entry) failing;   /* once marked, or failed */
    TAILQ_ENTRY(ledger_entry) idle;      /* when it owes nothing */
};

TAILQ_HEAD(ledger_entries, ledger_entry);

struct ledger {
    struct ledger_entries entries; /* in work, by their offsets */
    struct ledger_entries ready;   /* ... with finished slots, none open */
    struct ledger_entries partial; /* ... with finished slots, and open ones */
    struct ledger_entries in_commit; /* ... with slots in the commit */
    struct ledger_entries failing;   /* ... marked or failed, by offsets */
    struct ledger_entries idle;      /* ... that owe nothing */
    struct ledger_entries complete;  /* committed whole, to be taken */
    size_t entry_count;              /* in work */
    struct progress committed;       /* attempts: of what is not in work */
    int64_t cursor;                  /* smaller offsets have been read */
    struct offset_set unread;        /* of them: dropped, to be read again */
    int64_t last;                    /* read, since the rewind; -1: none */
    int64_t target;                  /* of the last rewind */
    bool met;                        /* that one has been read again */
    unsigned missed;                 /* rewinds that went past it */
    int64_t next_watermark;          /* of the commit that is under way */
    /* Finished slots of incomplete records found no room in the text while this
     * was the watermark: they are not tried again before it moves. */
    int64_t full_at;
    bool has_new_marks; /* set, or taken back, and in no commit yet */
    bool marks_in_commit;
    size_t max_text;
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
 * have failed before, or may have been begun by somebody. For those that are
 * marked before they begin, the mark that ledger_recall() finds says more than
 * ledger_was_dispatched(), which is true of whatever has been read. */
bool ledger_is_part_done(const struct ledger *ledger, int64_t offset,
                         uint64_t id);
bool ledger_has_parts_done(const struct ledger *ledger, int64_t offset);
bool ledger_was_dispatched(const struct ledger *ledger, int64_t offset);
/* From now on ledger_was_dispatched() is true of it. */
void ledger_note_dispatched(struct ledger *ledger, int64_t offset);
void ledger_recall(const struct ledger *ledger, struct ledger_slot *slot,
                   int64_t offset);

/* Entries. A new one is of no ledger yet; its slots are added first. */
void ledger_entry_init(struct ledger_entry *entry, int64_t offset, void *owner);
void ledger_entry_add_slot(struct ledger_entry *entry,
                           struct ledger_slot *slot);
bool ledger_entry_has(const struct ledger_entry *entry,
                      enum ledger_slot_state state);
/* Of what has been read; all its slots are open. */
void ledger_add(struct ledger *ledger, struct ledger_entry *entry);

/* Slots. Each may be called of a slot that is in no ledger. */
void ledger_note_attempts(struct ledger_slot *slot, unsigned attempts,
                          int64_t first_failed_ms);
/* An attempt of it is about to begin: the next commit says so, even if it has
 * nothing else to say, and its mark is MARK_COMMITTED after that. Where the
 * text has no room for it, it is left out, and yet counts as committed: what is
 * not done comes first. */
void ledger_mark(struct ledger_slot *slot);
/* Nothing of it can have arrived. The next commit says no more of it. */
void ledger_unmark(struct ledger_slot *slot);
/* An open one has an outcome, which the next commit may take along; and a
 * finished one has, for the time being, none that can be committed. */
void ledger_finish(struct ledger_slot *slot);
void ledger_reopen(struct ledger_slot *slot);

/* How far above its watermark it has been read */
int64_t ledger_span(const struct ledger *ledger);

/* An entry that is given up for now, to be read again after a rewind: it keeps
 * nothing but its bit, and the watermark waits for it. False, and nothing is
 * done: it cannot be given up, because a slot of it is finished and not yet
 * committed, or its offset is too far above the watermark. */
bool ledger_drop(struct ledger *ledger, struct ledger_entry *entry) NODISCARD;
/* An entry that is planned anew: another one with its offset is about to be
 * added. Nothing of it is in the commit, and something is open; what is
 * finished and not committed is done again. */
void ledger_withdraw(struct ledger *ledger, struct ledger_entry *entry);
bool ledger_has_unread(const struct ledger *ledger);
/* The offset to read from, so that what was dropped comes again */
int64_t ledger_rewind(struct ledger *ledger);
/* Since the rewind it has not been read as far as it was before. */
bool ledger_is_rereading(const struct ledger *ledger);

/* Committing: prepare takes finished slots along, about so many at most; false:
 * there is nothing to be said. Then exactly one of the last two, whenever the
 * result is known. What is finished in between waits for the next. The slots
 * that it takes along are those SLOT_IN_COMMIT of the entries in
 * ledger->in_commit. */
bool ledger_prepare(struct ledger *ledger, size_t max);
/* The offset and the text to commit for them */
int64_t ledger_describe(const struct ledger *ledger, struct str *text);
void ledger_committed(struct ledger *ledger);
void ledger_aborted(struct ledger *ledger);
/* An entry that is over, or NULL */
struct ledger_entry *ledger_take_complete(struct ledger *ledger);
/* Any entry, for the end of the ledger, or NULL */
struct ledger_entry *ledger_take(struct ledger *ledger);
/* The broker takes no text of the length that was last tried. */
void ledger_shorten(struct ledger *ledger);

#endif
