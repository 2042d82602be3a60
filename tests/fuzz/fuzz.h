#ifndef WAYBILL_FUZZ_H
#define WAYBILL_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The entry point of libFuzzer (llvm.org/docs/LibFuzzer.html); replay.c calls
 * it, too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Checks a property that must hold for every input. Unlike an assertion it is
 * never compiled out. */
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,  \
                    #condition);                                               \
            abort();                                                           \
        }                                                                      \
    } while (0)

#endif
