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
 * All dead letters of a topic, and the state of each: superseded by a newer
 * one, delivered since, excluded, or chosen for the replay. Pure.
 */

/* Default of max_replays: dead letters with that many replays are not replayed
 * again */
#define REPLAY_DEFAULT_MAX 5

struct replay_policy {
    const char *group; /* kafka.group */
    unsigned max_replays;
    /* replay also quarantined dead letters and those of other groups */
    bool force;
    size_t limit; /* SIZE_MAX: all */
};

struct dead_letter_list {
    struct arena *arena;
    /* sorted by dead_letter_list_sort(), by partition and offset */
    struct dead_letter *all;
    size_t count;
    size_t capacity;
    /* the same, sorted by event id and original position */
    struct dead_letter **by_event;
};

struct dead_letter_list *dead_letter_list_new(void);
void dead_letter_list_free(struct dead_letter_list *list); /* NULL is fine */
void dead_letter_list_add(struct dead_letter_list *list,
                          const struct input *input,
                          const struct filter *filter);
/* Call it after the last dead_letter_list_add(). */
void dead_letter_list_sort(struct dead_letter_list *list);
struct dead_letter *dead_letter_list_find(const struct dead_letter_list *list,
                                          int32_t partition, int64_t offset);
/* Marks all but the newest dead letter of each delivery as superseded. */
void dead_letter_list_supersede(struct dead_letter_list *list);
/* Excludes dead letters of other groups and those that were replayed too
 * often. */
void dead_letter_list_exclude(struct dead_letter_list *list,
                              const struct replay_policy *policy);
/* Chooses up to policy->limit of those that are waiting and match, in the order
 * of their failures. */
void dead_letter_list_choose(struct dead_letter_list *list,
                             const struct replay_policy *policy);

/* --- whether the values of a filter exist: filter_check.c --- */

/* The names that the configuration has. The error classes are not listed here,
 * because they are in error_table. */
struct name_list {
    const char *const *names;
    size_t count;
};
struct filter_names {
    struct name_list integrations;
    struct name_list registrations;
    struct name_list attachments;
    struct name_list topics; /* from which records are consumed */
};

/* Fails with ERROR_USAGE if a filter asks for an error class, an integration, a
 * registration, an attachment or a topic that is neither one of the names nor
 * in any dead letter: an answer of "none" would hide the mistake. The message
 * suggests the nearest name. */
int filter_check(const struct filter *filter, const struct filter_names *names,
                 const struct dead_letter_list *list,
                 struct error *err) NODISCARD;

/* --- the outcomes of dead letters: outcomes.c --- */

/* An outcome is related to a dead letter by the position of the original
 * record, which Kafka assigned. The event's id alone would not do: a producer
 * could choose that of another event, and so mark its dead letter as delivered.
 */
struct replay_outcome {
    const char *event_id;
    struct position origin;
    bool is_replay;         /* of a record of the replays topic */
    const char *attachment; /* NULL: the outcome is not one of a delivery */
    bool succeeded;
    bool failed;
};

/* Parses an outcome. Returns false if it was not written by `source`, or if its
 * event has no dead letter in the list. */
bool replay_outcome_read(const struct message *message, const char *source,
                         const struct dead_letter_list *list,
                         struct arena *arena,
                         struct replay_outcome *ret_outcome);
/* Marks waiting dead letters as delivered if this outcome is the success of
 * their delivery. */
void dead_letter_list_apply_outcome(struct dead_letter_list *list,
                                    const struct replay_outcome *outcome);
/* Whether the outcome is that of a record that this run has replayed */
bool dead_letter_list_has_replayed(const struct dead_letter_list *list,
                                   const struct replay_outcome *outcome);

#endif
