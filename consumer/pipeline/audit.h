#ifndef WAYBILL_AUDIT_H
#define WAYBILL_AUDIT_H

#include "waybill/outcome.h"

/* Writes the log line of an outcome, once its transaction is committed.
 * `dead_letter_topic` is named if the record became a dead letter. */
void audit_outcome(const struct outcome *outcome,
                   const char *dead_letter_topic);

#endif
