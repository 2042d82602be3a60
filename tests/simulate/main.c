#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "directory.h"
#include "jobs.h"
#include "regressions.h"
#include "shrink.h"
#include "sim.h"
#include "waybill/log.h"

static const char help[] =
    "usage: simulate [--seeds N] [--first S] [--jobs J] [--no-shrink]\n"
    "                [--break NAME]\n"
    "       simulate --seed S [--skip LIST] [--trace | --shrink] [--log]\n"
    "                [--break NAME]\n"
    "                [--quiet] [--strike STEP [--freeze]]\n"
    "       simulate --sweep S [--jobs J] [--no-shrink]\n"
    "       simulate --regressions FILE\n"
    "       simulate --invariants | --breaks\n"
    "\n"
    "0: every seed held; 1: one did not; 2: the command line is wrong.\n";

struct arguments {
    struct sim_options options;
    uint64_t first;
    uint64_t count;
    unsigned jobs;
    const char *break_name;
    const char *regressions;
    bool sweep;
    bool no_shrink;
    bool log;
};

static int print_invariants(void)
{
    for (int i = INVARIANT_NONE + 1; i < INVARIANT_COUNT; i++) {
        printf("%s: %s\n", invariant_name((enum invariant)i),
               invariant_text((enum invariant)i));
    }
    return 0;
}

/* --- the command line -------------------------------------------------------
 */

static bool read_flag(struct arguments *arguments, const char *name)
{
    if (strcmp(name, "--trace") == 0) {
        arguments->options.trace = stdout;
    } else if (strcmp(name, "--log") == 0) {
        arguments->log = true;
    } else if (strcmp(name, "--shrink") == 0) {
        arguments->no_shrink = false;
    } else if (strcmp(name, "--quiet") == 0) {
        arguments->options.quiet = true;
    } else if (strcmp(name, "--freeze") == 0) {
        arguments->options.strike_freezes = true;
    } else if (strcmp(name, "--no-shrink") == 0) {
        arguments->no_shrink = true;
    } else {
        return false;
    }
    return true;
}

static bool read_number(struct arguments *arguments, const char *name,
                        const char *value)
{
    char *end;
    uint64_t number = strtoull(value, &end, 10);

    if (*value == '\0' || *end != '\0') {
        return false;
    }
    if (strcmp(name, "--seeds") == 0) {
        arguments->count = number;
    } else if (strcmp(name, "--first") == 0) {
        arguments->first = number;
    } else if (strcmp(name, "--jobs") == 0 && number > 0) {
        arguments->jobs = (unsigned)number;
    } else if (strcmp(name, "--strike") == 0) {
        arguments->options.strike_at = number;
    } else if (strcmp(name, "--sweep") == 0) {
        arguments->sweep = true;
        arguments->first = number;
    } else if (strcmp(name, "--seed") == 0) {
        arguments->first = number;
        arguments->count = 1;
    } else {
        return false;
    }
    return true;
}

static bool read_value(struct arguments *arguments, const char *name,
                       const char *value)
{
    if (strcmp(name, "--break") == 0) {
        arguments->options.broken = sim_break_named(value);
        arguments->break_name = value;
        return arguments->options.broken != BREAK_NONE;
    }
    if (strcmp(name, "--skip") == 0) {
        return skips_read(&arguments->options.skips, value);
    }
    if (strcmp(name, "--regressions") == 0) {
        arguments->regressions = value;
        return true;
    }
    return read_number(arguments, name, value);
}

static bool read_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        if (read_flag(arguments, argv[i])) {
            continue;
        }
        if (i + 1 == argc || !read_value(arguments, argv[i], argv[i + 1])) {
            return false;
        }
        i++;
    }
    return true;
}

/* --- running ----------------------------------------------------------------
 */

/* The options of the command line other than the seed and the skipped items */
static void append_how(const struct arguments *arguments,
                       const struct sim_options *options, char *how,
                       size_t size)
{
    int len = snprintf(how, size, "%s", options->quiet ? " --quiet" : "");

    if (options->strike_at > 0) {
        len += snprintf(how + len, size - (size_t)len, " --strike %llu%s",
                        (unsigned long long)options->strike_at,
                        options->strike_freezes ? " --freeze" : "");
    }
    if (arguments->break_name != NULL) {
        snprintf(how + len, size - (size_t)len, " --break %s",
                 arguments->break_name);
    }
}

