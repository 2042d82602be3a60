#ifndef WAYBILL_RESOLVE_H
#define WAYBILL_RESOLVE_H

#include "waybill/arena.h"
#include "waybill/event.h"
#include "waybill/plan.h"

/*
 * Resolves an event into a plan: the attachments of its workflow, in the order
 * of the configuration. A pure function.
 *
 * A selector by id matches exactly that id. A selector by project and name
 * matches both, where `*` stands for any run of characters. An omitted part is
 * `*`, which also matches a value that the event does not have. The plan is
 * allocated from the arena and refers to `attachments`.
 */
void resolve(const struct event *event, const struct attachment *attachments,
             size_t count, struct arena *arena, struct plan *ret_plan);

#endif
