#ifndef SIMULATE_VERDICT_H
#define SIMULATE_VERDICT_H

#include "broker.h"

/* Reads what was written, as a consumer of it would, and holds it against what
 * the record deserves. */

void verdict_on(struct sim *sim, const struct log_record *outcome);
/* The dead letters of a transaction against its failed outcomes */
void verdict_on_letters(struct sim *sim, const struct txn *txn);
/* The record that the dead letter is of, by the outcome that was written with
 * it: of a topic that was created again two may have one place. NULL: none. */
const struct expected *verdict_origin_of_letter(
    struct sim *sim, const struct log_record *letter);

#endif
