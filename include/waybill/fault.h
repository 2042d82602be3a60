#ifndef WAYBILL_FAULT_H
#define WAYBILL_FAULT_H

#include <stdbool.h>

/*
 * Hooks for fault injection: points at which a test can kill the process, and
 * rules that a test can break on purpose, to show that the tests would detect
 * it.
 *
 * A seam like kafka.h and http.h: the implementation in the program does
 * nothing and cannot be switched on; the tests link another one. Any thread.
 */

/* Marks a point between two steps at which a crash must do no harm. */
void fault_point(const char *name);
/* Whether a test breaks this rule; always false in the program. */
bool fault_is_broken(const char *rule);

#endif
