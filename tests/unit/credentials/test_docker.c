#include "emulated.h"
#include "keychain_world.h"

#define CONFIG(user)                                                           \
    "{\"auths\":{\"q.test\":{\"username\":\"" user "\",\"password\":\"p\"}}}"
#define ELSEWHERE "{\"auths\":{\"x.test\":{\"auth\":\"dTpw\"}}}"
#define HELPERS "{\"credHelpers\":{\"q.test\":\"fake\"}}"

static const struct credential_source looked_for = {.source = "docker"};

static void remember_call(const struct world *world, const char *answer)
{
    char script[1024];

    snprintf(script, sizeof(script),
             "read -r server\necho \"$1 $server\" >>'%s/calls'\n%s",
             world->folder, answer);
    write_program(world, "docker-credential-fake", script);
}

/* --- locations ------------------------------------------------------------ */

static void docker__looks_into_one_after_the_other(void **state)
{
    struct world *world = *state;

    assert_string_equal(answer_of(world, &looked_for), "");
    assert_string_equal(keychain_report(world->keychain),
                        "docker: there is no docker config");
    /* From the last location to the first */
    setenv("XDG_RUNTIME_DIR", in_folder(world, "run"), 1);
    write_file(world, "run/containers/auth.json", CONFIG("runtime"));
    assert_string_equal(answer_of(world, &looked_for), "user=runtime pass=p");

    setenv("REGISTRY_AUTH_FILE",
           write_file(world, "podman.json", CONFIG("podman")), 1);
    assert_string_equal(answer_of(world, &looked_for), "user=podman pass=p");

    write_file(world, ".docker/config.json", CONFIG("home"));
    assert_string_equal(answer_of(world, &looked_for), "user=home pass=p");

    write_file(world, "dc/config.json", CONFIG("moved"));
    setenv("DOCKER_CONFIG", in_folder(world, "dc"), 1);
    assert_string_equal(answer_of(world, &looked_for), "user=moved pass=p");

    setenv("DOCKER_AUTH_CONFIG", CONFIG("variable"), 1);
    assert_string_equal(answer_of(world, &looked_for), "user=variable pass=p");

    setenv("DOCKER_AUTH_CONFIG", "", 1);
    assert_string_equal(answer_of(world, &looked_for), "user=moved pass=p");
}

static void docker__goes_on_where_there_is_no_entry(void **state)
{
    struct world *world = *state;

    setenv("DOCKER_AUTH_CONFIG", ELSEWHERE, 1);
    write_file(world, ".docker/config.json", "{\"auths\":{\"q.test\":{}}}");
    setenv("REGISTRY_AUTH_FILE", in_folder(world, "not-there.json"), 1);
    setenv("XDG_RUNTIME_DIR", in_folder(world, "run"), 1);
    assert_string_equal(answer_of(world, &looked_for), "");
    assert_string_equal(keychain_report(world->keychain),
                        "docker: no entry for 'q.test'");
    write_file(world, "run/containers/auth.json", CONFIG("last"));
    assert_string_equal(answer_of(world, &looked_for), "user=last pass=p");
}

static void docker__does_not_look_home_where_there_is_none(void **state)
{
    struct world *world = *state;

    unsetenv("HOME");
    assert_string_equal(answer_of(world, &looked_for), "");
    setenv("DOCKER_CONFIG", "/no/such/folder", 1);
    assert_string_equal(answer_of(world, &looked_for), "");
}

static void docker__takes_a_named_file_alone(void **state)
{
    struct world *world = *state;
    struct credential_source source = {.source = "docker"};

    setenv("DOCKER_AUTH_CONFIG", CONFIG("variable"), 1);
    write_file(world, ".docker/config.json", CONFIG("home"));
    source.path = write_file(world, "named.json", CONFIG("named"));
    assert_string_equal(answer_of(world, &source), "user=named pass=p");
    write_file(world, "named.json", ELSEWHERE);
    assert_string_equal(answer_of(world, &source), "");
    assert_int_equal(unlink(source.path), 0);
    check_contains("gone", answer_of(world, &source), "failed: ");
    check_contains("gone", answer(world), "named.json': No such file");
}

