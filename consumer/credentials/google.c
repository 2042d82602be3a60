#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "google_key.h"
#include "waybill/alloc.h"
#include "waybill/url.h"

/*
 * Google Cloud: with a key file an assertion is signed, which the token service
 * exchanges for a token; otherwise the metadata server of the machine is
 * queried.
 *
 *     path, GOOGLE_APPLICATION_CREDENTIALS, gcloud's own file -> token service
 *     none of them                                            -> metadata
 *
 * `endpoint` overrides the service that is queried: the URL to which the form
 * is sent, in place of the file's token_uri (which remains the assertion's
 * audience), or the base URL of the metadata server.
 */

#define USERNAME "oauth2accesstoken"
#define METADATA "http://metadata.google.internal"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/"
/* A token is renewed after this part of its lifetime; the metadata server
 * returns the same token until its last minutes. */
#define RENEW_PER_CENT 75

struct google {
    struct source_job *job;
    struct http_transfer *transfer;
    bool by_metadata;
    /* its address is configured, so its absence is an error */
    bool is_explicit;
    struct google_key key;
    struct str path; /* the key file; empty: none */
    struct file_stamp stamp;
    struct str url;
    struct secret form;
    struct secret_set sent;
};

static void google_free(struct google *google)
{
    google_key_release(&google->key);
    str_release(&google->path);
    str_release(&google->url);
    secret_release(&google->form);
    secret_set_release(&google->sent);
    mem_free(google);
}

static void fail(struct google *google, const struct error *err)
{
    source_failed(google->job, err);
    google_free(google);
}

/* --- responses --------------------------------------------------------------
 */

static void complete_with_token(struct google *google, const char *token,
                                double seconds)
{
    const struct credential_source *spec = google->job->spec;
    struct credential credential = {0};
    struct error err;

    if (credential_bind(&credential, spec->binding, token, &err) < 0) {
        credential_release(&credential);
        fail(google, &err);
        return;
    }
    if (secret_text(&credential.password) != NULL &&
        spec->token_type == GOOGLE_ACCESS) {
        mem_free(credential.username);
        credential.username = mem_strdup(USERNAME);
    }
    cloud_set_lifetime(&credential, seconds, RENEW_PER_CENT);
    if (google->path.len > 0) {
        credential.file = mem_strdup(google->path.data);
        credential.stamp = google->stamp;
    }
    source_found(google->job, &credential);
    google_free(google);
}

static const char *service_of(const struct google *google)
{
    return google->by_metadata ? "Google's metadata server"
                               : "Google's token service";
}

/* {"access_token":"...","expires_in":3599,"token_type":"Bearer"} or
 * {"id_token":"..."} */
static int read_answer(struct google *google,
                       const struct http_response *response, struct str *out,
                       double *ret_seconds, struct error *err)
{
    const struct network *network = google->job->network;
    bool is_id = google->job->spec->token_type == GOOGLE_ID;
    const struct cloud_service service = {network, service_of(google),
                                          &google->sent};
    struct json *json;
    const char *token;
    int result;

    if (cloud_read(&service, response, &json, err) < 0) {
        return -1;
    }
    result = cloud_token(service.name, json,
                         is_id ? "id_token" : "access_token", &token, err);
    if (result == 0) {
        str_append_text(out, token);
        if (is_id) {
            *ret_seconds =
                cloud_jwt_seconds(network, token, GOOGLE_JWT_SECONDS);
        } else {
            json_number(json_member(json, "expires_in"), ret_seconds);
        }
    }
    json_free(json);
    return result;
}

/* The metadata server returns an id token as plain text. */
static int read_identity(struct google *google,
                         const struct http_response *response, struct str *out,
                         double *ret_seconds, struct error *err)
{
    const struct network *network = google->job->network;
    const char *token = response->body.data;

    if (*token == '\0' || strlen(token) != response->body.len ||
        !http_value_is_plain(token)) {
        return error_set(err, ERROR_AUTH, "%s answers with no token",
                         service_of(google));
    }
    *ret_seconds = cloud_jwt_seconds(network, token, GOOGLE_JWT_SECONDS);
    str_append_text(out, token);
    return 0;
}

