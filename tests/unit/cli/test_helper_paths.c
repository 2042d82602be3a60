#include "helper_world.h"

/* The places that are searched for the configuration file. None of these files
 * exists, so the notes name them. */

static int begin_without_variables(void **state)
{
    assert_int_equal(helper_begin(state), 0);
    unsetenv("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY");
    unsetenv("HOME");
    return 0;
}

#define PATH_TEST(name)                                                        \
    cmocka_unit_test_setup_teardown(name, begin_without_variables,             \
                                    helper_finish)

static void check_path(const char *path, const char *expected)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    SET("CREDENTIAL_HELPER_CONFIG_FILE", path);
    helper_ask("https://x.example/");
    check_answered(path);
    check_text(path, helper_noted("configuration file "),
               arena_printf(arena,
                            "'%s': it does not exist, so the defaults apply",
                            expected));
}

static void a_place_at_the_front_is_undone(void **state)
{
    SET("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY", "/ws");
    SET("CREDENTIAL_HELPER_WORKDIR", "/bazel/dir");
    SET("XDG_CACHE_HOME", "/cache");
    SET("TMPDIR", "/temporary");
    SET("HOME", "/home/me");
    check_path("%workspace%/a.json", "/ws/a.json");
    check_path("%workdir%/a", "/bazel/dir/a");
    check_path("%cache%/a", "/cache/a");
    check_path("%tmp%/a", "/temporary/a");
    check_path("%tmp%", "/temporary/");
    check_path("~/a", "/home/me/a");
    check_path("~a", "/home/me/a"); /* joined as by the program of tweag */
    check_path("/none/%tmp%/~", "/none/%tmp%/~");
    check_path("%other%/a", "%other%/a");
}

static void without_variables_there_are_defaults(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char here[4096];

    check_path("%tmp%/no/such/file", "/tmp/no/such/file");
    check_path("~/no/such/file", "/tmp/no/such/file");
    check_path("%cache%/no/such/file", "/tmp/no/such/file");
    SET("HOME", "/home/me");
    check_path("%cache%/a", "/home/me/.cache/a");
    SET("XDG_CACHE_HOME", "relative");
    check_path("%cache%/a", "/home/me/.cache/a");
    assert_non_null(getcwd(here, sizeof(here)));
    check_path("%workspace%/none", arena_printf(arena, "%s/none", here));
    SET("BUILD_WORKSPACE_DIRECTORY", "/bazel");
    check_path("%workspace%/a", "/bazel/a");
}

static void a_test_of_bazel_stays_in_its_folder(void **state)
{
    SET("TEST_TMPDIR", "/sandbox");
    SET("XDG_CACHE_HOME", "/cache");
    SET("TMPDIR", "/temporary");
    check_path("%cache%/a", "/sandbox/a");
    check_path("%tmp%/a", "/sandbox/a");
}

static void the_file_is_where_the_environment_says(void **state)
{
    SET("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY", "/ws");
    check_path("", "/ws/.tweag-credential-helper.json");
    check_path("%workspace%/tools/ch.json", "/ws/tools/ch.json");
    SET("CREDENTIAL_HELPER_CONFIG_FILE", "%workdir%/a.json");
    check_refused("https://x.example/",
                  "CREDENTIAL_HELPER_CONFIG_FILE: '%workdir%' stands for "
                  "$CREDENTIAL_HELPER_WORKDIR, which is not set");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_TEST(a_place_at_the_front_is_undone),
        PATH_TEST(without_variables_there_are_defaults),
        PATH_TEST(a_test_of_bazel_stays_in_its_folder),
        PATH_TEST(the_file_is_where_the_environment_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
