#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jobs.h"
#include "sim.h"
#include "waybill/log.h"

/* simulate [--seeds N] [--first S] [--jobs J] [--seed S] [--trace] [--log]
 *          [--break NAME] [--invariants] [--breaks]
 *
 * 0: every seed held; 1: one did not; 2: the command line is wrong. */

struct arguments {
    uint64_t first;
    uint64_t count;
    unsigned jobs;
    enum sim_break broken;
    const char *break_name;
    bool trace;
    bool log;
};

static int usage(void)
{
    fputs("usage: simulate [--seeds N] [--first S] [--jobs J] [--seed S] "
          "[--trace]\n                [--log] [--break NAME] [--breaks] "
          "[--invariants]\n",
          stderr);
    return 2;
}

static int print_invariants(void)
{
    for (int i = INVARIANT_NONE + 1; i < INVARIANT_COUNT; i++) {
        printf("%s: %s\n", invariant_name((enum invariant)i),
               invariant_text((enum invariant)i));
    }
    return 0;
}

static bool read_value(struct arguments *arguments, const char *name,
                       const char *value)
{
    char *end;
    uint64_t number = strtoull(value, &end, 10);

    if (strcmp(name, "--break") == 0) {
        arguments->broken = sim_break_named(value);
        arguments->break_name = value;
        return arguments->broken != BREAK_NONE;
    }
    if (*value == '\0' || *end != '\0') {
        return false;
    }
    if (strcmp(name, "--seeds") == 0) {
        arguments->count = number;
    } else if (strcmp(name, "--first") == 0) {
        arguments->first = number;
    } else if (strcmp(name, "--jobs") == 0 && number > 0) {
        arguments->jobs = (unsigned)number;
    } else if (strcmp(name, "--seed") == 0) {
        arguments->first = number;
        arguments->count = 1;
    } else {
        return false;
    }
    return true;
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            arguments->trace = true;
        } else if (strcmp(argv[i], "--log") == 0) {
            arguments->log = true;
        } else if (i + 1 < argc &&
                   read_value(arguments, argv[i], argv[i + 1])) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

static void report(const struct arguments *arguments, uint64_t seed,
                   const struct violation *violation)
{
    const char *how = arguments->break_name;

    printf("seed %llu violates '%s' (%s): %s\n", (unsigned long long)seed,
           invariant_name(violation->invariant),
           invariant_text(violation->invariant), violation->text);
    printf("reproduce: simulate --seed %llu --trace%s%s\n",
           (unsigned long long)seed, how ? " --break " : "", how ? how : "");
}

static double seconds_since(const struct timespec *began)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began->tv_sec) +
           (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static void sum_up(const struct sim_counts *counts, double seconds)
{
    printf(
        "%llu seeds, %llu records (%llu failed), %llu kills, %llu stops, "
        "%llu freezes, %llu rebalances, %llu transactions, %llu aborted, "
        "%llu requests, virtual %.1f h, %.1f s, %.0f seeds a minute\n",
        (unsigned long long)counts->seeds, (unsigned long long)counts->records,
        (unsigned long long)counts->failed, (unsigned long long)counts->kills,
        (unsigned long long)counts->stops, (unsigned long long)counts->freezes,
        (unsigned long long)counts->rebalances,
        (unsigned long long)counts->transactions,
        (unsigned long long)counts->aborted,
        (unsigned long long)counts->requests,
        (double)counts->virtual_ms / 3600000, seconds,
        (double)counts->seeds * 60 / seconds);
}

/* In this very process: so that its trace is whole and a debugger sees it */
static int run_traced(const struct arguments *arguments,
                      const struct sim_options *options)
{
    struct sim_counts counts = {0};
    struct violation violation;

    if (sim_run(options, &counts, &violation)) {
        return 0; /* and no word of this world's time */
    }
    report(arguments, options->seed, &violation);
    return 1;
}

static int run(const struct arguments *arguments)
{
    struct sim_options options = {
        .seed = arguments->first,
        .broken = arguments->broken,
        .trace = arguments->trace,
    };
    struct sim_counts counts = {0};
    struct timespec began;
    struct failure failure;
    bool held;

    if (arguments->trace) {
        return run_traced(arguments, &options);
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    held = jobs_run(&options, arguments->first, arguments->count,
                    arguments->jobs, &counts, &failure);
    if (!held) {
        report(arguments, failure.seed, &failure.violation);
    }
    sum_up(&counts, seconds_since(&began));
    return held ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .first = 1, .count = 100, .jobs = jobs_default()};

    if (argc == 2 && strcmp(argv[1], "--invariants") == 0) {
        return print_invariants();
    }
    if (argc == 2 && strcmp(argv[1], "--breaks") == 0) {
        sim_print_breaks();
        return 0;
    }
    if (!read_arguments(argc, argv, &arguments)) {
        return usage();
    }
    /* What overrides the configuration is not ours. */
    clearenv();
    setenv("TZ", "UTC", 1); /* clearenv() leaves no list at all */
    log_setup(arguments.log ? LOG_INFO : (enum log_level)(LOG_ERROR + 1),
              LOG_LOGFMT);
    return run(&arguments);
}
