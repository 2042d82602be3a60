#include <signal.h>
#include <stdio.h>

#include "replay_internal.h"

/* Shared by the subcommands of `waybill replay` and by `waybill explain` */

static volatile sig_atomic_t received_signal;

static void on_signal(int number)
{
    received_signal = number;
}

/* SA_RESETHAND: a second signal terminates the process at once, which loses
 * nothing because the replay is transactional. */
void replay_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool replay_is_interrupted(void)
{
    return received_signal != 0;
}

int replay_interrupted_status(void)
{
    return 128 + (int)received_signal;
}

int replay_report_error(const struct error *err)
{
    if (replay_is_interrupted()) {
        print_err("waybill: interrupted\n");
        return replay_interrupted_status();
    }
    print_err("waybill: %s\n", err->message);
    return error_exit_code(err->kind);
}

struct replay *replay_context_open(struct replay_context *context, bool write,
                                   int *ret_status)
{
    struct error err;

    if (replay_open(&context->options, write, &context->replay, &err) < 0) {
        *ret_status = replay_report_error(&err);
        return NULL;
    }
    return context->replay;
}
