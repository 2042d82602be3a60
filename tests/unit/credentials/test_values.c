#include "keychain_world.h"

static void value__is_what_its_binding_says(void **state)
{
    static const struct {
        int binding;
        const char *value;
        const char *expected;
    } rows[] = {
        {BINDING_DEFAULT, "p", "user=unset pass=p"},
        {BINDING_PASSWORD, "p", "user=unset pass=p"},
        {BINDING_AUTH, "dXNlcjpwYXNz", "user=user pass=pass"},
        {BINDING_AUTH, "b3RoZXI6d29yZA", "user=other pass=word"},
        {BINDING_AUTH, "b3Ro\nZXI6 d29y\r\nZA==\n", "user=other pass=word"},
        {BINDING_AUTH, "dTphOmI6Yw==", "user=u pass=a:b:c"},
        {BINDING_IDENTITY_TOKEN, "t", " identity=t"},
        {BINDING_REGISTRY_TOKEN, "t", " registry=t"},
        {BINDING_USERNAME, "u",
         "failed: there is a username but no password (static: found)"},
        {BINDING_AUTH, "hunter2%",
         "failed: credentials from static: 'auth' is not base64"},
        {BINDING_AUTH, "aHVudGVyMg==",
         "failed: credentials from static: 'auth' is not base64 of "
         "username:password"},
        {BINDING_REGISTRY_TOKEN, "hun\nter2",
         "failed: the registry token from static contains characters that a "
         "token may not have"},
        {BINDING_DEFAULT, "", ""},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct credential_source source = {.source = "static",
                                                 .binding = rows[i].binding,
                                                 .value = rows[i].value};

        check_text(rows[i].value, answer_of(world, &source), rows[i].expected);
    }
}

/* A later result replaces an earlier one; an empty result replaces nothing. */
static void value__completes_what_came_before_it(void **state)
{
    const struct credential_source named = {
        .source = "static", .binding = BINDING_USERNAME, .value = "me"};
    const struct credential_source chains[][2] = {
        {named,
         {.source = "static", .binding = BINDING_PASSWORD, .value = "p"}},
        {named, {.source = "static", .binding = BINDING_AUTH, .value = "a"}},
    };
    struct world *world = *state;

    world_open(world, chains[0], 2);
    assert_string_equal(answer(world), "user=me pass=p");
    world_open(world, chains[1], 2);
    check_contains("auth", answer(world), "failed: ");
}

static void env__is_a_variable(void **state)
{
    struct world *world = *state;
    const struct credential_source source = {.source = "env",
                                             .name = "WAYBILL_UNIT"};

    unsetenv("WAYBILL_UNIT");
    assert_string_equal(answer_of(world, &source), "");
    assert_string_equal(keychain_report(world->keychain),
                        "env WAYBILL_UNIT: not set");
    setenv("WAYBILL_UNIT", "", 1);
    assert_string_equal(answer_of(world, &source), "");
    assert_string_equal(keychain_report(world->keychain),
                        "env WAYBILL_UNIT: empty");
    setenv("WAYBILL_UNIT", "p", 1);
    assert_string_equal(answer_of(world, &source), "user=unset pass=p");
    assert_string_equal(keychain_last(world->keychain)->origin,
                        "env WAYBILL_UNIT");
    unsetenv("WAYBILL_UNIT");
}

static void file__is_its_content_without_its_line_end(void **state)
{
    static const struct {
        const char *content;
        const char *expected;
    } rows[] = {
        {"p", "user=unset pass=p"},
        {"p\n", "user=unset pass=p"},
        {"p\r\n", "user=unset pass=p"},
        {"p\n\n", "user=unset pass=p"},
        {"\xEF\xBB\xBFp\r\n", "user=unset pass=p"},
        {"p\xEF\xBB\xBF", "user=unset pass=p\xEF\xBB\xBF"},
        {" p ", "user=unset pass= p "},
        {"a\nb", "user=unset pass=a\nb"},
        {"", ""},
        {"\n", ""},
    };
    struct world *world = *state;
    const struct credential_source source = {
        .source = "file", .path = in_folder(world, "secret")};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_file(world, "secret", rows[i].content);
        check_text(rows[i].content, answer_of(world, &source),
                   rows[i].expected);
    }
}

static void file__may_not_be_there(void **state)
{
    struct world *world = *state;
    struct credential_source source = {.source = "file",
                                       .path = in_folder(world, "gone")};

    assert_string_equal(answer_of(world, &source), "");
    check_contains("gone", keychain_report(world->keychain), ": not there");
    source.path = in_folder(world, "gone/deeper");
    assert_string_equal(answer_of(world, &source), "");
    write_file(world, "file", "p");
    source.path = in_folder(world, "file/below");
    assert_string_equal(answer_of(world, &source), "");
}

