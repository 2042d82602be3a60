#include "decoded_event.h"
#include "integration/predicate.h"

/* Materials, annotations and variables are tested by the tables that show them
 * (test_summary_table.c). */

static void read_policies(struct decoded_event *decoded, const char *members,
                          struct predicate *ret_predicate)
{
    CLEANUP(str_release) struct str payload = STR_INIT(STR_UNLIMITED);

    str_printf(&payload,
               "{\"_type\":\"https://in-toto.io/Statement/v1\","
               "\"predicateType\":\"chainloop.dev/attestation/v0.2\","
               "\"predicate\":{%s}}",
               members);
    decoded_event_of(decoded, payload.data, "");
    predicate_read(&decoded->event, decoded->arena, ret_predicate);
}

static const struct {
    const char *members;
    bool has_policies;
    bool is_blocked;
    size_t evaluations;
    size_t violations;
    size_t listed;
} rows[] = {
    {"", false, false, 0, 0, 0},
    {"\"policyEvaluationsCount\":0,\"policyViolationsCount\":0", false, false,
     0, 0, 0},
    {"\"policyEvaluationsCount\":3,\"policyViolationsCount\":0", true, false, 3,
     0, 0},
    {"\"policyEvaluationsCount\":3,\"policyViolationsCount\":2,"
     "\"policyAttBlocked\":true",
     true, true, 3, 2, 0},
    {"\"policyEvaluations\":{\"a\":[{\"name\":\"p\",\"violations\":[{"
     "\"message\":\"m\"},{\"message\":\"n\"}]},{\"name\":\"q\"}],\"b\":[]}",
     true, false, 0, 2, 2},
    {"\"policy_evaluations\":{\"a\":[{\"name\":\"p\",\"violations\":[{"
     "\"message\":\"m\"}]}]}",
     true, false, 0, 1, 1},
    /* What is not of the type that it should have */
    {"\"policyEvaluations\":[1],\"policyEvaluationsCount\":\"3\","
     "\"policyViolationsCount\":-1,\"policyAttBlocked\":1",
     true, false, 0, 0, 0},
    {"\"policyEvaluations\":{\"a\":1,\"b\":[1,{\"violations\":2}]},"
     "\"policyViolationsCount\":1e300,\"materials\":{},\"env\":[]",
     true, false, 0, 0, 0},
};

static void policies__are_counted_and_their_violations_listed(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(decoded_event_release) struct decoded_event decoded;
        struct predicate predicate;

        read_policies(&decoded, rows[i].members, &predicate);
        check_number(rows[i].members, predicate.has_policies,
                     rows[i].has_policies);
        check_number(rows[i].members, predicate.is_blocked, rows[i].is_blocked);
        check_number(rows[i].members, predicate.evaluation_count,
                     rows[i].evaluations);
        check_number(rows[i].members, predicate.violation_count,
                     rows[i].violations);
        check_number(rows[i].members, predicate.violations_listed,
                     rows[i].listed);
        for (size_t j = 0; j < rows[i].listed; j++) {
            check_text(rows[i].members, predicate.violations[j].policy, "p");
            check_text(rows[i].members, predicate.violations[j].message,
                       j == 0 ? "m" : "n");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies__are_counted_and_their_violations_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
