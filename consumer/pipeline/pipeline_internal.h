#ifndef WAYBILL_PIPELINE_INTERNAL_H
#define WAYBILL_PIPELINE_INTERNAL_H

#include <sys/queue.h>

#include "waybill/integration.h"
#include "waybill/ledger.h"
#include "waybill/pipeline.h"
#include "waybill/status.h"

struct delivery;

/* --- breaker.c: whether a host is there at all ------------------------------
 *
 * After so many failures in a row, none of which was the record's fault,
 * nothing is sent there any more until a probe has found it alive. Pure.
 */

struct breaker {
    bool open;
    unsigned failures; /* in a row */
    unsigned level;    /* openings since the last success */
    uint64_t probe_ms; /* when to look again, while it is open */
};

/* True: this one has opened it. `pauses` are the shortest and the longest. */
bool breaker_failed(struct breaker *breaker, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random);
void breaker_succeeded(struct breaker *breaker);
/* What the probe has found; false: it stays open. */
void breaker_probed(struct breaker *breaker, bool alive, uint64_t now_ms,
                    const uint64_t pauses[2], struct random *random);

/* --- limiter.c: how much a host bears at a time ------------------------------
 *
 * Grows by one for each success while it is what holds deliveries back, until
 * the host has shown its measure for the first time, and then by one for each
 * round of them; is halved when the host says that it is too much, once a
 * second at most (AIMD, as TCP does). Pure.
 */

struct limiter {
    double limit;
    double most;
    bool measured;
    bool ever_cut;
    uint64_t cut_ms;
};

void limiter_init(struct limiter *limiter, size_t most);
bool limiter_admits(const struct limiter *limiter, size_t running);
void limiter_succeeded(struct limiter *limiter, size_t running);
void limiter_overloaded(struct limiter *limiter, uint64_t now_ms);

/* --- budget.c: how much of the traffic may be retries ------------------------
 *
 * Each first attempt earns a tenth of a retry, and each second a whole one, up
 * to a small store: retries never multiply what a host in trouble has to bear,
 * and never starve either. Pure.
 */

struct budget {
    double tokens;
    uint64_t filled_ms;
};

void budget_init(struct budget *budget, uint64_t now_ms);
void budget_earn(struct budget *budget);
bool budget_take(struct budget *budget, uint64_t now_ms);

/* --- host.c, lane.c ----------------------------------------------------------
 *
 * A lane is a registration's deliveries, in order of arrival; a host is what
 * the lanes of registrations at the same place share. One registry that is slow
 * fills its own lane and no other; one whose credentials are refused holds its
 * own lane; one that is down holds those of its host.
 */

struct host {
    STAILQ_ENTRY(host) link;
    struct pipeline *pipeline;
    struct host *heir; /* of the next configuration; NULL: none, or not there */
    const char *name;
    const struct registration *registration; /* to probe with */
    struct breaker breaker;
    struct limiter limiter;
    struct budget budget;
    int64_t down_since_ms;  /* wall, while the breaker is open */
    uint64_t not_before_ms; /* it has asked for a pause */
    /* Both with those of earlier configurations */
    size_t running;
    size_t load; /* deliveries that are not over */
    size_t next; /* the lane whose turn it is */
    struct lane **lanes;
    size_t lane_count;
    struct timer wake;
    struct integration_operation *probe;
    bool probing; /* with a delivery that is past its age */
};

struct lane {
    const struct registration *registration;
    struct host *host;
    struct lane *heir; /* as the host's */
    size_t most;
    size_t running; /* as the host's, and so is `load` */
    size_t waiting_count;
    size_t load; /* deliveries that are not over */
    TAILQ_HEAD(deliveries, delivery) waiting;
    unsigned refusals; /* of its credentials, in a row */
    bool held;
    uint64_t hold_until_ms;
    bool parked;  /* records of it have been dropped, to be read again */
    size_t ended; /* attempts, since the last tick */
    double rate;  /* attempts a second */
    /* For whoever watches; nothing is decided by these. */
    int64_t held_since_ms;   /* wall */
    int64_t last_error_ms;   /* wall */
    struct error last_error; /* of an attempt */
    struct registration_counts counts;
};

void registration_counts_init(
    struct registration_counts *counts); /* counts.c */
void lane_init(struct lane *lane, const struct registration *registration,
               size_t most);
/* A delivery is, or is no longer, one of it. */
void lane_enter(struct lane *lane);
void lane_leave(struct lane *lane);
void lane_push(struct lane *lane, struct delivery *delivery);
void lane_remove(struct lane *lane, struct delivery *delivery);
/* NULL when nothing waits, or nothing may run; else it counts as running. */
struct delivery *lane_next(struct lane *lane, uint64_t now_ms);
/* One that is past its age, however full the lane is */
struct delivery *lane_next_aged(struct lane *lane);
/* True: it is held from now on. */
bool lane_refused(struct lane *lane, uint64_t until_ms);
/* True: it was held until now. */
bool lane_accepted(struct lane *lane);
/* It holds many records, and needs long for them. */
bool lane_is_slow(const struct lane *lane);
/* It waits for somebody to mend something, or is slow and has more than its
 * part of half of all records: others are better served by what comes after its
 * own. */
