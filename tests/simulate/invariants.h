#ifndef SIMULATE_INVARIANTS_H
#define SIMULATE_INVARIANTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What must hold, whatever happens: said once, here, for the simulator and for
 * whoever checks the same with real parts (`simulate --invariants`).
 */
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

/* On the fly: a transaction is about to become visible. */
void invariants_at_commit(struct sim *sim, const struct txn *txn);
/* On the fly: a message of an instance is written. */
void invariants_at_write(struct sim *sim, const struct message *message);
/* At the end, when everything is quiet */
void invariants_at_end(struct sim *sim);

#endif
