#ifndef WAYBILL_SUGGEST_H
#define WAYBILL_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * "did you mean ...?": finds the candidate that is nearest to a mistyped word,
 * counting insertions, deletions, replacements and swaps of adjacent
 * characters. There is no suggestion if no candidate is near, since a bad one
 * is worse than none.
 */
struct suggestion {
    const char *word;
    const char *nearest; /* NULL if no candidate is near enough */
    size_t distance;
};

void suggest_init(struct suggestion *suggestion, const char *word);
/* Whether two names differ only in case and in '_', '-' and '.': max_age,
 * maxAge and max-age */
bool suggest_is_same_word(const char *a, const char *b);
void suggest_offer(struct suggestion *suggestion, const char *candidate);

#endif
