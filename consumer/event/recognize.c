#include <string.h>

#include "event_internal.h"
#include "waybill/event_form.h"

/*
 * Recognizes what producers send in place of an event. The rows are in order of
 * precedence: a Sigstore bundle has a payload somewhere below, and Kafka
 * Connect's wrapper has one at the top like an envelope.
 */

#define WRAP_ENVELOPE                                                          \
    "send {\"workflow\": {\"project\": \"P\", \"name\": \"N\"}, "              \
    "\"attestation\": {\"envelope\": ...}}, or let `waybill publish "          \
    "--workflow P/N` wrap it"
#define WRAP_BUNDLE                                                            \
    "send {\"workflow\": {\"project\": \"P\", \"name\": \"N\"}, "              \
    "\"attestation\": {\"bundle\": ...}}, or let `waybill publish "            \
    "--workflow P/N` wrap it"

struct form {
    const char *name;   /* "a bare DSSE envelope" */
    const char *advice; /* what to send instead */
    const char *member; /* the member of `attestation` that it belongs in; NULL
                           if it has to be converted */
};

typedef bool matches_fn(const struct json *value);

static bool has(const struct json *value, const char *name)
{
    return json_member(value, name) != NULL;
}

static bool has_text(const struct json *value, const char *name,
                     const char *prefix)
{
    const char *text = json_text(json_member(value, name));

    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Returns the first element of `value`, or of its member `name` if that is not
 * NULL. Returns NULL if there is none, or if that is not an array. */
static const struct json *first_of(const struct json *value, const char *name)
{
    const struct json *array = name != NULL ? json_member(value, name) : value;

    return array != NULL && json_is_array(array) ? json_first(array) : NULL;
}

static bool is_bundle(const struct json *value)
{
    return has_text(value, "mediaType",
                    "application/vnd.dev.sigstore.bundle") ||
           has(value, "dsseEnvelope") || has(value, "dsse_envelope") ||
           has(value, "verificationMaterial");
}

static bool is_envelope(const struct json *value)
{
    return has(value, "payloadType") && has(value, "payload");
}

static bool is_statement(const struct json *value)
{
    return has_text(value, "_type", "https://in-toto.io/Statement") ||
           (has(value, "predicateType") && has(value, "predicate"));
}

static bool is_npm(const struct json *value)
{
    const struct json *first = first_of(value, "attestations");

    return has(first, "bundle") && has(first, "predicateType");
}

static bool is_github(const struct json *value)
{
    const struct json *first = first_of(value, "attestations");

    return has(first, "bundle") || has(first, "bundle_url");
}

static bool is_github_cli(const struct json *value)
{
    const struct json *first = first_of(value, NULL);

    return has(first, "attestation") && has(first, "verificationResult");
}

static bool is_archivista(const struct json *value)
{
    return has(value, "Gitoid") || has(value, "gitoid");
}

static bool is_chainloop_webhook(const struct json *value)
{
    return has(value, "Metadata") && has(value, "Data") && has(value, "Kind");
}

static bool is_chainloop_audit(const struct json *value)
{
    return has_text(value, "EventType", "AUDIT_EVENT");
}

static bool is_connect(const struct json *value)
{
    return has(value, "schema") && has(value, "payload");
}

static bool is_batch(const struct json *value)
{
    return has(first_of(value, NULL), "specversion");
}

static bool is_array(const struct json *value)
{
    return first_of(value, NULL) != NULL;
}

static bool is_event(const struct json *value)
{
    return has(value, "workflow") || has(value, "attestation");
}

static bool is_unversioned(const struct json *value)
{
    return is_event(json_member(value, "data"));
}

static bool is_notification(const struct json *value)
{
    return has(first_of(value, "events"), "target") || has(value, "event_data");
}

static bool is_kubernetes(const struct json *value)
{
    return has(value, "apiVersion") && has(value, "kind");
}

static bool is_json_text(const struct json *value)
{
    const char *text = json_text(value);

    text = text != NULL ? text + strspn(text, " \t\r\n") : "";
    return *text == '{' || strncmp(text, "eyJ", 3) == 0;
}

static const struct {
    matches_fn *matches;
    struct form form;
} rows[] = {
    {is_bundle, {"a bare Sigstore bundle", WRAP_BUNDLE, "bundle"}},
    {is_envelope, {"a bare DSSE envelope", WRAP_ENVELOPE, "envelope"}},
    {is_statement,
     {"an in-toto statement without its signed envelope",
      "send the DSSE envelope that signs it as attestation.envelope", NULL}},
    {is_npm,
     {"a response of npm's attestations API",
      "send one event for each attestations[].bundle, as attestation.bundle",
      NULL}},
    {is_github,
     {"a response of GitHub's attestations API",
      "send one event for each attestations[].bundle, as attestation.bundle",
      NULL}},
    {is_github_cli,
     {"the output of `gh attestation verify`",
      "send one event for each [].attestation.bundle, as attestation.bundle",
      NULL}},
    {is_archivista,
     {"a message of Archivista",
      "decode its Payload (base64) and send that as attestation.envelope",
      NULL}},
    {is_chainloop_webhook,
     {"the payload of Chainloop's webhook integration",
      "decode its Data (base64), send the Envelope in it as "
      "attestation.envelope, and Metadata.Workflow as workflow",
      NULL}},
    {is_chainloop_audit,
     {"an audit event of Chainloop", "it holds no attestation", NULL}},
    {is_connect,
     {"an event in Kafka Connect's schema wrapper",
      "set value.converter.schemas.enable=false in the connector", NULL}},
    {is_batch,
     {"a batch of CloudEvents", "send each event as a record of its own",
      NULL}},
    {is_array, {"an array", "send each element as a record of its own", NULL}},
    {is_unversioned,
     {"a CloudEvent without specversion",
      "add \"specversion\": \"1.0\", or send its data alone", NULL}},
    {is_notification,
     {"a notification of a registry", "it holds no attestation", NULL}},
    {is_kubernetes, {"a Kubernetes object", "it holds no attestation", NULL}},
    {is_json_text,
     {"a string that holds JSON",
      "send the object itself; something encodes the event twice", NULL}},
};

/* NULL: unknown */
static const struct form *recognize(const struct json *value)
{
    for (size_t i = 0; value != NULL && i < ARRAY_SIZE(rows); i++) {
        if (rows[i].matches(value)) {
            return &rows[i].form;
        }
    }
    return NULL;
}

/* Tekton Chains publishes bare envelopes, and their parts as headers. */
static bool is_tekton(const struct message *message, const struct form *form)
{
    return form->member != NULL && message_header(message, "payload") != NULL &&
           message_header(message, "signature") != NULL;
}

int recognize_root(const struct json_at *data, const struct message *message,
                   struct error *err)
{
    const struct form *form =
        is_event(data->value) ? NULL : recognize(data->value);

    if (form == NULL) {
        return 0;
    }
    return json_at_fault(
        data, err, ERROR_SCHEMA, "this is %s%s, not an attestation event: %s",
        form->name, is_tekton(message, form) ? " from Tekton Chains" : "",
        form->advice);
}

int recognize_member(const struct json_at *at, const char *expected,
                     struct error *err)
{
    const struct form *form = recognize(at->value);

    if (form == NULL ||
        (form->member != NULL && strcmp(form->member, expected) == 0)) {
        return 0;
    }
    if (form->member != NULL) {
        return json_at_fault(at, err, ERROR_SCHEMA,
                             "this is %s; it belongs in attestation.%s",
                             form->name, form->member);
    }
    return json_at_fault(at, err, ERROR_SCHEMA, "this is %s: %s", form->name,
                         form->advice);
}

bool event_wrap(struct bytes value, const struct workflow *workflow,
                struct str *out)
{
    struct json_writer writer = {.out = out};
    const struct form *form;
    struct json *json;
    struct error err;

    if (json_parse((const char *)value.data, value.len, &json, &err) < 0) {
        return false;
    }
    form = is_event(json) ? NULL : recognize(json);
    json_free(json);
    if (form == NULL || form->member == NULL) {
        return false;
    }
    json_open(&writer, NULL, '{');
    json_open(&writer, "workflow", '{');
    json_append_string(&writer, "project", workflow->project);
    json_append_string(&writer, "name", workflow->name);
    json_close(&writer, '}');
    json_open(&writer, "attestation", '{');
    json_append_raw(&writer, form->member, (const char *)value.data, value.len);
    json_close(&writer, '}');
    json_close(&writer, '}');
    return true;
}
