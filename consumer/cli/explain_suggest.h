#ifndef WAYBILL_CLI_EXPLAIN_SUGGEST_H
#define WAYBILL_CLI_EXPLAIN_SUGGEST_H

#include <stddef.h>

#include "waybill/arena.h"
#include "waybill/history.h"

/* The commands that `waybill explain` suggests to run next */

/* The names that they refer to */
struct explain_names {
    const char *program; /* "waybill", with --config if it was given */
    const char *brokers;
    const char *outcomes; /* topics */
    const char *dead_letters;
};

struct suggested {
    const char *command;
    const char *why; /* what it shows or does */
};

#define MAX_SUGGESTIONS 16
struct suggestions {
    struct suggested all[MAX_SUGGESTIONS];
    size_t count;
};

/* The texts are allocated from the arena. */
struct suggestions explain_suggest(const struct history *history,
                                   const struct explain_names *names,
                                   struct arena *arena);

#endif
