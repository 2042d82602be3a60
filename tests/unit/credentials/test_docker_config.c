#include "asserts.h"
#include "credentials/docker_config.h"

/* dXNlcjpwYXNz is user:pass, b3RoZXI6d29yZA== is other:word. */
#define USER "{\"auth\":\"dXNlcjpwYXNz\"}"
#define OTHER "{\"auth\":\"b3RoZXI6d29yZA==\"}"
#define AUTHS(members) "{\"auths\":{" members "}}"

/* "helper via credHelpers|user|password|identity|registry"; missing members at
 * the end are omitted. */
static void describe(struct str *out, const struct docker_entry *entry)
{
    const struct credential *is = &entry->credential;

    if (entry->helper != NULL) {
        str_printf(out, "ask %s by %s ", entry->helper, entry->via);
    }
    if (is->username != NULL) {
        str_printf(out, "user=%s ", is->username);
    }
    if (secret_text(&is->password) != NULL) {
        str_printf(out, "pass=%s ", secret_text(&is->password));
    }
    if (secret_text(&is->identity_token) != NULL) {
        str_printf(out, "identity=%s ", secret_text(&is->identity_token));
    }
    if (secret_text(&is->registry_token) != NULL) {
        str_printf(out, "registry=%s ", secret_text(&is->registry_token));
    }
}

struct row {
    const char *label;
    const char *registry;
    const char *path;
    const char *text;
    const char *expected;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(str_release) struct str is = STR_INIT(STR_UNLIMITED);
        struct error err = ERROR_UNTOUCHED;
        struct docker_entry entry = {0};
        int result =
            docker_config_lookup(rows[i].text, strlen(rows[i].text),
                                 rows[i].registry, rows[i].path, &entry, &err);

        check_text(rows[i].label, result < 0 ? err.message : "untouched",
                   "untouched");
        check_untouched(rows[i].label, &err);
        describe(&is, &entry);
        check_text(rows[i].label, is.data, rows[i].expected);
        docker_entry_release(&entry);
    }
}

#define MINE "user=user pass=pass "
#define HIS "user=other pass=word "

