#include <string.h>
#include <strings.h>

#include "aws_internal.h"
#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/* Keys that the machine gives: a container's endpoint (ECS, EKS), or the
 * instance's metadata service (IMDSv2 only: version 1 answers to whoever can
 * make a request from here). */

#define CONTAINER "http://169.254.170.2"
#define IMDS "http://169.254.169.254"
#define IMDS_IPV6 "http://[fd00:ec2::254]"
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define MAX_ROLE 128

static void fail(struct aws_call *call, const char *service,
                 const struct error *err)
{
    struct error failure = *err;

    error_prepend(&failure, "%s", service);
    aws_call_fail(call, &failure);
}

/* {"AccessKeyId":"...","SecretAccessKey":"...","Token":"..."} */
static void take_keys(struct aws_call *call, const char *service,
                      const struct http_response *response)
{
    const struct cloud_side side = {call->network, service, &call->sent};
    struct json *json = NULL;
    struct error err;
    int result = cloud_read(&side, response, &json, &err);

    if (result == 0) {
        result = aws_keys_set(&call->keys, service,
                              json_text(json_member(json, "AccessKeyId")),
                              json_text(json_member(json, "SecretAccessKey")),
                              json_text(json_member(json, "Token")), &err);
    }
    json_free(json);
    if (result < 0) {
        aws_call_fail(call, &err);
    } else {
        aws_call_ready(call);
    }
}

static void ask(struct aws_call *call, const char *method, const char *header,
                bool local, http_done_fn *done)
{
    const char *const headers[] = {header, NULL};

    call->transfer = cloud_start(call->network,
                                 &(struct cloud_request){.method = method,
                                                         .url = call->url.data,
                                                         .headers = headers,
                                                         .local = local},
                                 done, call);
}

/* --- a container
 * ---------------------------------------------------------------
 */

#define CONTAINER_SERVICE "the container's credential endpoint"

static void on_container(void *payload, const struct http_response *response,
                         const struct error *err)
{
    struct aws_call *call = payload;

    call->transfer = NULL;
    if (err != NULL) {
        fail(call, CONTAINER_SERVICE, err);
    } else {
        take_keys(call, CONTAINER_SERVICE, response);
    }
}

/* As the SDKs: plain http only where nobody else listens in. */
static int check_container(const char *url, bool *ret_local, struct error *err)
{
    static const char *const links[] = {"169.254.170.2", "169.254.170.23",
                                        "fd00:ec2::23"};
    struct url parsed;
    bool local;
    bool https;

    if (url_parse(url, NULL, &parsed, err) < 0) {
        return error_prefix(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    }
    local = host_classify(parsed.host) == ADDRESS_LOOPBACK;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        local = local || strcmp(parsed.host, links[i]) == 0;
    }
    https = parsed.https;
    url_release(&parsed);
    if (!local && !https) {
        return error_set(err, ERROR_CONFIG,
                         "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https "
                         "nor of this machine, 169.254.170.2, 169.254.170.23 "
                         "or [fd00:ec2::23]");
    }
    *ret_local = local;
    return 0;
}

/* It becomes a header; the file is read each time, for it is replaced. */
static int append_authorization(struct aws_call *call, struct error *err)
{
    const char *path = cloud_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *value = cloud_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    CLEANUP(secret_release)
    struct secret file = SECRET_INIT(LIMIT_SECRET_FILE);

    if (path != NULL) {
        if (secret_file_read(path, &file.text, NULL, err) < 0) {
            return -1;
        }
        value = file.text.data;
    }
    for (const char *at = value; at != NULL && *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7F) {
            return error_set(err, ERROR_AUTH,
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN holds "
                             "characters that no token has");
        }
    }
    if (value != NULL && *value != '\0') {
        /* Behind the scheme's name, if there is one */
        const char *blank = strrchr(value, ' ');

        secret_set_add(&call->sent, blank != NULL ? blank + 1 : value);
        str_printf(&call->token.text, "Authorization: %s", value);
    }
    return 0;
}

static void ask_container(struct aws_call *call, const char *relative,
                          const char *full)
{
    bool local;
    struct error err;

    str_clear(&call->url);
    str_clear(&call->token.text);
    if (relative != NULL) {
        cloud_append_url(&call->url, CONTAINER, *relative == '/' ? "" : "/");
        str_append_text(&call->url, relative);
    } else {
        str_append_text(&call->url, full);
    }
    if (check_container(call->url.data, &local, &err) < 0 ||
        append_authorization(call, &err) < 0) {
        aws_call_fail(call, &err);
        return;
    }
    ask(call, "GET", call->token.text.len > 0 ? call->token.text.data : NULL,
        local, on_container);
}

