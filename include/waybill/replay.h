#ifndef WAYBILL_REPLAY_H
#define WAYBILL_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/arena.h"
#include "waybill/clock.h"
#include "waybill/error.h"
#include "waybill/kafka.h"
#include "waybill/message.h"

/*
 * Dead letters: which there are, why, what has become of them, and putting them
 * back on the attestations topic.
 *
 * A replay is a copy of the original record, with headers that say what it is a
 * replay of. The copy and the note that it was made (the progress of the group
 * `<kafka.group>-replay`, see progress.h) are one transaction: so a replay that
 * is killed anywhere neither loses one nor makes two, and the next one goes on
 * where it ended.
 *
 * A dead letter may hold anything, because the record that it was could.
 * Strings in here are as they came, up to a NUL: print them with
 * utf8_put_printable(), or as JSON.
 *
 * What blocks is run.c; the rest is pure. Nothing here prints.
 */

/* --- one dead letter: letter.c, rewrite.c
 * ------------------------------------------------------------ */

enum letter_state {
    LETTER_WAITING,     /* may be replayed */
    LETTER_REPLAYED,    /* was */
    LETTER_SUPERSEDED,  /* a newer one is of the same delivery */
    LETTER_DELIVERED,   /* an outcome says that it succeeded since */
    LETTER_QUARANTINED, /* was replayed too often */
    LETTER_FOREIGN,     /* of another group than ours */
    LETTER_UNREADABLE,  /* does not say what it is a dead letter of */
};
#define LETTER_STATES 7
const char *letter_state_name(enum letter_state state);

/* Out of its headers (wire format, section 3). A text that is not there is
 * NULL, a number 0, a coordinate -1. */
struct dead_letter {
    int32_t partition; /* where it stands itself */
    int64_t offset;
    int64_t timestamp_ms;
    size_t size; /* of its value */
    const char *error_class;
    const char *code;
    const char *message;
    const char *integration;
    const char *registration;
    const char *attachment;
    const char *event_id;
    const char *group;
    const char *version;
    const char *topic; /* where the first original stands */
    int32_t origin_partition;
    int64_t origin_offset;
    int http_status;
    unsigned attempts;
    unsigned replays;
    int64_t first_failed_ms;
    int64_t failed_ms; /* else the record's timestamp */

    enum letter_state state;
    const struct dead_letter *newer; /* of a superseded one */
    bool matches;                    /* the filter */
    bool chosen;                     /* to be replayed by this run */
    /* How far this run is with it */
    bool put;     /* in a transaction that is open */
    bool copied;  /* in one that was committed */
    bool refused; /* too large for the topic */
};

/* Never fails: what cannot be read is LETTER_UNREADABLE. */
void dead_letter_read(const struct input *input, struct arena *arena,
                      struct dead_letter *ret_letter);

/* The record that replays it, for `topic`. What it points at is the input's or
 * the arena's. */
void dead_letter_rewrite(const struct input *input,
                         const struct dead_letter *letter, const char *topic,
                         struct arena *arena, struct message *ret_message);

/* Why it is there, and what would mend it: sentences, a line each */
struct explanation {
    const char *why;
    const char *mend;
};
struct explanation dead_letter_explain(const struct dead_letter *letter);
/* What its state means for a replay; never NULL */
const char *letter_state_explain(enum letter_state state);

/* --- filters: filter.c
 * ------------------------------------------------------------ */

#define FILTER_MOST_TERMS 32

struct filter_term {
    int kind;
    const char *text;
    int64_t from; /* of what is a number, a time or a range */
    int64_t to;
};

/* Terms of one kind are alternatives; every kind must agree. */
struct filter {
    struct filter_term terms[FILTER_MOST_TERMS];
    size_t count;
};

/* `option` is "--class" and the like; ERROR_USAGE when the value cannot be one.
 * Keeps the pointer. A duration is one before `now_ms`. */
int filter_add(struct filter *filter, const char *option, const char *value,
               int64_t now_ms, struct error *err) NODISCARD;
bool filter_is_option(const char *option);
bool filter_matches(const struct filter *filter,
                    const struct dead_letter *letter,
                    const struct message *message);

/* --- all of them: letters.c, statistics.c
 * ------------------------------------------------------------ */

/* A dead letter that was replayed so often is left alone. */
#define REPLAY_DEFAULT_MOST 5

struct replay_policy {
    const char *group; /* kafka.group */
    unsigned max_replays;
    bool force;   /* also those in quarantine, and of other groups */
    size_t limit; /* SIZE_MAX: all */
};

struct letters {
    struct arena *arena;
    struct dead_letter *all; /* by partition and offset, once sorted */
    size_t count;
    size_t capacity;
    struct dead_letter **by_event; /* by event id */
};

struct letters *letters_new(void);
void letters_free(struct letters *letters); /* NULL is fine */
void letters_add(struct letters *letters, const struct input *input,
                 const struct filter *filter);
/* When all are there */
void letters_sort(struct letters *letters);
struct dead_letter *letters_find(const struct letters *letters,
                                 int32_t partition, int64_t offset);
/* What is older than another of the same delivery is superseded. */
void letters_supersede(struct letters *letters);
/* Those of other groups, and those that were replayed too often */
void letters_set_apart(struct letters *letters,
                       const struct replay_policy *policy);
/* Chooses among those that wait and match, oldest failures first. */
void letters_choose(struct letters *letters,
                    const struct replay_policy *policy);

/* A text, and how often */
struct tally_row {
    const char *text; /* NULL: those without one */
    size_t count;
};
struct tally {
    struct tally_row *rows; /* most frequent first, once sorted */
    size_t count;
    size_t capacity;
};
void tally_add(struct tally *tally, const char *text);
void tally_sort(struct tally *tally);
void tally_release(struct tally *tally);

struct letter_statistics {
    size_t total;
    size_t states[LETTER_STATES];
    struct tally classes;
    struct tally codes;
    struct tally registrations;
    struct tally attachments;
    const struct dead_letter *oldest; /* by failure */
    const struct dead_letter *newest;
};
/* Of those that match; release with letter_statistics_release(). */
void letters_count(const struct letters *letters,
                   struct letter_statistics *ret_statistics);
void letter_statistics_release(struct letter_statistics *statistics);

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
                       const struct letters *letters, struct arena *arena,
                       struct outcome_note *ret_note);
/* A letter waiting for what the note says has succeeded is delivered. */
void letters_note(struct letters *letters, const struct outcome_note *note);
/* Whether the note is of what this run has replayed */
bool letters_were_replayed(const struct letters *letters,
                           const struct outcome_note *note);

/* The last outcomes of a run's own replays */
#define WINDOW_SIZE 50
#define WINDOW_LEAST 10 /* before that nothing is said */
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

/* --- with Kafka: scan.c, run.c, purge.c
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
struct letters *replay_letters(const struct replay *replay);

/* The input shows the record itself, until the next call; ERROR_NOT_FOUND. */
int replay_fetch(struct replay *replay, const struct dead_letter *letter,
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
    size_t letters;
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
