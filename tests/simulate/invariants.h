#ifndef SIMULATE_INVARIANTS_H
#define SIMULATE_INVARIANTS_H

#include <stdbool.h>
#include <stdint.h>

/* The properties that must always hold, defined only here, for the simulator
 * and for tests with real components (`simulate --invariants`). */
enum invariant {
    INVARIANT_NONE,
    INVARIANT_OUTCOME,
    INVARIANT_VERDICT,
    INVARIANT_ARTIFACT,
    INVARIANT_DEAD_LETTER,
    INVARIANT_WATERMARK,
    INVARIANT_FENCING,
    INVARIANT_LIVENESS,
    INVARIANT_MEMORY,
    INVARIANT_STOP,
    INVARIANT_REQUESTS,
    INVARIANT_DELAY,
    INVARIANT_SECRETS,
    INVARIANT_CRASH,
    INVARIANT_COUNT
};

const char *invariant_name(enum invariant invariant);
const char *invariant_text(enum invariant invariant);

struct violation {
    enum invariant invariant;
    uint64_t at_ms;
    char text[512];
};

struct sim;
struct message;
struct txn;

/* Called when a transaction is about to become visible. */
void invariants_at_commit(struct sim *sim, const struct txn *txn);
/* Called when a message of an instance is written. */
void invariants_at_write(struct sim *sim, const struct message *message);
/* Called at the end, when nothing is in progress */
void invariants_at_end(struct sim *sim);

#endif
