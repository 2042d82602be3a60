#include "schedule.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "waybill/alloc.h"

/* --- random numbers ----------------------------------------------------------
 */

uint64_t draw(struct random *random, uint64_t min, uint64_t max)
{
    return min + random_below(random, max - min + 1);
}

bool draw_chance(struct random *random, unsigned in_a_thousand)
{
    return random_below(random, 1000) < in_a_thousand;
}

/* Mixed twice, because the streams of neighboring numbers would otherwise be
 * correlated. */
struct random random_of(uint64_t seed, uint64_t number)
{
    struct random random;

    random_seed(&random, seed);
    random_seed(&random, random_next(&random) ^ number);
    random_seed(&random, random_next(&random));
    return random;
}

/* --- items ------------------------------------------------------------------
 */

struct schedule *schedule_new(void)
{
    struct schedule *schedule = mem_zalloc(sizeof(*schedule));

    schedule->arena = arena_new();
    return schedule;
}

void schedule_free(struct schedule *schedule)
{
    arena_free(schedule->arena);
    mem_free(schedule);
}

struct item *schedule_add(struct sim *sim)
{
    struct schedule *schedule = sim->schedule;
    struct item *item = arena_alloc(schedule->arena, sizeof(*item));

    if (schedule->count == MAX_ITEMS) {
        abort(); /* the planners keep to bounds whose sum is lower */
    }
    schedule->items[schedule->count] = item;
    item->number = schedule->count++;
    item->random = random_of(sim->options.seed, item->number);
    item->skipped = skips_has(&sim->options.skips, item->number);
    return item;
}

void item_says(struct item *item, uint64_t at_ms, const char *format, ...)
{
    va_list args;

    item->at_ms = at_ms;
    va_start(args, format);
    vsnprintf(item->text, sizeof(item->text), format, args);
    va_end(args);
}

static int compare_times(const void *a, const void *b)
{
    const struct item *const *left = a;
    const struct item *const *right = b;

    if ((*left)->at_ms != (*right)->at_ms) {
        return (*left)->at_ms < (*right)->at_ms ? -1 : 1;
    }
    return (*left)->number < (*right)->number ? -1 : 1;
}

void schedule_print(const struct schedule *schedule, FILE *out)
{
    const struct item *sorted[MAX_ITEMS];
    size_t count = 0;

    for (size_t i = 0; i < schedule->count; i++) {
        if (!schedule->items[i]->skipped) {
            sorted[count++] = schedule->items[i];
        }
    }
    qsort(sorted, count, sizeof(sorted[0]), compare_times);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%8llu.%03llu  %3zu  %s\n",
                (unsigned long long)sorted[i]->at_ms / 1000,
                (unsigned long long)sorted[i]->at_ms % 1000, sorted[i]->number,
                sorted[i]->text);
    }
}

/* --- what is left out -------------------------------------------------------
 */

bool skips_has(const struct skips *skips, size_t number)
{
    return (skips->bits[number / 64] >> number % 64 & 1U) != 0;
}

void skips_set(struct skips *skips, size_t from, size_t to, bool skip)
{
    for (size_t i = from; i <= to && i < MAX_ITEMS; i++) {
        uint64_t bit = (uint64_t)1 << i % 64;

        skips->bits[i / 64] &= ~bit;
        skips->bits[i / 64] |= skip ? bit : 0;
    }
}

bool skips_read(struct skips *skips, const char *text)
{
    const char *at = text;

    for (;;) {
        char *end;
        size_t from = strtoul(at, &end, 10);
        size_t to = from;

        if (end == at) {
            return false;
        }
        if (*end == '-') {
            at = end + 1;
            to = strtoul(at, &end, 10);
        }
        if (end == at || from > to || to >= MAX_ITEMS) {
            return false;
        }
        skips_set(skips, from, to, true);
        if (*end == '\0') {
            return true;
        }
        if (*end != ',') {
            return false;
        }
        at = end + 1;
    }
}

void skips_put(const struct skips *skips, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t from = 0; from < MAX_ITEMS; from++) {
        size_t to = from;

        if (!skips_has(skips, from)) {
            continue;
        }
        while (to + 1 < MAX_ITEMS && skips_has(skips, to + 1)) {
            to++;
        }
        if (len < size) {
            len += (size_t)snprintf(text + len, size - len,
                                    from == to ? "%s%zu" : "%s%zu-%zu",
                                    len > 0 ? "," : "", from, to);
        }
        from = to;
    }
}