static void read_token_response(struct google *google,
                                const struct http_response *response)
{
    bool plain = google->by_metadata &&
                 google->job->spec->token_type == GOOGLE_ID &&
                 response->status == 200;
    CLEANUP(secret_release) struct secret token = SECRET_INIT(STR_UNLIMITED);
    double seconds = GOOGLE_JWT_SECONDS;
    struct error err;

    if ((plain ? read_identity : read_answer)(google, response, &token.text,
                                              &seconds, &err) < 0) {
        fail(google, &err);
    } else {
        complete_with_token(google, token.text.data, seconds);
    }
}

static void on_token(void *payload, const struct http_response *response,
                     const struct error *err)
{
    struct google *google = payload;
    struct error failure;

    if (err != NULL) {
        failure = *err;
        error_prepend(&failure, "%s", service_of(google));
        fail(google, &failure);
        return;
    }
    read_token_response(google, response);
}

/* --- the metadata server ----------------------------------------------------
 */

static void report_absent(struct google *google, const char *why,
                          const struct error *cause)
{
    struct error err = *cause;

    if (google->is_explicit) {
        error_prepend(&err, "%s", service_of(google));
        fail(google, &err);
        return;
    }
    source_nothing(google->job, "no service account file, and %s", why);
    google_free(google);
}

/* Only the metadata server sends this header. Others may respond in its place:
 * a captive portal, or a DNS server that resolves every name. */
static bool is_metadata_server(const struct http_response *response)
{
    CLEANUP(str_release) struct str flavor = STR_INIT(64);

    return http_header(response, "Metadata-Flavor", 0, &flavor) &&
           strcmp(flavor.data, "Google") == 0;
}

static void on_metadata(void *payload, const struct http_response *response,
                        const struct error *err)
{
    struct google *google = payload;
    struct error failure;

    if (err != NULL && err->kind == ERROR_UNREACHABLE) {
        report_absent(google, "no metadata server", err);
    } else if (err == NULL && !is_metadata_server(response)) {
        error_fill(&failure, ERROR_AUTH,
                   "the answer is not from Google's metadata server");
        report_absent(
            google,
            "another service answers at the address of the metadata server",
            &failure);
    } else {
        on_token(payload, response, err);
    }
}

static void append_metadata_url(struct google *google)
{
    const struct credential_source *spec = google->job->spec;
    const char *host = cloud_variable("GCE_METADATA_HOST");
    CLEANUP(str_release) struct str base = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str scopes = STR_INIT(STR_UNLIMITED);

    google->is_explicit = spec->endpoint != NULL || host != NULL;
    if (spec->endpoint != NULL) {
        str_append_text(&base, spec->endpoint);
    } else if (host != NULL) {
        str_printf(&base, "http://%s", host);
    } else {
        str_append_text(&base, METADATA);
    }
    cloud_append_url(&google->url, base.data, METADATA_PATH);
    if (spec->token_type == GOOGLE_ID) {
        str_append_text(&google->url, "identity?format=full&audience=");
        url_append_escaped(&google->url, spec->audience);
        return;
    }
    str_append_text(&google->url, "token");
    if (spec->scopes.count > 0) {
        google_append_scopes(&scopes, spec, ",");
        str_append_text(&google->url, "?scopes=");
        url_append_escaped(&google->url, scopes.data);
    }
}

static void query_metadata(struct google *google)
{
    static const char *const headers[] = {"Metadata-Flavor: Google", NULL};
    struct error err;

    google->by_metadata = true;
    if (google->job->spec->token_type == GOOGLE_JWT) {
        error_fill(&err, ERROR_CONFIG,
                   "a token of type jwt is signed with a service account's "
                   "key, and there is no such file");
        fail(google, &err);
        return;
    }
    /* As in Google's client libraries */
    if (cloud_variable_is_true("NO_GCE_CHECK")) {
        source_nothing(google->job,
                       "no service account file, and NO_GCE_CHECK disables the "
                       "search for a metadata server");
        google_free(google);
        return;
    }
    append_metadata_url(google);
    google->transfer =
        cloud_start(google->job->network,
                    &(struct cloud_request){.method = "GET",
                                            .url = google->url.data,
                                            .headers = headers,
                                            .local = true},
                    on_metadata, google);
}

/* --- with a key file --------------------------------------------------------
 */

