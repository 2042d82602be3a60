#ifndef WAYBILL_DEAD_LETTER_STATISTICS_H
#define WAYBILL_DEAD_LETTER_STATISTICS_H

#include <stddef.h>

#include "waybill/dead_letter.h"
#include "waybill/dead_letter_set.h"

/* How many dead letters there are, by state, class and registration. Pure. */

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

#endif
