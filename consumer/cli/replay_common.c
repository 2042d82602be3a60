#include <signal.h>
#include <stdio.h>

#include "replay_internal.h"

/* What the verbs of `waybill replay` have in common, and `waybill explain` with
 * them */

static volatile sig_atomic_t stopped_by;

static void on_signal(int number)
{
    stopped_by = number;
}

/* The second one ends it at once, which loses nothing either. */
void replaying_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool replaying_interrupted(void)
{
    return stopped_by != 0;
}

int replaying_interrupted_status(void)
{
    return 128 + (int)stopped_by;
}

int replaying_failed(const struct error *err)
{
    if (replaying_interrupted()) {
        fputs("waybill: interrupted\n", stderr);
        return replaying_interrupted_status();
    }
    fprintf(stderr, "waybill: %s\n", err->message);
    return error_exit_code(err->kind);
}

struct replay *replaying_open(struct replaying *replaying, bool write,
                              int *ret_status)
{
    struct error err;

    if (replay_open(&replaying->options, write, &replaying->replay, &err) < 0) {
        *ret_status = replaying_failed(&err);
        return NULL;
    }
    return replaying->replay;
}