static void docker_config__finds_a_registry_by_its_key(void **state)
{
    static const struct row rows[] = {
        {"host", "r.test", "a/b", AUTHS("\"r.test\":" USER), MINE},
        {"port", "r.test:5000", "a", AUTHS("\"r.test:5000\":" USER), MINE},
        {"no path known", "r.test", NULL, AUTHS("\"r.test\":" USER), MINE},
        {"another port", "r.test:5000", "a", AUTHS("\"r.test:5001\":" USER),
         ""},
        {"no port", "r.test:5000", "a", AUTHS("\"r.test\":" USER), ""},
        {"a port too many", "r.test", "a", AUTHS("\"r.test:5000\":" USER), ""},
        {"another host", "r.test", "a", AUTHS("\"q.test\":" USER), ""},
        {"start of a host", "r.test", "a", AUTHS("\"r.tes\":" USER), ""},
        {"longer host", "r.test", "a", AUTHS("\"r.test.evil\":" USER), ""},
        {"below a host", "r.test", "a", AUTHS("\"x.r.test\":" USER), ""},
        {"byte order mark", "r.test", "a",
         "\xEF\xBB\xBF" AUTHS("\"r.test\":" USER), MINE},
        {"case", "R.test", "a", AUTHS("\"r.TEST\":" USER), MINE},
        {"address", "[::1]:5000", "a", AUTHS("\"[::1]:5000\":" USER), MINE},
        {"https", "r.test", "a", AUTHS("\"https://r.test\":" USER), MINE},
        {"http", "r.test", "a", AUTHS("\"http://r.test\":" USER), MINE},
        {"HTTPS", "r.test", "a", AUTHS("\"HTTPS://r.test\":" USER), MINE},
        {"slash", "r.test", "a", AUTHS("\"r.test/\":" USER), MINE},
        {"https and slash", "r.test", "a", AUTHS("\"https://r.test/\":" USER),
         MINE},
        {"API 1", "r.test", "a", AUTHS("\"https://r.test/v1/\":" USER), MINE},
        {"API 2", "r.test", "a", AUTHS("\"https://r.test/v2\":" USER), MINE},
        {"API without scheme", "r.test", "a", AUTHS("\"r.test/v2/\":" USER),
         MINE},
        {"any path behind a scheme", "r.test", "a",
         AUTHS("\"https://r.test/some/where\":" USER), MINE},
        {"port, scheme, path", "r.test:5000", "a",
         AUTHS("\"https://r.test:5000/v2/\":" USER), MINE},
        {"empty key", "r.test", "a", AUTHS("\"\":" USER), ""},
        {"key of a scheme", "r.test", "a", AUTHS("\"https://\":" USER), ""},
        {"key of a slash", "r.test", "a", AUTHS("\"/\":" USER), ""},
        {"another scheme", "r.test", "a", AUTHS("\"ftp://r.test\":" USER), ""},
        {"userinfo", "r.test", "a", AUTHS("\"https://a@r.test\":" USER), ""},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

#define ECR "1234.dkr.ecr.eu-west-1.amazonaws.com"

/* As the kubelet reads the image pull secrets of pods */
static void docker_config__matches_patterns_label_by_label(void **state)
{
    static const struct row rows[] = {
        {"ECR", ECR, "a", AUTHS("\"*.dkr.ecr.*.amazonaws.com\":" USER), MINE},
        {"https", ECR, "a",
         AUTHS("\"https://*.dkr.ecr.*.amazonaws.com\":" USER), MINE},
        {"https and version", ECR, "a",
         AUTHS("\"https://*.dkr.ecr.*.amazonaws.com/v1/\":" USER), MINE},
        {"one label", "a.azurecr.io", "a", AUTHS("\"*.azurecr.io\":" USER),
         MINE},
        {"case", "A.azurecr.io", "a", AUTHS("\"*.AZUREcr.io\":" USER), MINE},
        {"part of a label", "eu-docker.pkg.dev", "a",
         AUTHS("\"*-docker.pkg.dev\":" USER), MINE},
        {"one character", "r1.test", "a", AUTHS("\"r?.test\":" USER), MINE},
        {"class", "r1.test", "a", AUTHS("\"r[0-9].test\":" USER), MINE},
        {"another class", "rx.test", "a", AUTHS("\"r[0-9].test\":" USER), ""},
        {"not two labels", "a.b.azurecr.io", "a",
         AUTHS("\"*.azurecr.io\":" USER), ""},
        {"not none", "azurecr.io", "a", AUTHS("\"*.azurecr.io\":" USER), ""},
        {"not all", "r.test", "a", AUTHS("\"*\":" USER), ""},
        {"port", "r.test:5000", "a", AUTHS("\"*.test:5000\":" USER), MINE},
        {"another port", "r.test:5000", "a", AUTHS("\"*.test:5001\":" USER),
         ""},
        {"no port", "r.test:5000", "a", AUTHS("\"*.test\":" USER), ""},
        {"a port too many", "r.test", "a", AUTHS("\"*.test:5000\":" USER), ""},
        {"path", "r.test", "team/app", AUTHS("\"*.test/team\":" USER), MINE},
        {"another path", "r.test", "teams/app", AUTHS("\"*.test/team\":" USER),
         ""},
        {"path of a version", "r.test", "team/app",
         AUTHS("\"https://*.test/v2/team/\":" USER), MINE},
        {"exact first", "r.test", "a",
         AUTHS("\"r.test\":" USER ",\"*.test\":" OTHER), MINE},
        {"exact last", "r.test", "a",
         AUTHS("\"*.test/a\":" OTHER ",\"https://r.test/x\":" USER), MINE},
        {"longer path", "r.test", "a/b",
         AUTHS("\"*.test/a\":" USER ",\"*.test\":" OTHER), MINE},
        {"longer host", "r1.test", "a",
         AUTHS("\"r*.test\":" USER ",\"*.test\":" OTHER), MINE},
        {"marker", "r.test", "a", AUTHS("\"r.test\":{},\"*.test\":" USER),
         MINE},
        {"IPv6", "[::1]:5000", "a", AUTHS("\"[*]:5000\":" USER), ""},
        {"stars without end", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",
         "a", AUTHS("\"*a*a*a*a*a*a*a*a*a*a*a*b.test\":" USER), ""},
        {"no helper", ECR, "a",
         "{\"credHelpers\":{\"*.dkr.ecr.*.amazonaws.com\":\"ecr-login\"}}", ""},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

static void docker_config__knows_docker_hub_by_all_its_names(void **state)
{
    static const char *const names[] = {"docker.io", "index.docker.io",
                                        "registry-1.docker.io"};
    static const char *const keys[] = {"https://index.docker.io/v1/",
                                       "https://index.docker.io/v1",
                                       "https://index.docker.io",
                                       "index.docker.io",
                                       "docker.io",
                                       "docker.io/",
                                       "https://docker.io",
                                       "registry-1.docker.io",
                                       "https://registry-1.docker.io/v2/",
                                       "Docker.io"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names) * ARRAY_SIZE(keys); i++) {
        const char *key = keys[i / ARRAY_SIZE(names)];
        char auths[256];
        char helpers[256];
        struct row rows[2] = {
            {key, names[i % ARRAY_SIZE(names)], "library/a", auths, MINE},
            {key, names[i % ARRAY_SIZE(names)], "library/a", helpers,
             "ask x by credHelpers "},
        };

        snprintf(auths, sizeof(auths), "{\"auths\":{\"%s\":" USER "}}", key);
        snprintf(helpers, sizeof(helpers),
                 "{\"credHelpers\":{\"%s\":\"x\"},\"credsStore\":\"y\"}", key);
        check_rows(rows, ARRAY_SIZE(rows));
    }
    assert_string_equal(docker_server("docker.io"),
                        "https://index.docker.io/v1/");
    assert_string_equal(docker_server("index.docker.io"),
                        "https://index.docker.io/v1/");
    assert_string_equal(docker_server("r.test:5000"), "r.test:5000");
    assert_string_equal(docker_server("docker.io:5000"), "docker.io:5000");
}

static void docker_config__takes_the_closest_key(void **state)
{
    static const struct row rows[] = {
        {"namespace over host", "q.test", "ns/repo",
         AUTHS("\"q.test\":" OTHER ",\"q.test/ns\":" USER), MINE},
        {"so in the other order", "q.test", "ns/repo",
         AUTHS("\"q.test/ns\":" USER ",\"q.test\":" OTHER), MINE},
        {"the longest", "q.test", "a/b/c",
         AUTHS("\"q.test/a\":" OTHER ",\"q.test/a/b\":" USER
               ",\"q.test\":" OTHER),
         MINE},
        {"the repository itself", "q.test", "a/b",
         AUTHS("\"q.test/a/b\":" USER ",\"q.test/a\":" OTHER), MINE},
        {"a slash at its end", "q.test", "a/b",
         AUTHS("\"q.test/a/\":" USER ",\"q.test\":" OTHER), MINE},
        {"another namespace", "q.test", "ns/repo",
         AUTHS("\"q.test/other\":" USER), ""},
        {"half a component", "q.test", "namespace/repo",
         AUTHS("\"q.test/name\":" USER ",\"q.test\":" OTHER), HIS},
        {"below the repository", "q.test", "a", AUTHS("\"q.test/a/b\":" USER),
         ""},
        {"case of a path counts", "q.test", "ns/repo",
         AUTHS("\"q.test/NS\":" USER), ""},
        {"a namespace and no path", "q.test", NULL,
         AUTHS("\"q.test/ns\":" USER), ""},
        {"hub's namespace", "index.docker.io", "me/repo",
         AUTHS("\"docker.io/me\":" USER ",\"docker.io\":" OTHER), MINE},
        {"a namespace v2 of its own", "q.test", "v2/repo",
         AUTHS("\"q.test/v2/repo\":" USER ",\"q.test\":" OTHER), MINE},
        {"as it is over normalised", "q.test", "a",
         AUTHS("\"q.test\":" USER ",\"https://q.test/v2/\":" OTHER), MINE},
        {"so in the other order", "q.test", "a",
         AUTHS("\"https://q.test/v2/\":" OTHER ",\"q.test\":" USER), MINE},
        {"a bare host over one with a scheme", "index.docker.io", "a/b",
         AUTHS("\"docker.io\":" USER ",\"https://docker.io\":" OTHER), MINE},
        {"API over any path", "q.test", "a",
         AUTHS("\"https://q.test/v1/\":" USER ",\"https://q.test/x\":" OTHER),
         MINE},
        {"what docker writes over docker.io", "index.docker.io", "a/b",
         AUTHS("\"https://index.docker.io/v1/\":" USER ",\"docker.io\":" OTHER),
         MINE},
        {"of equal ones the last", "q.test", "a",
         AUTHS("\"https://q.test/v1/\":" OTHER ",\"https://q.test/v2/\":" USER),
         MINE},
        {"of a key given twice the last", "q.test", "a",
         AUTHS("\"q.test\":" OTHER ",\"q.test\":" USER), MINE},
        {"of a key given twice the last, though empty", "q.test", "a",
         AUTHS("\"q.test\":" OTHER ",\"q.test\":{}"), ""},
        {"of auths given twice the last", "q.test", "a",
         "{\"auths\":{\"q.test\":" OTHER "},\"auths\":{\"q.test\":" USER "}}",
         MINE},
        {"what hub's login leaves is no password", "index.docker.io", "a/b",
         AUTHS("\"https://index.docker.io/v1/access-token\":" OTHER
               ",\"https://index.docker.io/v1/refresh-token\":" OTHER),
         ""},
        {"beside it the password", "index.docker.io", "a/b",
         AUTHS("\"https://index.docker.io/v1/\":" USER
               ",\"https://index.docker.io/v1/access-token\":" OTHER
               ",\"https://index.docker.io/v1/refresh-token\":" OTHER),
         MINE},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

static void docker_config__takes_no_marker_for_credentials(void **state)
{
    static const struct row rows[] = {
        {"{}", "q.test", "a", AUTHS("\"q.test\":{}"), ""},
        {"null", "q.test", "a", AUTHS("\"q.test\":null"), ""},
        {"empty auth", "q.test", "a", AUTHS("\"q.test\":{\"auth\":\"\"}"), ""},
        {"an email", "q.test", "a",
         AUTHS("\"q.test\":{\"email\":\"a@b.test\"}"), ""},
        {"all empty", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"\",\"username\":\"\",\"password\":"
               "null,\"identitytoken\":\"\",\"registrytoken\":\"\"}"),
         ""},
        {"a user without a password", "q.test", "a",
         AUTHS("\"q.test\":{\"username\":\"me\"}"), ""},
        {"a colon", "q.test", "a", AUTHS("\"q.test\":{\"auth\":\"Og==\"}"), ""},
        {"the next best counts", "q.test", "a/b",
         AUTHS("\"q.test/a\":{},\"q.test\":{},\"https://q.test/v2/\":" USER),
         MINE},
        {"none of that registry", "q.test", "a", AUTHS(""), ""},
        {"null auths", "q.test", "a", "{\"auths\":null}", ""},
        {"no auths", "q.test", "a", "{\"HttpHeaders\":{\"a\":\"b\"}}", ""},
        {"nothing", "q.test", "a", "{}", ""},
        {"an empty file", "q.test", "a", "", ""},
        {"white space", "q.test", "a", " \n\t\r\n", ""},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

static void docker_config__reads_every_kind_of_entry(void **state)
{
    static const struct row rows[] = {
        {"auth", "q.test", "a", AUTHS("\"q.test\":" USER), MINE},
        {"unpadded", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"b3RoZXI6d29yZA\"}"), HIS},
        {"in lines", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"b3RoZXI6\\nd29yZA==\\n\"}"), HIS},
        {"unpadded, in lines", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"b3RoZXI6\\r\\nd29yZA\\r\\n\"}"), HIS},
        {"NULs behind it", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"dXNlcjpwYXNzAAA=\"}"), MINE},
        {"colons in the password", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"dTphOmI6Yw==\"}"), "user=u pass=a:b:c "},
        /* _json_key:{"a":"b",\n "c":":"} */
        {"a service account's JSON", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":"
               "\"X2pzb25fa2V5OnsiYSI6ImIiLAogImMiOiI6In0=\"}"),
         "user=_json_key pass={\"a\":\"b\",\n \"c\":\":\"} "},
        {"an empty password", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"dXNlcjo=\"}"), "user=user pass= "},
        {"an empty user", "q.test", "a",
         AUTHS("\"q.test\":{\"auth\":\"OnBhc3M=\"}"), "user= pass=pass "},
        {"user and password", "q.test", "a",
         AUTHS("\"q.test\":{\"username\":\"me\",\"password\":\"a:\\u00e9\"}"),
         "user=me pass=a:\xC3\xA9 "},
        {"a password alone", "q.test", "a",
         AUTHS("\"q.test\":{\"password\":\"p\"}"), "pass=p "},
        {"auth over user and password", "q.test", "a",
         AUTHS("\"q.test\":{\"username\":\"a\",\"password\":\"b\","
               "\"auth\":\"dXNlcjpwYXNz\"}"),
         MINE},
        {"as kubectl writes it", "q.test", "a",
         AUTHS("\"q.test\":{\"username\":\"user\",\"password\":\"pass\","
               "\"email\":\"a@b.test\",\"auth\":\"dXNlcjpwYXNz\"}"),
         MINE},
        /* 00000000-0000-0000-0000-000000000000: */
        {"as az acr login writes it", "q.azurecr.io", "a",
         AUTHS("\"q.azurecr.io\":{\"auth\":\"MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAt"
               "MDAwMDAwMDAwMDAwOg==\",\"identitytoken\":\"eyJ.x.y\"}"),
         "identity=eyJ.x.y "},
        {"identity token over auth", "q.test", "a",
         AUTHS(
             "\"q.test\":{\"identitytoken\":\"i\",\"auth\":\"dXNlcjpwYXNz\"}"),
         "identity=i "},
        {"registry token over all", "q.test", "a",
         AUTHS("\"q.test\":{\"identitytoken\":\"i\",\"registrytoken\":\"r\","
               "\"auth\":\"dXNlcjpwYXNz\"}"),
         "registry=r "},
        {"the others' faults do not count", "q.test", "a",
         AUTHS("\"x.test\":7,\"y.test\":{\"auth\":\"%\"},\"q.test\":" USER),
         MINE},
        {"keys of later versions", "q.test", "a",
         "{\"auths\":{\"q.test\":{\"auth\":\"dXNlcjpwYXNz\",\"new\":[1]}},"
         "\"proxies\":{},\"plugins\":{\"a\":{}},\"psFormat\":\"{{.ID}}\"}",
         MINE},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

static void docker_config__knows_which_helper_is_asked_first(void **state)
{
    static const struct row rows[] = {
        {"credHelpers", "q.test", "a", "{\"credHelpers\":{\"q.test\":\"h\"}}",
         "ask h by credHelpers "},
        {"credsStore", "q.test", "a", "{\"credsStore\":\"s\"}",
         "ask s by credsStore "},
        {"credHelpers over credsStore", "q.test", "a",
         "{\"credsStore\":\"s\",\"credHelpers\":{\"q.test\":\"h\"}}",
         "ask h by credHelpers "},
        {"credHelpers of another", "q.test", "a",
         "{\"credsStore\":\"s\",\"credHelpers\":{\"x.test\":\"h\"}}",
         "ask s by credsStore "},
        {"credHelpers of another alone", "q.test", "a",
         "{\"credHelpers\":{\"x.test\":\"h\"}}", ""},
        {"an empty name turns the store off", "q.test", "a",
         "{\"credsStore\":\"s\",\"credHelpers\":{\"q.test\":\"\"},"
         "\"auths\":{\"q.test\":" USER "}}",
         MINE},
        {"no store", "q.test", "a",
         "{\"credsStore\":\"\",\"auths\":{\"q.test\":" USER "}}", MINE},
        {"auths stand behind it", "q.test", "a",
         "{\"credsStore\":\"s\",\"auths\":{\"q.test\":" USER "}}",
         "ask s by credsStore " MINE},
        {"with its marker", "q.test", "a",
         "{\"credsStore\":\"s\",\"auths\":{\"q.test\":{}}}",
         "ask s by credsStore "},
        {"a spelling of the key", "q.test", "a",
         "{\"credHelpers\":{\"https://q.test\":\"h\"}}",
         "ask h by credHelpers "},
        {"a namespace", "q.test", "ns/a",
         "{\"credHelpers\":{\"q.test\":\"g\",\"q.test/ns\":\"h\"}}",
         "ask h by credHelpers "},
        {"null", "q.test", "a", "{\"credHelpers\":null,\"credsStore\":null}",
         ""},
    };

    (void)state;
    check_rows(rows, ARRAY_SIZE(rows));
}

static void docker_config__says_where_a_fault_is_and_no_more(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"{\"auths\":", "not JSON"},
        {"hunter2", "not JSON"},
        {"{} hunter2", "not JSON"},
        {"[]", "an array"},
        {"\"hunter2\"", "a string"},
        {"{\"auths\":[\"hunter2\"]}", "$.auths: "},
        {"{\"auths\":\"hunter2\"}", "$.auths: "},
        {"{\"auths\":{\"x\":{},\"q.test\":\"hunter2\"}}", "$.auths[1]: "},
        {"{\"auths\":{\"q.test\":{\"auth\":7}}}", "$.auths[0].auth: "},
        {"{\"auths\":{\"q.test\":{\"auth\":\"hunter2%\"}}}",
         "$.auths[0].auth: is not base64 of username:password"},
        /* hunter2 without a colon */
        {"{\"auths\":{\"q.test\":{\"auth\":\"aHVudGVyMg==\"}}}",
         "$.auths[0].auth: is not base64 of username:password"},
        /* a NUL inside */
        {"{\"auths\":{\"q.test\":{\"auth\":\"dToAYQ==\"}}}",
         "$.auths[0].auth: is not base64 of username:password"},
        {"{\"auths\":{\"q.test\":{\"auth\":\"\\u0000\"}}}", "U+0000"},
        {"{\"auths\":{\"q.test\":{\"password\":{\"hunter2\":1}}}}",
         "$.auths[0].password: "},
        {"{\"auths\":{\"q.test\":{\"identitytoken\":true}}}",
         "$.auths[0].identitytoken: "},
        {"{\"auths\":{\"q.test\":{\"registrytoken\":[]}}}",
         "$.auths[0].registrytoken: "},
        {"{\"credsStore\":[\"hunter2\"]}", "$.credsStore: "},
        {"{\"credHelpers\":\"hunter2\"}", "$.credHelpers: "},
        {"{\"credHelpers\":{\"q.test\":{}}}", "$.credHelpers[0]: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct docker_entry entry = {.via = "untouched"};
        struct error err;

        check_number(rows[i].text,
                     docker_config_lookup(rows[i].text, strlen(rows[i].text),
                                          "q.test", "a", &entry, &err),
                     -1);
        check_contains(rows[i].text, err.message, rows[i].says);
        check(rows[i].text, strstr(err.message, "hunter2") == NULL);
        check_text(rows[i].text, entry.via, "untouched");
        check(rows[i].text, entry.helper == NULL);
    }
}

