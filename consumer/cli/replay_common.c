#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "replay_internal.h"

/* Shared by the subcommands of `waybill replay` and by `waybill explain` */

/* How long a replay may take to end in order. It normally takes milliseconds,
 * but a call of librdkafka may wait for a broker that does not answer. */
#define GRACE_S 2

static volatile sig_atomic_t received_signal;
static volatile sig_atomic_t ends_in_order;

/* Ends the process wherever it is, which loses nothing: whatever is written is
 * written in transactions. */
static _Noreturn void end_at_once(int number)
{
    static const char text[] = "waybill: interrupted\n";

    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        _exit(128 + number);
    }
    _exit(128 + number);
}

static void on_signal(int number)
{
    if (number == SIGALRM) {
        end_at_once((int)received_signal);
    }
    if (!ends_in_order || received_signal != 0) {
        end_at_once(number);
    }
    received_signal = number;
    alarm(GRACE_S);
}

void replay_catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

void replay_end_in_order(void)
{
    ends_in_order = 1;
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
