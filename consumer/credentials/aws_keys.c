#include <string.h>

#include "aws_internal.h"
#include "waybill/alloc.h"

/*
 * The sources of access keys, in the order of the AWS SDKs:
 *
 *     environment, web identity (STS), shared file, container, instance
 *
 * A source that the configuration selects is used exclusively: `role_arn`
 * selects the web identity, `profile` and `path` select the shared file.
 */

/* --- web identity -----------------------------------------------------------
 */

static void fail_with_sts_response(struct aws_call *call,
                                   const struct http_response *response)
{
    static const char *const code_path[] = {"ErrorResponse", "Error", "Code",
                                            NULL};
    static const char *const message_path[] = {"ErrorResponse", "Error",
                                               "Message", NULL};
    CLEANUP(str_release) struct str code = STR_INIT(LIMIT_TOKEN);
    CLEANUP(str_release) struct str message = STR_INIT(LIMIT_TOKEN);
    const struct cloud_service service = {call->network, "STS", &call->sent};
    const char *xml = response->body.data;
    bool has_code = aws_xml_text(xml, code_path, &code);
    bool has_message = aws_xml_text(xml, message_path, &message);
    struct error err;

    cloud_error_fill(&service, response, has_code ? code.data : NULL,
                     has_message ? message.data : NULL, &err);
    aws_call_fail(call, &err);
}

static bool read_member(const char *xml, const char *name, struct str *out)
{
    const char *const path[] = {"AssumeRoleWithWebIdentityResponse",
                                "AssumeRoleWithWebIdentityResult",
                                "Credentials", name, NULL};

    return aws_xml_text(xml, path, out);
}

static void read_sts_response(struct aws_call *call,
                              const struct http_response *response)
{
    CLEANUP(str_release) struct str id = STR_INIT(LIMIT_TOKEN);
    CLEANUP(secret_release) struct secret secret = SECRET_INIT(LIMIT_TOKEN);
    CLEANUP(secret_release) struct secret session = SECRET_INIT(LIMIT_TOKEN);
    const char *xml = response->body.data;
    struct error err;

    if (strlen(xml) != response->body.len ||
        !read_member(xml, "AccessKeyId", &id) ||
        !read_member(xml, "SecretAccessKey", &secret.text) ||
        !read_member(xml, "SessionToken", &session.text)) {
        error_fill(&err, ERROR_AUTH, "STS answers without credentials");
        aws_call_fail(call, &err);
    } else if (aws_keys_set(&call->keys, "STS", id.data, secret.text.data,
                            session.text.data, &err) < 0) {
        aws_call_fail(call, &err);
    } else {
        aws_call_ready(call);
    }
}

static void on_sts_response(void *payload, const struct http_response *response,
                            const struct error *err)
{
    struct aws_call *call = payload;
    struct error failure;

    call->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "STS");
        aws_call_fail(call, &failure);
    } else if (response->status != 200) {
        fail_with_sts_response(call, response);
    } else {
        read_sts_response(call, response);
    }
}

/* The file is read for every request: its token expires after an hour, and
 * Kubernetes replaces it before. */
static void request_sts(struct aws_call *call, const char *role,
                        const char *path)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded", NULL};
    CLEANUP(secret_release)
    struct secret token = SECRET_INIT(LIMIT_SECRET_FILE);
    const char *session = cloud_variable("AWS_ROLE_SESSION_NAME");
    struct str *form;
    struct error err;

    if (secret_file_read(path, &token.text, NULL, &err) < 0) {
        error_prepend(&err, "web identity");
        aws_call_fail(call, &err);
        return;
    }
    form = &call->token.text;
    str_clear(form);
    cloud_append_form(form, "Action", "AssumeRoleWithWebIdentity");
    cloud_append_form(form, "Version", "2011-06-15");
    cloud_append_form(form, "RoleArn", role);
    cloud_append_form(form, "RoleSessionName",
                      session != NULL ? session : "waybill");
    cloud_append_secret(form, &call->sent, "WebIdentityToken", token.text.data);
    cloud_append_url(&call->url, call->host.sts, "/");
    call->transfer =
        cloud_start(call->network,
                    &(struct cloud_request){.method = "POST",
                                            .url = call->url.data,
                                            .headers = headers,
                                            .body = str_bytes(form)},
                    on_sts_response, call);
}

