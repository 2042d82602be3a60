#include "asserts.h"

#include "waybill/needs.h"

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
    struct needs needs = {.arena = arena_new()};

    (void)state;
    needs_program(&needs, "docker-credential-*\nget");
    needs_program(&needs, "secret-tool\nlookup\nservice\ngh:github.com");
    needs_program(&needs, "echo\n*");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        check(commands[i].label,
              needs_allow(needs.programs, commands[i].argv) ==
                  commands[i].allowed);
    }
    assert_true(needs_name(needs.programs, "docker-credential-x"));
    assert_true(needs_name(needs.programs, "secret-tool"));
    assert_false(needs_name(needs.programs, "secret-tools"));
    assert_false(needs_allow(NULL, commands[0].argv));
    arena_free(needs.arena);
}

static void needs__leave_out_what_is_not_there(void **state)
{
    struct needs needs = {.arena = arena_new()};

    (void)state;
    needs_file(&needs, NULL);
    needs_file(&needs, "");
    needs_written(&needs, NULL);
    needs_written(&needs, "");
    assert_null(needs.files);
    assert_null(needs.written);
    needs_written(&needs, "/b");
    assert_string_equal(needs.written->text, "/b");
    assert_null(needs.files);
    unsetenv("WB_FOLDER");
    assert_false(needs_variable(&needs, "WB_FOLDER", "/file"));
    setenv("WB_FOLDER", "", 1);
    assert_false(needs_variable(&needs, "WB_FOLDER", "/file"));
    assert_null(needs.files);
    setenv("WB_FOLDER", "/a", 1);
    assert_true(needs_variable(&needs, "WB_FOLDER", "/file"));
    assert_string_equal(needs.files->text, "/a/file");
    arena_free(needs.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs__allow_what_was_named_and_nothing_else),
        cmocka_unit_test(needs__leave_out_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
