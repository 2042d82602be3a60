#include "emulated.h"
#include "helper_world.h"
#include "waybill/limits.h"

#define ANY "https://reg.example" IMAGE
#define NOT_A_PULL "https://reg.example/"

/* The example in tweag/credential-helper's README, and one for each source */
static const char example[] =
    "{\"urls\": ["
    "{\"scheme\":\"https\",\"host\":\"github.com\",\"path\":\"/tweag/*\","
    " \"helper\":\"github\",\"config\":{\"read_config_file\":false}},"
    "{\"scheme\":\"https\",\"host\":\"files.acme.corp\",\"path\":\"*.tar.gz\","
    " \"helper\":\"s3\",\"config\":{\"region\":\"us-east-1\"}},"
    "{\"host\":\"*.oci.acme.corp\",\"helper\":\"oci\"},"
    "{\"host\":\"bazel-remote.acme.com\",\"helper\":\"remoteapis\",\"config\":"
    " {\"auth_method\":\"basic_auth\"}},"
    "{\"host\":\"*.acme.corp\",\"helper\":\"null\"}]}";

enum outcome { NO_HEADER, ASKS, OTHER_HELPER };

static const struct {
    const char *uri;
    enum outcome outcome;
    const char *words; /* of the note, or of the error */
} chosen[] = {
    {"https://github.com/tweag/x/y", OTHER_HELPER, "helper 'github'"},
    {"http://github.com/tweag/x/y", NO_HEADER, "no entry"},
    {"https://github.com/other", NO_HEADER, "no entry"},
    {"https://github.com:443/tweag/x", NO_HEADER, "no entry"},
    {"https://files.acme.corp/a/b.tar.gz", OTHER_HELPER, "helper 's3'"},
    {"https://files.acme.corp/a/b.tar", NO_HEADER, "selects null"},
    {"https://files.acme.corp/a%2Fb.tar%2Egz", OTHER_HELPER, "helper 's3'"},
    {"https://a.oci.acme.corp" IMAGE, ASKS,
     "'a.oci.acme.corp', repository:a/b:pull"},
    {"https://a.b.oci.acme.corp" IMAGE, ASKS,
     "'a.b.oci.acme.corp', repository:a/b:pull"},
    {"https://oci.acme.corp" IMAGE, NO_HEADER, "selects null"},
    {"https://example.com/", NO_HEADER, "no entry"},
};

static void the_first_entry_that_matches_decides(void **state)
{
    helper_configure(example);
    for (size_t i = 0; i < ARRAY_SIZE(chosen); i++) {
        if (chosen[i].outcome == OTHER_HELPER) {
            check_refused(chosen[i].uri, chosen[i].words);
        } else if (chosen[i].outcome == ASKS) {
            check_asks(chosen[i].uri, chosen[i].words);
        } else {
            check_no_header(chosen[i].uri);
            check_contains(chosen[i].uri, helper_world.answer.notes.data,
                           chosen[i].words);
        }
    }
}

#define OCI(config) "{\"urls\":[{\"helper\":\"oci\",\"config\":" config "}]}"
#define CHAIN(row) OCI("{\"lookup_chain\":[" row "]}")

/* Authorizes with that file, and asserts that the request contained all of
 * `sent`. */
static void check_sends(const char *config, const char *const *sent)
{
    helper_configure(config);
    check_asks(ANY, "'reg.example', repository:a/b:pull");
    for (; *sent != NULL; sent++) {
        check_contains(config, helper_world.sent.data, *sent);
    }
}

static void an_entry_takes_registries_as_they_come(void **state)
{
    static const char *const entries[] = {
        "{\"urls\":[{\"helper\":\"oci\"}]}",
        OCI("null"),
        OCI("{}"),
        OCI("{\"token_exchange_method\":\"\"}"),
    };

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        check_sends(entries[i], (const char *const[]){
                                    "GET https://reg.example/token?", NULL});
        check_contains(entries[i], helper_noted("asked: "), "docker: ");
    }
}

