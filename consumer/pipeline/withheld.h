#ifndef WAYBILL_PIPELINE_WITHHELD_H
#define WAYBILL_PIPELINE_WITHHELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "waybill/kafka_batch.h"
#include "waybill/loop.h"
#include "waybill/status_topic.h"

/*
 * Finished deliveries that are not part of the next commit, because Kafka has
 * rejected one of their messages, so that all others can be committed. Nothing
 * is truncated or discarded: a delivery is withheld until its topics accept its
 * messages. Its slot in the ledger is open meanwhile, so that only the
 * watermark waits for it.
 *
 *     finished --> commit --> rejected: the very message   --> rejected, tried
 *        |           ^    |                                    again ever less
 *        |           |    +-> rejected: one of several     --> suspects, sent
 *        |           |                                         separately soon
 *        +-> new ----+        while the gate is closed
 *
 * After a rejection the gate is closed for a moment: the next commit contains
 * what the aborted one contained, without what was rejected. Therefore it
 * succeeds, however many further messages are rejected, and these cannot abort
 * more than a few transactions a second.
 *
 * A topic that rejects every message, because it is missing or may not be
 * written to, is blocked: one delivery is tried from time to time, and the
 * others wait without a trial.
 */

struct delivery;
struct inflight;
struct service;

enum withheld_state {
    WITHHELD_NOT,
    WITHHELD_NEW,      /* waits for the gate */
    WITHHELD_SUSPECT,  /* rejected together with others */
    WITHHELD_REJECTED, /* rejected by itself, or its topic is blocked */
    WITHHELD_TRIAL,    /* the same, and part of the next commit again */
};

/* The part of a delivery */
struct withheld {
    TAILQ_ENTRY(delivery) link; /* in the list of its state */
    enum withheld_state state;
    enum status_output output; /* whose topic has rejected a message */
    bool is_isolated;          /* its messages are sent separately */
    bool waits_for_topic; /* the topic is the reason, and not the message */
    unsigned rejections;
    const char *code; /* static, as is the next */
    const char *reason;
    int64_t since_ms; /* wall-clock time */
};

TAILQ_HEAD(withheld_list, delivery);

/* What a topic has rejected */
struct withheld_output {
    struct withheld_list rejected; /* the next to be tried first */
    struct withheld_list trials;
    size_t count; /* in both lists */
    size_t trial; /* how many are tried at once */
    uint64_t pause_ms;
    uint64_t due_ms; /* monotonic time of the next trial */
    bool is_blocked;
    unsigned failures; /* trials in a row, while blocked */
    const char *code;  /* why it is blocked; static, as is the next */
    const char *reason;
    int64_t since_ms; /* wall-clock time */
};

struct withholding {
    struct withheld_list waiting; /* WITHHELD_NEW */
    struct withheld_list suspects;
    size_t suspects_at_once;
    struct timer gate;
    uint64_t gate_ms; /* how long the gate is closed after a rejection */
    bool is_closed;
    struct withheld_output outputs[STATUS_OUTPUTS];
};

void withheld_init(struct service *service);
void withheld_free(struct service *service);
/* The delivery has an outcome: includes it in the next commit, or withholds
 * it. */
void withheld_admit(struct service *service, struct delivery *delivery);
/* Opens the gate, because the next commit must contain what it can. */
void withheld_open_gate(struct service *service);
/* The delivery is about to be freed. */
void withheld_forget(struct service *service, struct delivery *delivery);
/* Whether the record must be kept, because a finished delivery will be
 * committed shortly */
bool withheld_is_pending(const struct inflight *inflight);
/* The commit has succeeded, and its records still exist. */
void withheld_on_committed(struct service *service);
/* The commit has failed, and its slots are finished again. */
void withheld_on_rejected(struct service *service,
                          const struct kafka_result *result);
void withheld_tick(struct service *service);
/* Whether nothing should be read, because its outcomes could not be written */
bool withheld_is_blocked(const struct service *service);

/* --- withheld_text.c --- */
/* The name of the topic, and what an operator may do about that error */
const char *withheld_topic(const struct service *service,
                           enum status_output output);
const char *withheld_remedy(const char *code); /* NULL: not known */

#endif
