#include "waybill/ecr.h"

#include <string.h>

#include "aws_internal.h"
#include "waybill/alloc.h"

/*
 * Amazon ECR and ECR Public: GetAuthorizationToken exchanges AWS access keys
 * for a registry password that is valid for twelve hours. It is renewed after
 * half of that time, because the API is subject to a quota. This file also
 * creates repositories.
 *
 * `endpoint` overrides ECR's API; STS and the metadata service have AWS's own
 * variables (AWS_ENDPOINT_URL_STS, AWS_EC2_METADATA_SERVICE_ENDPOINT).
 */

#define LIFETIME_S (12.0 * 3600)
#define RENEW_PER_CENT 50

/* --- the source -------------------------------------------------------------
 */

struct aws {
    struct source_job *job;
    struct aws_call call;
};

static void aws_free(struct aws *aws)
{
    aws_call_release(&aws->call);
    mem_free(aws);
}

/* {"authorizationData":[{"authorizationToken":"...","expiresAt":1.7e9}]}; ECR
 * Public returns an object in place of the array. */
static int read_answer(struct aws *aws, const struct json *answer,
                       struct credential *credential, struct error *err)
{
    const struct json *data = json_member(answer, "authorizationData");
    double now_s = (double)cloud_wall_s(aws->call.network);
    double end_s = now_s + LIFETIME_S;
    const char *token;

    data = json_is_array(data) ? json_first(data) : data;
    if (cloud_token("ECR", data, "authorizationToken", &token, err) < 0 ||
        credential_bind(credential, BINDING_AUTH, token, err) < 0) {
        return -1;
    }
    json_number(json_member(data, "expiresAt"), &end_s);
    if (end_s <= now_s) {
        return error_set(err, ERROR_AUTH,
                         "ECR's token had expired when it arrived: this "
                         "machine's clock is wrong");
    }
    cloud_set_lifetime(credential, end_s - now_s, RENEW_PER_CENT);
    return 0;
}

static void on_answer(void *payload, const struct json *answer,
                      const struct error *err)
{
    struct aws *aws = payload;
    struct aws_keys *keys = &aws->call.keys;
    struct credential credential = {0};
    struct error failure;

    if (err != NULL) {
        source_failed(aws->job, err);
    } else if (answer == NULL) {
        source_nothing(aws->job, "%s", aws->call.reason);
    } else if (read_answer(aws, answer, &credential, &failure) < 0) {
        credential_release(&credential);
        source_failed(aws->job, &failure);
    } else {
        credential.file = keys->file;
        credential.stamp = keys->stamp;
        keys->file = NULL;
        source_found(aws->job, &credential);
    }
    aws_free(aws);
}

static void start(struct source_job *job)
{
    struct aws *aws = mem_zalloc(sizeof(*aws));

    aws->job = job;
    job->state = aws;
    aws_call_init(&aws->call, job->network, job->spec, "GetAuthorizationToken",
                  on_answer, aws);
    str_append_text(&aws->call.body, "{}");
    aws_call_start(&aws->call, job->registry);
}

static void cancel(struct source_job *job)
{
    aws_free(job->state);
}

const struct source_class aws_source = {
    .name = "aws",
    .accepted_keys =
        KEY_PATH | KEY_REGION | KEY_PROFILE | KEY_ROLE_ARN | KEY_ENDPOINT,
    .start = start,
    .cancel = cancel,
};

/* --- creating a repository --------------------------------------------------
 */

struct aws_creation {
    const struct network *network;
    struct aws_call call;
    const char *registry;
    aws_created_fn *done;
    void *payload;
    struct task task;
    bool failed;
    struct error err;
};

static void creation_free(struct aws_creation *creation)
{
    loop_cancel(creation->network->loop, &creation->task);
    aws_call_release(&creation->call);
    mem_free(creation);
}

static void run_finish(void *payload)
{
    struct aws_creation *creation = payload;
    const struct error err = creation->err;
    bool failed = creation->failed;
    aws_created_fn *done = creation->done;
    void *owner = creation->payload;

    creation_free(creation);
    done(owner, failed ? &err : NULL);
}

static void on_created(void *payload, const struct json *answer,
                       const struct error *err)
{
    struct aws_creation *creation = payload;
    struct error *failure = &creation->err;

    if (err != NULL &&
        strcmp(err->code, "RepositoryAlreadyExistsException") != 0) {
        creation->failed = true;
        *failure = *err;
        if (strcmp(err->code, "InvalidParameterException") == 0) {
            /* The name is invalid: other keys would not help. */
            failure->kind = ERROR_REJECTED;
        }
    } else if (err == NULL && answer == NULL) {
        creation->failed = true;
        error_fill(failure, ERROR_AUTH, "%s", creation->call.reason);
    }
    if (creation->failed) {
        error_prepend(failure, "create repository");
    }
    task_init(&creation->task, run_finish, creation);
    loop_defer(creation->network->loop, &creation->task);
}

/* The account is part of the request, so that keys of another account fail
 * instead of creating the repository there. The path at ECR Public begins with
 * the registry alias, which the API does not accept. */
static void append_body(struct str *out, const char *registry, const char *path)
{
    struct json_writer writer = {.out = out};
    struct aws_host host = {0};
    const char *slash = strchr(path, '/');

    aws_host_parse(registry, &host);
    json_open(&writer, NULL, '{');
    if (host.account[0] != '\0') {
        json_append_string(&writer, "registryId", host.account);
    }
    json_append_string(&writer, "repositoryName",
                       host.is_public && slash != NULL ? slash + 1 : path);
    json_close(&writer, '}');
}

static void run_start(void *payload)
{
    struct aws_creation *creation = payload;

    aws_call_start(&creation->call, creation->registry);
}

struct aws_creation *aws_create_repository_start(
    const struct network *network, const struct credential_source *spec,
    const char *registry, const char *path, aws_created_fn *done, void *payload)
{
    static const struct credential_source default_spec = {.source = "aws"};
    struct aws_creation *creation = mem_zalloc(sizeof(*creation));

    creation->network = network;
    creation->registry = registry;
    creation->done = done;
    creation->payload = payload;
    aws_call_init(&creation->call, network, spec ? spec : &default_spec,
                  "CreateRepository", on_created, creation);
    append_body(&creation->call.body, registry, path);
    task_init(&creation->task, run_start, creation);
    loop_defer(network->loop, &creation->task);
    return creation;
}

void aws_create_repository_cancel(struct aws_creation *creation)
{
    creation_free(creation);
}