static void file__is_a_fault_when_it_cannot_be_read(void **state)
{
    struct world *world = *state;
    CLEANUP(str_release) struct str large = STR_INIT(STR_UNLIMITED);
    struct credential_source source = {.source = "file",
                                       .path = in_folder(world, "fifo")};

    assert_int_equal(mkfifo(source.path, 0600), 0);
    check_contains("fifo", answer_of(world, &source),
                   "/fifo': it is not a regular file");
    source.path = world->folder;
    check_contains("folder", answer_of(world, &source), "': Is a directory");
    source.path = in_folder(world, "loop");
    assert_int_equal(symlink("loop", source.path), 0);
    check_contains("loop", answer_of(world, &source), "cannot read '");
    for (size_t i = 0; i < 65536; i++) {
        str_append_char(&large, 'x');
    }
    source.path = write_file(world, "large", large.data);
    check_contains("largest", answer_of(world, &source), "pass=xxx");
    str_append_char(&large, 'x');
    source.path = write_file(world, "large", large.data);
    check_contains("large", answer_of(world, &source),
                   "/large': it is larger than 65536 bytes");
}

static void github__is_a_few_variables(void **state)
{
    static const char *const github[] = {"github", NULL};
    struct world *world = *state;
    const struct credential_source source = {.source = "github"};

    assert_string_equal(answer_of(world, &source), "");
    assert_string_equal(keychain_report(world->keychain),
                        "github: none of GHCR_TOKEN, GH_TOKEN, GITHUB_TOKEN "
                        "set");
    setenv("GITHUB_TOKEN", "three", 1);
    assert_string_equal(answer_of(world, &source), "user=unset pass=three");
    setenv("GITHUB_ACTOR", "me", 1);
    assert_string_equal(answer_of(world, &source), "user=me pass=three");
    setenv("GH_TOKEN", "two", 1);
    assert_string_equal(answer_of(world, &source), "user=me pass=two");
    setenv("GHCR_TOKEN", "", 1);
    assert_string_equal(answer_of(world, &source), "user=me pass=two");
    setenv("GHCR_TOKEN", "one", 1);
    assert_string_equal(answer_of(world, &source), "user=me pass=one");
    /* Also by default, for its provider */
    world->options.with_defaults = true;
    world->options.provider_sources = github;
    world_open(world, NULL, 0);
    assert_string_equal(answer(world), "user=me pass=one");
}

/* --- the struct ----------------------------------------------------------- */

static void credential__is_known_in_all_forms_in_which_it_is_shown(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"nothing", "nothing"},
        {"a secret-1 b", "a *** b"},
        {"secret-1secret-1", "***"},
        {"identity-2 and registry-3", "*** and ***"},
        /* user:secret-1 */
        {"Basic dXNlcjpzZWNyZXQtMQ==", "Basic ***"},
        {"user", "user"},
    };
    CLEANUP(secret_set_release) struct secret_set set = {0};
    struct credential credential = {.username = mem_strdup("user")};
    struct credential none = {0};

    (void)state;
    credential_add_secrets(&set, &none);
    assert_int_equal(set.count, 0);
    secret_assign(&credential.password, "secret-1");
    secret_assign(&credential.identity_token, "identity-2");
    secret_assign(&credential.registry_token, "registry-3");
    credential_add_secrets(&set, &credential);
    credential_release(&credential);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[128];

        snprintf(text, sizeof(text), "%s", rows[i].text);
        secret_set_scrub(&set, text);
        check_text(rows[i].text, text, rows[i].expected);
    }
}

static void credential__is_copied_as_a_whole(void **state)
{
    struct credential credential = {0};
    struct credential copy;

    (void)state;
    assert_true(credential_is_empty(&credential));
    credential.username = mem_strdup("user");
    secret_assign(&credential.password, "pass");
    assert_false(credential_is_empty(&credential));
    credential.origin = mem_strdup("here");
    credential.lifetime_ms = 7;
    credential_copy(&copy, &credential);
    credential_release(&credential);
    assert_true(credential_is_empty(&credential));
    assert_string_equal(describe_credential(&copy), "user=user pass=pass");
    assert_string_equal(copy.origin, "here");
    assert_int_equal(copy.lifetime_ms, 7);
    credential_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(value__is_what_its_binding_says),
        WORLD_TEST(value__completes_what_came_before_it),
        WORLD_TEST(env__is_a_variable),
        WORLD_TEST(file__is_its_content_without_its_line_end),
        WORLD_TEST(file__may_not_be_there),
        WORLD_TEST(file__is_a_fault_when_it_cannot_be_read),
        WORLD_TEST(github__is_a_few_variables),
        cmocka_unit_test(
            credential__is_known_in_all_forms_in_which_it_is_shown),
        cmocka_unit_test(credential__is_copied_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
