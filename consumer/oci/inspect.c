#include <string.h>

#include "errors.h"
#include "oci_internal.h"
#include "origin.h"
#include "request.h"
#include "token.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * A dry run of a push, which records the result of each step:
 *
 *      GET /v2/ -> authorization -> POST uploads -> DELETE the session
 */
struct oci_inspecting {
    struct oci_client *client;
    const struct oci_target *target;
    struct oci_inspection result;
    struct http_transfer *ping;
    struct oci_authorizing *authorizing;
    struct oci_request *request;
    struct task ending;
    oci_inspected_fn *done;
    void *payload;
};

const char *const oci_step_names[OCI_STEPS] = {
    [OCI_STEP_HOST] = "host",           [OCI_STEP_TLS] = "tls",
    [OCI_STEP_CHALLENGE] = "challenge", [OCI_STEP_CREDENTIALS] = "credentials",
    [OCI_STEP_TOKEN] = "token",         [OCI_STEP_UPLOAD] = "upload",
};

static void inspecting_free(struct oci_inspecting *inspecting)
{
    for (size_t i = 0; i < OCI_STEPS; i++) {
        str_release(&inspecting->result.steps[i].text);
    }
    mem_free(inspecting);
}

static void run_ending(void *payload)
{
    struct oci_inspecting *inspecting = payload;

    inspecting->done(inspecting->payload, &inspecting->result);
    inspecting_free(inspecting);
}

static void finish(struct oci_inspecting *inspecting)
{
    loop_defer(inspecting->client->network->loop, &inspecting->ending);
}

static struct str *step_passed(struct oci_inspecting *inspecting,
                               enum oci_step step)
{
    inspecting->result.steps[step].verdict = OCI_PASSED;
    return &inspecting->result.steps[step].text;
}

static struct str *step_warning(struct oci_inspecting *inspecting,
                                enum oci_step step)
{
    inspecting->result.steps[step].verdict = OCI_WARNING;
    return &inspecting->result.steps[step].text;
}

static bool is_anonymous(const struct oci_inspecting *inspecting)
{
    return credential_is_empty(keychain_last(inspecting->target->keychain));
}

/* What to change, unless the message already says so; else NULL. */
static const char *advice_for(const struct oci_inspecting *inspecting,
                              enum oci_step step, const struct error *err)
{
    if (step == OCI_STEP_HOST) {
        return "check host and port of repository, and the connection to it "
               "(DNS, proxy, firewall)";
    }
    if (step == OCI_STEP_CREDENTIALS) {
        return "check lookup_chain, or set username and password";
    }
    if (err->kind == ERROR_AUTH) {
        return is_anonymous(inspecting)
                   ? "set username and password, or a lookup_chain"
                   : "check username and password, and what they may do there";
    }
    if (err->kind == ERROR_NOT_FOUND) {
        return "check repository; its project or namespace may have to be "
               "created first";
    }
    return err->kind == ERROR_UNAVAILABLE ? "the registry itself has a problem"
                                          : NULL;
}

static void step_failed(struct oci_inspecting *inspecting, enum oci_step step,
                        const struct error *err)
{
    const char *advice = advice_for(inspecting, step, err);
    struct str *text = &inspecting->result.steps[step].text;

    inspecting->result.steps[step].verdict = OCI_FAILED;
    inspecting->result.steps[step].kind = err->kind;
    inspecting->result.steps[step].http_status = err->http_status;
    str_append_text(text, err->message);
    if (advice != NULL) {
        str_printf(text, " (remedy: %s)", advice);
    }
    finish(inspecting);
}

/* --- the upload ----------------------------------------------------------- */

/* The status of the DELETE does not matter: the registry expires the
 * session. */
static void on_cancelled(void *payload, const struct http_response *response,
                         const struct error *err)
{
    struct oci_inspecting *inspecting = payload;

    inspecting->request = NULL;
    if (response != NULL && response->status / 100 == 2) {
        str_append_text(step_passed(inspecting, OCI_STEP_UPLOAD),
                        "opened and cancelled");
    } else {
        str_append_text(
            step_passed(inspecting, OCI_STEP_UPLOAD),
            "opened (the registry cannot cancel it, and it expires by itself)");
    }
    finish(inspecting);
}

static void cancel_session(struct oci_inspecting *inspecting,
                           const struct url *location)
{
    struct oci_request_spec spec = {
        .what = "cancelling of the upload",
        .method = "DELETE",
        .url = location->text,
    };

    inspecting->request =
        oci_request_start(inspecting->client, inspecting->target, &spec,
                          on_cancelled, inspecting);
}