static void docker_config__has_room_for_so_many_registries(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct docker_entry entry = {0};
        struct error err;
        int result;

        str_append_text(&text, "{\"auths\":{\"q.test\":" USER);
        for (unsigned i = 1; i < LIMIT_DOCKER_ENTRIES + more; i++) {
            str_printf(&text, ",\"r%u.test\":{}", i);
        }
        str_append_text(&text, "}}");
        result = docker_config_lookup(text.data, text.len, "q.test", "a",
                                      &entry, &err);
        assert_int_equal(result, more == 0 ? 0 : -1);
        if (more == 0) {
            assert_string_equal(entry.credential.username, "user");
        } else {
            assert_message_contains(&err, "$.auths: more than 4096 entries");
        }
        docker_entry_release(&entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(docker_config__finds_a_registry_by_its_key),
        cmocka_unit_test(docker_config__matches_patterns_label_by_label),
        cmocka_unit_test(docker_config__knows_docker_hub_by_all_its_names),
        cmocka_unit_test(docker_config__takes_the_closest_key),
        cmocka_unit_test(docker_config__takes_no_marker_for_credentials),
        cmocka_unit_test(docker_config__reads_every_kind_of_entry),
        cmocka_unit_test(docker_config__knows_which_helper_is_asked_first),
        cmocka_unit_test(docker_config__says_where_a_fault_is_and_no_more),
        cmocka_unit_test(docker_config__has_room_for_so_many_registries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
