#ifndef WAYBILL_TEST_EMULATED_H
#define WAYBILL_TEST_EMULATED_H

#include <stdlib.h>

#include "asserts.h"

/*
 * qemu-user gives the child of vfork() a memory of its own, so posix_spawn()
 * cannot report that a program could not be executed: the child exits with 127
 * instead. Tests of that message are skipped there.
 */
static inline void skip_if_spawn_cannot_fail(void)
{
    if (getenv("WAYBILL_TEST_EMULATED") != NULL) {
        skip();
    }
}

#endif