static void query_token_service(struct google *google)
{
    static const char *const headers[] = {
        "Content-Type: application/x-www-form-urlencoded", NULL};
    const char *endpoint = google->job->spec->endpoint;

    google->transfer = cloud_start(
        google->job->network,
        &(struct cloud_request){.method = "POST",
                                .url = endpoint != NULL ? endpoint
                                                        : google->key.token_uri,
                                .headers = headers,
                                .body = str_bytes(&google->form.text)},
        on_token, google);
}

static void use_key(struct google *google)
{
    const struct credential_source *spec = google->job->spec;
    CLEANUP(secret_release) struct secret token = SECRET_INIT(STR_UNLIMITED);
    int64_t now_s = cloud_wall_s(google->job->network);
    struct error err;

    if (google->key.is_user && spec->token_type != GOOGLE_ACCESS) {
        error_fill(&err, ERROR_CONFIG,
                   "'%s' belongs to a user, who has access tokens only: use a "
                   "service account's key",
                   google->path.data);
        fail(google, &err);
    } else if (spec->token_type == GOOGLE_JWT) {
        if (google_key_jwt(&google->key, spec, now_s, &token.text, &err) < 0) {
            error_prepend(&err, "'%s'", google->path.data);
            fail(google, &err);
            return;
        }
        complete_with_token(google, token.text.data, GOOGLE_JWT_SECONDS);
    } else if (google_key_form(&google->key, spec, now_s, &google->form.text,
                               &google->sent, &err) < 0) {
        error_prepend(&err, "'%s'", google->path.data);
        fail(google, &err);
    } else {
        query_token_service(google);
    }
}

/* The file that `gcloud auth application-default login` writes */
static void append_gcloud_path(struct str *out)
{
    const char *directory = cloud_variable("CLOUDSDK_CONFIG");
    const char *home = cloud_variable("HOME");

    if (directory != NULL) {
        str_append_text(out, directory);
    } else if (home != NULL) {
        str_printf(out, "%s/.config/gcloud", home);
    }
    if (out->len > 0) {
        str_append_text(out, "/application_default_credentials.json");
    }
}

/* Returns true if google->path names a file that has to be read; a file that is
 * named explicitly must exist. */
static bool find_file(struct google *google)
{
    const char *explicit_path = google->job->spec->path;

    explicit_path = explicit_path
                        ? explicit_path
                        : cloud_variable("GOOGLE_APPLICATION_CREDENTIALS");
    if (explicit_path != NULL) {
        str_append_text(&google->path, explicit_path);
        return true;
    }
    append_gcloud_path(&google->path);
    if (file_stamp_of(google->path.data, &google->stamp)) {
        return true;
    }
    str_clear(&google->path);
    return false;
}

static int read_file(struct google *google, struct error *err)
{
    CLEANUP(secret_release)
    struct secret text = SECRET_INIT(LIMIT_SECRET_FILE);

    if (secret_file_read(google->path.data, &text.text, &google->stamp, err) <
        0) {
        return -1;
    }
    if (google_key_parse(text.text.data, text.text.len, &google->key, err) <
        0) {
        return error_prefix(err, "'%s'", google->path.data);
    }
    return 0;
}

static void start(struct source_job *job)
{
    struct google *google = mem_zalloc(sizeof(*google));
    struct error err;

    google->job = job;
    job->state = google;
    str_init(&google->path, STR_UNLIMITED);
    str_init(&google->url, STR_UNLIMITED);
    secret_init(&google->form, STR_UNLIMITED);
    if (job->spec->token_type == GOOGLE_ID && job->spec->audience == NULL) {
        error_fill(&err, ERROR_CONFIG, "token_type id needs an 'audience'");
        fail(google, &err);
    } else if (!find_file(google)) {
        query_metadata(google);
    } else if (read_file(google, &err) < 0) {
        fail(google, &err);
    } else {
        use_key(google);
    }
}

static void cancel(struct source_job *job)
{
    struct google *google = job->state;

    http_cancel(google->transfer);
    google_free(google);
}

const struct source_class google_source = {
    .name = "google",
    .accepted_keys = KEY_BINDING | KEY_PATH | KEY_TOKEN_TYPE | KEY_SCOPES |
                     KEY_AUDIENCE | KEY_ENDPOINT,
    .start = start,
    .cancel = cancel,
};