static void docker__takes_the_folder_of_a_mounted_secret(void **state)
{
    struct world *world = *state;
    const struct credential_source source = {
        .source = "docker", .path = in_folder(world, "secret")};

    mkdir(in_folder(world, "secret"), 0700);
    check_contains(
        "empty", answer_of(world, &source),
        "/secret' contains neither config.json nor .dockerconfigjson");
    write_file(world, "secret/.dockerconfigjson", CONFIG("kubernetes"));
    assert_string_equal(answer_of(world, &source), "user=kubernetes pass=p");
    write_file(world, "secret/config.json", CONFIG("docker"));
    assert_string_equal(answer_of(world, &source), "user=docker pass=p");
}

static void docker__says_which_file_cannot_be_read(void **state)
{
    static const struct {
        const char *content;
        const char *says;
    } rows[] = {
        {"{\"auths\": hunter2", "not JSON: unexpected character"},
        {"{\"auths\":{\"q.test\":{\"auth\":\"hunter2\"}}}",
         "$.auths[0].auth: is not base64"},
        {"{\"credsStore\":\"../hunter2\"}",
         "not the name of a credential helper"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *is;

        write_file(world, ".docker/config.json", rows[i].content);
        is = answer_of(world, &looked_for);
        check_contains(rows[i].content, is,
                       "failed: credentials from docker: docker config '");
        check_contains(rows[i].content, is, "/.docker/config.json'");
        check_contains(rows[i].content, is, rows[i].says);
        check(rows[i].content, i == 2 || strstr(is, "hunter2") == NULL);
    }
    unlink(in_folder(world, ".docker/config.json"));
    setenv("DOCKER_AUTH_CONFIG", "hunter2", 1);
    check_contains("variable", answer_of(world, &looked_for),
                   "docker config in DOCKER_AUTH_CONFIG: not JSON");
    check("variable", strstr(answer(world), "hunter2") == NULL);
    /* A directory in place of a file */
    unsetenv("DOCKER_AUTH_CONFIG");
    mkdir(in_folder(world, ".docker/config.json"), 0700);
    check_contains("folder", answer_of(world, &looked_for),
                   "/.docker/config.json': Is a directory");
}

static void docker__says_where_credentials_are_from(void **state)
{
    struct world *world = *state;
    char expected[256];
    struct reported reported;

    write_file(world, ".docker/config.json", CONFIG("a"));
    world_open(world, &looked_for, 1);
    reported = ask(world);
    snprintf(expected, sizeof(expected),
             "docker config '%s/.docker/config.json'", world->folder);
    assert_string_equal(reported.credential.origin, expected);
    assert_int_equal(reported.credential.lifetime_ms, 0);
    told_release(&reported);

    setenv("DOCKER_AUTH_CONFIG", CONFIG("a"), 1);
    world_open(world, &looked_for, 1);
    reported = ask(world);
    assert_string_equal(reported.credential.origin,
                        "docker config in DOCKER_AUTH_CONFIG");
    told_release(&reported);
}

static void docker__reads_again_what_has_changed(void **state)
{
    struct world *world = *state;

    write_file(world, ".docker/config.json", CONFIG("old"));
    assert_string_equal(answer_of(world, &looked_for), "user=old pass=p");
    assert_string_equal(cached(world), "user=old pass=p");
    write_file(world, ".docker/config.json", CONFIG("new"));
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=new pass=p");
    assert_string_equal(cached(world), "user=new pass=p");
}

/* secret/.dockerconfigjson -> ..data/.dockerconfigjson, ..data -> ..1; a new
 * secret replaces ..data. */
static void docker__notices_that_kubernetes_swaps_a_link(void **state)
{
    struct world *world = *state;
    const struct credential_source source = {.source = "docker",
                                             .path = in_folder(world, "s")};

    write_file(world, "s/..1/.dockerconfigjson", CONFIG("old"));
    write_file(world, "s/..2/.dockerconfigjson", CONFIG("new"));
    assert_int_equal(symlink("..1", in_folder(world, "s/..data")), 0);
    assert_int_equal(symlink("..data/.dockerconfigjson",
                             in_folder(world, "s/.dockerconfigjson")),
                     0);
    assert_string_equal(answer_of(world, &source), "user=old pass=p");
    assert_string_equal(cached(world), "user=old pass=p");
    assert_int_equal(symlink("..2", in_folder(world, "s/..tmp")), 0);
    assert_int_equal(
        rename(in_folder(world, "s/..tmp"), in_folder(world, "s/..data")), 0);
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=new pass=p");
}

static void docker__is_asked_by_itself_behind_all_others(void **state)
{
    struct world *world = *state;

    write_file(world, ".docker/config.json", CONFIG("home"));
    world->options.with_defaults = true;
    world_open(world, NULL, 0);
    assert_string_equal(answer(world), "user=home pass=p");
    world->options.username = "me";
    world->options.password = "mine";
    world_open(world, NULL, 0);
    assert_string_equal(answer(world), "user=me pass=mine");
}

/* --- helpers -------------------------------------------------------------- */

static void docker__asks_a_helper(void **state)
{
    struct world *world = *state;
    char expected[256];
    struct reported reported;

    remember_call(world,
                  "printf %s '{\"ServerURL\":\"q.test\",\"Username\":\"u\","
                  "\"Secret\":\"s:1\\n2\"}'");
    write_file(world, ".docker/config.json", HELPERS);
    world_open(world, &looked_for, 1);
    reported = ask(world);
    assert_string_equal(describe_credential(&reported.credential),
                        "user=u pass=s:1\n2");
    snprintf(expected, sizeof(expected),
             "docker config '%s/.docker/config.json' (credHelpers fake)",
             world->folder);
    assert_string_equal(reported.credential.origin, expected);
    assert_int_equal(reported.credential.lifetime_ms, 3600000);
    told_release(&reported);
    assert_string_equal(read_file(world, "calls"), "get q.test\n");
    /* The protocol has no expiry: an hour, or until the config changes. */
    world->time.monotonic += 3600000 - 1;
    assert_non_null(cached(world));
    world->time.monotonic += 1;
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=u pass=s:1\n2");
    write_file(world, ".docker/config.json", CONFIG("file"));
    assert_null(cached(world));
    assert_string_equal(answer(world), "user=file pass=p");
    assert_string_equal(read_file(world, "calls"), "get q.test\nget q.test\n");
}

static void docker__asks_for_docker_hub_as_docker_does(void **state)
{
    struct world *world = *state;

    remember_call(world, "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    write_file(world, ".docker/config.json", "{\"credsStore\":\"fake\"}");
    world->options.registry = "index.docker.io";
    assert_string_equal(answer_of(world, &looked_for), "user=u pass=s");
    assert_string_equal(read_file(world, "calls"),
                        "get https://index.docker.io/v1/\n");
}

static void docker__takes_a_refresh_token_from_a_helper(void **state)
{
    struct world *world = *state;

    remember_call(world, "echo '{\"Username\":\"<token>\",\"Secret\":\"s\"}'");
    write_file(world, ".docker/config.json", HELPERS);
    assert_string_equal(answer_of(world, &looked_for), " identity=s");
    /* Also if the user name comes from another source */
    world->options.username = "me";
    assert_string_equal(answer_of(world, &looked_for), "user=me identity=s");
}

static void docker__goes_on_when_a_helper_has_none(void **state)
{
    static const char *const answers[] = {
        "echo 'credentials not found in native keychain'; exit 1",
        "printf 'credentials not found in native keychain'; exit 1",
        "echo 'no credentials server URL'; exit 1",
        "echo 'no credentials username'; exit 1",
        "echo '{\"ServerURL\":\"\",\"Username\":\"\",\"Secret\":\"\"}'",
        "echo '{}'",
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        remember_call(world, answers[i]);
        write_file(world, ".docker/config.json",
                   "{\"credsStore\":\"fake\",\"auths\":{\"q.test\":{}}}");
        check_text(answers[i], answer_of(world, &looked_for), "");
        check_text(answers[i], keychain_report(world->keychain),
                   "docker: no entry for 'q.test'");
        /* First auths of the same config, then the next config */
        write_file(world, ".docker/config.json",
                   "{\"credsStore\":\"fake\",\"auths\":{\"q.test\":"
                   "{\"auth\":\"dTpw\"}}}");
        check_text(answers[i], answer_of(world, &looked_for), "user=u pass=p");
        check(answers[i],
              strchr(keychain_last(world->keychain)->origin, '(') == NULL);
        write_file(world, ".docker/config.json", HELPERS);
        setenv("REGISTRY_AUTH_FILE",
               write_file(world, "podman.json", CONFIG("podman")), 1);
        check_text(answers[i], answer_of(world, &looked_for),
                   "user=podman pass=p");
        unsetenv("REGISTRY_AUTH_FILE");
    }
}

static void docker__says_what_was_wrong_with_a_helper(void **state)
{
    static const struct {
        const char *answer;
        const char *says;
    } rows[] = {
        {"echo 'the vault is locked'; echo more; exit 2",
         "'docker-credential-fake': exit code 2: the vault is locked"},
        {"echo 'no bus' >&2; exit 1", "exit code 1: no bus"},
        {"printf 'a\\033[1mb\\n'; exit 1", "exit code 1: a [1mb"},
        {"exit 9", "exit code 9"},
        {"echo '{\"Secret\":\"hunter2\"}'; exit 1", "exit code 1"},
        {"echo 'left over: {\"Secret\":\"hunter2\"}'; exit 1",
         "exit code 1: left over:"},
        {"echo '{\"Secret\":\"hunter2\"}' >&2; exit 1", "exit code 1"},
        {"echo hunter2", "its answer: not JSON"},
        {"echo '[\"hunter2\"]'", "its answer: "},
        {"echo '{\"Secret\":{\"hunter2\":1}}'", "its answer: $.Secret: "},
        {"echo '{\"Secret\":\"hunter2\",\"Username\":7}'",
         "its answer: $.Username: "},
        {"true", "its answer: not JSON"},
        {"kill -KILL $$", "was ended by signal 9"},
        {"yes hunter2", "printed more than 65536 bytes"},
    };
    struct world *world = *state;

    write_file(world, ".docker/config.json", HELPERS);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *is;

        remember_call(world, rows[i].answer);
        is = answer_of(world, &looked_for);
        check_contains(rows[i].answer, is, "failed: credentials from docker");
        check_contains(rows[i].answer, is, "(credHelpers fake): ");
        check_contains(rows[i].answer, is, rows[i].says);
        check(rows[i].answer, strstr(is, "hunter2") == NULL);
    }
}

static void docker__says_that_a_helper_is_not_installed(void **state)
{
    struct world *world = *state;

    skip_if_spawn_is_a_fork();
    write_file(world, ".docker/config.json", "{\"credsStore\":\"gone\"}");
    check_contains("gone", answer_of(world, &looked_for),
                   "(credsStore gone): 'docker-credential-gone' is not on "
                   "PATH");
}

/* The config of a laptop, used in a container, names the credential store of
 * the laptop. */
static void docker__takes_what_stands_in_the_file_when_a_helper_fails(
    void **state)
{
    struct world *world = *state;

    write_file(world, ".docker/config.json",
               "{\"credsStore\":\"gone\",\"auths\":{\"q.test\":"
               "{\"auth\":\"dTpw\"}}}");
    check_text("gone", answer_of(world, &looked_for), "user=u pass=p");
}

static void docker__gives_a_helper_twenty_seconds(void **state)
{
    struct world *world = *state;
    struct reported reported = {0};

    skip_if_spawn_is_a_fork();
    write_program(world, "docker-credential-fake",
                  "echo > \"$HOME/calls\"; exec sleep 1000");
    write_file(world, ".docker/config.json", HELPERS);
    world_open(world, &looked_for, 1);
    begin_to_wait(world, &reported);
    turn_until_idle(world);
    world->time.monotonic += 19999;
    turn_until_idle(world);
    assert_int_equal(reported.times, 0);
    world->time.monotonic += 1;
    while (reported.times == 0) {
        loop_turn(world->loop, true); /* it is killed, and exits */
    }
    assert_int_equal(reported.times, 1);
    assert_message_contains(&reported.err, "took longer than 20 s");
    told_release(&reported);
}

static void docker__forgets_a_helper_that_nobody_waits_for(void **state)
{
    struct world *world = *state;

    skip_if_spawn_is_a_fork();
    write_program(world, "docker-credential-fake", "exec sleep 1000");
    write_file(world, ".docker/config.json", HELPERS);
    world_open(world, &looked_for, 1);
    leave_while_it_is_asked(world);
}

/* --- docker-helper, a source of its own ----------------------------------- */

static void docker_helper__is_asked_by_its_name(void **state)
{
    struct world *world = *state;
    const struct credential_source source = {.source = "docker-helper",
                                             .name = "fake"};

    remember_call(world, "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    assert_string_equal(answer_of(world, &source), "user=u pass=s");
    assert_string_equal(read_file(world, "calls"), "get q.test\n");
    assert_string_equal(keychain_last(world->keychain)->origin,
                        "docker-helper fake");
    assert_int_equal(keychain_last(world->keychain)->lifetime_ms, 3600000);
    remember_call(world, "echo 'credentials not found in native keychain'; "
                         "exit 1");
    assert_string_equal(answer_of(world, &source), "");
    assert_string_equal(keychain_report(world->keychain),
                        "docker-helper fake: has none for 'q.test'");
    remember_call(world, "echo locked; exit 1");
    assert_string_equal(answer_of(world, &source),
                        "failed: credentials from docker-helper fake: "
                        "'docker-credential-fake': exit code 1: locked");
}

static void docker_helper__has_a_name_that_may_be_run(void **state)
{
    static const char *const bad[] = {
        "",
        "../fake",
        "-fake",
        ".fake",
        "fa ke",
        "fake;id",
        "fa/ke",
        "$(id)",
        "fak\xC3\xA9",
        "a\nb",
        "12345678901234567890123456789012345678901234567890123456789012345"};
    static const char *const good[] = {"no-such-helper", "no_such.Helper-9"};
    struct world *world = *state;

    skip_if_spawn_is_a_fork();
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct credential_source source = {.source = "docker-helper",
                                                 .name = bad[i]};

        check_contains(bad[i], answer_of(world, &source),
                       "not the name of a credential helper");
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        const struct credential_source source = {.source = "docker-helper",
                                                 .name = good[i]};

        check_contains(good[i], answer_of(world, &source), "is not on PATH");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(docker__looks_into_one_after_the_other),
        WORLD_TEST(docker__goes_on_where_there_is_no_entry),
        WORLD_TEST(docker__does_not_look_home_where_there_is_none),
        WORLD_TEST(docker__takes_a_named_file_alone),
        WORLD_TEST(docker__takes_the_folder_of_a_mounted_secret),
        WORLD_TEST(docker__says_which_file_cannot_be_read),
        WORLD_TEST(docker__says_where_credentials_are_from),
        WORLD_TEST(docker__reads_again_what_has_changed),
        WORLD_TEST(docker__notices_that_kubernetes_swaps_a_link),
        WORLD_TEST(docker__is_asked_by_itself_behind_all_others),
        WORLD_TEST(docker__asks_a_helper),
        WORLD_TEST(docker__asks_for_docker_hub_as_docker_does),
        WORLD_TEST(docker__takes_a_refresh_token_from_a_helper),
        WORLD_TEST(docker__goes_on_when_a_helper_has_none),
        WORLD_TEST(docker__says_what_was_wrong_with_a_helper),
        WORLD_TEST(docker__says_that_a_helper_is_not_installed),
        WORLD_TEST(docker__takes_what_stands_in_the_file_when_a_helper_fails),
        WORLD_TEST(docker__gives_a_helper_twenty_seconds),
        WORLD_TEST(docker__forgets_a_helper_that_nobody_waits_for),
        WORLD_TEST(docker_helper__is_asked_by_its_name),
        WORLD_TEST(docker_helper__has_a_name_that_may_be_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
