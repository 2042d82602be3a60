#include <string.h>

#include "azure_internal.h"
#include "waybill/alloc.h"

/*
 * Azure Container Registry: an access token of Entra ID is exchanged at the
 * registry's /oauth2/exchange for a refresh token, which the registry's token
 * server then accepts (Azure/acr, docs/AAD-OAuth.md).
 *
 * The Entra ID token authorizes more than a push. It is therefore sent only to
 * a host name of Azure, or to `endpoint`, which overrides the registry's
 * address. AZURE_AUTHORITY_HOST overrides the directory,
 * AZURE_POD_IDENTITY_AUTHORITY_HOST the managed identity's endpoint.
 */

#define USERNAME "00000000-0000-0000-0000-000000000000"
/* The usual lifetime, for a token without `exp` */
#define LIFETIME_S (3.0 * 3600)
#define RENEW_PER_CENT 75

static const struct azure_cloud clouds[] = {
    {".azurecr.io", "https://login.microsoftonline.com",
     "https://management.azure.com/"},
    {".azurecr.cn", "https://login.chinacloudapi.cn",
     "https://management.chinacloudapi.cn/"},
    {".azurecr.us", "https://login.microsoftonline.us",
     "https://management.usgovcloudapi.net/"},
};

/* Selects the cloud by the registry's host name. *ret_known is false if that is
 * not a host name of Azure. */
static const struct azure_cloud *cloud_of(const char *registry, bool *ret_known)
{
    size_t len = strcspn(registry, ":");

    for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
        size_t suffix_len = strlen(clouds[i].suffix);

        if (len > suffix_len && strncmp(registry + len - suffix_len,
                                        clouds[i].suffix, suffix_len) == 0) {
            *ret_known = true;
            return &clouds[i];
        }
    }
    *ret_known = false;
    return &clouds[0];
}

struct azure {
    struct source_job *job;
    struct azure_identity identity;
    struct http_transfer *exchange;
    struct str url;
    struct secret form;
    struct secret_set sent;
};

static void azure_free(struct azure *azure)
{
    azure_identity_release(&azure->identity);
    if (azure->exchange != NULL) {
        http_cancel(azure->exchange);
    }
    str_release(&azure->url);
    secret_release(&azure->form);
    secret_set_release(&azure->sent);
    mem_free(azure);
}

static void fail(struct azure *azure, const struct error *err)
{
    source_failed(azure->job, err);
    azure_free(azure);
}

static void read_response(struct azure *azure, const struct json *json)
{
    const struct network *network = azure->job->network;
    struct credential credential = {0};
    const char *token;
    struct error err;

    if (cloud_token("the registry", json, "refresh_token", &token, &err) < 0) {
        fail(azure, &err);
        return;
    }
    credential.username = mem_strdup(USERNAME);
    secret_assign(&credential.identity_token, token);
    cloud_set_lifetime(&credential,
                       cloud_jwt_seconds(network, token, LIFETIME_S),
                       RENEW_PER_CENT);
    source_found(azure->job, &credential);
    azure_free(azure);
}

static void on_exchanged(void *payload, const struct http_response *response,
                         const struct error *err)
{
    struct azure *azure = payload;
    const struct cloud_service service = {
        azure->job->network, "the registry's token exchange", &azure->sent};
    struct error failure;
    struct json *json;

    azure->exchange = NULL;
    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", service.name);
        fail(azure, &failure);
    } else if (cloud_read(&service, response, &json, &failure) < 0) {
        fail(azure, &failure);
    } else {
        read_response(azure, json);
        json_free(json);
    }
}

static void exchange(struct azure *azure, const char *token)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded", NULL};
    const char *registry = azure->job->registry;
    const char *endpoint = azure->job->spec->endpoint;
    struct str *form = &azure->form.text;

    cloud_append_form(form, "grant_type", "access_token");
    cloud_append_form(form, "service", registry);
    if (azure->identity.tenant != NULL) {
        cloud_append_form(form, "tenant", azure->identity.tenant);
    }
    cloud_append_secret(form, &azure->sent, "access_token", token);
    if (endpoint == NULL) {
        str_append_text(&azure->url, "https://");
    }
    cloud_append_url(&azure->url, endpoint ? endpoint : registry,
                     "/oauth2/exchange");
    azure->exchange =
        cloud_start(azure->job->network,
                    &(struct cloud_request){.method = "POST",
                                            .url = azure->url.data,
                                            .headers = headers,
                                            .body = str_bytes(form)},
                    on_exchanged, azure);
}

static void on_identity(void *payload, const char *token,
                        const struct error *err)
{
    struct azure *azure = payload;

    if (err != NULL) {
        fail(azure, err);
    } else if (token == NULL) {
        source_nothing(azure->job, "%s", azure->identity.reason);
        azure_free(azure);
    } else {
        exchange(azure, token);
    }
}

static void start(struct source_job *job)
{
    struct azure *azure = mem_zalloc(sizeof(*azure));
    bool known;
    const struct azure_cloud *cloud = cloud_of(job->registry, &known);
    struct error err;

    azure->job = job;
    job->state = azure;
    str_init(&azure->url, STR_UNLIMITED);
    secret_init(&azure->form, STR_UNLIMITED);
    azure_identity_init(&azure->identity, job->network, job->spec, cloud,
                        on_identity, azure);
    if (!known && job->spec->endpoint == NULL) {
        error_fill(&err, ERROR_CONFIG,
                   "'%s' is not a host name of Azure: if it is a registry of "
                   "Azure, set 'endpoint' to its address",
                   job->registry);
        fail(azure, &err);
    } else {
        azure_identity_start(&azure->identity);
    }
}

static void cancel(struct source_job *job)
{
    azure_free(job->state);
}

const struct source_class azure_source = {
    .name = "azure",
    .accepted_keys = KEY_TENANT | KEY_CLIENT_ID | KEY_ENDPOINT,
    .start = start,
    .cancel = cancel,
};
