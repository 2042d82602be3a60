#include "jobs.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_JOBS 64

/* What a worker says, in memory that it shares: so that of one that crashes it
 * is known with which seed. */
struct worker {
    pid_t pid;
    uint64_t seed; /* the one that it is at */
    bool failed;
    struct violation violation;
    struct sim_counts counts;
};

struct board {
    _Atomic uint64_t lowest; /* seed that failed: above it nobody goes on */
    struct worker workers[MOST_JOBS];
};

unsigned jobs_default(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > MOST_JOBS ? MOST_JOBS : (unsigned)count;
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

static void lower(struct board *board, uint64_t seed)
{
    uint64_t lowest = atomic_load(&board->lowest);

    while (seed < lowest &&
           !atomic_compare_exchange_weak(&board->lowest, &lowest, seed)) {
    }
}

/* Every `stride`-th seed, up to the first that fails */
static void work(struct board *board, struct worker *worker,
                 struct sim_options options, uint64_t end, unsigned stride)
{
    for (; options.seed < end && options.seed < atomic_load(&board->lowest);
         options.seed += stride) {
        worker->seed = options.seed;
        if (!sim_run(&options, &worker->counts, &worker->violation)) {
            worker->failed = true;
            lower(board, options.seed);
            return;
        }
    }
}

static void start(struct board *board, unsigned number,
                  const struct sim_options *options, uint64_t end,
                  unsigned stride, bool hush)
{
    struct worker *worker = &board->workers[number];
    pid_t pid;

    fflush(NULL); /* or it would be said twice */
    worker->seed = options->seed;
    pid = fork();
    if (pid < 0) {
        perror("simulate: fork");
        exit(2);
    }
    if (pid == 0) {
        if (hush && freopen("/dev/null", "w", stderr) == NULL) {
            exit(2);
        }
        work(board, worker, *options, end, stride);
        exit(0); /* where what has leaked is looked for */
    }
    worker->pid = pid; /* the parent's to write: both see it */
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
        lower(board, worker->seed);
    }
}

bool jobs_run(const struct sim_options *options, uint64_t first, uint64_t count,
              unsigned jobs, struct sim_counts *counts,
              struct failure *ret_failure)
{
    struct board *board = board_new();
    bool held = true;

    jobs = jobs > MOST_JOBS ? MOST_JOBS : jobs;
    for (unsigned i = 0; i < jobs; i++) {
        struct sim_options own = *options;

        own.seed = first + i;
        start(board, i, &own, first + count, jobs, false);
    }
    for (unsigned i = 0; i < jobs; i++) {
        struct worker *worker = &board->workers[i];

        finish(board, worker);
        sim_add_counts(counts, &worker->counts);
        if (worker->failed && (held || worker->seed < ret_failure->seed)) {
            held = false;
            *ret_failure = (struct failure){worker->seed, worker->violation};
        }
    }
    munmap(board, sizeof(*board));
    return held;
}

bool jobs_run_one(const struct sim_options *options, bool hush,
                  struct sim_counts *counts, struct violation *ret_violation)
{
    struct board *board = board_new();
    struct worker *worker = &board->workers[0];
    bool held;

    start(board, 0, options, options->seed + 1, 1, hush);
    finish(board, worker);
    held = !worker->failed;
    sim_add_counts(counts, &worker->counts);
    *ret_violation = worker->violation;
    munmap(board, sizeof(*board));
    return held;
}
