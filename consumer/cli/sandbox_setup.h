#ifndef WAYBILL_CLI_SANDBOX_SETUP_H
#define WAYBILL_CLI_SANDBOX_SETUP_H

#include "waybill/config.h"
#include "waybill/loop.h"
#include "waybill/sandbox.h"

/* Sets up the sandbox of `waybill run` in two steps. The runner, which
 * starts credential helpers, is forked first, while the process has a single
 * thread. The restrictions are applied last, before other threads exist,
 * because Landlock restricts only the calling thread and the threads that it
 * creates later. */
struct sandbox_setup {
    struct access access;
    struct runner *runner; /* NULL when `sandbox: off` */
    struct sandbox sandbox;
};

void sandbox_setup_begin(struct sandbox_setup *sandbox_setup,
                         const struct settings *settings);
/* From now on the runner starts the credential helpers. */
void sandbox_setup_attach(const struct sandbox_setup *sandbox_setup,
                          struct loop *loop);
/* Applies the restrictions and logs which of them the kernel enforces. */
void sandbox_setup_close(struct sandbox_setup *sandbox_setup);
/* Call it when the loop does not run any more. */
void sandbox_setup_end(struct sandbox_setup *sandbox_setup);

#endif
