#ifndef WAYBILL_TEST_EMULATED_H
#define WAYBILL_TEST_EMULATED_H

#include "asserts.h"

/*
 * qemu-user treats vfork() as fork(), so posix_spawn() returns before the
 * child has executed the program: it cannot report that this has failed (the
 * child exits with 127 instead), and a signal for the process group that
 * follows at once is lost. The emulator also needs descriptors of its own.
 * Tests of any of these are skipped there.
 */
static inline void skip_if_spawn_is_a_fork(void)
{
#ifdef WAYBILL_TEST_EMULATED
    print_message("SKIPPED: qemu-user has no vfork\n");
    skip();
#endif
}

#endif
