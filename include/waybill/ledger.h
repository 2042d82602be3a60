#ifndef WAYBILL_LEDGER_H
#define WAYBILL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "waybill/error.h"
#include "waybill/ledger_entry.h"
#include "waybill/progress.h"
#include "waybill/str.h"

/*
 * The state of one assigned partition: how far it has been read, which of its
 * records are being processed, and which of their deliveries are finished, in
 * the commit in progress, or committed.
 *
 * Deliveries finish in any order. What is finished is committed at once,
 * together with the progress that records it (progress.h), so that no delivery
 * waits for another one. Only the watermark (the committed offset) waits for
 * all lower records.
 *
 * Offsets increase but need not be consecutive: compaction and transaction
 * markers leave gaps, which belong to no record and delay nothing.
 *
 * How far a partition may be read above its watermark depends on what fits into
 * the metadata, and on nothing else: one record that is stuck and millions of
 * finished ones after it are a single run (ledger_is_full()).
 *
 * The cost of a commit depends on the number of slots in it (times its
 * logarithm, and the length of the metadata), not on the number of records
 * being processed. For this, entries are linked into lists by what a commit may
 * concern, and count their slots by state.
 *
 * Pure: no I/O, no clock. The caller owns the memory of entries and slots,
 * which must not move until the ledger has returned, shed or withdrawn the
 * entry. A ledger is used from one thread.
 */

struct ledger {
    struct ledger_entries entries; /* being processed, sorted by offset */
    /* of these, with finished slots and no open ones */
    struct ledger_entries ready;
    /* some of `ready` did not fit into the metadata of the last commit */
    bool has_unfit;
    /* of these, with finished slots and open ones */
    struct ledger_entries partial;
    /* of these, with slots in the commit in progress */
    struct ledger_entries in_commit;
    /* of these, with marks or failed attempts, sorted by offset */
    struct ledger_entries failing;
    /* of these, without slots; those in the commit in progress come first */
    struct ledger_entries idle;
    /* committed completely, for ledger_take_complete() */
    struct ledger_entries complete;
    size_t entry_count; /* in `entries` */
    /* its attempts are those of records without an entry */
    struct progress committed;
    int64_t cursor; /* all lower offsets have been read */
    /* offsets below it that were shed and must be refetched */
    struct offset_set to_refetch;
    /* last offset read since the last rewind; -1: none */
    int64_t last;
    /* The offset of the next entry to be added, if it is that of a record just
     * read or withdrawn, and ledger_entry.from for it */
    int64_t next_offset;
    int64_t next_from;
    /* The lowest of the offsets that were skipped since; -1: none */
    int64_t skipped_from;
    int64_t rewind_target; /* offset of the last rewind; -1: none */
    /* the record at the target was read again */
    bool target_found;
    /* consecutive rewinds that did not find the target */
    unsigned missed_rewinds;
    int64_t next_watermark; /* of the commit in progress */
    /* The watermark at which finished slots of incomplete records did not fit
     * into the metadata; they are not tried again until the watermark moves.
     * -1: they fit. */
    int64_t full_at_watermark;
    /* marks were set or removed since the last commit was prepared */
    bool has_new_marks;
    bool marks_in_commit;  /* the commit in progress contains such changes */
    size_t idle_in_commit; /* number of entries of `idle` in it */
    size_t done_size;      /* of `committed`, as progress_done_size() */
    size_t max_text;       /* maximum length of the metadata */
};

/* Life cycle */
void ledger_init(struct ledger *ledger);
/* Restores the state from the committed offset and metadata; an offset < 0
 * means that nothing was committed. */
int ledger_restore(struct ledger *ledger, int64_t offset, const char *text,
                   struct error *err) NODISCARD;
void ledger_release(struct ledger *ledger); /* does not free entries */

/* Reading. Returns false if the record is being processed, is finished, or has
 * been read before. */
bool ledger_read(struct ledger *ledger, int64_t offset);
/* The record that was just read needs no outcome and gets no entry. Like a gap,
 * it is finished together with the next record. */
void ledger_skip(struct ledger *ledger, int64_t offset);
/* All records below `offset` have been read. */
void ledger_skip_to(struct ledger *ledger, int64_t offset);
/* The history of a record that is about to be added: deliveries that are
 * finished already, whether an earlier owner of the partition may have started
 * any of them, and failed attempts. For deliveries that are marked before they
 * begin, use the mark that ledger_restore_attempts() finds instead of
 * ledger_was_dispatched(), which is true for every record that was read. */
bool ledger_is_delivery_done(const struct ledger *ledger, int64_t offset,
                             uint64_t id);