static void use_web_identity(struct aws_call *call)
{
    const char *role = call->spec->role_arn;
    const char *path = cloud_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    struct error err;

    role = role ? role : cloud_variable("AWS_ROLE_ARN");
    if (role == NULL || path == NULL) {
        error_fill(&err, ERROR_CONFIG,
                   "web identity: %s is not set, but the role requires it",
                   path == NULL ? "AWS_WEB_IDENTITY_TOKEN_FILE"
                                : "AWS_ROLE_ARN");
        aws_call_fail(call, &err);
    } else {
        request_sts(call, role, path);
    }
}

/* --- the shared file --------------------------------------------------------
 */

static void append_path(struct str *out, const struct aws_call *call)
{
    const char *path = call->spec->path;
    const char *home = cloud_variable("HOME");

    path = path ? path : cloud_variable("AWS_SHARED_CREDENTIALS_FILE");
    if (path != NULL) {
        str_append_text(out, path);
    } else if (home != NULL) {
        str_printf(out, "%s/.aws/credentials", home);
    }
}

static enum aws_profile read_file(struct aws_call *call, const char *path,
                                  const char *profile, struct error *err)
{
    CLEANUP(secret_release)
    struct secret text = SECRET_INIT(LIMIT_SECRET_FILE);
    struct file_stamp stamp;
    enum aws_profile result;

    if (!file_stamp_of(path, &stamp)) {
        return AWS_PROFILE_ABSENT;
    }
    if (secret_file_read(path, &text.text, &stamp, err) < 0) {
        return AWS_PROFILE_FAULTY;
    }
    result = aws_profile_read(text.text.data, profile, &call->keys, err);
    if (result == AWS_PROFILE_FAULTY) {
        error_prepend(err, "'%s'", path);
    } else if (result == AWS_PROFILE_FOUND) {
        call->keys.file = mem_strdup(path);
        call->keys.stamp = stamp;
    }
    return result;
}

/* Returns false if the profile does not exist and was not requested explicitly.
 */
static bool use_file(struct aws_call *call)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    const char *explicit_profile = call->spec->profile;
    const char *profile;
    struct error err;
    enum aws_profile result;

    explicit_profile =
        explicit_profile ? explicit_profile : cloud_variable("AWS_PROFILE");
    profile = explicit_profile ? explicit_profile : "default";
    append_path(&path, call);
    result = read_file(call, path.data, profile, &err);
    if (result == AWS_PROFILE_FOUND) {
        aws_call_ready(call);
        return true;
    }
    if (result == AWS_PROFILE_ABSENT) {
        if (explicit_profile == NULL && call->spec->path == NULL) {
            return false;
        }
        error_fill(&err, ERROR_CONFIG, "there is no profile '%s' in '%s'",
                   profile, path.data);
    }
    aws_call_fail(call, &err);
    return true;
}

/* --- precedence -------------------------------------------------------------
 */

static void use_environment(struct aws_call *call)
{
    struct error err;

    if (aws_keys_set(&call->keys, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
                     cloud_variable("AWS_ACCESS_KEY_ID"),
                     cloud_variable("AWS_SECRET_ACCESS_KEY"),
                     cloud_variable("AWS_SESSION_TOKEN"), &err) < 0) {
        aws_call_fail(call, &err);
    } else {
        aws_call_ready(call);
    }
}

static void find_keys(struct aws_call *call)
{
    const struct credential_source *spec = call->spec;
    bool by_role = spec->role_arn != NULL;

    if (!by_role && (spec->profile != NULL || spec->path != NULL)) {
        use_file(call);
    } else if (!by_role && (cloud_variable("AWS_ACCESS_KEY_ID") != NULL ||
                            cloud_variable("AWS_SECRET_ACCESS_KEY") != NULL)) {
        use_environment(call);
    } else if (by_role ||
               cloud_variable("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL) {
        use_web_identity(call);
    } else if (!use_file(call)) {
        aws_query_machine_keys(call);
    }
}

void aws_call_start(struct aws_call *call, const char *registry)
{
    struct error err;

    if (aws_host_resolve(registry, call->spec, &call->host, &err) < 0) {
        aws_call_fail(call, &err);
    } else {
        find_keys(call);
    }
}
