#ifndef WAYBILL_DEAD_LETTER_SET_H
#define WAYBILL_DEAD_LETTER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/dead_letter.h"
#include "waybill/dead_letter_filter.h"
#include "waybill/message.h"

/*
 * All dead letters of a topic, and what has become of each: superseded by a
 * newer one, delivered since, left alone, or chosen for a replay. Pure.
 */

/* A dead letter that was replayed so often is left alone. */
#define REPLAY_DEFAULT_MAX 5

struct replay_policy {
    const char *group; /* kafka.group */
    unsigned max_replays;
    bool force;   /* also those in quarantine, and of other groups */
    size_t limit; /* SIZE_MAX: all */
};

struct dead_letter_list {
    struct arena *arena;
    struct dead_letter *all; /* by partition and offset, once sorted */
    size_t count;
    size_t capacity;
    struct dead_letter **by_event; /* by event id */
};

struct dead_letter_list *dead_letter_list_new(void);
void dead_letter_list_free(
    struct dead_letter_list *dead_letter_list); /* NULL is fine */
void dead_letter_list_add(struct dead_letter_list *dead_letter_list,
                          const struct input *input,
                          const struct filter *filter);
/* When all are there */
void dead_letter_list_sort(struct dead_letter_list *dead_letter_list);
struct dead_letter *dead_letter_list_find(
    const struct dead_letter_list *dead_letter_list, int32_t partition,
    int64_t offset);
/* What is older than another of the same delivery is superseded. */
void dead_letter_list_supersede(struct dead_letter_list *dead_letter_list);
/* Those of other groups, and those that were replayed too often */
void dead_letter_list_set_apart(struct dead_letter_list *dead_letter_list,
                                const struct replay_policy *policy);
/* Chooses among those that wait and match, oldest failures first. */
void dead_letter_list_choose(struct dead_letter_list *dead_letter_list,
                             const struct replay_policy *policy);

/* --- outcomes that speak of them: outcomes.c
 * ------------------------------------------------------------ */

struct outcome_note {
    const char *event_id;
    const char *attachment; /* NULL: of no delivery */
    bool succeeded;
    bool failed;
};

/* False: none of `source`, or of an event that has no dead letter here. */
bool outcome_note_read(const struct message *message, const char *source,
                       const struct dead_letter_list *dead_letter_list,
                       struct arena *arena, struct outcome_note *ret_note);
/* A letter waiting for what the note says has succeeded is delivered. */
void dead_letter_list_note(struct dead_letter_list *dead_letter_list,
                           const struct outcome_note *note);
/* Whether the note is of what this run has replayed */
bool dead_letter_list_were_replayed(
    const struct dead_letter_list *dead_letter_list,
    const struct outcome_note *note);

#endif
