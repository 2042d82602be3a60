#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/* Sources with a single value: static, env and file; and github, which reads a
 * few well-known variables. */

static void complete_with_value(struct source_job *job, const char *value,
                                struct credential *credential)
{
    struct error err;

    if (*value == '\0') {
        credential_release(credential);
        source_nothing(job, "empty");
    } else if (credential_bind(credential, job->spec->binding, value, &err) <
               0) {
        credential_release(credential);
        source_failed(job, &err);
    } else {
        source_found(job, credential);
    }
}

static void start_static(struct source_job *job)
{
    struct credential credential = {0};

    complete_with_value(job, job->spec->value, &credential);
}

const struct source_class static_source = {
    .name = "static",
    .accepted_keys = KEY_VALUE | KEY_BINDING,
    .required_keys = KEY_VALUE,
    .start = start_static,
};

static void start_env(struct source_job *job)
{
    const char *value = getenv(job->spec->name);
    struct credential credential = {0};

    if (value == NULL) {
        source_nothing(job, "not set");
    } else {
        complete_with_value(job, value, &credential);
    }
}

const struct source_class env_source = {
    .name = "env",
    .accepted_keys = KEY_NAME | KEY_BINDING,
    .required_keys = KEY_NAME,
    .start = start_env,
};

static void start_file(struct source_job *job)
{
    CLEANUP(secret_release)
    struct secret content = SECRET_INIT(LIMIT_SECRET_FILE);
    struct credential credential = {0};
    struct error err;

    /* A file that stat() may not access is an error, for which reading it gives
     * the reason. */
    if (!file_stamp_of(job->spec->path, &credential.stamp) &&
        (errno == ENOENT || errno == ENOTDIR)) {
        source_nothing(job, "not there");
    } else if (secret_file_read(job->spec->path, &content.text, NULL, &err) <
               0) {
        source_failed(job, &err);
    } else {
        credential.file = mem_strdup(job->spec->path);
        complete_with_value(job, content.text.data, &credential);
    }
}

const struct source_class file_source = {
    .name = "file",
    .accepted_keys = KEY_PATH | KEY_BINDING,
    .required_keys = KEY_PATH,
    .start = start_file,
};

static const char *first_variable(const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);

        if (value != NULL && *value != '\0') {
            return value;
        }
    }
    return NULL;
}

/* GitHub accepts any username together with a token. */
static void start_github(struct source_job *job)
{
    static const char *const tokens[] = {"GHCR_TOKEN", "GH_TOKEN",
                                         "GITHUB_TOKEN", NULL};
    static const char *const actors[] = {"GITHUB_ACTOR", NULL};
    const char *token = first_variable(tokens);
    const char *actor = first_variable(actors);
    struct credential credential = {0};

    if (token == NULL) {
        source_nothing(job, "none of GHCR_TOKEN, GH_TOKEN, GITHUB_TOKEN set");
        return;
    }
    credential.username = mem_strdup(actor != NULL ? actor : "unset");
    secret_assign(&credential.password, token);
    source_found(job, &credential);
}

const struct source_class github_source = {
    .name = "github",
    .start = start_github,
};
