#include "jobs.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_JOBS 64

/* Every `stride`-th number up to `end` */
struct share {
    struct sim_options options;
    enum series series;
    uint64_t first;
    uint64_t end;
    unsigned stride;
};

/* The state of a worker in shared memory, so that the position of one that
 * crashes is known. */
struct worker {
    pid_t pid;
    uint64_t number;
    bool failed;
    struct violation violation;
    struct sim_counts counts;
};

struct board {
    _Atomic uint64_t lowest; /* The lowest number that failed; no worker
                                continues above it. */
    struct worker workers[MAX_JOBS];
};

unsigned jobs_default(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > MAX_JOBS ? MAX_JOBS : (unsigned)count;
}

static struct board *board_new(void)
{
    struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (board == MAP_FAILED) {
        abort();
    }
    atomic_init(&board->lowest, UINT64_MAX);
    return board;
}

static void lower(struct board *board, uint64_t number)
{
    uint64_t lowest = atomic_load(&board->lowest);

    while (number < lowest &&
           !atomic_compare_exchange_weak(&board->lowest, &lowest, number)) {
    }
}

static struct sim_options options_of(const struct share *share, uint64_t number)
{
    struct sim_options options = share->options;

    if (share->series == SERIES_SEEDS) {
        options.seed = number;
    } else {
        options.strike_at = number;
    }
    return options;
}

/* Runs up to the first failure. */
static void work(struct board *board, struct worker *worker,
                 const struct share *share)
{
    for (uint64_t i = share->first;
         i < share->end && i < atomic_load(&board->lowest);
         i += share->stride) {
        struct sim_options options = options_of(share, i);

        worker->number = i;
        if (!sim_run(&options, &worker->counts, &worker->violation)) {
            worker->failed = true;
            lower(board, i);
            return;
        }
    }
}

static void start(struct board *board, struct worker *worker,
                  const struct share *share, bool hush)
{
    pid_t pid;

    fflush(NULL); /* otherwise it would be printed twice */
    worker->number = share->first;
    pid = fork();
    if (pid < 0) {
        perror("simulate: fork");
        exit(2);
    }
    if (pid == 0) {
        if (hush && freopen("/dev/null", "w", stderr) == NULL) {
            exit(2);
        }
        work(board, worker, share);
        exit(0); /* where the sanitizer looks for leaks */
    }
    worker->pid = pid; /* written by the parent and visible to both */
}

static void finish(struct board *board, struct worker *worker)
{
    int status;

    if (waitpid(worker->pid, &status, 0) < 0) {
        perror("simulate: waitpid");
        exit(2);
    }
    if (status != 0 && !worker->failed) {
        worker->failed = true;
        worker->violation.invariant = INVARIANT_CRASH;
        snprintf(worker->violation.text, sizeof(worker->violation.text),
                 "the process ended with %s %d",
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        lower(board, worker->number);
    }
}

bool jobs_run(const struct sim_options *options, enum series series,
              uint64_t first, uint64_t count, unsigned jobs,
              struct sim_counts *counts, struct failure *ret_failure)
{
    struct board *board = board_new();
    struct share share = {*options, series, first, first + count, jobs};
    uint64_t lowest = UINT64_MAX;

    share.stride = jobs < MAX_JOBS ? jobs : MAX_JOBS;
    for (unsigned i = 0; i < share.stride; i++) {
        share.first = first + i;
        start(board, &board->workers[i], &share, false);
    }
    for (unsigned i = 0; i < share.stride; i++) {
        struct worker *worker = &board->workers[i];

        finish(board, worker);
        sim_add_counts(counts, &worker->counts);
        if (worker->failed && worker->number < lowest) {
            lowest = worker->number;
            ret_failure->options = options_of(&share, lowest);
            ret_failure->violation = worker->violation;
        }
    }
    munmap(board, sizeof(*board));
    return lowest == UINT64_MAX;
}

bool jobs_run_one(const struct sim_options *options, bool hush,
                  struct sim_counts *counts, struct violation *ret_violation)
{
    struct board *board = board_new();
    struct worker *worker = &board->workers[0];
    struct share share = {*options, SERIES_SEEDS, options->seed,
                          options->seed + 1, 1};
    bool held;

    start(board, worker, &share, hush);
    finish(board, worker);
    held = !worker->failed;
    sim_add_counts(counts, &worker->counts);
    *ret_violation = worker->violation;
    munmap(board, sizeof(*board));
    return held;
}
