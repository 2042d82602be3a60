#ifndef WAYBILL_DEAD_LETTER_STATISTICS_H
#define WAYBILL_DEAD_LETTER_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/dead_letter.h"
#include "waybill/dead_letter_set.h"

/* Counts dead letters by state, class, code, integration, registration and
 * attachment: the numbers of each add up to the total. Pure. */

/* A value and its number of occurrences */
struct tally_row {
    const char *text; /* NULL: dead letters without a value */
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

struct dead_letter_statistics {
    size_t total;
    size_t states[DEAD_LETTER_STATES];
    struct tally classes;
    struct tally codes;
    struct tally integrations;
    struct tally registrations;
    struct tally attachments;
    const struct dead_letter *oldest; /* by failure */
    const struct dead_letter *newest;
};
/* True if the dead letter needs no action: it was replayed, or superseded, or
 * the delivery has succeeded since. */
bool dead_letter_is_settled(const struct dead_letter *dead_letter);
/* Counts the dead letters that match. Free the result with
 * dead_letter_statistics_release(). */
void dead_letter_list_count(const struct dead_letter_list *list,
                            struct dead_letter_statistics *ret_statistics);
void dead_letter_statistics_release(struct dead_letter_statistics *statistics);

#endif
