#ifndef WAYBILL_LEDGER_ENTRY_H
#define WAYBILL_LEDGER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * What a ledger (ledger.h) keeps of one record: an entry, with a slot for each
 * outcome that the record must have. The caller owns their memory, and the
 * functions of ledger.h change them.
 */

enum ledger_slot_state {
    SLOT_OPEN,
    SLOT_FINISHED,
    SLOT_IN_COMMIT,
    SLOT_COMMITTED,
};
#define LEDGER_SLOT_STATES (SLOT_COMMITTED + 1)

/* Whether the committed progress contains that an attempt may have been
 * delivered. The mark is committed before the attempt begins (a write-ahead
 * log), so that it is known even if the process ends during the attempt. */
enum ledger_mark {
    MARK_NONE,
    MARK_NEW, /* to be included in the next commit */
    MARK_IN_COMMIT,
    MARK_COMMITTED,
};

/* One outcome that a record must have: that of a delivery, or the record's own.
 * Only the functions below may change it. */
struct ledger_slot {
    STAILQ_ENTRY(ledger_slot) link; /* slots of the same entry */
    /* NULL: the slot belongs to no entry, and only its `attempts` and
     * `first_failed_ms` are used. */
    struct ledger_entry *entry;
    /* progress_id() of the attachment; 0: the record's own outcome */
    uint64_t id;
    enum ledger_slot_state state;
    enum ledger_mark mark;
    unsigned attempts;
    int64_t first_failed_ms; /* Unix time; 0: no attempt has failed */
    void *owner;
};

STAILQ_HEAD(ledger_slots, ledger_slot);

/* One record that is being processed */
struct ledger_entry {
    int64_t offset;
    /* The lowest of the offsets before it that hold no record (compaction,
     * transaction markers); `offset` if there is none. They are finished
     * together with the record, so that such a gap needs no run of its own in
     * the metadata. */
    int64_t from;
    void *owner;
    struct ledger_slots slots; /* empty: no outcome is needed (any more) */
    /* The following members are private to the ledger. */
    struct ledger *ledger; /* NULL: not in a ledger */
    size_t slot_count;
    size_t in_state[LEDGER_SLOT_STATES];
    bool is_failing;
    TAILQ_ENTRY(ledger_entry) link;      /* in `entries` or `complete` */
    TAILQ_ENTRY(ledger_entry) finished;  /* in `ready` or `partial` */
    TAILQ_ENTRY(ledger_entry) in_commit; /* in `in_commit` */
    TAILQ_ENTRY(ledger_entry) failing;   /* in `failing` */
    TAILQ_ENTRY(ledger_entry) idle;      /* in `idle` */
};

TAILQ_HEAD(ledger_entries, ledger_entry);

#endif