/* --- an instance
 * ---------------------------------------------------------------
 */

#define IMDS_SERVICE "the instance's metadata service"
#define NOT_THERE                                                              \
    "no keys in the environment, no web identity, no profile, no container "   \
    "endpoint, and "

static void on_role_keys(void *payload, const struct http_response *response,
                         const struct error *err)
{
    struct aws_call *call = payload;

    call->transfer = NULL;
    if (err != NULL) {
        fail(call, IMDS_SERVICE, err);
    } else {
        take_keys(call, IMDS_SERVICE, response);
    }
}

static void append_base(struct str *out)
{
    const char *named = cloud_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = cloud_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    bool ipv6 = mode != NULL && strcasecmp(mode, "IPv6") == 0;

    str_clear(out);
    cloud_append_url(out, named ? named : ipv6 ? IMDS_IPV6 : IMDS, "");
}

/* One name on a line of its own; a role's name needs no escaping. */
static bool append_role(struct str *out, const struct http_response *response)
{
    const char *role = response->body.data;
    size_t len = strcspn(role, "\r\n");

    if (len == 0 || len > MAX_ROLE ||
        strspn(role, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                     "0123456789_+=,.@-") != len) {
        return false;
    }
    str_append(out, role, len);
    return true;
}

static void on_role(void *payload, const struct http_response *response,
                    const struct error *err)
{
    struct aws_call *call = payload;
    const struct cloud_side side = {call->network, IMDS_SERVICE, &call->sent};
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        fail(call, IMDS_SERVICE, err);
    } else if (response->status == 404) {
        aws_call_nothing(call, NOT_THERE "the instance has no role");
    } else if (response->status != 200) {
        cloud_refused(&side, response, NULL, NULL, &failure);
        aws_call_fail(call, &failure);
    } else if (append_base(&call->url), str_append_text(&call->url, ROLES),
               !append_role(&call->url, response)) {
        error_fill(&failure, ERROR_AUTH, "%s names no role", IMDS_SERVICE);
        aws_call_fail(call, &failure);
    } else {
        ask(call, "GET", call->token.text.data, true, on_role_keys);
    }
}

static void leave(struct aws_call *call, const struct error *err)
{
    if (call->must_answer || err->kind == ERROR_UNAVAILABLE) {
        aws_call_fail(call, err);
        return;
    }
    /* From a container the answer does not come back when it is a hop too far.
     */
    aws_call_nothing(call, NOT_THERE
                     "no metadata service (in a container on EC2 its hop limit "
                     "must be 2)");
}

static void on_session(void *payload, const struct http_response *response,
                       const struct error *err)
{
    struct aws_call *call = payload;
    const struct cloud_side side = {call->network, IMDS_SERVICE, &call->sent};
    const char *token;
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", IMDS_SERVICE);
        leave(call, &failure);
        return;
    }
    token = response->body.data;
    if (http_status_is_temporary(response->status)) {
        cloud_refused(&side, response, NULL, NULL, &failure);
        aws_call_fail(call, &failure);
    } else if (response->status != 200) {
        /* Another cloud's service has the same address. */
        cloud_refused(&side, response, NULL, NULL, &failure);
        leave(call, &failure);
    } else if (*token == '\0' || !http_value_is_plain(token)) {
        error_fill(&failure, ERROR_AUTH, "%s answers with no token",
                   IMDS_SERVICE);
        leave(call, &failure);
    } else {
        secret_set_add(&call->sent, token);
        str_clear(&call->token.text);
        str_printf(&call->token.text, "X-aws-ec2-metadata-token: %s", token);
        append_base(&call->url);
        str_append_text(&call->url, ROLES);
        ask(call, "GET", call->token.text.data, true, on_role);
    }
}

static void ask_instance(struct aws_call *call)
{
    call->must_answer =
        cloud_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") != NULL;
    if (cloud_says_true("AWS_EC2_METADATA_DISABLED")) {
        aws_call_nothing(call, NOT_THERE "AWS_EC2_METADATA_DISABLED is set");
        return;
    }
    append_base(&call->url);
    str_append_text(&call->url, "/latest/api/token");
    ask(call, "PUT", "X-aws-ec2-metadata-token-ttl-seconds: 21600", true,
        on_session);
}

void aws_machine_keys_find(struct aws_call *call)
{
    const char *relative =
        cloud_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = cloud_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (relative != NULL || full != NULL) {
        ask_container(call, relative, full);
    } else {
        ask_instance(call);
    }
}
