#ifndef WAYBILL_SERVICE_INTERNAL_H
#define WAYBILL_SERVICE_INTERNAL_H

#include "pipeline_internal.h"
#include "waybill/outcome_encode.h"

/*
 * The service, in three files: assignment.c has what is read and in work,
 * commit.c what goes back to Kafka, service.c the rest, and its life.
 */

struct assignment {
    TAILQ_ENTRY(assignment) link;
    struct service *service;
    struct kafka_partition at; /* the topic's name is its own */
    struct ledger ledger;
    bool resting; /* it has been read as far as its window reaches */
    bool revoked; /* no more records, and a last commit */
    bool committing;
    bool over; /* nothing of it is committed any more */
};

/* A record, and its place in its partition's ledger */
struct inflight {
    struct ledger_entry entry;
    struct assignment *assignment;
    struct record *record;
    struct timer withheld; /* a delivery whose message was refused */
    uint64_t renewed_at;   /* the commit after which it is planned anew; 0 */
    /* Of a record that was planned anew: the worst outcome that was committed
     * before, if any was */
    enum outcome_status before;
    bool has_before;
};

/* Whose outcome a message of the batch is */
struct sent {
    struct delivery *delivery; /* NULL: it is not here any more */
    bool dead_letter;          /* the outcome's, which comes after it */
};

struct counts {
    struct service_counts all;
    struct status_outcome recent[STATUS_RECENT]; /* a ring */
    uint64_t recent_total;
};

enum service_state { SERVICE_RUNNING, SERVICE_DRAINING, SERVICE_CLOSING };

STAILQ_HEAD(pipelines, pipeline);

struct service {
    struct pipeline *pipeline;
    struct pipelines predecessors; /* by earlier settings, the oldest first */
    struct pipelines retired;      /* ... with nothing left, to be taken */
    size_t predecessor_count;
    struct task renewal;
    const struct pipeline_options *options;
    const struct settings *settings;
    struct arena *arena; /* what is kept of the first settings */
    struct kafka_options kafka_options;
    struct kafka *kafka;
    struct outcome_style style;
    TAILQ_HEAD(, assignment) assignments;
    size_t records;
    bool full;
    enum service_state state;
    bool idle;     /* nothing runs any more, while draining */
    bool revoking; /* kafka_release() is owed */
    bool dirty;    /* there may be something to commit */
    uint64_t committed_ms;
    uint64_t commits;  /* tried */
    struct sent *sent; /* by message, of the commit that is under way */
    size_t sent_count;
    size_t sent_capacity;
    struct task advance;
    struct timer commit_timer;
    struct timer handover; /* what was revoked may still finish */
    struct timer tick;
    struct timer drain_deadline;
    struct task ending;
    struct error failure; /* kind ERROR_NONE: stopped as told */
    struct counts counts;
    int64_t started_ms; /* wall, as the next */
    int64_t notice_ms;
    char notice[LIMIT_MESSAGE]; /* the client's last warning */
    service_ended_fn *ended;
    void *payload;
};

/* --- assignment.c */
struct inflight *inflight_new(struct assignment *assignment,
                              const struct input *input);
void inflight_free(struct inflight *inflight); /* it is in no ledger any more */
void service_on_record(void *payload, const struct input *input);
void service_on_assigned(void *payload, const struct kafka_position *positions,
                         size_t count);
void service_on_revoked(void *payload, const struct kafka_partition *partitions,
                        size_t count, bool lost);
void assignment_free(struct assignment *assignment);
/* Gives up every record that is not committed. */
void assignment_clear(struct assignment *assignment);
/* Frees what is committed whole. */
void assignment_sweep(struct assignment *assignment);
/* What has no outcome yet is given up, what runs only at once; true: something
 * still runs. */
bool assignment_abandon(struct assignment *assignment, bool at_once);
void service_on_handover(void *payload);
void service_tick(void *payload);
void service_regulate(struct service *service);
/* Held for records, attempts included */
size_t service_bytes(const struct service *service);

/* --- commit.c */
/* False: there is nothing to commit. */
bool service_commit(struct service *service);
void service_on_committed(void *payload, const struct kafka_result *result);
void service_on_withheld(void *payload); /* of an intake */

/* --- audit.c: the line of an outcome that is committed */
void audit_outcome(const struct outcome *outcome,
                   const char *dead_letter_topic);

/* --- renewal.c: from one configuration to the next */
void service_renewal_init(struct service *service);
/* Something has ended that may be of an earlier configuration. */
void service_renew_soon(struct service *service);
void service_on_idle(void *payload);

/* --- counts.c */
void counts_init(struct counts *counts);
void count_outcome(struct service *service, const struct delivery *delivery);
/* False: none of its outcomes is committed. */
bool worst_committed(const struct inflight *inflight,
                     enum outcome_status *ret_worst);
void count_completed(struct service *service, const struct inflight *inflight);
/* How late the tick is that runs */
void count_loop_lag(struct service *service);

/* --- service.c */
/* Whatever has changed: what follows from it */
void service_advance(struct service *service);
void service_fail(struct service *service, const struct error *err);

#endif
