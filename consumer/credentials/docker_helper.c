#include "docker_helper.h"

#include <string.h>

#include "credentials_internal.h"
#include "docker_config.h"
#include "waybill/alloc.h"
#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/subprocess.h"
#include "waybill/utf8.h"

/*
 * A Docker credential helper (docker/docker-credential-helpers) is the program
 * docker-credential-NAME. It is run with the argument `get` and reads the
 * server's name from standard input. It prints {"ServerURL": ..., "Username":
 * ..., "Secret": ...} to standard output. A missing entry is reported as plain
 * text on standard output with a non-zero exit code.
 */

#define TIMEOUT_MS 20000
/* The protocol has no expiry; this is the lifetime that regclient assumes. */
#define LIFETIME_MS ((uint64_t)3600 * 1000)
#define MAX_QUOTED_LEN 200

struct docker_helper {
    struct subprocess *subprocess;
    char *program;
    docker_helper_fn *done;
    void *payload;
};

/* --- output -----------------------------------------------------------------
 */

static size_t first_line(struct str *out, const struct str *text)
{
    const char *start = text->data + strspn(text->data, " \t\r\n");
    size_t before = out->len;

    utf8_append_printable(out, start, strcspn(start, "\r\n{"), MAX_QUOTED_LEN);
    return out->len - before;
}

void append_program_message(struct str *out, const struct str *output,
                            const struct str *errors)
{
    size_t start = out->len;

    str_append_text(out, ": ");
    if (first_line(out, output) == 0 && first_line(out, errors) == 0) {
        out->data[out->len = start] = '\0';
    }
}

/* True if the output is one of the protocol's messages for a missing entry. */
static bool reports_no_entry(const struct str *output)
{
    static const char *const messages[] = {
        "credentials not found in native keychain",
        "credentials not found",
        "no credentials server URL",
        "no credentials username",
    };
    const char *start = output->data + strspn(output->data, " \t\r\n");
    size_t len = strlen(start);

    while (len > 0 && strchr(" \t\r\n", start[len - 1]) != NULL) {
        len--;
    }
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        if (strlen(messages[i]) == len &&
            strncmp(start, messages[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static int read_answer(const struct json *json, struct credential *found,
                       struct error *err)
{
    struct json_at root = json_at_root(json);
    struct json_at username_at = json_at_member(&root, "Username");
    struct json_at secret_at = json_at_member(&root, "Secret");
    const char *username = "";
    const char *secret = "";

    if (json_at_object(&root, err) < 0 ||
        json_at_string(&username_at, LIMIT_TOKEN, &username, err) < 0 ||
        json_at_string(&secret_at, LIMIT_TOKEN, &secret, err) < 0) {
        return -1;
    }
    if (secret[0] == '\0') {
        return 0;
    }
    if (username[0] != '\0' &&
        credential_bind(found, BINDING_USERNAME, username, err) < 0) {
        return -1;
    }
    return credential_bind(found, BINDING_PASSWORD, secret, err);
}

/* Leaves `found` empty if the helper has no entry. */
static int read_result(const struct subprocess_result *result,
                       struct credential *found, struct error *err)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);
    struct json *json;
    int status;

    if (result->exit_code != 0) {
        if (reports_no_entry(&result->output)) {
            return 0;
        }
        append_program_message(&message, &result->output, &result->errors);
        return error_set(err, ERROR_AUTH, "exit code %d%s", result->exit_code,
                         message.data);
    }
    if (json_parse_secret(result->output.data, result->output.len, &json, err) <
        0) {
        return error_prefix(err, "its answer");
    }
    status = read_answer(json, found, err);
    json_free(json);
    return status < 0 ? error_prefix(err, "its answer") : 0;
}

/* --- running ----------------------------------------------------------------
 */

static void helper_free(struct docker_helper *helper)
{
    mem_free(helper->program);
    mem_free(helper);
}

void docker_helper_cancel(struct docker_helper *helper)
{
    subprocess_cancel(helper->subprocess);
    helper_free(helper);
}

static void on_done(void *payload, const struct subprocess_result *result,
                    const struct error *err)
{
    struct docker_helper *helper = payload;
    struct credential found = {0};
    struct error failure;

    if (result != NULL && read_result(result, &found, &failure) < 0) {
        error_prepend(&failure, "'%s'", helper->program);
        err = &failure;
    }
    if (err != NULL || credential_is_empty(&found)) {
        helper->done(helper->payload, NULL, err);
    } else {
        found.lifetime_ms = LIFETIME_MS;
        helper->done(helper->payload, &found, NULL);
    }
    credential_release(&found);
    helper_free(helper);
}

/* The name comes from a file and becomes part of a program's name. */
static int check_name(const char *name, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (name[0] == '\0' || name[0] == '-' || name[0] == '.' ||
        strlen(name) > 64 || name[strspn(name, allowed)] != '\0') {
        return error_set(err, ERROR_CONFIG,
                         "not the name of a credential helper: letters, "
                         "digits, '.', '_' and '-'");
    }
    return 0;
}

int docker_helper_start(struct loop *loop, const char *name,
                        const char *registry, docker_helper_fn *done,
                        void *payload, struct docker_helper **ret_helper,
                        struct error *err)
{
    CLEANUP(str_release) struct str program = STR_INIT(STR_UNLIMITED);
    const char *argv[] = {NULL, "get", NULL};
    struct docker_helper *helper;

    if (check_name(name, err) < 0) {
        return -1;
    }
    str_printf(&program, DOCKER_HELPER_PREFIX "%s", name);
    helper = mem_zalloc(sizeof(*helper));
    *helper = (struct docker_helper){
        .program = str_take(&program), .done = done, .payload = payload};
    argv[0] = helper->program;
    helper->subprocess = subprocess_start(loop,
                                          &(struct subprocess_request){
                                              .argv = argv,
                                              .input = docker_server(registry),
                                              .max_output = LIMIT_HELPER_OUTPUT,
                                              .timeout_ms = TIMEOUT_MS,
                                          },
                                          on_done, helper);
    *ret_helper = helper;
    return 0;
}

/* --- as a source ------------------------------------------------------------
 */

static void on_answer(void *payload, struct credential *found,
                      const struct error *err)
{
    struct source_job *job = payload;

    if (err != NULL) {
        source_failed(job, err);
    } else if (found == NULL) {
        source_nothing(job, "has none for '%s'", docker_server(job->registry));
    } else {
        source_found(job, found);
    }
}

static void start(struct source_job *job)
{
    struct docker_helper *helper;
    struct error err;

    if (docker_helper_start(job->network->loop, job->spec->name, job->registry,
                            on_answer, job, &helper, &err) < 0) {
        source_failed(job, &err);
        return;
    }
    job->state = helper;
}

static void cancel(struct source_job *job)
{
    docker_helper_cancel(job->state);
}

const struct source_class docker_helper_source = {
    .name = "docker-helper",
    .accepted_keys = KEY_NAME,
    .required_keys = KEY_NAME,
    .start = start,
    .cancel = cancel,
};
