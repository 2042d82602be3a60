#ifndef WAYBILL_CLI_SEALING_H
#define WAYBILL_CLI_SEALING_H

#include "waybill/config.h"
#include "waybill/loop.h"
#include "waybill/sandbox.h"

/* How `waybill run` goes into its sandbox: the runner first, as long as this is
 * one thread that may fork; the doors closed last, before there are others. */
struct sealing {
    struct needs needs;
    struct runner *runner; /* NULL: `sandbox: off` */
    struct sandbox sandbox;
};

void sealing_begin(struct sealing *sealing, const struct settings *settings);
/* Credential helpers are the runner's from now on. */
void sealing_attach(const struct sealing *sealing, struct loop *loop);
/* Closes, and logs what is closed and what is not. */
void sealing_close(struct sealing *sealing);
void sealing_end(struct sealing *sealing); /* the loop turns no more */

#endif
