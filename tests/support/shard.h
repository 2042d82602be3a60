#ifndef WAYBILL_TESTS_SHARD_H
#define WAYBILL_TESTS_SHARD_H

#include "asserts.h"
#include "waybill/alloc.h"

/*
 * A program whose tests mostly wait is run several times side by side, each
 * time for a part of them: WAYBILL_TEST_SHARD=1/3, which ctest sets where a
 * test says SHARDS, is every third one from the second on. Without it all are
 * run.
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
