#include <stdlib.h>
#include <string.h>

#include "azure_internal.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/*
 * The identity that Waybill presents to Azure, in the order of the Azure SDKs:
 *
 *     AZURE_CLIENT_SECRET          a service principal's client secret
 *     AZURE_FEDERATED_TOKEN_FILE   a Kubernetes token, exchanged for a service
 *                                  principal's (workload identity)
 *     IDENTITY_ENDPOINT            the managed identity of an App Service
 *     169.254.169.254              the managed identity of a virtual machine
 */

#define IMDS "http://169.254.169.254"
#define IMDS_PATH "/metadata/identity/oauth2/token?api-version=2018-02-01"
#define MANAGED_IDENTITY "the managed identity's endpoint"

void azure_identity_init(struct azure_identity *identity,
                         const struct network *network,
                         const struct credential_source *spec,
                         const struct azure_cloud *cloud,
                         azure_identity_fn *done, void *payload)
{
    *identity = (struct azure_identity){
        .network = network,
        .spec = spec,
        .cloud = cloud,
        .done = done,
        .payload = payload,
        .tenant =
            spec->tenant ? spec->tenant : cloud_variable("AZURE_TENANT_ID"),
        .client_id = spec->client_id ? spec->client_id
                                     : cloud_variable("AZURE_CLIENT_ID"),
    };
    str_init(&identity->url, STR_UNLIMITED);
    secret_init(&identity->secret, STR_UNLIMITED);
}

void azure_identity_release(struct azure_identity *identity)
{
    if (identity->transfer != NULL) {
        http_cancel(identity->transfer);
    }
    str_release(&identity->url);
    secret_release(&identity->secret);
    secret_set_release(&identity->sent);
}

static const char directory[] = "Entra ID";

static void fail(struct azure_identity *identity, const struct error *err)
{
    identity->done(identity->payload, NULL, err);
}

static void report_absent(struct azure_identity *identity, const char *why,
                          const struct error *err)
{
    if (identity->is_explicit || err->kind == ERROR_UNAVAILABLE) {
        fail(identity, err);
        return;
    }
    identity->reason = why;
    identity->done(identity->payload, NULL, NULL);
}

/* {"access_token":"...","expires_in":"3599",...}; the lifetime is irrelevant,
 * because the token is exchanged at once. */
static void read_response(struct azure_identity *identity,
                          const struct http_response *response)
{
    const struct cloud_service service = {identity->network, identity->service,
                                          &identity->sent};
    struct json *json = NULL;
    const char *token = NULL;
    struct error err;

    if (cloud_read(&service, response, &json, &err) < 0 ||
        cloud_token(service.name, json, "access_token", &token, &err) < 0) {
        json_free(json);
        fail(identity, &err);
        return;
    }
    identity->done(identity->payload, token, NULL);
    json_free(json);
}

/* --- a service principal ----------------------------------------------------
 */

static void on_directory(void *payload, const struct http_response *response,
                         const struct error *err)
{
    struct azure_identity *identity = payload;
    struct error failure;

    identity->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", identity->service);
        fail(identity, &failure);
    } else {
        read_response(identity, response);
    }
}

/* The tenant becomes a path segment of the URL. It is a domain name or a GUID.
 */
static bool is_tenant(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789.-");

    return len > 0 && text[len] == '\0' && text[0] != '.';
}

static int check_application(const struct azure_identity *identity,
                             const char *authority, struct error *err)
{
    if (identity->tenant == NULL || !is_tenant(identity->tenant)) {
        return error_set(err, ERROR_CONFIG,
                         "set AZURE_TENANT_ID, or 'tenant', to the directory "
                         "of the application");
    }
    if (identity->client_id == NULL) {
        return error_set(err, ERROR_CONFIG,
                         "set AZURE_CLIENT_ID, or 'client_id', to the "
                         "application");
    }
    return cloud_check_url("AZURE_AUTHORITY_HOST", authority, err);
}

static int append_client_credential(struct azure_identity *identity,
                                    struct error *err)
{
    const char *secret = cloud_variable("AZURE_CLIENT_SECRET");
    const char *path = cloud_variable("AZURE_FEDERATED_TOKEN_FILE");
    CLEANUP(secret_release)
    struct secret token = SECRET_INIT(LIMIT_SECRET_FILE);
    struct str *form = &identity->secret.text;

    if (secret != NULL) {
        cloud_append_secret(form, &identity->sent, "client_secret", secret);
        return 0;
    }
    /* Read for every request, because Kubernetes replaces it. */
    if (secret_file_read(path, &token.text, NULL, err) < 0) {
        return error_prefix(err, "federated token");
    }
    cloud_append_form(form, "client_assertion_type",
                      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    cloud_append_secret(form, &identity->sent, "client_assertion",
                        token.text.data);
    return 0;
}

static void query_directory(struct azure_identity *identity)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded", NULL};
    CLEANUP(str_release) struct str scope = STR_INIT(STR_UNLIMITED);
    const char *authority = cloud_variable("AZURE_AUTHORITY_HOST");
    struct error err;