bool ledger_has_deliveries_done(const struct ledger *ledger, int64_t offset);
bool ledger_was_dispatched(const struct ledger *ledger, int64_t offset);
/* Makes ledger_was_dispatched() true for the record. */
void ledger_note_dispatched(struct ledger *ledger, int64_t offset);
void ledger_restore_attempts(const struct ledger *ledger,
                             struct ledger_slot *slot, int64_t offset);

/* Entries. Add the slots to a new entry before adding it to a ledger. */
void ledger_entry_init(struct ledger_entry *entry, int64_t offset, void *owner);
void ledger_entry_add_slot(struct ledger_entry *entry,
                           struct ledger_slot *slot);
bool ledger_entry_has(const struct ledger_entry *entry,
                      enum ledger_slot_state state);
/* The record must have been read, and all slots must be open. */
void ledger_add(struct ledger *ledger, struct ledger_entry *entry);

/* Slots. These functions also accept a slot that is not in a ledger. */
void ledger_note_attempts(struct ledger_slot *slot, unsigned attempts,
                          int64_t first_failed_ms);
/* Marks that an attempt is about to begin. The next commit includes the mark,
 * and is made even if it contains nothing else; after that the mark is
 * MARK_COMMITTED. If the metadata has no space for the mark, it is omitted, and
 * yet counts as committed: a delivery that may be repeated unnoticed is better
 * than one that never begins. */
void ledger_mark(struct ledger_slot *slot);
/* Removes the mark, because no attempt can have been delivered. The next commit
 * does not contain it any more. */
void ledger_unmark(struct ledger_slot *slot);
/* ledger_finish(): an open slot has an outcome, which the next commit may
 * include. ledger_reopen(): the outcome of a finished slot cannot be committed
 * for the time being. */
void ledger_finish(struct ledger_slot *slot);
void ledger_reopen(struct ledger_slot *slot);

/* The number of offsets between the watermark and the last offset read */
int64_t ledger_span(const struct ledger *ledger);
/* Whether the progress might not fit into the metadata if further records were
 * read: in whatever order the records of the partition finish, what has been
 * read so far can be committed. */
bool ledger_is_full(const struct ledger *ledger);
/* Whether a quarter of that space is free again, so that reading can continue
 * for a while */
bool ledger_has_room(const struct ledger *ledger);

/* Sheds an entry, which is to be refetched after a rewind. Only its offset is
 * kept, and the watermark waits for it. Returns false and does nothing if a
 * slot is finished or in the commit in progress. */
bool ledger_shed(struct ledger *ledger, struct ledger_entry *entry) NODISCARD;
/* Removes an entry that is about to be replaced by another one with the same
 * offset, because its deliveries are planned again. No slot may be in the
 * commit, and one must be open; finished slots that are not committed are
 * delivered again. */
void ledger_withdraw(struct ledger *ledger, struct ledger_entry *entry);
bool ledger_needs_rewind(const struct ledger *ledger);
/* Returns the offset from which to read again, so that all shed records are
 * refetched. */
int64_t ledger_rewind(struct ledger *ledger);
/* Whether reading has not yet reached the offset that it had before the
 * rewind */
bool ledger_is_rereading(const struct ledger *ledger);
/* While rereading: if at least `min` records follow that were read before and
 * not shed, returns the offset after them, from which reading is to continue;
 * -1: it continues as it does. */
int64_t ledger_skip_known(struct ledger *ledger, int64_t min);

/* Committing. ledger_prepare() adds finished slots to a commit, at most about
 * `max`, and returns false if there is nothing to commit. Then exactly one of
 * ledger_committed() and ledger_aborted() must follow when the result is known.
 * Slots that finish in between wait for the next commit. The slots of a commit
 * are those with SLOT_IN_COMMIT of the entries in ledger->in_commit. */
bool ledger_prepare(struct ledger *ledger, size_t max);
/* Returns the offset, and appends the metadata, to commit for them. */
int64_t ledger_encode(const struct ledger *ledger, struct str *text);
void ledger_committed(struct ledger *ledger);
void ledger_aborted(struct ledger *ledger);
/* Returns an entry that is committed completely, or NULL; it is the caller's
 * again. */
struct ledger_entry *ledger_take_complete(struct ledger *ledger);
/* Returns any entry, or NULL, to empty the ledger before its release. */
struct ledger_entry *ledger_take(struct ledger *ledger);
/* Sets the maximum length of the metadata; PROGRESS_MAX_TEXT at first. */
void ledger_limit_metadata(struct ledger *ledger, size_t max);

#endif
