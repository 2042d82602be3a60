#ifndef WAYBILL_TEST_EMULATED_H
#define WAYBILL_TEST_EMULATED_H

#include "asserts.h"

/*
 * qemu-user treats vfork() as fork(), so posix_spawn() returns before the
 * child has executed the program: it cannot report that this has failed (the
 * child exits with 127 instead), and a signal for the process group that
 * follows at once is lost. Tests of either are skipped there.
 */
static inline void skip_if_spawn_is_a_fork(void)
{
#ifdef WAYBILL_TEST_EMULATED
    skip();
#endif
}

#endif
