#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

/* The number of lines of the trace that are shown */
#define TAIL 60

struct shrink {
    struct sim_options options; /* the smallest set that is known to fail */
    struct violation violation;
    struct schedule *schedule;
    unsigned runs;
    unsigned max_runs;
};

/* Runs without the items [from, to) of `kept`. */
static bool fails_without(struct shrink *shrink, const size_t *kept,
                          size_t from, size_t to)
{
    struct sim_options options = shrink->options;
    struct sim_counts counts = {0};
    struct violation violation;

    for (size_t i = from; i < to; i++) {
        skips_set(&options.skips, kept[i], kept[i], true);
    }
    shrink->runs++;
    if (jobs_run_one(&options, true, &counts, &violation) ||
        violation.invariant != shrink->violation.invariant) {
        return false;
    }
    shrink->options = options;
    shrink->violation = violation;
    return true;
}

/* Lists the items that are not omitted, the earliest first. */
static size_t list_kept(const struct shrink *shrink, size_t *kept)
{
    const struct schedule *schedule = shrink->schedule;
    size_t count = 0;

    for (size_t i = 0; i < schedule->count; i++) {
        size_t at = count;

        if (skips_has(&shrink->options.skips, i)) {
            continue;
        }
        for (; at > 0 &&
               schedule->items[kept[at - 1]]->at_ms > schedule->items[i]->at_ms;
             at--) {
            kept[at] = kept[at - 1];
        }
        kept[at] = i;
        count++;
    }
    return count;
}

/* Items after the end cannot be the cause. */
static void cut_behind(struct shrink *shrink)
{
    size_t kept[MAX_ITEMS];
    size_t count = list_kept(shrink, kept);
    size_t before = 0;

    while (before < count && shrink->schedule->items[kept[before]]->at_ms <=
                                 shrink->violation.at_ms) {
        before++;
    }
    if (before < count) {
        fails_without(shrink, kept, before, count);
    }
}

/* Tries all pieces of that size once, from the end. Returns true if the set has
 * become smaller. */
static bool pass(struct shrink *shrink, size_t size)
{
    size_t kept[MAX_ITEMS];
    size_t count = list_kept(shrink, kept);
    bool less = false;

    for (size_t to = count; to > 0 && shrink->runs < shrink->max_runs;) {
        size_t from = to > size ? to - size : 0;

        less |= fails_without(shrink, kept, from, to);
        to = from;
    }
    return less;
}

static void reduce(struct shrink *shrink)
{
    size_t kept[MAX_ITEMS];
    size_t size;

    cut_behind(shrink);
    for (size = list_kept(shrink, kept) / 2; size > 1; size /= 2) {
        pass(shrink, size);
    }
    while (shrink->runs < shrink->max_runs && pass(shrink, 1)) {
    }
}

/* --- output ------------------------------------------------------------------
 */

static void print_tail(FILE *trace)
{
    char line[400];
    size_t lines = 0;

    rewind(trace);
    while (fgets(line, sizeof(line), trace) != NULL) {
        lines++;
    }
    rewind(trace);
    for (size_t i = 0; fgets(line, sizeof(line), trace) != NULL; i++) {
        if (i + TAIL >= lines) {
            fputs(line, stdout);
        }
    }
}

static void print_trace(const struct shrink *shrink)
{
    struct sim_options options = shrink->options;
    struct sim_counts counts = {0};
    struct violation violation;

    options.trace = tmpfile();
    if (options.trace == NULL) {
        return;
    }
    setvbuf(options.trace, NULL, _IOLBF, BUFSIZ); /* it may crash */
    jobs_run_one(&options, false, &counts, &violation);
    printf("\nThe end of the trace:\n");
    print_tail(options.trace);
    fclose(options.trace);
}

static void print_schedule(const struct shrink *shrink, const char *how)
{
    struct schedule *schedule = sim_plan(&shrink->options);
    char skips[4096];

    skips_put(&shrink->options.skips, skips, sizeof(skips));
    printf("\nWhat it takes, after %u runs:\n", shrink->runs);
    schedule_print(schedule, stdout);
    printf("\nreproduce: simulate --seed %llu%s%s%s --trace\n",
           (unsigned long long)shrink->options.seed,
           *skips != '\0' ? " --skip " : "", skips, how);
    schedule_free(schedule);
}

void shrink_and_print(const struct sim_options *options,
                      const struct violation *violation, unsigned max_runs,
                      const char *how)
{
    struct shrink shrink = {
        .options = *options,
        .violation = *violation,
        .schedule = sim_plan(options),
        .max_runs = max_runs,
    };

    reduce(&shrink);
    print_schedule(&shrink, how);
    print_trace(&shrink);
    schedule_free(shrink.schedule);
}