bool lane_is_crowding(const struct lane *lane);
/* What was parked of it has room now, or is needed. */
bool lane_wants_parked(const struct lane *lane);
void lane_tick(struct lane *lane); /* once a second */
/* The one that counts, and that learns: of the last configuration that has it.
 */
struct lane *lane_newest(struct lane *lane);
bool lane_is_retired(const struct lane *lane);

struct host *host_new(struct pipeline *pipeline, const char *name,
                      const struct registration *registration);
void host_free(struct host *host);
void host_add_lane(struct host *host, struct lane *lane);
/* No probe goes out, or comes back, any more. */
void host_rest(struct host *host);
/* Starts whatever may start. */
void host_pump(struct host *host);
/* Nothing will be sent there for a while. */
bool host_is_stuck(const struct host *host);
struct host *host_newest(struct host *host); /* as lane_newest() */
/* A retry may join its lane; false: not yet. */
bool host_takes_retry(struct host *host);
/* What an attempt has shown of the host */
void host_succeeded(struct host *host);
void host_failed(struct host *host, const struct error *err);

/* --- delivery.c: one attachment's share of a record, with its attempts
 * ----------- */

enum delivery_state {
    DELIVERY_WAITING, /* in its lane */
    DELIVERY_RUNNING, /* an attempt is under way */
    DELIVERY_PAUSING, /* until the next attempt */
    DELIVERY_DONE,
    DELIVERY_DROPPED, /* without an outcome */
};

struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct record *record;
    const struct attachment *attachment;
    struct lane *lane;
    struct outcome *outcome;
    enum delivery_state state;
    bool told;
    bool dispatched; /* somebody may have begun it before */
    bool in_doubt;   /* an attempt that failed may have arrived */
    bool abandoned;  /* the attempt that runs is the last */
    bool refused;    /* its credentials were, at least once */
    struct timer pause;
    struct arena *attempt_arena;
    struct integration *integration;
    struct integration_operation *attempt;
    void *progress;      /* the integration's own, between attempts */
    uint64_t started_ms; /* monotonic, of the first attempt */
    uint64_t aged_ms;    /* before that, in the hands of others */
};

const char *delivery_state_name(enum delivery_state state);
void delivery_start(struct delivery *delivery, const struct ledger_part *past);
void delivery_run(struct delivery *delivery);
/* It has been tried for max_age: all it has left are attempts. */
bool delivery_is_aged(const struct delivery *delivery);
/* No attempt begins any more; true: one is under way. */
bool delivery_abandon(struct delivery *delivery, bool at_once);
void delivery_cancel(struct delivery *delivery);
void delivery_release(struct delivery *delivery);

/* --- record.c
 * ---------------------------------------------------------------------- */

struct record {
    struct pipeline *pipeline;
    struct arena *arena;
    struct input input;
    struct event event;
    struct plan plan;
    struct delivery *deliveries;
    size_t delivery_count;
    struct outcome *outcomes;
    size_t outcome_count;
    size_t told;    /* deliveries */
    int64_t fed_ms; /* wall */
    uint64_t fed_mono_ms;
    struct task finished;
    record_outcome_fn *done;
    void *payload;
};

void record_delivery_done(struct record *record);
/* Something of it is over that has not been told yet. */
bool record_has_news(const struct record *record);
bool record_has_begun(const struct record *record); /* an attempt of it */

/* --- pipeline.c
 * --------------------------------------------------------------------- */

struct pipeline {
    STAILQ_ENTRY(pipeline) link; /* among those that have had their time */
    struct pipeline_options options;
    struct integration_context context;
    struct integration_set *integrations;
    struct lane *lanes; /* by the registration's place */
    STAILQ_HEAD(, host) hosts;
    struct arena *arena; /* hosts' names */
    size_t running;
    size_t slow;    /* lanes, at the last tick */
    size_t records; /* that are of it */
    bool draining;
    bool retired; /* another one has taken its place */
    struct task idle;
};

/* heir.c: takes the place of `from`, in which no attempt begins any more, and
 * what is known of its hosts and registrations. */
void pipeline_inherit(struct pipeline *pipeline, struct pipeline *from,
                      loop_fn *idle, void *payload);

struct lane *pipeline_lane(struct pipeline *pipeline,
                           const struct registration *registration);
bool pipeline_is_service(const struct pipeline *pipeline);
void pipeline_attempt_began(struct pipeline *pipeline);
void pipeline_attempt_ended(struct pipeline *pipeline, struct lane *lane);

#endif
