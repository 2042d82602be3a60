#include <unistd.h>

#include "asserts.h"
#include "cli/helper_internal.h"

static int parse(const char *text, struct arena *arena,
                 struct helper_config *ret_config, struct error *err)
{
    return helper_config_parse(text, strlen(text), "/folder", arena, ret_config,
                               err);
}

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

static const struct {
    const char *scheme;
    const char *host;
    const char *path;
    const char *helper;
} chosen[] = {
    {"https", "github.com", "/tweag/x/y", "github"},
    {"http", "github.com", "/tweag/x/y", NULL},
    {"https", "github.com", "/other", NULL},
    {"https", "github.com:443", "/tweag/x", NULL},
    {"https", "files.acme.corp", "/a/b.tar.gz", "s3"},
    {"https", "files.acme.corp", "/a/b.tar", "null"},
    {"https", "a.oci.acme.corp", "/", "oci"},
    {"http", "a.b.oci.acme.corp", "/", "oci"},
    {"https", "oci.acme.corp", "/", "null"},
    {"https", "example.com", "/", NULL},
};

static void the_first_entry_that_matches_decides(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct helper_config config;
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(parse(example, arena, &config, &err), 0);
    assert_untouched(&err);
    assert_int_equal(config.count, 5);
    for (size_t i = 0; i < ARRAY_SIZE(chosen); i++) {
        struct helper_uri uri = {chosen[i].scheme, chosen[i].host,
                                 chosen[i].path};
        const struct helper_url *url = helper_config_find(&config, &uri);

        check_text(chosen[i].host, url ? url->helper : NULL, chosen[i].helper);
    }
}

static void an_entry_takes_registries_as_they_come(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct helper_config config;
    struct error err;

    assert_int_equal(parse("{\"urls\":[{\"helper\":\"oci\"},"
                           "{\"helper\":\"oci\",\"config\":null},"
                           "{\"helper\":\"oci\",\"config\":{}},"
                           "{\"helper\":\"oci\",\"config\":{"
                           "\"token_exchange_method\":\"\"}}]}",
                           arena, &config, &err),
                     0);
    for (size_t i = 0; i < config.count; i++) {
        assert_true(config.urls[i].parse_docker_config);
        assert_int_equal(config.urls[i].exchange, OCI_EXCHANGE_AUTO);
        assert_int_equal(config.urls[i].source_count, 0);
    }
}

static void what_helper_oci_takes_is_read(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct helper_config config;
    struct error err;
    const struct helper_url *url;

    assert_int_equal(
        parse(
            "{\"urls\":[{\"host\":\"REG.acme.corp\",\"helper\":\"oci\","
            "\"config\":{\"parse_docker_config\":false,"
            "\"token_exchange_method\":\"oauth2\",\"lookup_chain\":["
            "{\"source\":\"env\",\"name\":\"A\",\"binding\":\"username\"},"
            "{\"source\":\"keyring\",\"service\":\"s\"},"
            "{\"source\":\"static\",\"name\":\"v\",\"binding\":\"password\"},"
            "{\"source\":\"google\",\"token_type\":\"JWT\",\"audience\":\"a\","
            "\"binding\":\"identitytoken\"},"
            "{\"source\":\"google\",\"scopes\":[\"x\",\"y\"]},"
            "{\"source\":\"file\",\"path\":\"token\"},"
            "{\"source\":\"docker\",\"path\":\"~/config.json\"},"
            "{\"source\":\"static\",\"value\":\"w\"}]}}]}",
            arena, &config, &err),
        0);
    url = &config.urls[0];
    assert_string_equal(url->host, "reg.acme.corp");
    assert_false(url->parse_docker_config);
    assert_int_equal(url->exchange, OCI_EXCHANGE_OAUTH2);
    assert_int_equal(url->source_count, 8);
    assert_string_equal(url->sources[0].name, "A");
    assert_int_equal(url->sources[0].binding, BINDING_USERNAME);
    assert_string_equal(url->sources[1].service, "s");
    assert_int_equal(url->sources[1].binding, BINDING_DEFAULT);
    assert_string_equal(url->sources[2].value, "v");
    assert_null(url->sources[2].name);
    assert_int_equal(url->sources[2].binding, BINDING_PASSWORD);
    assert_int_equal(url->sources[3].token_type, GOOGLE_JWT);
    assert_int_equal(url->sources[3].binding, BINDING_IDENTITY_TOKEN);
    assert_int_equal(url->sources[4].scopes.count, 2);
    assert_string_equal(url->sources[4].scopes.items[1], "y");
    assert_string_equal(url->sources[5].path, "/folder/token");
    assert_string_equal(url->sources[6].path, "/home/me/config.json");
    assert_string_equal(url->sources[7].value, "w");
}

