#ifndef SIMULATE_VERDICT_H
#define SIMULATE_VERDICT_H

#include "broker.h"

/* Reads the messages as a consumer would, and compares them with the expected
 * outcome of the record. */

void verdict_on(struct sim *sim, const struct log_record *outcome);
/* Compares the dead letters of a transaction with its failed outcomes. */
void verdict_on_letters(struct sim *sim, const struct txn *txn);
/* Returns the record of the dead letter, by the outcome that was written with
 * it: in a topic that was created again two records may have one position.
 * NULL: there is none. */
const struct expected *verdict_origin_of_letter(
    struct sim *sim, const struct log_record *letter);

#endif
