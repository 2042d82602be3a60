#include <string.h>

#include "aws_internal.h"
#include "waybill/alloc.h"

/* One call of ECR's API: the signed request, once there are keys
 * (aws_keys.c), and its answer. */

#define PRIVATE_API "AmazonEC2ContainerRegistry_V20150921"
#define PUBLIC_API "SpencerFrontendService"

void aws_call_init(struct aws_call *call, const struct network *network,
                   const struct credential_source *spec, const char *action,
                   aws_call_fn *done, void *payload)
{
    *call = (struct aws_call){.network = network,
                              .spec = spec,
                              .action = action,
                              .done = done,
                              .payload = payload};
    str_init(&call->body, STR_UNLIMITED);
    str_init(&call->url, STR_UNLIMITED);
    secret_init(&call->token, STR_UNLIMITED);
}

void aws_call_release(struct aws_call *call)
{
    if (call->transfer != NULL) {
        http_cancel(call->transfer);
    }
    aws_keys_release(&call->keys);
    str_release(&call->body);
    str_release(&call->url);
    secret_release(&call->token);
    secret_set_release(&call->sent);
}

void aws_call_fail(struct aws_call *call, const struct error *err)
{
    call->done(call->payload, NULL, err);
}

void aws_call_nothing(struct aws_call *call, const char *why)
{
    call->why = why;
    call->done(call->payload, NULL, NULL);
}

/* --- what AWS says -----------------------------------------------------------
 */

/* What a person can do about it; a class of errors for each */
static const struct advice {
    const char *code;
    const char *text;
} advices[] = {
    {"UnrecognizedClientException",
     "the access key is not known there, or the session's token is missing"},
    {"InvalidSignatureException",
     "the secret key is another, or this machine's clock is wrong"},
    {"ExpiredTokenException", "the session of these keys has ended"},
};

static void append_advice(const struct aws_call *call, const char *code,
                          struct str *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
        if (strcmp(code, advices[i].code) == 0) {
            str_printf(out, " (%s)", advices[i].text);
        }
    }
    if (strcmp(code, "AccessDeniedException") == 0) {
        str_printf(
            out, " (allow it %s:%s%s)",
            call->machine_host.is_public ? "ecr-public" : "ecr", call->action,
            call->machine_host.is_public ? " and sts:GetServiceBearerToken"
                                         : "");
    }
}

/* {"__type":"AccessDeniedException","message":"..."}; the type may have a
 * namespace and # in front, the message a capital. */
static void refuse(struct aws_call *call, const struct cloud_side *side,
                   const struct http_response *response)
{
    CLEANUP(str_release) struct str words = STR_INIT(LIMIT_TOKEN);
    struct json *json = NULL;
    const char *code = NULL;
    const char *message = NULL;
    struct error err;

    if (json_parse(response->body.data, response->body.len, &json, &err) == 0) {
        code = json_text(json_member(json, "__type"));
        message = json_text(json_member(json, "message"));
        message = message ? message : json_text(json_member(json, "Message"));
    }
    if (code != NULL && strchr(code, '#') != NULL) {
        code = strchr(code, '#') + 1;
    }
    if (message != NULL) {
        str_append_text(&words, message);
    }
    cloud_refused(side, response, code, words.len > 0 ? words.data : NULL,
                  &err);
    str_clear(&words);
    append_advice(call, code != NULL ? code : "", &words);
    if (strlen(err.message) + words.len < sizeof(err.message)) {
        memcpy(err.message + strlen(err.message), words.data, words.len + 1);
    }
    json_free(json);
    aws_call_fail(call, &err);
}

static void on_answer(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct aws_call *call = payload;
    const struct cloud_side side = {
        call->network, call->machine_host.is_public ? "ECR Public" : "ECR",
        &call->sent};
    struct json *json;
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", side.service);
        aws_call_fail(call, &failure);
    } else if (response->status != 200) {
        refuse(call, &side, response);
    } else if (cloud_read(&side, response, &json, &failure) < 0) {
        aws_call_fail(call, &failure);
    } else {
        call->done(call->payload, json, NULL);
        json_free(json);
    }
}

void aws_call_ready(struct aws_call *call)
{
    bool is_public = call->machine_host.is_public;
    CLEANUP(str_release) struct str target = STR_INIT(STR_UNLIMITED);
    const char *headers[] = {"Content-Type: application/x-amz-json-1.1", NULL,
                             NULL};
    const struct http_aws aws = {.region = call->machine_host.region,
                                 .service = is_public ? "ecr-public" : "ecr",
                                 .key_id = call->keys.id,
                                 .secret = secret_text(&call->keys.secret),
                                 .session = secret_text(&call->keys.session)};

    str_printf(&target, "X-Amz-Target: %s.%s",
               is_public ? PUBLIC_API : PRIVATE_API, call->action);
    headers[1] = target.data;
    secret_set_add(&call->sent, aws.secret);
    secret_set_add(&call->sent, aws.session);
    str_clear(&call->url);
    cloud_append_url(&call->url, call->machine_host.api, "/");
    call->transfer = cloud_start(call->network,
                                 &(struct cloud_request){
                                     .method = "POST",
                                     .url = call->url.data,
                                     .headers = headers,
                                     .body = str_bytes(&call->body),
                                     .aws = &aws,
                                 },
                                 on_answer, call);
}
