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
 * Putting dead letters back on the attestations topic.
 *
 * A replay is a copy of the original record, with headers that say what it is a
 * replay of. The copy and the note that it was made (the progress of the group
 * `<kafka.group>-replay`, see progress.h) are one transaction: so a replay that
 * is killed anywhere neither loses one nor makes two, and the next one goes on
 * where it ended.
 *
 * What has a `struct replay` or its options asks Kafka and blocks; the rest is
 * pure. Nothing here prints.
 */

/* --- the pace of a run: pace.c
 * ------------------------------------------------------------ */

/* The last outcomes of a run's own replays */
#define WINDOW_SIZE 50
#define WINDOW_MIN 10 /* before that nothing is said */
struct window {
    bool failed[WINDOW_SIZE];
    size_t count; /* ever */
    size_t failures;
};
void window_add(struct window *window, bool failed);
/* More of them have failed than so many per cent */
bool window_exceeds(const struct window *window, unsigned percent);

/* How long the rest takes at the pace so far; -1: nobody can tell yet */
int64_t replay_time_left_ms(size_t done, size_t total, uint64_t elapsed_ms);
/* When number `index` is due (from 0), after the start */
uint64_t replay_due_ms(size_t index, unsigned per_second);

/* --- with Kafka: replay.c, run.c, purge.c
 * ------------------------------------------------------------ */

struct replay_options {
    const char *brokers;
    const struct field_map *properties;
    const char *dead_letters; /* topics */
    const char *attestations;
    const char *outcomes;
    struct filter filter;
    struct replay_policy policy;
    bool outcome_check;
    unsigned rate;         /* records a second */
    unsigned max_failures; /* per cent */
    const struct clock *clock;
    bool (*interrupted)(void);
};

/* How far it is; `outcomes` are those of its own replays. */
struct replay_counts {
    size_t chosen;
    size_t copied;
    size_t under_way;  /* in a transaction that is open */
    size_t superseded; /* noted as dealt with */
    size_t delivered;
    size_t quarantined; /* left alone */
    size_t foreign;
    size_t unreadable;
    size_t refused;
    size_t gone; /* deleted by others while it ran */
    size_t succeeded;
    size_t failed;
    uint64_t elapsed_ms;
};

enum replay_end { REPLAY_DONE, REPLAY_INTERRUPTED, REPLAY_TOO_MANY_FAILURES };

struct replay;

/* What there is, and what has become of it. With `write` whoever else replays
 * for this group is fenced, and what a killed one left is settled. */
int replay_open(const struct replay_options *options, bool write,
                struct replay **ret_replay, struct error *err) NODISCARD;
void replay_free(struct replay *replay); /* NULL is fine */
struct dead_letter_list *replay_dead_letters(const struct replay *replay);

/* The input shows the record itself, until the next call; ERROR_NOT_FOUND. */
int replay_fetch(struct replay *replay, const struct dead_letter *dead_letter,
                 struct input *ret_input, struct error *err) NODISCARD;

/* Whether the progress could be written down once all chosen are replayed */
int replay_check_room(const struct replay *replay, struct error *err) NODISCARD;

/* Copies what is chosen; replay_open(write) came first. `tell` is called now
 * and then. ret_counts is filled either way. */
int replay_run(struct replay *replay,
               void (*tell)(void *payload, const struct replay_counts *counts),
               void *payload, enum replay_end *ret_end,
               struct replay_counts *ret_counts, struct error *err) NODISCARD;
/* What a run would do */
void replay_count(const struct replay *replay,
                  struct replay_counts *ret_counts);

/* What of one partition would go: all before `before` */
struct purge_span {
    int32_t partition;
    int64_t before;
    size_t dead_letter_list;
    size_t remaining;
    const struct dead_letter *stopper; /* NULL: none remains */
};
/* One for each partition, in the replay's memory */
const struct purge_span *replay_plan_purge(struct replay *replay,
                                           bool include_unreplayed,
                                           size_t *ret_count);
int replay_purge(struct replay *replay, const struct purge_span *spans,
                 size_t count, struct error *err) NODISCARD;

#endif
