#ifndef SIMULATE_VERDICT_H
#define SIMULATE_VERDICT_H

#include "broker.h"

/* Reads what was written, as a consumer of it would, and holds it against what
 * the record deserves. */

void verdict_on(struct sim *sim, const struct log_record *outcome);
/* The dead letters of a transaction against its failed outcomes */
void verdict_on_letters(struct sim *sim, const struct txn *txn);

#endif
