#include <string.h>

#include "credentials_internal.h"
#include "docker_helper.h"
#include "waybill/limits.h"
#include "waybill/subprocess.h"

/*
 * The desktop keyring (Secret Service), through libsecret's secret-tool.
 * Entries written with go-keyring (`gh auth login`, tweag's credential-helper)
 * have the attributes `service` and `username`. The lookup uses only `service`,
 * because it is meant for services with a single secret.
 */

/* Long enough for a user to unlock the keyring */
#define TIMEOUT_MS 20000

/* Some tools store the trailing line end of their input as well. */
static void complete_with_secret(struct source_job *job,
                                 const struct str *output)
{
    CLEANUP(secret_release) struct secret secret = {0};
    size_t len = output->len - (output->data[output->len - 1] == '\n');
    struct credential credential = {0};
    struct error err;

    secret_assign_bytes(&secret, output->data, len);
    if (strlen(secret_text(&secret)) != len) {
        error_fill(&err, ERROR_AUTH, "the secret of '%s' is not text",
                   job->spec->service);
        source_failed(job, &err);
    } else if (len == 0) {
        source_nothing(job, "empty");
    } else if (credential_bind(&credential, job->spec->binding,
                               secret_text(&secret), &err) < 0) {
        source_failed(job, &err);
    } else {
        source_found(job, &credential);
    }
}

static void report_failure(struct source_job *job,
                           const struct subprocess_result *result)
{
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_MESSAGE);
    const struct str nothing = STR_INIT(0);
    struct error err;

    /* Standard output contains the secret, whatever the exit code, so the
     * message quotes standard error only. */
    append_program_message(&message, &nothing, &result->errors);
    error_fill(&err, ERROR_AUTH, "secret-tool: exit code %d%s",
               result->exit_code, message.data);
    source_failed(job, &err);
}

static void on_done(void *payload, const struct subprocess_result *result,
                    const struct error *err)
{
    struct source_job *job = payload;

    if (err != NULL && err->kind == ERROR_NOT_FOUND) {
        source_nothing(job, "secret-tool is not installed");
    } else if (err != NULL) {
        source_failed(job, err);
    } else if (result->exit_code == 0 && result->output.len > 0) {
        complete_with_secret(job, &result->output);
    } else if (result->exit_code <= 1 && result->errors.len == 0) {
        source_nothing(job, "not in the keyring");
    } else {
        report_failure(job, result);
    }
}

static void start(struct source_job *job)
{
    const char *const argv[] = {"secret-tool", "lookup", "service",
                                job->spec->service, NULL};
    struct error err;

    if (job->spec->service[0] == '-') {
        error_fill(&err, ERROR_CONFIG, "the service '%s' looks like an option",
                   job->spec->service);
        source_failed(job, &err);
        return;
    }
    job->state = subprocess_start(job->network->loop,
                                  &(struct subprocess_request){
                                      .argv = argv,
                                      .max_output = LIMIT_HELPER_OUTPUT,
                                      .timeout_ms = TIMEOUT_MS,
                                  },
                                  on_done, job);
}

static void cancel(struct source_job *job)
{
    subprocess_cancel(job->state);
}

const struct source_class keyring_source = {
    .name = "keyring",
    .accepted_keys = KEY_SERVICE | KEY_BINDING,
    .required_keys = KEY_SERVICE,
    .start = start,
    .cancel = cancel,
};
