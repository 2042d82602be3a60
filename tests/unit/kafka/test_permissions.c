#include "kafka/permissions.h"

#include "asserts.h"

/* The permissions of each user, and the commands that grant them */

static const struct kafka_tools tools = {.brokers = "b:9092"};

static struct kafka_options options;
static struct arena *arena;
static const struct kafka_permission *permissions;
static size_t count;
static struct str text = STR_INIT(STR_UNLIMITED);

static int begin(void **state)
{
    options = (struct kafka_options){
        .group = "g",
        .topic = "in",
        .outcomes = "out",
        .dead_letters = "dead",
        .optional_topic = "again",
    };
    arena = arena_new();
    count = kafka_permissions(&options, arena, &permissions);
    return 0;
}

static int end(void **state)
{
    arena_free(arena);
    str_release(&text);
    return 0;
}

static const struct kafka_permission *find(enum kafka_user user,
                                           const char *resource,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (permissions[i].user == user &&
            strcmp(permissions[i].resource, resource) == 0 &&
            strcmp(permissions[i].name, name) == 0) {
            return &permissions[i];
        }
    }
    fail_msg("%s has no permission on %s %s", kafka_user_name(user), resource,
             name);
    return NULL;
}

static void transactional_ids_are_granted_by_their_prefix_unless_configured(
    void **state)
{
    assert_true(find(KAFKA_RUN, "transactional-id", "waybill-g-")->is_prefix);
    assert_false(
        find(KAFKA_REPLAY, "transactional-id", "waybill-replay-g")->is_prefix);
    options.transactional_id = "own";
    count = kafka_permissions(&options, arena, &permissions);
    assert_false(find(KAFKA_RUN, "transactional-id", "own")->is_prefix);
}

static void only_run_joins_the_group(void **state)
{
    assert_string_equal(find(KAFKA_RUN, "group", "g")->operations[0], "Read");
    assert_string_equal(find(KAFKA_EXPLAIN, "group", "g")->operations[0],
                        "Describe");
    assert_string_equal(permission_group_operation(KAFKA_REPLAY), "Read");
    assert_string_equal(permission_group_operation(KAFKA_EXPLAIN), "Describe");
}

static void explain_and_publish_may_not_write_what_waybill_writes(void **state)
{
    for (size_t i = 0; i < count; i++) {
        bool writes = strcmp(permissions[i].operations[0], "Write") == 0;

        if (permissions[i].user == KAFKA_EXPLAIN) {
            assert_false(writes);
        } else if (permissions[i].user == KAFKA_PUBLISH) {
            assert_string_equal(permissions[i].name, "in");
        }
    }
}

static void one_command_grants_what_is_alike(void **state)
{
    size_t together = kafka_permissions_together(permissions, count);

    assert_int_equal(together, 2);
    kafka_append_grant(&text, &tools, "User:a b", permissions, together);
    assert_string_equal(text.data,
                        "kafka-acls.sh --bootstrap-server b:9092 --add "
                        "--allow-principal 'User:a b' --operation Read "
                        "--operation DescribeConfigs --topic in --topic again");
}

static void a_prefix_and_the_configuration_of_the_tools_are_in_the_command(
    void **state)
{
    struct kafka_tools configured = tools;

    configured.command_config = "admin.properties";
    kafka_append_grant(&text, &configured, "User:waybill",
                       find(KAFKA_RUN, "transactional-id", "waybill-g-"), 1);
    assert_string_equal(
        text.data,
        "kafka-acls.sh --bootstrap-server b:9092 --command-config "
        "admin.properties --add --allow-principal User:waybill --operation "
        "Write --transactional-id waybill-g- --resource-pattern-type prefixed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(transactional_ids_are_granted_by_their_prefix_unless_configured),
        TEST(only_run_joins_the_group),
        TEST(explain_and_publish_may_not_write_what_waybill_writes),
        TEST(one_command_grants_what_is_alike),
        TEST(a_prefix_and_the_configuration_of_the_tools_are_in_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
