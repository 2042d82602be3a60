#ifndef WAYBILL_REPLAY_H
#define WAYBILL_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/clock.h"
#include "waybill/dead_letter.h"
#include "waybill/dead_letter_filter.h"
#include "waybill/dead_letter_set.h"
#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * Replays dead letters, that is, copies their records to the replays topic.
 *
 * Each copy has headers that name the dead letter that it replays. The copy and
 * the progress of the replay (the committed offsets of the group
 * `<kafka.group>-replay`, in the format of progress.h) are written in one
 * transaction. Therefore a replay that is killed neither loses a record nor
 * copies one twice, and the next replay continues where it ended.
 *
 * Functions that take a `struct replay` or its options communicate with Kafka
 * and block; all others are pure. None of them prints, and none is thread-safe.
 */

/* --- the rate of a replay: pace.c --- */

/* The most recent outcomes of the records that this replay has copied */
#define WINDOW_SIZE 50
#define WINDOW_MIN 10 /* with fewer outcomes no rate is computed */
struct window {
    bool failed[WINDOW_SIZE];
    size_t count; /* in total, also beyond the window */
    size_t failures;
};
void window_add(struct window *window, bool failed);
/* Whether more than that percentage of the window has failed */
bool window_exceeds(const struct window *window, unsigned percent);

/* The remaining time, extrapolated; -1: not known yet */
int64_t replay_time_left_ms(size_t done, size_t total, uint64_t elapsed_ms);
/* When record `index` (from 0) is due, in milliseconds since the start */
uint64_t replay_due_ms(size_t index, unsigned per_second);

/* --- with Kafka: replay.c, run.c, purge.c --- */

struct replay_options {
    enum kafka_user user; /* KAFKA_REPLAY, or KAFKA_EXPLAIN */
    const char *brokers;
    const struct field_map *properties;
    const char *dead_letters; /* the topics by name */
    const char *attestations;
    const char *replays;
    const char *outcomes;
    struct filter filter;
    struct filter_names names; /* what the filter may ask for */
    struct replay_policy policy;
    bool outcome_check;
    unsigned rate;         /* records per second; 0: unlimited */
    unsigned max_failures; /* in percent of the window */
    const struct clock *clock;
    bool (*interrupted)(void);
};

/* The progress of a replay. `succeeded` and `failed` count the outcomes of
 * records that it has copied itself. */
struct replay_counts {
    size_t chosen;
    size_t copied;
    size_t in_transaction; /* sent in the transaction that is open */
    size_t superseded;     /* skipped, and marked as finished */
    size_t delivered;
    size_t quarantined; /* skipped: replayed too often before */
    size_t foreign;
    size_t unreadable;
    size_t refused;
    size_t deleted; /* deleted from the topic during the replay */
    size_t succeeded;
    size_t failed;
    uint64_t elapsed_ms;
};

enum replay_end { REPLAY_DONE, REPLAY_INTERRUPTED, REPLAY_TOO_MANY_FAILURES };

struct replay;

/* Reads all dead letters and determines the state of each. With `write`, any
 * other replay for this group is fenced, and a transaction that a killed one
 * left open is ended. ERROR_USAGE if the filter asks for a name that exists
 * nowhere (filter_check()). The options' strings must outlive the replay. */
int replay_open(const struct replay_options *options, bool write,
                struct replay **ret_replay, struct error *err) NODISCARD;
void replay_free(struct replay *replay); /* NULL is fine */
struct dead_letter_list *replay_dead_letters(const struct replay *replay);

/* Reads the record of a dead letter again; *ret_input is valid until the next
 * call. ERROR_NOT_FOUND if it has been deleted. */
int replay_fetch(struct replay *replay, const struct dead_letter *dead_letter,
                 struct input *ret_input, struct error *err) NODISCARD;

/* Fails if the progress would not fit into the offset metadata once all chosen
 * dead letters are replayed. */
int replay_check_room(const struct replay *replay, struct error *err) NODISCARD;

/* Copies the chosen dead letters; requires replay_open() with `write`.
 * `on_progress` is called periodically. *ret_counts is set even if the replay
 * fails. */
int replay_run(struct replay *replay,
               void (*on_progress)(void *payload,
                                   const struct replay_counts *counts),
               void *payload, enum replay_end *ret_end,
               struct replay_counts *ret_counts, struct error *err) NODISCARD;
/* Counts what replay_run() would do. */
void replay_count(const struct replay *replay,
                  struct replay_counts *ret_counts);

/* What a purge deletes of one partition: all records before the offset
 * `before` */
struct purge_span {
    int32_t partition;
    int64_t before;
    size_t deleted;
    size_t remaining;
    /* the dead letter that ends the deletion; NULL: none */
    const struct dead_letter *first_remaining;
};
/* Returns one span for each partition, owned by the replay. */
const struct purge_span *replay_plan_purge(struct replay *replay,
                                           bool include_unreplayed,
                                           size_t *ret_count);
int replay_purge(struct replay *replay, const struct purge_span *spans,
                 size_t count, struct error *err) NODISCARD;

#endif