    authority = authority ? authority : identity->cloud->authority;
    if (check_application(identity, authority, &err) < 0) {
        fail(identity, &err);
        return;
    }
    str_printf(&scope, "%s.default", identity->cloud->resource);
    cloud_append_form(&identity->secret.text, "grant_type",
                      "client_credentials");
    cloud_append_form(&identity->secret.text, "client_id", identity->client_id);
    cloud_append_form(&identity->secret.text, "scope", scope.data);
    if (append_client_credential(identity, &err) < 0) {
        fail(identity, &err);
        return;
    }
    cloud_append_url(&identity->url, authority, "/");
    str_printf(&identity->url, "%s/oauth2/v2.0/token", identity->tenant);
    identity->service = directory;
    identity->transfer = cloud_start(
        identity->network,
        &(struct cloud_request){.method = "POST",
                                .url = identity->url.data,
                                .headers = headers,
                                .body = str_bytes(&identity->secret.text)},
        on_directory, identity);
}

/* --- a managed identity -----------------------------------------------------
 */

#define NONE_CONFIGURED                                                        \
    "no AZURE_CLIENT_SECRET, no AZURE_FEDERATED_TOKEN_FILE, and "

static void on_machine(void *payload, const struct http_response *response,
                       const struct error *err)
{
    struct azure_identity *identity = payload;
    struct json *json = NULL;
    struct error failure;

    identity->transfer = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", identity->service);
        report_absent(identity,
                      NONE_CONFIGURED "no managed identity's endpoint",
                      &failure);
        return;
    }
    /* Other clouds have a metadata service at the same address, which does not
     * respond with JSON to this path. */
    if (!http_status_is_temporary(response->status) &&
        json_parse_secret(response->body.data, response->body.len, &json,
                          &failure) < 0) {
        error_fill(&failure, ERROR_AUTH,
                   "%s does not answer like that of Azure", identity->service);
        report_absent(identity,
                      NONE_CONFIGURED
                      "the service at its endpoint is not that of Azure",
                      &failure);
        return;
    }
    json_free(json);
    read_response(identity, response);
}

static void query_endpoint(struct azure_identity *identity, const char *header)
{
    const char *const headers[] = {header, NULL};

    str_append_text(&identity->url, "&resource=");
    url_append_escaped(&identity->url, identity->cloud->resource);
    if (identity->client_id != NULL) {
        str_append_text(&identity->url, "&client_id=");
        url_append_escaped(&identity->url, identity->client_id);
    }
    identity->service = MANAGED_IDENTITY;
    identity->transfer =
        cloud_start(identity->network,
                    &(struct cloud_request){.method = "GET",
                                            .url = identity->url.data,
                                            .headers = headers,
                                            .local = true},
                    on_machine, identity);
}

static void query_app_service(struct azure_identity *identity,
                              const char *endpoint, const char *header)
{
    struct error err;

    if (!http_value_is_plain(header)) {
        error_fill(
            &err, ERROR_AUTH,
            "IDENTITY_HEADER contains characters that a token may not have");
        fail(identity, &err);
        return;
    }
    identity->is_explicit = true;
    str_printf(&identity->url, "%s%sapi-version=2019-08-01", endpoint,
               strchr(endpoint, '?') != NULL ? "&" : "?");
    secret_set_add(&identity->sent, header);
    str_printf(&identity->secret.text, "X-IDENTITY-HEADER: %s", header);
    query_endpoint(identity, identity->secret.text.data);
}

static void query_managed_identity(struct azure_identity *identity)
{
    const char *endpoint = cloud_variable("IDENTITY_ENDPOINT");
    const char *header = cloud_variable("IDENTITY_HEADER");
    /* The variable that the Azure SDKs use for it (AAD pod identity) */
    const char *host = cloud_variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");

    if (endpoint != NULL && header != NULL) {
        query_app_service(identity, endpoint, header);
        return;
    }
    identity->is_explicit = host != NULL;
    cloud_append_url(&identity->url, host ? host : IMDS, IMDS_PATH);
    query_endpoint(identity, "Metadata: true");
}

void azure_identity_start(struct azure_identity *identity)
{
    if (cloud_variable("AZURE_CLIENT_SECRET") != NULL ||
        cloud_variable("AZURE_FEDERATED_TOKEN_FILE") != NULL) {
        query_directory(identity);
    } else {
        query_managed_identity(identity);
    }
}
