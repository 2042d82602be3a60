#include <string.h>

#include "waybill/alloc.h"
#include "waybill/dead_letter_statistics.h"

/* Registries define the codes, so their number is not bounded; further values
 * are counted in one row. */
#define MAX_ROWS 1000
static const char others[] = "(others)";

static struct tally_row *find_row(const struct tally *tally, const char *text)
{
    for (size_t i = 0; i < tally->count; i++) {
        if (text_equal(tally->rows[i].text, text)) {
            return &tally->rows[i];
        }
    }
    return NULL;
}

static struct tally_row *add_row(struct tally *tally, const char *text)
{
    struct tally_row *row;

    tally->rows =
        mem_grow(tally->rows, &tally->capacity, tally->count + 1, sizeof(*row));
    row = &tally->rows[tally->count++];
    *row = (struct tally_row){.text = text};
    return row;
}

void tally_add(struct tally *tally, const char *text)
{
    struct tally_row *row = find_row(tally, text);

    if (row == NULL && tally->count >= MAX_ROWS) {
        text = others;
        row = find_row(tally, text);
    }
    if (row == NULL) {
        row = add_row(tally, text);
    }
    row->count++;
}

static int by_count(const void *a, const void *b)
{
    const struct tally_row *left = a;
    const struct tally_row *right = b;

    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return strcmp(left->text != NULL ? left->text : "",
                  right->text != NULL ? right->text : "");
}

void tally_sort(struct tally *tally)
{
    if (tally->count > 0) {
        qsort(tally->rows, tally->count, sizeof(tally->rows[0]), by_count);
    }
}

void tally_release(struct tally *tally)
{
    mem_free(tally->rows);
    *tally = (struct tally){0};
}

bool dead_letter_is_settled(const struct dead_letter *dead_letter)
{
    return dead_letter->state == DEAD_LETTER_REPLAYED ||
           dead_letter->state == DEAD_LETTER_SUPERSEDED ||
           dead_letter->state == DEAD_LETTER_DELIVERED;
}

static void count_one(struct dead_letter_statistics *statistics,
                      const struct dead_letter *dead_letter)
{
    statistics->total++;
    statistics->states[dead_letter->state]++;
    tally_add(&statistics->classes, dead_letter->error_class);
    tally_add(&statistics->codes, dead_letter->code);
    tally_add(&statistics->integrations, dead_letter->integration);
    tally_add(&statistics->registrations, dead_letter->registration);
    tally_add(&statistics->attachments, dead_letter->attachment);
    if (statistics->oldest == NULL ||
        dead_letter->failed_ms < statistics->oldest->failed_ms) {
        statistics->oldest = dead_letter;
    }
    if (statistics->newest == NULL ||
        dead_letter->failed_ms >= statistics->newest->failed_ms) {
        statistics->newest = dead_letter;
    }
}

void dead_letter_list_count(const struct dead_letter_list *list,
                            struct dead_letter_statistics *ret_statistics)
{
    struct dead_letter_statistics statistics = {0};

    for (size_t i = 0; i < list->count; i++) {
        if (list->all[i].matches) {
            count_one(&statistics, &list->all[i]);
        }
    }
    tally_sort(&statistics.classes);
    tally_sort(&statistics.codes);
    tally_sort(&statistics.integrations);
    tally_sort(&statistics.registrations);
    tally_sort(&statistics.attachments);
    *ret_statistics = statistics;
}

void dead_letter_statistics_release(struct dead_letter_statistics *statistics)
{
    tally_release(&statistics->classes);
    tally_release(&statistics->codes);
    tally_release(&statistics->integrations);
    tally_release(&statistics->registrations);
    tally_release(&statistics->attachments);
}
