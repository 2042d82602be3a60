#ifndef WAYBILL_SUGGEST_H
#define WAYBILL_SUGGEST_H

#include <stddef.h>

/*
 * "did you mean ...?": collects candidates and keeps the one nearest to a
 * mistyped word (insertions, deletions, replacements, swaps of neighbours). A
 * word too far from all of them gets no suggestion: a wild guess is worse than
 * none.
 */
struct suggestion {
    const char *word;
    const char *nearest; /* NULL while nothing is near enough */
    size_t distance;
};

void suggest_init(struct suggestion *suggestion, const char *word);
void suggest_offer(struct suggestion *suggestion, const char *candidate);

#endif