static void report(const struct arguments *arguments,
                   const struct failure *failure)
{
    char how[128];
    const struct violation *violation = &failure->violation;
    unsigned long long seed = failure->options.seed;

    append_how(arguments, &failure->options, how, sizeof(how));
    printf("seed %llu violates '%s' (%s): %s\n", seed,
           invariant_name(violation->invariant),
           invariant_text(violation->invariant), violation->text);
    fflush(stdout);
    if (arguments->no_shrink) {
        printf("reproduce: simulate --seed %llu%s --shrink\n", seed, how);
    } else {
        shrink_and_print(&failure->options, violation, SHRINK_RUNS, how);
    }
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
        "%llu seeds, %llu records (%llu failed, %llu replays), %llu kills, "
        "%llu stops, "
        "%llu freezes, %llu reloads, %llu rebalances, %llu transactions, %llu "
        "aborted, "
        "%llu requests, virtual %.1f h, %.1f s, %.0f seeds a minute\n",
        (unsigned long long)counts->seeds, (unsigned long long)counts->records,
        (unsigned long long)counts->failed, (unsigned long long)counts->replays,
        (unsigned long long)counts->kills, (unsigned long long)counts->stops,
        (unsigned long long)counts->freezes,
        (unsigned long long)counts->reloads,
        (unsigned long long)counts->rebalances,
        (unsigned long long)counts->transactions,
        (unsigned long long)counts->aborted,
        (unsigned long long)counts->requests,
        (double)counts->virtual_ms / 3600000, seconds,
        (double)counts->seeds * 60 / seconds);
}

/* In this process, so that its trace is complete and a debugger can be used */
static int run_traced(const struct arguments *arguments)
{
    struct sim_options options = arguments->options;
    struct sim_counts counts = {0};
    struct violation violation;

    options.seed = arguments->first;
    if (sim_run(&options, &counts, &violation)) {
        return 0; /* and without the time of the real world */
    }
    printf("seed %llu violates '%s' (%s): %s\n",
           (unsigned long long)options.seed,
           invariant_name(violation.invariant),
           invariant_text(violation.invariant), violation.text);
    return 1;
}

static int run(const struct arguments *arguments)
{
    struct sim_counts counts = {0};
    struct timespec began;
    struct failure failure;
    double seconds;
    bool held;

    clock_gettime(CLOCK_MONOTONIC, &began);
    held = jobs_run(&arguments->options, SERIES_SEEDS, arguments->first,
                    arguments->count, arguments->jobs, &counts, &failure);
    seconds = seconds_since(&began);
    if (!held) {
        report(arguments, &failure);
    }
    sum_up(&counts, seconds);
    return held ? 0 : 1;
}

/* Without other faults, one run for each boundary of an event: the instance is
 * killed there, or frozen for so long that the group continues without it. */
static int sweep(const struct arguments *arguments)
{
    struct sim_options options = arguments->options;
    struct sim_counts whole = {0};
    struct sim_counts counts = {0};
    struct failure failure = {0};

    options.seed = arguments->first;
    options.quiet = true;
    failure.options = options;
    if (!jobs_run_one(&options, false, &whole, &failure.violation)) {
        report(arguments, &failure);
        return 1;
    }
    for (int freezes = 0; freezes < 2; freezes++) {
        options.strike_freezes = freezes == 1;
        if (!jobs_run(&options, SERIES_STRIKES, 1, whole.steps, arguments->jobs,
                      &counts, &failure)) {
            report(arguments, &failure);
            return 1;
        }
    }
    printf("seed %llu: killed at each of %llu steps, and frozen at each\n",
           (unsigned long long)options.seed, (unsigned long long)whole.steps);
    return 0;
}

static int dispatch(const struct arguments *arguments)
{
    if (arguments->regressions != NULL) {
        return regressions_run(arguments->regressions);
    }
    if (arguments->sweep) {
        return sweep(arguments);
    }
    return arguments->options.trace != NULL ? run_traced(arguments)
                                            : run(arguments);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .first = 1, .count = 100, .jobs = jobs_default()};
    int status;

    if (argc == 2 && strcmp(argv[1], "--invariants") == 0) {
        return print_invariants();
    }
    if (argc == 2 && strcmp(argv[1], "--breaks") == 0) {
        sim_print_breaks();
        return 0;
    }
    if (!read_arguments(argc, argv, &arguments)) {
        fputs(help, stderr);
        return 2;
    }
    /* Environment variables of the user must not override the configuration. */
    clearenv();
    setenv("TZ", "UTC", 1);            /* clearenv() may leave no list at all */
    setenv("HOME", "/nonexistent", 1); /* nor may a docker config */
    log_setup(arguments.log ? LOG_INFO : (enum log_level)(LOG_ERROR + 1),
              LOG_LOGFMT);
    directory_begin();
    status = dispatch(&arguments);
    directory_end();
    return status;
}
