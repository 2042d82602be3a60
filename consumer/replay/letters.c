#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"

struct letters *letters_new(void)
{
    struct letters *letters = mem_zalloc(sizeof(*letters));

    letters->arena = arena_new();
    return letters;
}

void letters_free(struct letters *letters)
{
    if (letters != NULL) {
        arena_free(letters->arena);
        mem_free(letters->all);
        mem_free(letters->by_event);
        mem_free(letters);
    }
}

void letters_add(struct letters *letters, const struct input *input,
                 const struct filter *filter)
{
    struct dead_letter *letter;

    letters->all = mem_grow(letters->all, &letters->capacity,
                            letters->count + 1, sizeof(*letter));
    letter = &letters->all[letters->count++];
    dead_letter_read(input, letters->arena, letter);
    letter->matches = filter_matches(filter, letter, &input->message);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Nothing is less than a text. */
static int compare_texts(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int by_place(const void *a, const void *b)
{
    const struct dead_letter *left = a;
    const struct dead_letter *right = b;
    int order = compare_numbers(left->partition, right->partition);

    return order != 0 ? order : compare_numbers(left->offset, right->offset);
}

static int by_event(const void *a, const void *b)
{
    const struct dead_letter *const *left = a;
    const struct dead_letter *const *right = b;

    return compare_texts((*left)->event_id, (*right)->event_id);
}

/* The letters by an order of their own; the caller frees it. */
static struct dead_letter **ordered(const struct letters *letters,
                                    int (*order)(const void *, const void *))
{
    struct dead_letter **all = mem_alloc(letters->count * sizeof(all[0]));

    for (size_t i = 0; i < letters->count; i++) {
        all[i] = &letters->all[i];
    }
    if (letters->count > 0) {
        qsort(all, letters->count, sizeof(all[0]), order);
    }
    return all;
}

void letters_sort(struct letters *letters)
{
    if (letters->count > 0) {
        qsort(letters->all, letters->count, sizeof(letters->all[0]), by_place);
    }
    mem_free(letters->by_event);
    letters->by_event = ordered(letters, by_event);
}

struct dead_letter *letters_find(const struct letters *letters,
                                 int32_t partition, int64_t offset)
{
    struct dead_letter wanted = {.partition = partition, .offset = offset};

    return letters->count > 0 ? bsearch(&wanted, letters->all, letters->count,
                                        sizeof(wanted), by_place)
                              : NULL;
}

/* --- superseded
 * ------------------------------------------------------------------- */

static int compare_deliveries(const struct dead_letter *left,
                              const struct dead_letter *right)
{
    int order = compare_numbers(left->origin_offset, right->origin_offset);

    if (order == 0) {
        order =
            compare_numbers(left->origin_partition, right->origin_partition);
    }
    if (order == 0) {
        order = compare_texts(left->topic, right->topic);
    }
    if (order == 0) {
        order = compare_texts(left->group, right->group);
    }
    return order != 0 ? order
                      : compare_texts(left->attachment, right->attachment);
}

/* Of one delivery the oldest first */
static int by_delivery(const void *a, const void *b)
{
    const struct dead_letter *left = *(const struct dead_letter *const *)a;
    const struct dead_letter *right = *(const struct dead_letter *const *)b;
    int order = compare_deliveries(left, right);

    if (order == 0) {
        order = compare_numbers(left->replays, right->replays);
    }
    if (order == 0) {
        order = compare_numbers(left->failed_ms, right->failed_ms);
    }
    return order != 0 ? order : by_place(left, right);
}

void letters_supersede(struct letters *letters)
{
    struct dead_letter **all = ordered(letters, by_delivery);

    for (size_t i = letters->count; i > 1; i--) {
        struct dead_letter *older = all[i - 2];
        struct dead_letter *newer = all[i - 1];

        if (older->state != LETTER_UNREADABLE &&
            newer->state != LETTER_UNREADABLE &&
            compare_deliveries(older, newer) == 0) {
            older->newer = newer->newer != NULL ? newer->newer : newer;
            older->state = older->state == LETTER_WAITING ? LETTER_SUPERSEDED
                                                          : older->state;
        }
    }
    mem_free(all);
}

/* --- what is replayed
 * ------------------------------------------------------------------- */

void letters_set_apart(struct letters *letters,
                       const struct replay_policy *policy)
{
    for (size_t i = 0; i < letters->count; i++) {
        struct dead_letter *letter = &letters->all[i];

        if (letter->state != LETTER_WAITING || policy->force) {
            continue;
        }
        if (compare_texts(letter->group, policy->group) != 0) {
            letter->state = LETTER_FOREIGN;
        } else if (letter->replays >= policy->max_replays) {
            letter->state = LETTER_QUARANTINED;
        }
    }
}

static int by_failure(const void *a, const void *b)
{
    const struct dead_letter *left = *(const struct dead_letter *const *)a;
    const struct dead_letter *right = *(const struct dead_letter *const *)b;
    int order = compare_numbers(left->failed_ms, right->failed_ms);

    return order != 0 ? order : by_place(left, right);
}

void letters_choose(struct letters *letters, const struct replay_policy *policy)
{
    struct dead_letter **all = ordered(letters, by_failure);
    size_t chosen = 0;

    for (size_t i = 0; i < letters->count; i++) {
        all[i]->chosen = all[i]->matches && all[i]->state == LETTER_WAITING &&
                         chosen < policy->limit;
        chosen += all[i]->chosen;
    }
    mem_free(all);
}