static void a_chain_of_values_is_a_credential(void **state)
{
    SET("A", "me");
    /* "me:secret" */
    check_sends(CHAIN("{\"source\":\"env\",\"name\":\"A\","
                      "\"binding\":\"username\"},"
                      "{\"source\":\"static\",\"name\":\"secret\","
                      "\"binding\":\"password\"}"),
                (const char *const[]){"GET https://reg.example/token?",
                                      "Authorization: Basic bWU6c2VjcmV0\n",
                                      NULL});
    check_sends(CHAIN("{\"source\":\"static\",\"value\":\"refresh\","
                      "\"binding\":\"identitytoken\"}"),
                (const char *const[]){"POST https://reg.example/token\n",
                                      "refresh_token=refresh", NULL});
    check_sends(OCI("{\"token_exchange_method\":\"oauth2\","
                    "\"lookup_chain\":["
                    "{\"source\":\"static\",\"value\":\"me\","
                    "\"binding\":\"username\"},"
                    "{\"source\":\"static\",\"value\":\"secret\","
                    "\"binding\":\"password\"}]}"),
                (const char *const[]){"POST https://reg.example/token\n",
                                      "password=secret", NULL});
}

static void a_chain_names_what_each_source_needs(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    skip_if_spawn_is_a_fork();
    check_sends(CHAIN("{\"source\":\"google\",\"token_type\":\"ID\","
                      "\"audience\":\"aud\"}"),
                (const char *const[]){"GET http://metadata.google.internal/",
                                      "identity?format=full&audience=aud\n",
                                      NULL});
    check_sends(CHAIN("{\"source\":\"google\",\"scopes\":[\"x\",\"y\"]}"),
                (const char *const[]){"/token?scopes=x%2Cy\n", NULL});
    check_sends(CHAIN("{\"source\":\"keyring\",\"service\":\"s\"},"
                      "{\"source\":\"file\",\"path\":\"token\"}"),
                (const char *const[]){NULL});
    check_contains("asked", helper_noted("asked: "),
                   arena_printf(arena,
                                "keyring s: secret-tool is not installed; "
                                "file %s/token: not there; docker: ",
                                helper_world.folder));
    helper_configure(
        CHAIN("{\"source\":\"docker\",\"path\":\"~/config.json\"}"));
    helper_ask(ANY);
    check_contains("docker", helper_world.err.message,
                   arena_printf(arena, "cannot read '%s/config.json'",
                                helper_world.folder));
}

/* The message shows that the kind of token was parsed. */
static void a_token_of_googles_own_kind_wants_a_key(void **state)
{
    helper_configure(CHAIN("{\"source\":\"google\",\"token_type\":\"JWT\"}"));
    helper_ask(ANY);
    assert_int_equal(helper_world.result, -1);
    assert_message_contains(&helper_world.err, "a token of type jwt");
}

static void the_docker_config_can_be_left_out(void **state)
{
    check_sends(OCI("{\"parse_docker_config\":false}"),
                (const char *const[]){NULL});
    assert_string_equal(helper_noted("asked: "), "");
}

static void a_host_has_no_case(void **state)
{
    check_sends("{\"urls\":[{\"host\":\"REG.Example\",\"helper\":\"oci\"}]}",
                (const char *const[]){NULL});
}

