#include "asserts.h"

#include "waybill/access.h"

static const struct {
    const char *label;
    const char *argv[5];
    bool allowed;
} commands[] = {
    {"as it is", {"secret-tool", "lookup", "service", "gh:github.com"}, true},
    {"another word", {"secret-tool", "lookup", "service", "other"}, false},
    {"a word too few", {"secret-tool", "lookup", "service"}, false},
    {"a word too many", {"docker-credential-pass", "get", "all"}, false},
    {"a star", {"docker-credential-pass", "get"}, true},
    {"a star is nothing, too", {"docker-credential-", "get"}, true},
    {"another verb", {"docker-credential-pass", "erase"}, false},
    {"no verb", {"docker-credential-pass"}, false},
    {"a path behind the star", {"docker-credential-/../sh", "get"}, false},
    {"a path", {"./secret-tool", "lookup", "service", "gh:github.com"}, false},
    {"a program that is not named", {"sh", "get"}, false},
    {"a star is one in the first word only", {"echo", "x"}, false},
    {"... where it is itself", {"echo", "*"}, true},
    {"nothing", {NULL}, false},
};

static void needs__allow_what_was_named_and_nothing_else(void **state)
{
    struct access access = {.arena = arena_new()};

    (void)state;
    access_allow_program(&access, "docker-credential-*\nget");
    access_allow_program(&access, "secret-tool\nlookup\nservice\ngh:github.com");
    access_allow_program(&access, "echo\n*");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        check(commands[i].label,
              access_has_command(access.programs, commands[i].argv) ==
                  commands[i].allowed);
    }
    assert_true(access_has_program(access.programs, "docker-credential-x"));
    assert_true(access_has_program(access.programs, "secret-tool"));
    assert_false(access_has_program(access.programs, "secret-tools"));
    assert_false(access_has_command(NULL, commands[0].argv));
    arena_free(access.arena);
}

static void needs__leave_out_what_is_not_there(void **state)
{
    struct access access = {.arena = arena_new()};

    (void)state;
    access_allow_file(&access, NULL);
    access_allow_file(&access, "");
    access_allow_writing(&access, NULL);
    access_allow_writing(&access, "");
    assert_null(access.files);
    assert_null(access.writable);
    access_allow_writing(&access, "/b");
    assert_string_equal(access.writable->text, "/b");
    assert_null(access.files);
    unsetenv("WB_FOLDER");
    assert_false(access_allow_variable(&access, "WB_FOLDER", "/file"));
    setenv("WB_FOLDER", "", 1);
    assert_false(access_allow_variable(&access, "WB_FOLDER", "/file"));
    assert_null(access.files);
    setenv("WB_FOLDER", "/a", 1);
    assert_true(access_allow_variable(&access, "WB_FOLDER", "/file"));
    assert_string_equal(access.files->text, "/a/file");
    arena_free(access.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs__allow_what_was_named_and_nothing_else),
        cmocka_unit_test(needs__leave_out_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
