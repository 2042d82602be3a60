#include <string.h>
#include <strings.h>

#include "aws_internal.h"
#include "waybill/address.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/* Access keys from the container credential endpoint (ECS, EKS) or from the
 * instance metadata service. Only IMDSv2 is used: version 1 is open to
 * server-side request forgery. */

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
static void read_keys(struct aws_call *call, const char *name,
                      const struct http_response *response)
{
    const struct cloud_service service = {call->network, name, &call->sent};
    struct json *json = NULL;
    struct error err;
    int result = cloud_read(&service, response, &json, &err);

    if (result == 0) {
        result = aws_keys_set(&call->keys, name,
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

static void send_request(struct aws_call *call, const char *method,
                         const char *header, bool local, http_done_fn *done)
{
    const char *const headers[] = {header, NULL};

    call->transfer = cloud_start(call->network,
                                 &(struct cloud_request){.method = method,
                                                         .url = call->url.data,
                                                         .headers = headers,
                                                         .local = local},
                                 done, call);
}

/* --- a container ------------------------------------------------------------
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
        read_keys(call, CONTAINER_SERVICE, response);
    }
}

/* As in the AWS SDKs, plain HTTP is accepted only for loopback and for AWS's
 * link-local addresses, where no third party can intercept it. */
static int check_container(const char *url, bool *ret_local, struct error *err)
{
    static const char *const link_local_hosts[] = {
        "169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    struct url parsed;
    bool local;
    bool https;

    if (url_parse(url, NULL, &parsed, err) < 0) {
        return error_prefix(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    }
    local = host_classify(parsed.host) == ADDRESS_LOOPBACK;
    for (size_t i = 0; i < ARRAY_SIZE(link_local_hosts); i++) {
        local = local || strcmp(parsed.host, link_local_hosts[i]) == 0;
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

/* The value becomes a header. The file is read for every request, because it is
 * replaced when the token is rotated. */
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
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN contains "
                             "characters that a token may not have");
        }
    }
    if (value != NULL && *value != '\0') {
        /* Skip the authentication scheme, if there is one. */
        const char *blank = strrchr(value, ' ');

        secret_set_add(&call->sent, blank != NULL ? blank + 1 : value);
        str_printf(&call->token.text, "Authorization: %s", value);
    }
    return 0;
}

static void query_container(struct aws_call *call, const char *relative,
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
    send_request(call, "GET",
                 call->token.text.len > 0 ? call->token.text.data : NULL, local,
                 on_container);
}

/* --- an instance ------------------------------------------------------------
 */

#define IMDS_SERVICE "the instance's metadata service"
#define NONE_CONFIGURED                                                        \
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
        read_keys(call, IMDS_SERVICE, response);
    }
}

static void append_imds_base(struct str *out)
{
    const char *configured =
        cloud_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = cloud_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    bool ipv6 = mode != NULL && strcasecmp(mode, "IPv6") == 0;

    str_clear(out);
    cloud_append_url(out,
                     configured ? configured
                     : ipv6     ? IMDS_IPV6
                                : IMDS,
                     "");
}

/* The response is a single line with the role's name, whose characters need no
 * URL escaping. */
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
    const struct cloud_service service = {call->network, IMDS_SERVICE,
                                          &call->sent};
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        fail(call, IMDS_SERVICE, err);
    } else if (response->status == 404) {
        aws_call_nothing(call, NONE_CONFIGURED "the instance has no role");
    } else if (response->status != 200) {
        cloud_error_fill(&service, response, NULL, NULL, &failure);
        aws_call_fail(call, &failure);
    } else if (append_imds_base(&call->url), str_append_text(&call->url, ROLES),
               !append_role(&call->url, response)) {
        error_fill(&failure, ERROR_AUTH, "%s names no role", IMDS_SERVICE);
        aws_call_fail(call, &failure);
    } else {
        send_request(call, "GET", call->token.text.data, true, on_role_keys);
    }
}

static void report_absent(struct aws_call *call, const struct error *err)
{
    if (call->is_explicit || err->kind == ERROR_UNAVAILABLE) {
        aws_call_fail(call, err);
        return;
    }
    /* Inside a container the response is lost if the instance's hop limit is 1.
     */
    aws_call_nothing(call, NONE_CONFIGURED
                     "no metadata service (in a container on EC2 its hop limit "
                     "must be 2)");
}

static void on_session(void *payload, const struct http_response *response,
                       const struct error *err)
{
    struct aws_call *call = payload;
    const struct cloud_service service = {call->network, IMDS_SERVICE,
                                          &call->sent};
    const char *token;
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", IMDS_SERVICE);
        report_absent(call, &failure);
        return;
    }
    token = response->body.data;
    if (http_status_is_temporary(response->status)) {
        cloud_error_fill(&service, response, NULL, NULL, &failure);
        aws_call_fail(call, &failure);
    } else if (response->status != 200) {
        /* Other clouds use the same address for their metadata service. */
        cloud_error_fill(&service, response, NULL, NULL, &failure);
        report_absent(call, &failure);
    } else if (*token == '\0' || !http_value_is_plain(token)) {
        error_fill(&failure, ERROR_AUTH, "%s answers with no token",
                   IMDS_SERVICE);
        report_absent(call, &failure);
    } else {
        secret_set_add(&call->sent, token);
        str_clear(&call->token.text);
        str_printf(&call->token.text, "X-aws-ec2-metadata-token: %s", token);
        append_imds_base(&call->url);
        str_append_text(&call->url, ROLES);
        send_request(call, "GET", call->token.text.data, true, on_role);
    }
}

static void query_instance(struct aws_call *call)
{
    call->is_explicit =
        cloud_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") != NULL;
    if (cloud_variable_is_true("AWS_EC2_METADATA_DISABLED")) {
        aws_call_nothing(call,
                         NONE_CONFIGURED "AWS_EC2_METADATA_DISABLED is set");
        return;
    }
    append_imds_base(&call->url);
    str_append_text(&call->url, "/latest/api/token");
    send_request(call, "PUT", "X-aws-ec2-metadata-token-ttl-seconds: 21600",
                 true, on_session);
}

void aws_query_machine_keys(struct aws_call *call)
{
    const char *relative =
        cloud_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = cloud_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (relative != NULL || full != NULL) {
        query_container(call, relative, full);
    } else {
        query_instance(call);
    }
}
