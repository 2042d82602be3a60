#include <string.h>

#include "replay_internal.h"
#include "waybill/alloc.h"

struct dead_letter_list *dead_letter_list_new(void)
{
    struct dead_letter_list *list = mem_zalloc(sizeof(*list));

    list->arena = arena_new();
    return list;
}

void dead_letter_list_free(struct dead_letter_list *list)
{
    if (list != NULL) {
        arena_free(list->arena);
        mem_free(list->all);
        mem_free(list->by_event);
        mem_free(list);
    }
}

void dead_letter_list_add(struct dead_letter_list *list,
                          const struct input *input,
                          const struct filter *filter)
{
    struct dead_letter *dead_letter;

    list->all = mem_grow(list->all, &list->capacity, list->count + 1,
                         sizeof(*dead_letter));
    dead_letter = &list->all[list->count++];
    dead_letter_read(input, list->arena, dead_letter);
    dead_letter->matches = filter_matches(filter, dead_letter, &input->message);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* NULL compares as the empty string. */
static int compare_texts(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int by_coordinates(const void *a, const void *b)
{
    const struct dead_letter *left = a;
    const struct dead_letter *right = b;
    int order = compare_numbers(left->partition, right->partition);

    return order != 0 ? order : compare_numbers(left->offset, right->offset);
}

/* Orders by the position of the original record. */
static int compare_origins(const struct dead_letter *left,
                           const struct dead_letter *right)
{
    int order = compare_numbers(left->origin_offset, right->origin_offset);

    if (order == 0) {
        order =
            compare_numbers(left->origin_partition, right->origin_partition);
    }
    return order != 0 ? order : compare_texts(left->topic, right->topic);
}

int dead_letter_compare_events(const void *a, const void *b)
{
    const struct dead_letter *left = *(const struct dead_letter *const *)a;
    const struct dead_letter *right = *(const struct dead_letter *const *)b;
    int order = compare_texts(left->event_id, right->event_id);

    return order != 0 ? order : compare_origins(left, right);
}

/* Returns the dead letters in another order; the caller frees the array. */
static struct dead_letter **ordered(const struct dead_letter_list *list,
                                    int (*order)(const void *, const void *))
{
    struct dead_letter **all = mem_alloc(list->count * sizeof(all[0]));

    for (size_t i = 0; i < list->count; i++) {
        all[i] = &list->all[i];
    }
    if (list->count > 0) {
        qsort(all, list->count, sizeof(all[0]), order);
    }
    return all;
}

void dead_letter_list_sort(struct dead_letter_list *list)
{
    if (list->count > 0) {
        qsort(list->all, list->count, sizeof(list->all[0]), by_coordinates);
    }
    mem_free(list->by_event);
    list->by_event = ordered(list, dead_letter_compare_events);
}

struct dead_letter *dead_letter_list_find(const struct dead_letter_list *list,
                                          int32_t partition, int64_t offset)
{
    struct dead_letter wanted = {.partition = partition, .offset = offset};

    return list->count > 0 ? bsearch(&wanted, list->all, list->count,
                                     sizeof(wanted), by_coordinates)
                           : NULL;
}

/* --- superseded --- */

static int compare_deliveries(const struct dead_letter *left,
                              const struct dead_letter *right)
{
    int order = compare_origins(left, right);

    if (order == 0) {
        order = compare_texts(left->group, right->group);
    }
    return order != 0 ? order
                      : compare_texts(left->attachment, right->attachment);
}

/* Groups the dead letters of each delivery, oldest first. */
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
    return order != 0 ? order : by_coordinates(left, right);
}

void dead_letter_list_supersede(struct dead_letter_list *list)
{
    struct dead_letter **all = ordered(list, by_delivery);

    for (size_t i = list->count; i > 1; i--) {
        struct dead_letter *older = all[i - 2];
        struct dead_letter *newer = all[i - 1];

        if (older->state != DEAD_LETTER_UNREADABLE &&
            newer->state != DEAD_LETTER_UNREADABLE &&
            compare_deliveries(older, newer) == 0) {
            older->newer = newer->newer != NULL ? newer->newer : newer;
            older->state = older->state == DEAD_LETTER_WAITING
                               ? DEAD_LETTER_SUPERSEDED
                               : older->state;
        }
    }
    mem_free(all);
}

/* --- what is replayed --- */

void dead_letter_list_exclude(struct dead_letter_list *list,
                              const struct replay_policy *policy)
{
    for (size_t i = 0; i < list->count; i++) {
        struct dead_letter *dead_letter = &list->all[i];

        if (dead_letter->state != DEAD_LETTER_WAITING || policy->force) {
            continue;
        }
        if (compare_texts(dead_letter->group, policy->group) != 0) {
            dead_letter->state = DEAD_LETTER_FOREIGN;
        } else if (dead_letter->replays >= policy->max_replays) {
            dead_letter->state = DEAD_LETTER_QUARANTINED;
        }
    }
}

static int by_failure(const void *a, const void *b)
{
    const struct dead_letter *left = *(const struct dead_letter *const *)a;
    const struct dead_letter *right = *(const struct dead_letter *const *)b;
    int order = compare_numbers(left->failed_ms, right->failed_ms);

    return order != 0 ? order : by_coordinates(left, right);
}

void dead_letter_list_choose(struct dead_letter_list *list,
                             const struct replay_policy *policy)
{
    struct dead_letter **all = ordered(list, by_failure);
    size_t chosen = 0;

    for (size_t i = 0; i < list->count; i++) {
        all[i]->chosen = all[i]->matches &&
                         all[i]->state == DEAD_LETTER_WAITING &&
                         chosen < policy->limit;
        chosen += all[i]->chosen;
    }
    mem_free(all);
}