static int read_location(const struct http_response *response,
                         const struct url *base, struct url *ret_location,
                         struct error *err)
{
    CLEANUP(str_release) struct str location = STR_INIT(LIMIT_LOCATION);

    if (!http_header(response, "Location", 0, &location)) {
        return error_set(err, ERROR_REJECTED,
                         "upload: the answer has no Location");
    }
    return url_parse(location.data, base, ret_location, err);
}

static void on_opened(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct oci_inspecting *inspecting = payload;
    const struct oci_request *request = inspecting->request;
    struct error failure;
    struct url location;

    inspecting->request = NULL;
    if (response == NULL) {
        step_failed(inspecting, OCI_STEP_UPLOAD, err);
    } else if (response->status / 100 != 2) {
        oci_error_of(response, "upload", inspecting->target, inspecting->client,
                     oci_request_revealed(request), &failure);
        oci_request_explain(request, &failure);
        step_failed(inspecting, OCI_STEP_UPLOAD, &failure);
    } else if (read_location(response, oci_request_url(request), &location,
                             &failure) < 0) {
        step_failed(inspecting, OCI_STEP_UPLOAD, &failure);
    } else {
        cancel_session(inspecting, &location);
        url_release(&location);
    }
}

static void open_session(struct oci_inspecting *inspecting)
{
    CLEANUP(str_release) struct str url = STR_INIT(LIMIT_URL);
    struct oci_request_spec spec = {.what = "upload", .method = "POST"};

    str_printf(&url, "/v2/%s/blobs/uploads/", inspecting->target->path);
    spec.url = url.data;
    inspecting->request = oci_request_start(
        inspecting->client, inspecting->target, &spec, on_opened, inspecting);
}

/* --- the authorization ---------------------------------------------------- */

static void report_credentials(struct oci_inspecting *inspecting)
{
    const struct keychain *keychain = inspecting->target->keychain;
    const struct credential *credential = keychain_last(keychain);
    const char *report = keychain_report(keychain);

    if (!credential_is_empty(credential)) {
        str_printf(step_passed(inspecting, OCI_STEP_CREDENTIALS), "from %s%s%s",
                   credential->origin ? credential->origin : "the registration",
                   credential->username ? ", username " : "",
                   credential->username ? credential->username : "");
    } else {
        str_printf(step_warning(inspecting, OCI_STEP_CREDENTIALS),
                   "none, so requests are anonymous%s%s%s", *report ? " (" : "",
                   report, *report ? ")" : "");
    }
}

static void report_token(struct oci_inspecting *inspecting,
                         const struct oci_authorization *authorization)
{
    CLEANUP(str_release) struct str missing = STR_INIT(STR_UNLIMITED);
    bool reported;
    bool bearer = authorization->header != NULL &&
                  strncmp(authorization->header, "Bearer", 6) == 0;

    if (!bearer) {
        str_append_text(
            &inspecting->result.steps[OCI_STEP_TOKEN].text,
            authorization->header
                ? "none needed, each request has the Basic credentials"
                : "none needed");
        return;
    }
    reported = grant_missing(authorization->header + strlen("Bearer "), NULL,
                             inspecting->target->path, "pull,push", &missing);
    if (missing.len > 0) {
        str_printf(
            step_warning(inspecting, OCI_STEP_TOKEN),
            "does not grant %s on '%s' by its own claims; the registry decides",
            missing.data, inspecting->target->path);
    } else {
        str_printf(step_passed(inspecting, OCI_STEP_TOKEN),
                   reported ? "grants pull,push on '%s'"
                            : "requested for pull,push on '%s' (the token does "
                              "not state whether that is granted)",
                   inspecting->target->path);
    }
    if (authorization->lifetime_ms > 0) {
        str_printf(&inspecting->result.steps[OCI_STEP_TOKEN].text,
                   ", used for %llu s",
                   (unsigned long long)(authorization->lifetime_ms / 1000));
    }
}

