#include <unistd.h>

#include "asserts.h"
#include "cli/helper_internal.h"

#define SET(name, value) assert_int_equal(setenv(name, value, 1), 0)

static int clear(void **state)
{
    return clearenv();
}

static const char *expand(struct arena *arena, const char *path)
{
    const char *found = NULL;
    struct error err;

    return helper_expand(path, arena, &found, &err) == 0 ? found : NULL;
}

static void a_place_at_the_front_is_undone(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    SET("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY", "/ws");
    SET("CREDENTIAL_HELPER_WORKDIR", "/bazel/dir");
    SET("XDG_CACHE_HOME", "/cache");
    SET("TMPDIR", "/temporary");
    SET("HOME", "/home/me");
    check_text("workspace", expand(arena, "%workspace%/a.json"), "/ws/a.json");
    check_text("workdir", expand(arena, "%workdir%/a"), "/bazel/dir/a");
    check_text("cache", expand(arena, "%cache%/a"), "/cache/a");
    check_text("tmp", expand(arena, "%tmp%/a"), "/temporary/a");
    check_text("home", expand(arena, "~/a"), "/home/me/a");
    check_text("as tweag's joins", expand(arena, "~a"), "/home/me/a");
    check_text("not in front", expand(arena, "/a/%tmp%/~"), "/a/%tmp%/~");
    check_text("no such place", expand(arena, "%other%/a"), "%other%/a");
}

static void without_variables_there_are_defaults(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char here[4096];
    struct error err;
    const char *path;

    check_text("tmp", expand(arena, "%tmp%"), "/tmp/");
    check_text("no home", expand(arena, "~/a"), "/tmp/a");
    check_text("no cache", expand(arena, "%cache%/a"), "/tmp/a");
    SET("HOME", "/home/me");
    check_text("cache", expand(arena, "%cache%/a"), "/home/me/.cache/a");
    SET("XDG_CACHE_HOME", "relative");
    check_text("relative", expand(arena, "%cache%/a"), "/home/me/.cache/a");
    assert_non_null(getcwd(here, sizeof(here)));
    check_text("workspace", expand(arena, "%workspace%/a"),
               arena_printf(arena, "%s/a", here));
    SET("BUILD_WORKSPACE_DIRECTORY", "/bazel");
    check_text("workspace", expand(arena, "%workspace%/a"), "/bazel/a");
    assert_int_equal(helper_expand("%workdir%/a", arena, &path, &err), -1);
    assert_message_contains(&err, "CREDENTIAL_HELPER_WORKDIR");
}

static void a_test_of_bazel_stays_in_its_folder(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    SET("TEST_TMPDIR", "/sandbox");
    SET("XDG_CACHE_HOME", "/cache");
    SET("TMPDIR", "/temporary");
    check_text("cache", expand(arena, "%cache%/a"), "/sandbox/a");
    check_text("tmp", expand(arena, "%tmp%/a"), "/sandbox/a");
}

static void the_file_is_where_the_environment_says(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err;
    const char *path;

    SET("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY", "/ws");
    assert_int_equal(helper_config_path(arena, &path, &err), 0);
    assert_string_equal(path, "/ws/.tweag-credential-helper.json");
    SET("CREDENTIAL_HELPER_CONFIG_FILE", "%workspace%/tools/ch.json");
    assert_int_equal(helper_config_path(arena, &path, &err), 0);
    assert_string_equal(path, "/ws/tools/ch.json");
    SET("CREDENTIAL_HELPER_CONFIG_FILE", "");
    assert_int_equal(helper_config_path(arena, &path, &err), 0);
    assert_string_equal(path, "/ws/.tweag-credential-helper.json");
    SET("CREDENTIAL_HELPER_CONFIG_FILE", "%workdir%/a.json");
    assert_int_equal(helper_config_path(arena, &path, &err), -1);
    assert_message_contains(&err, "CREDENTIAL_HELPER_CONFIG_FILE: '%workdir%'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_place_at_the_front_is_undone, clear),
        cmocka_unit_test_setup(without_variables_there_are_defaults, clear),
        cmocka_unit_test_setup(a_test_of_bazel_stays_in_its_folder, clear),
        cmocka_unit_test_setup(the_file_is_where_the_environment_says, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
