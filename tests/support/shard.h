#ifndef WAYBILL_TESTS_SHARD_H
#define WAYBILL_TESTS_SHARD_H

#include "asserts.h"
#include "waybill/alloc.h"

/*
 * Splits a test program whose tests mostly wait, so that ctest can run parts of
 * it in parallel: WAYBILL_TEST_SHARD=1/3 selects every third test from the
 * second on. CMake sets it for tests with SHARDS. Without the variable all
 * tests run.
 */
static inline int run_shard(const char *group, const struct CMUnitTest *tests,
                            size_t count, CMFixtureFunction setup,
                            CMFixtureFunction teardown)
{
    struct CMUnitTest *chosen = mem_zalloc(count * sizeof(*chosen));
    const char *shard = getenv("WAYBILL_TEST_SHARD");
    size_t first = 0;
    size_t step = 1;
    size_t kept = 0;
    int failed;

    if (shard != NULL &&
        (sscanf(shard, "%zu/%zu", &first, &step) != 2 || first >= step)) {
        print_error("WAYBILL_TEST_SHARD=%s: not PLACE/NUMBER\n", shard);
        mem_free(chosen);
        return 1;
    }
    for (size_t i = first; i < count; i += step) {
        chosen[kept++] = tests[i];
    }
    failed = _cmocka_run_group_tests(group, chosen, kept, setup, teardown);
    mem_free(chosen);
    return failed;
}

#endif
