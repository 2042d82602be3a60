#ifndef WAYBILL_SERVICE_INTERNAL_H
#define WAYBILL_SERVICE_INTERNAL_H

#include "pipeline_internal.h"
#include "samples.h"
#include "waybill/limits.h"
#include "waybill/outcome_encode.h"
#include "withheld.h"

/*
 * The service: assignment.c reads records and tracks the assigned partitions,
 * commit.c writes outcomes and progress back to Kafka, reload.c replaces the
 * configuration, and service.c has the life cycle.
 */

struct assignment {
    TAILQ_ENTRY(assignment) link;
    struct service *service;
    struct kafka_partition at; /* it owns the topic's name */
    struct ledger ledger;
    bool is_replays;          /* a partition of the replays topic */
    bool resting;             /* paused, because the window is full; then: */
    int64_t resting_since_ms; /* wall-clock time */
    bool revoked; /* reads no more records; a last commit may follow */
    bool committing;
    bool over; /* nothing of it may be committed any more */
    /* Finished records that the metadata of the last commit had no room for,
     * and their memory */
    size_t unfit_records;
    size_t unfit_bytes;
    /* Offset of the first record that cannot be read, -1 if there is none; the
     * offset from which it can be read again, -1 if that is not known */
    int64_t unreadable;
    int64_t readable_from;
    int64_t unreadable_since_ms; /* wall-clock time */
    char unreadable_reason[LIMIT_MESSAGE];
};

/* A record that is being processed, with its entry in the partition's ledger */
struct inflight {
    struct ledger_entry entry;
    struct assignment *assignment;
    struct record *record;
    uint64_t replan_at_commit; /* number of the commit after which it is
                            replanned; 0 if not waiting */
    /* The worst outcome that was committed before the record was replanned, if
     * any was. A record counts as completed once, with its worst outcome. */
    enum outcome_status committed_status;
    bool has_committed_status;
};

/* The delivery that a message of the transaction belongs to */
struct sent {
    struct delivery *delivery; /* NULL if it was freed meanwhile */
    enum status_output output; /* a dead letter follows its outcome */
    bool has_key;
};

struct counts {
    struct service_counts all;
    struct status_outcome recent[STATUS_RECENT]; /* a ring buffer */
    uint64_t recent_total;
    struct samples samples;
};

enum service_state { SERVICE_RUNNING, SERVICE_DRAINING, SERVICE_CLOSING };

STAILQ_HEAD(pipelines, pipeline);

struct service {
    struct pipeline *pipeline;
    struct pipelines predecessors; /* the oldest first */
    struct pipelines retired;      /* predecessors without records */
    size_t predecessor_count;
    struct task replanning;
    const struct pipeline_options *options;
    const struct settings *settings;
    struct arena *arena; /* holds copies of the Kafka settings */
    struct kafka_options kafka_options;
    struct kafka *kafka;
    struct outcome_style style;
    TAILQ_HEAD(, assignment) assignments;
    size_t records;
    bool full;
    int64_t full_since_ms; /* wall-clock time */
    /* Maximum length of the metadata of a partition, which shrinks when the
     * broker rejects it */
    size_t max_metadata;
    enum service_state state;
    bool idle;     /* draining, and no attempt is in flight */
    bool revoking; /* kafka_complete_revocation() must still be called */
    bool dirty;    /* something may have to be committed */
    uint64_t committed_ms;
    uint64_t commits;  /* commits attempted */
    struct sent *sent; /* one per message of the transaction in progress */
    size_t sent_count;
    size_t sent_capacity;
    unsigned aborted; /* commits in a row that failed for no message's sake */
    struct withholding withholding;
    struct task advance;
    struct timer commit_timer;
    struct timer handover; /* deadline of attempts of revoked partitions */
    struct timer tick;
    struct timer drain_deadline;
    struct task ending;
    struct error failure; /* ERROR_NONE after service_stop() */
    struct counts counts;
    int64_t started_ms;         /* wall-clock time, as are the next two */
    int64_t not_ready_since_ms; /* 0 while the service is ready */
    int64_t notice_ms;
    char notice[LIMIT_MESSAGE]; /* last warning of the Kafka client */
    service_ended_fn *ended;
    void *payload;
};

/* --- assignment.c */
/* Returns NULL if the record is skipped, because it is of another type. It has
 * no entry in the ledger: the watermark passes over its offset as over a gap.
 */
struct inflight *inflight_new(struct assignment *assignment,
                              const struct input *input);
void inflight_free(struct inflight *inflight); /* it must not be in a ledger */
void service_on_record(void *payload, const struct input *input);
void service_on_assigned(void *payload, const struct kafka_position *positions,
                         size_t count);
void service_on_revoked(void *payload, const struct kafka_partition *partitions,
                        size_t count, bool lost);
void assignment_free(struct assignment *assignment);
/* Frees all records. Those that are not committed will be read again by the
 * next owner of the partition. */
void assignment_clear(struct assignment *assignment);
/* Frees the records of which everything is committed. */
void assignment_sweep(struct assignment *assignment);
/* Frees the records without an outcome; those with an attempt in flight only
 * with `at_once`. Returns true if an attempt is still in flight. */
bool assignment_abandon(struct assignment *assignment, bool at_once);
void service_on_handover(void *payload);
void service_tick(void *payload);
/* Pauses and resumes reading according to the limits, and sheds records. */
void service_regulate(struct service *service);

/* --- unreadable.c: partitions that cannot be read further */
void service_on_unreadable(void *payload, const struct kafka_unreadable *what);
/* Returns true if the record is too large for the memory, or follows one that
 * is; the partition is held at the first such record. */
bool unreadable_hold(struct assignment *assignment, const struct input *input);
/* Appends the command that skips what cannot be read. */
void unreadable_append_command(const struct service *service,
                               const struct assignment *assignment,
                               struct str *out);

/* --- commit.c */
/* Starts a transaction with everything that is finished. Returns false if there
 * is nothing to commit. */
bool service_commit(struct service *service);
void service_on_committed(void *payload, const struct kafka_result *result);

/* --- reload.c: from one configuration to the next ----------------------------
 */
void service_reload_init(struct service *service);
/* Schedules the replanning of records of earlier configurations. Call it
 * whenever something ended that may belong to one of them. */
void service_renew_soon(struct service *service);
void service_on_idle(void *payload);

/* --- service.c */
/* Takes the next step of the service: a commit, handing over revoked
 * partitions, or closing. Call it after every change of state. */
void service_advance(struct service *service);
/* Whether a commit may not be delayed, because partitions are revoked or the
 * service stops */
bool service_must_commit_now(const struct service *service);
void service_fail(struct service *service, const struct error *err);

/* --- expire.c ---------------------------------------------------------------
 */

/* Ends deliveries that are held for longer than max_age where reading is
 * paused. */
void service_expire_held(struct service *service);

#endif
