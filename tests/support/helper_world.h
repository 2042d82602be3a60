#ifndef WAYBILL_TESTS_HELPER_WORLD_H
#define WAYBILL_TESTS_HELPER_WORLD_H

/* Runs the credential helper as Bazel does and collects its answer, error
 * and notes. The environment contains only a directory, which is HOME and
 * PATH. The test answers for every registry (fake_http.h): it requires a
 * token and issues one to any client. */

#include <strings.h>
#include <unistd.h>

#include "asserts.h"
#include "cli/credential_helper.h"
#include "fake_http.h"
#include "waybill/alloc.h"
#include "waybill/json.h"

#define SET(name, value) assert_int_equal(setenv(name, value, 1), 0)

#define IMAGE "/v2/a/b/manifests/1"
#define CONFIG_FILE "helper.json"

struct helper_world {
    char folder[64];
    struct str sent;  /* requests, as "GET https://...\nName: value\n\n" */
    struct str asked; /* the last note that helper_noted() found */
    struct helper_answer answer;
    struct error err;
    int result;
};

static struct helper_world helper_world;

static inline struct fake_reply be_a_registry(const struct http_transfer *asked)
{
    str_printf(&helper_world.sent, "%s\n%s%s\n", asked->name, asked->headers,
               asked->body);
    if (strncmp(asked->name, "GET http://metadata.", 20) == 0 ||
        strncmp(asked->name, "GET http://169.254.", 19) == 0) {
        return (struct fake_reply){.status = 404};
    }
    if (strstr(asked->name, "/v2/") != NULL) {
        static char challenge[512];
        const char *origin = asked->name + strlen("GET ");

        snprintf(challenge, sizeof(challenge),
                 "WWW-Authenticate: Bearer realm=\"%.*stoken\"\n",
                 (int)(strstr(origin, "v2/") - origin), origin);
        return (struct fake_reply){.status = 401, .headers = challenge};
    }
    return (struct fake_reply){.status = 200, .body = "{\"token\":\"t0ken\"}"};
}

static inline void helper_forget(void)
{
    helper_answer_release(&helper_world.answer);
    helper_world.answer = (struct helper_answer)HELPER_ANSWER_INIT;
    helper_world.err = (struct error)ERROR_UNTOUCHED;
    str_clear(&helper_world.sent);
    str_clear(&helper_world.asked);
}

static inline int helper_begin(void **state)
{
    const char *source = getenv("WAYBILL_TEST_SOURCE");
    char *kept = source != NULL ? mem_strdup(source) : NULL;

    (void)state;
    memset(&helper_world, 0, sizeof(helper_world));
    str_init(&helper_world.sent, STR_UNLIMITED);
    str_init(&helper_world.asked, STR_UNLIMITED);
    strcpy(helper_world.folder, "/tmp/waybill-unit-XXXXXX");
    assert_non_null(mkdtemp(helper_world.folder));
    assert_int_equal(clearenv(), 0);
    if (kept != NULL) {
        SET("WAYBILL_TEST_SOURCE", kept);
        mem_free(kept);
    }
    SET("HOME", helper_world.folder);
    SET("PATH", helper_world.folder);
    SET("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY", helper_world.folder);
    SET("CREDENTIAL_HELPER_LOGGING", "debug");
    fake_reply_by(be_a_registry);
    helper_forget();
    return 0;
}

static inline int helper_finish(void **state)
{
    char file[128];

    (void)state;
    helper_forget();
    helper_answer_release(&helper_world.answer);
    str_release(&helper_world.sent);
    str_release(&helper_world.asked);
    snprintf(file, sizeof(file), "%s/" CONFIG_FILE, helper_world.folder);
    unlink(file);
    assert_int_equal(rmdir(helper_world.folder), 0);
    return 0;
}

/* Writes the configuration file; NULL removes it. */
static inline void helper_configure(const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/" CONFIG_FILE, helper_world.folder);
    if (text == NULL) {
        unlink(path);
        unsetenv("CREDENTIAL_HELPER_CONFIG_FILE");
        return;
    }
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    SET("CREDENTIAL_HELPER_CONFIG_FILE", path);
}

/* The rest of the first note that contains the text, or NULL */
static inline const char *helper_noted(const char *beginning)
{
    const char *at = strstr(helper_world.answer.notes.data, beginning);

    if (at == NULL) {
        return NULL;
    }
    at += strlen(beginning);
    str_clear(&helper_world.asked);
    str_append(&helper_world.asked, at, strcspn(at, "\n"));
    return helper_world.asked.data;
}

static inline void helper_ask(const char *uri)
{
    CLEANUP(str_release) struct str request = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &request};

    helper_forget();
    json_open(&json, NULL, '{');
    json_append_string(&json, "uri", uri);
    json_close(&json, '}');
    helper_world.result = helper_get(request.data, request.len,
                                     &helper_world.answer, &helper_world.err);
}

static inline void check_answered(const char *label)
{
    check_text(label, helper_world.err.message, "untouched");
    check_number(label, helper_world.result, 0);
}

/* Checks that credentials are sent. `target` is "'REG',
 * repository:REPO:pull". */
static inline void check_asks(const char *uri, const char *target)
{
    const char *noted;

    helper_ask(uri);
    check_answered(uri);
    noted = helper_noted("registry ");
    check_text(uri, noted, target);
    check_contains(uri, helper_world.answer.json.text.data, "\"Bearer t0ken\"");
    check(uri, strncasecmp(helper_world.sent.data + strlen("GET "), uri,
                           strcspn(uri, ":") + strlen("://")) == 0);
}

/* Checks that no header is to be sent; the notes give the reason. */
static inline void check_no_header(const char *uri)
{
    helper_ask(uri);
    check_answered(uri);
    check_text(uri, helper_world.answer.json.text.data, "{\"headers\":{}}\n");
    check_text(uri, helper_world.sent.data, "");
}

static inline void check_refused(const char *uri, const char *message)
{
    helper_ask(uri);
    check_number(uri, helper_world.result, -1);
    check_contains(uri, helper_world.err.message, message);
    check_text(uri, helper_world.answer.json.text.data, "");
    check_text(uri, helper_world.sent.data, "");
}

#define HELPER_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, helper_begin, helper_finish)

#endif