#define OCI(config) "{\"urls\":[{\"helper\":\"oci\",\"config\":" config "}]}"
#define CHAIN(row) OCI("{\"lookup_chain\":[" row "]}")

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
    {CHAIN("{\"source\":\"vault\"}"), "lookup_chain[0].source: no source"},
    {CHAIN("{\"source\":\"env\",\"name\":\"A\",\"bindin\":\"x\"}"),
     "lookup_chain[0]: unknown key 'bindin' (did you mean 'binding'?)"},
    {CHAIN("{\"source\":\"env\",\"name\":\"A\",\"binding\":\"x\"}"),
     "lookup_chain[0].binding: expected one of default, username"},
    {CHAIN("{\"source\":\"env\",\"name\":\"A\",\"service\":\"x\"}"),
     "lookup_chain[0].service: source 'env' takes no such key"},
    {CHAIN("{\"source\":\"env\"}"), "lookup_chain[0].name: is required"},
    {CHAIN("{\"source\":\"static\"}"), "lookup_chain[0].value: is required"},
    {CHAIN("{\"source\":\"google\",\"scopes\":[7]}"),
     "lookup_chain[0].scopes[0]: expected a string"},
    {CHAIN("{\"source\":\"google\",\"scopes\":[null]}"),
     "lookup_chain[0].scopes[0]: expected a string"},
    {CHAIN("{\"source\":\"file\",\"path\":\"%workdir%/x\"}"),
     "CREDENTIAL_HELPER_WORKDIR"},
};

static void a_fault_is_named_with_its_place(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct helper_config config = {NULL, 7};
        struct error err;

        check_number(refused[i].text,
                     parse(refused[i].text, arena, &config, &err), -1);
        check_contains(refused[i].text, err.message, refused[i].message);
        check_number(refused[i].text, config.count, 7);
    }
}

static void lists_have_a_cap(void **state)
{
    static const struct {
        const char *before;
        const char *item;
        const char *behind;
        int most;
    } lists[] = {
        {"{\"urls\":[", "{\"helper\":\"oci\"}", "]}", LIMIT_HELPER_URLS},
        {"{\"urls\":[{\"helper\":\"oci\",\"config\":{\"lookup_chain\":[",
         "{\"source\":\"google\"}", "]}}]}", LIMIT_HELPER_SOURCES},
    };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (int more = 0; more <= 1; more++) {
            CLEANUP(release_arena) struct arena *arena = arena_new();
            CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
            struct helper_config config;
            struct error err;

            str_puts(&text, lists[i].before);
            for (int n = 0; n < lists[i].most + more; n++) {
                str_printf(&text, "%s%s", n > 0 ? "," : "", lists[i].item);
            }
            str_puts(&text, lists[i].behind);
            check_number(lists[i].item, parse(text.data, arena, &config, &err),
                         -more);
        }
    }
}

static void a_file_that_is_not_there_is_no_fault(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct helper_config config;
    struct error err = ERROR_UNTOUCHED;
    bool found = true;

    assert_int_equal(
        helper_config_load("/nowhere/at.json", arena, &config, &found, &err),
        0);
    assert_false(found);
    assert_untouched(&err);
    assert_int_equal(helper_config_load("/", arena, &config, &found, &err), -1);
    assert_message_contains(&err, "'/': cannot be read: Is a directory");
}

static int home(void **state)
{
    return setenv("HOME", "/home/me", 1) ||
           unsetenv("CREDENTIAL_HELPER_WORKDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_entry_that_matches_decides),
        cmocka_unit_test(an_entry_takes_registries_as_they_come),
        cmocka_unit_test(what_helper_oci_takes_is_read),
        cmocka_unit_test(a_fault_is_named_with_its_place),
        cmocka_unit_test(lists_have_a_cap),
        cmocka_unit_test(a_file_that_is_not_there_is_no_fault),
    };

    return cmocka_run_group_tests(tests, home, NULL);
}
