#ifndef WAYBILL_CLI_SANDBOX_SETUP_H
#define WAYBILL_CLI_SANDBOX_SETUP_H

#include "waybill/config.h"
#include "waybill/loop.h"
#include "waybill/sandbox.h"

/* How `waybill run` goes into its sandbox: the runner first, as long as this is
 * one thread that may fork; the doors closed last, before there are others. */
struct sandbox_setup {
    struct access access;
    struct runner *runner; /* NULL: `sandbox: off` */
    struct sandbox sandbox;
};

void sandbox_setup_begin(struct sandbox_setup *sandbox_setup,
                         const struct settings *settings);
/* Credential helpers are the runner's from now on. */
void sandbox_setup_attach(const struct sandbox_setup *sandbox_setup,
                          struct loop *loop);
/* Closes, and logs what is closed and what is not. */
void sandbox_setup_close(struct sandbox_setup *sandbox_setup);
void sandbox_setup_end(
    struct sandbox_setup *sandbox_setup); /* the loop turns no more */

#endif