static void on_authorized(void *payload,
                          const struct oci_authorization *authorization,
                          const struct error *err)
{
    struct oci_inspecting *inspecting = payload;
    const struct credential *credential =
        keychain_last(inspecting->target->keychain);
    bool has_asked_keychain =
        keychain_report(inspecting->target->keychain)[0] != '\0' ||
        !credential_is_empty(credential);

    inspecting->authorizing = NULL;
    if (authorization == NULL && has_asked_keychain && credential->id == 0) {
        step_failed(inspecting, OCI_STEP_CREDENTIALS, err);
        return;
    }
    if (has_asked_keychain ||
        (authorization != NULL && authorization->header != NULL)) {
        report_credentials(inspecting);
    } else {
        str_append_text(&inspecting->result.steps[OCI_STEP_CREDENTIALS].text,
                        "not requested");
    }
    if (authorization == NULL) {
        step_failed(inspecting, OCI_STEP_TOKEN, err);
        return;
    }
    report_token(inspecting, authorization);
    open_session(inspecting);
}

/* --- the registry itself -------------------------------------------------- */

static void report_peer(struct oci_inspecting *inspecting,
                        const struct http_peer *peer)
{
    str_printf(step_passed(inspecting, OCI_STEP_HOST), "%s answers, HTTP/%s",
               peer->address, peer->protocol);
    if (!inspecting->target->https) {
        str_append_text(&inspecting->result.steps[OCI_STEP_TLS].text,
                        "plain http, as configured or to a loopback address");
        return;
    }
    str_printf(step_passed(inspecting, OCI_STEP_TLS),
               "certificate until %s, by %s", peer->until.data,
               peer->issuer.data);
}

static void report_challenge(struct oci_inspecting *inspecting,
                             const struct http_response *response)
{
    struct challenge challenge;
    struct str *text;

    challenge_read(response, &challenge);
    if (challenge.scheme == AUTH_BEARER) {
        str_printf(step_passed(inspecting, OCI_STEP_CHALLENGE),
                   "Bearer, token server %s, service %s", challenge.realm,
                   challenge.service ? challenge.service : "not named");
    } else if (challenge.scheme == AUTH_BASIC) {
        str_append_text(step_passed(inspecting, OCI_STEP_CHALLENGE), "Basic");
    } else if (response->status / 100 == 2) {
        str_append_text(step_passed(inspecting, OCI_STEP_CHALLENGE), "none");
    } else {
        text = step_warning(inspecting, OCI_STEP_CHALLENGE);
        str_printf(text,
                   "GET /v2/ answers %d: is there a registry at this address?",
                   response->status);
    }
    challenge_release(&challenge);
}

static bool is_tls_error(const struct error *err)
{
    return strstr(err->message, "certificate") != NULL ||
           strstr(err->message, "TLS") != NULL ||
           strstr(err->message, "SSL") != NULL;
}

static void on_pinged(void *payload, const struct http_response *response,
                      const struct error *err)
{
    struct oci_inspecting *inspecting = payload;

    inspecting->ping = NULL;
    if (response == NULL) {
        step_failed(inspecting,
                    is_tls_error(err) ? OCI_STEP_TLS : OCI_STEP_HOST, err);
        return;
    }
    if (response->peer != NULL) {
        report_peer(inspecting, response->peer);
    }
    report_challenge(inspecting, response);
    inspecting->authorizing =
        oci_authorize_start(inspecting->client, inspecting->target, "pull,push",
                            on_authorized, inspecting);
}

struct oci_inspecting *oci_inspect_start(struct oci_client *client,
                                         const struct oci_target *target,
                                         oci_inspected_fn *done, void *payload)
{
    struct oci_inspecting *inspecting = mem_zalloc(sizeof(*inspecting));
    struct error err;
    const struct origin *origin = origin_of(client, target, &err);
    struct http_request ping;

    inspecting->client = client;
    inspecting->target = target;
    inspecting->done = done;
    inspecting->payload = payload;
    task_init(&inspecting->ending, run_ending, inspecting);
    for (size_t i = 0; i < OCI_STEPS; i++) {
        str_init(&inspecting->result.steps[i].text, STR_UNLIMITED);
    }
    if (origin == NULL) {
        step_failed(inspecting, OCI_STEP_HOST, &err);
        return inspecting;
    }
    ping = origin_ping(origin);
    ping.wants_peer = true;
    inspecting->ping =
        http_start(client->network->http, &ping, on_pinged, inspecting);
    return inspecting;
}

void oci_inspect_cancel(struct oci_inspecting *inspecting)
{
    loop_cancel(inspecting->client->network->loop, &inspecting->ending);
    if (inspecting->ping != NULL) {
        http_cancel(inspecting->ping);
    }
    if (inspecting->authorizing != NULL) {
        oci_authorize_cancel(inspecting->authorizing);
    }
    if (inspecting->request != NULL) {
        oci_request_cancel(inspecting->request);
    }
    inspecting_free(inspecting);
}
