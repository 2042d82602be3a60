#include <string.h>

#include "aws_internal.h"
#include "waybill/alloc.h"

/* One call of the ECR API: once the access keys are known (aws_keys.c), the
 * signed request and its response. */

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

void aws_call_nothing(struct aws_call *call, const char *reason)
{
    call->reason = reason;
    call->done(call->payload, NULL, NULL);
}

/* --- responses --------------------------------------------------------------
 */

/* What an operator can do about an error code */
static const struct hint {
    const char *code;
    const char *text;
} hints[] = {
    {"UnrecognizedClientException",
     "the access key is unknown, or the session token is missing"},
    {"InvalidSignatureException",
     "the secret key does not match, or this machine's clock is wrong"},
    {"ExpiredTokenException", "the session of these keys has expired"},
};

static void append_hint(const struct aws_call *call, const char *code,
                        struct str *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
        if (strcmp(code, hints[i].code) == 0) {
            str_printf(out, " (%s)", hints[i].text);
        }
    }
    if (strcmp(code, "AccessDeniedException") == 0) {
        str_printf(out, " (grant %s:%s%s)",
                   call->host.is_public ? "ecr-public" : "ecr", call->action,
                   call->host.is_public ? " and sts:GetServiceBearerToken"
                                        : "");
    }
}

/* {"__type":"AccessDeniedException","message":"..."}; the type may be prefixed
 * by a namespace and '#', and the key may be spelled "Message". */
static void fail_with_response(struct aws_call *call,
                               const struct cloud_service *service,
                               const struct http_response *response)
{
    CLEANUP(str_release) struct str text = STR_INIT(LIMIT_TOKEN);
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
        str_append_text(&text, message);
    }
    cloud_error_fill(service, response, code, text.len > 0 ? text.data : NULL,
                     &err);
    str_clear(&text);
    append_hint(call, code != NULL ? code : "", &text);
    if (strlen(err.message) + text.len < sizeof(err.message)) {
        memcpy(err.message + strlen(err.message), text.data, text.len + 1);
    }
    json_free(json);
    aws_call_fail(call, &err);
}

static void on_answer(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct aws_call *call = payload;
    const struct cloud_service service = {
        call->network, call->host.is_public ? "ECR Public" : "ECR",
        &call->sent};
    struct json *json;
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", service.name);
        aws_call_fail(call, &failure);
    } else if (response->status != 200) {
        fail_with_response(call, &service, response);
    } else if (cloud_read(&service, response, &json, &failure) < 0) {
        aws_call_fail(call, &failure);
    } else {
        call->done(call->payload, json, NULL);
        json_free(json);
    }
}

void aws_call_ready(struct aws_call *call)
{
    bool is_public = call->host.is_public;
    CLEANUP(str_release) struct str target = STR_INIT(STR_UNLIMITED);
    const char *headers[] = {"Content-Type: application/x-amz-json-1.1", NULL,
                             NULL};
    const struct http_aws aws = {.region = call->host.region,
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
    cloud_append_url(&call->url, call->host.api, "/");
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
