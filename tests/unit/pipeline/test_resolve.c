#include "asserts.h"
#include "waybill/resolve.h"

struct selection {
    const char *label;
    struct workflow_selector selector;
    struct workflow workflow;
    bool matches;
};

static const struct selection selections[] = {
    {"id", {.id = "w1"}, {.id = "w1"}, true},
    {"other id", {.id = "w1"}, {.id = "w10"}, false},
    {"id is no glob", {.id = "w*"}, {.id = "w1"}, false},
    {"id of nothing", {.id = "w1"}, {.project = "w1", .name = "w1"}, false},
    {"id does not look at names",
     {.id = "w1"},
     {.id = "w1", .project = "p", .name = "n"},
     true},
    {"names",
     {.project = "p", .name = "n"},
     {.project = "p", .name = "n"},
     true},
    {"names do not look at the id",
     {.project = "p", .name = "n"},
     {.id = "w1", .project = "p", .name = "n"},
     true},
    {"other project",
     {.project = "p", .name = "n"},
     {.project = "q", .name = "n"},
     false},
    {"other name",
     {.project = "p", .name = "n"},
     {.project = "p", .name = "m"},
     false},
    {"case counts", {.name = "Build"}, {.name = "build"}, false},
    {"globs",
     {.project = "sh*", .name = "build-*"},
     {.project = "shop", .name = "build-web"},
     true},
    {"half of the globs",
     {.project = "sh*", .name = "build-*"},
     {.project = "shop", .name = "test-web"},
     false},
    {"project alone", {.project = "p"}, {.project = "p", .name = "n"}, true},
    {"name alone", {.name = "n"}, {.project = "p", .name = "n"}, true},
    {"name alone, no project", {.name = "n"}, {.name = "n"}, true},
    {"star is also for what is absent",
     {.project = "*", .name = "n"},
     {.name = "n"},
     true},
    {"star alone, an event with an id",
     {.project = "*", .name = "*"},
     {.id = "w1"},
     true},
    {"absent is not text", {.project = "p"}, {.id = "w1"}, false},
    {"absent does not begin like that", {.name = "b*"}, {.id = "w1"}, false},
};

static void resolve__matches_by_id_or_by_names(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(selections); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct attachment attachment = {.workflow = selections[i].selector};
        struct event event = {.workflow = selections[i].workflow};
        struct plan plan;

        resolve(&event, &attachment, 1, arena, &plan);
        check_number(selections[i].label, plan.count, selections[i].matches);
    }
}

static const struct attachment attachments[] = {
    {.name = "by id", .workflow = {.id = "w1"}},
    {.name = "other id", .workflow = {.id = "w2"}},
    {.name = "by glob", .workflow = {.project = "shop", .name = "build-*"}},
    {.name = "all", .workflow = {.project = "*"}},
};

static void resolve__plans_a_delivery_for_each_match_in_order(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct event event = {
        .workflow = {.id = "w1", .project = "shop", .name = "build-web"}};
    struct plan plan;

    resolve(&event, attachments, ARRAY_SIZE(attachments), arena, &plan);
    assert_int_equal(plan.count, 3);
    assert_ptr_equal(plan.attachments[0], &attachments[0]);
    assert_ptr_equal(plan.attachments[1], &attachments[2]);
    assert_ptr_equal(plan.attachments[2], &attachments[3]);
}

static void resolve__plans_nothing_where_nothing_matches(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct event event = {.workflow = {.id = "w9"}};
    struct plan plan = {NULL, 9};

    resolve(&event, attachments, 3, arena, &plan);
    assert_int_equal(plan.count, 0);
}

static void resolve__plans_nothing_where_nothing_is_attached(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct event event = {.workflow = {.id = "w9"}};
    struct plan plan = {NULL, 9};

    resolve(&event, NULL, 0, arena, &plan);
    assert_int_equal(plan.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolve__matches_by_id_or_by_names),
        cmocka_unit_test(resolve__plans_a_delivery_for_each_match_in_order),
        cmocka_unit_test(resolve__plans_nothing_where_nothing_matches),
        cmocka_unit_test(resolve__plans_nothing_where_nothing_is_attached),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