static const struct {
    const char *text;
    const char *message;
} refused[] = {
    {"", "not JSON"},
    {"[]", "$: expected an object, not an array"},
    {"{}", "$.urls: is missing"},
    {"{\"urls\":[]}", "$.urls: names no helper"},
    {"{\"urls\":{}}", "$.urls: expected an array"},
    {"{\"urls\":[null]}", "$.urls[0]: expected an object, not null"},
    {"{\"urls\":[7]}", "$.urls[0]: expected an object, not a number"},
    {"{\"urls\":[{}]}", "$.urls[0].helper: is missing"},
    {"{\"urls\":[{\"helper\":\"\"}]}", "$.urls[0].helper: is empty"},
    {"{\"urls\":[{\"helper\":\"oci\",\"hots\":\"x\"}]}",
     "$.urls[0]: unknown key 'hots' (did you mean 'host'?)"},
    {"{\"urls\":[{\"helper\":\"null\",\"\\u001b[31m\":1}]}",
     "$.urls[0]: unknown key '?[31m'"},
    {"{\"urls\":[{\"helper\":\"null\",\"host\":7}]}",
     "$.urls[0].host: expected a string"},
    {"{\"url\":1}", "$: unknown key 'url' (did you mean 'urls'?)"},
    {OCI("7"), "$.urls[0].config: expected an object"},
    {OCI("{\"parse_docker_config\":\"no\"}"),
     "$.urls[0].config.parse_docker_config: expected true or false, not a "
     "string"},
    {OCI("{\"token_exchange_method\":\"x\"}"),
     "token_exchange_method: expected one of auto, oauth2, basic, not 'x'"},
    {OCI("{\"read_config_file\":true}"),
     "$.urls[0].config: unknown key 'read_config_file'"},
    {OCI("{\"lookup_chain\":{}}"), "lookup_chain: expected an array"},
    {CHAIN("{}"), "$.urls[0].config.lookup_chain[0].source: is missing"},
    {CHAIN("7"), "lookup_chain[0]: expected an object"},
    {CHAIN("null"), "lookup_chain[0]: expected an object"},
    {CHAIN("{\"source\":\"vault\"}"),
     "lookup_chain[0].source: there is no source"},
    {CHAIN("{\"source\":\"env\",\"name\":\"A\",\"bindin\":\"x\"}"),
     "lookup_chain[0]: unknown key 'bindin' (did you mean 'binding'?)"},
    {CHAIN("{\"source\":\"env\",\"name\":\"A\",\"binding\":\"x\"}"),
     "lookup_chain[0].binding: expected one of default, username"},
    {CHAIN("{\"source\":\"env\",\"name\":\"A\",\"service\":\"x\"}"),
     "lookup_chain[0].service: the source 'env' has no such key"},
    {CHAIN("{\"source\":\"env\"}"),
     "lookup_chain[0].name: the source 'env' requires this key"},
    {CHAIN("{\"source\":\"static\"}"),
     "lookup_chain[0].value: the source 'static' requires this key"},
    {CHAIN("{\"source\":\"google\",\"scopes\":[7]}"),
     "lookup_chain[0].scopes[0]: expected a string"},
    {CHAIN("{\"source\":\"google\",\"scopes\":[null]}"),
     "lookup_chain[0].scopes[0]: expected a string"},
    {CHAIN("{\"source\":\"file\",\"path\":\"%workdir%/x\"}"),
     "CREDENTIAL_HELPER_WORKDIR"},
};

static void a_fault_is_named_with_its_place(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const char *prefix =
        arena_printf(arena, "'%s/" CONFIG_FILE "': ", helper_world.folder);

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        helper_configure(refused[i].text);
        check_refused(ANY, refused[i].message);
        check_contains(refused[i].text, helper_world.err.message, prefix);
    }
}

static void lists_have_a_cap(void **state)
{
    static const struct {
        const char *before;
        const char *item;
        const char *behind;
        int max;
    } lists[] = {
        {"{\"urls\":[", "{\"helper\":\"oci\"}", "]}", LIMIT_HELPER_URLS},
        {"{\"urls\":[{\"helper\":\"oci\",\"config\":{\"lookup_chain\":[",
         "{\"source\":\"google\"}", "]}}]}", LIMIT_HELPER_SOURCES},
    };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (int more = 0; more <= 1; more++) {
            CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

            str_append_text(&text, lists[i].before);
            for (int n = 0; n < lists[i].max + more; n++) {
                str_printf(&text, "%s%s", n > 0 ? "," : "", lists[i].item);
            }
            str_append_text(&text, lists[i].behind);
            helper_configure(text.data);
            helper_ask(NOT_A_PULL);
            check_number(lists[i].item, helper_world.result, -more);
        }
    }
}

static void a_file_that_is_not_there_is_no_fault(void **state)
{
    SET("CREDENTIAL_HELPER_CONFIG_FILE", "/nowhere/at.json");
    check_no_header(ANY);
    SET("CREDENTIAL_HELPER_CONFIG_FILE", "/");
    check_refused(ANY, "'/': cannot be read: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELPER_TEST(the_first_entry_that_matches_decides),
        HELPER_TEST(an_entry_takes_registries_as_they_come),
        HELPER_TEST(a_chain_of_values_is_a_credential),
        HELPER_TEST(a_chain_names_what_each_source_needs),
        HELPER_TEST(a_token_of_googles_own_kind_wants_a_key),
        HELPER_TEST(the_docker_config_can_be_left_out),
        HELPER_TEST(a_host_has_no_case),
        HELPER_TEST(a_fault_is_named_with_its_place),
        HELPER_TEST(lists_have_a_cap),
        HELPER_TEST(a_file_that_is_not_there_is_no_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
