#include "waybill/suggest.h"

#include <ctype.h>
#include <string.h>

#define MAX_LENGTH 40

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int is_same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau-Levenshtein distance, in the variant that edits a swapped pair only
 * once (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
    size_t cost[MAX_LENGTH + 1][MAX_LENGTH + 1];
    size_t rows = strlen(a);
    size_t columns = strlen(b);

    for (size_t i = 0; i <= rows; i++) {
        cost[i][0] = i;
    }
    for (size_t j = 0; j <= columns; j++) {
        cost[0][j] = j;
    }
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            size_t replace =
                cost[i - 1][j - 1] + !is_same_letter(a[i - 1], b[j - 1]);

            cost[i][j] = min(min(cost[i - 1][j], cost[i][j - 1]) + 1, replace);
            if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) &&
                is_same_letter(a[i - 2], b[j - 1])) {
                cost[i][j] = min(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[rows][columns];
}

bool suggest_is_same_word(const char *a, const char *b)
{
    static const char separators[] = "_-.";

    a += strspn(a, separators);
    b += strspn(b, separators);
    while (*a != '\0' && is_same_letter(*a, *b)) {
        a++;
        b++;
        a += strspn(a, separators);
        b += strspn(b, separators);
    }
    return *a == *b;
}

void suggest_init(struct suggestion *suggestion, const char *word)
{
    *suggestion = (struct suggestion){.word = word};
}

void suggest_offer(struct suggestion *suggestion, const char *candidate)
{
    size_t len = strlen(suggestion->word);
    /* A short word is similar to too many others to allow more typos. */
    size_t max_distance = len < 4 ? 1 : len < 8 ? 2 : 3;
    size_t candidate_distance;

    if (len > MAX_LENGTH || strlen(candidate) > MAX_LENGTH) {
        return;
    }
    candidate_distance = distance(suggestion->word, candidate);
    if (candidate_distance <= max_distance && candidate_distance < len &&
        (suggestion->nearest == NULL ||
         candidate_distance < suggestion->distance)) {
        suggestion->nearest = candidate;
        suggestion->distance = candidate_distance;
    }
}
