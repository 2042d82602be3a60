#include "emulated.h"
#include "keychain_world.h"

static const struct credential_source keyring = {.source = "keyring",
                                                 .service = "gh:github.com"};

static void keyring__looks_a_service_up(void **state)
{
    struct world *world = *state;

    write_program(world, "secret-tool",
                  "for word; do echo \"$word\" >>\"$HOME/calls\"; done\n"
                  "printf 'gho_1 2'");
    assert_string_equal(answer_of(world, &keyring), "user=unset pass=gho_1 2");
    assert_string_equal(read_file(world, "calls"),
                        "lookup\nservice\ngh:github.com\n");
    assert_string_equal(keychain_last(world->keychain)->origin,
                        "keyring gh:github.com");
}

static void keyring__binds_what_it_is_told_to(void **state)
{
    struct world *world = *state;
    struct credential_source source = keyring;

    write_program(world, "secret-tool", "echo dTpw");
    source.binding = BINDING_AUTH;
    assert_string_equal(answer_of(world, &source), "user=u pass=p");
    source.binding = BINDING_IDENTITY_TOKEN;
    assert_string_equal(answer_of(world, &source), " identity=dTpw");
    source.binding = BINDING_REGISTRY_TOKEN;
    assert_string_equal(answer_of(world, &source), " registry=dTpw");
    write_program(world, "secret-tool", "echo hunter2%");
    source.binding = BINDING_AUTH;
    assert_string_equal(answer_of(world, &source),
                        "failed: credentials from keyring gh:github.com: "
                        "'auth' is not base64");
}

static void keyring__has_nothing(void **state)
{
    static const struct {
        const char *script;
        const char *report;
    } rows[] = {
        {"exit 1", "keyring gh:github.com: not in the keyring"},
        {"exit 0", "keyring gh:github.com: not in the keyring"},
        {"echo", "keyring gh:github.com: empty"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_program(world, "secret-tool", rows[i].script);
        check_text(rows[i].script, answer_of(world, &keyring), "");
        check_text(rows[i].script, keychain_report(world->keychain),
                   rows[i].report);
    }
}

static void keyring__may_not_be_installed(void **state)
{
    struct world *world = *state;

    skip_if_spawn_is_a_fork();
    setenv("PATH", world->folder, 1);
    assert_string_equal(answer_of(world, &keyring), "");
    assert_string_equal(keychain_report(world->keychain),
                        "keyring gh:github.com: secret-tool is not installed");
}

static void keyring__says_what_was_wrong(void **state)
{
    static const struct {
        const char *script;
        const char *says;
    } rows[] = {
        {"echo 'secret-tool: Cannot autolaunch D-Bus' >&2; exit 1",
         "secret-tool: exit code 1: secret-tool: Cannot autolaunch D-Bus"},
        {"echo usage >&2; exit 2", "secret-tool: exit code 2: usage"},
        {"exit 3", "secret-tool: exit code 3"},
        {"echo hunter2; exit 3", "secret-tool: exit code 3"},
        {"printf 'hunter2\\0x'", "the secret of 'gh:github.com' is not text"},
        {"kill -KILL $$", "'secret-tool' was ended by signal 9"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *is;

        write_program(world, "secret-tool", rows[i].script);
        is = answer_of(world, &keyring);
        check_contains(rows[i].script, is,
                       "failed: credentials from keyring gh:github.com: ");
        check_contains(rows[i].script, is, rows[i].says);
        check(rows[i].script, strstr(is, "hunter2") == NULL);
    }
}

static void keyring__takes_no_option_for_a_service(void **state)
{
    struct world *world = *state;
    const struct credential_source source = {.source = "keyring",
                                             .service = "--help"};

    write_program(world, "secret-tool", "echo >\"$HOME/calls\"; echo x");
    check_contains("option", answer_of(world, &source),
                   "the service '--help' looks like an option");
    assert_string_equal(read_file(world, "calls"), "");
}

static void keyring__is_forgotten_while_it_is_asked(void **state)
{
    struct world *world = *state;

    write_program(world, "secret-tool", "exec sleep 1000");
    world_open(world, &keyring, 1);
    leave_while_it_is_asked(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(keyring__looks_a_service_up),
        WORLD_TEST(keyring__binds_what_it_is_told_to),
        WORLD_TEST(keyring__has_nothing),
        WORLD_TEST(keyring__may_not_be_installed),
        WORLD_TEST(keyring__says_what_was_wrong),
        WORLD_TEST(keyring__takes_no_option_for_a_service),
        WORLD_TEST(keyring__is_forgotten_while_it_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
