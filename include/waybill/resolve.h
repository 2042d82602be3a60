#ifndef WAYBILL_RESOLVE_H
#define WAYBILL_RESOLVE_H

#include "waybill/arena.h"
#include "waybill/event.h"
#include "waybill/plan.h"

/*
 * An event into a plan: which attachments its workflow has. Pure.
 *
 * An attachment by id matches that id exactly. One by project and name matches
 * both, with `*` for any run of characters; a part that is left out is `*`, and
 * `*` also matches what an event does not say.
 */
void resolve(const struct event *event, const struct attachment *attachments,
             size_t count, struct arena *arena, struct plan *ret_plan);

#endif
