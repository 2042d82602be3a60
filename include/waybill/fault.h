#ifndef WAYBILL_FAULT_H
#define WAYBILL_FAULT_H

#include <stdbool.h>

/*
 * Where tests step in: points at which the process may die, and rules that may
 * be broken on purpose, so that the tests can show that they would notice.
 *
 * A seam like kafka.h and http.h: the program's own implementation does nothing
 * and nothing can make it; the tests link another one. Any thread.
 */

/* Between two steps that a crash must not tear apart */
void fault_point(const char *name);
/* Whether this rule is to be broken: false */
bool fault_is_broken(const char *rule);

#endif
