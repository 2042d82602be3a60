#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "chainloop_message.h"
#include "http_endpoint.h"
#include "template.h"
#include "transport_options.h"
#include "waybill/event_content.h"
#include "waybill/integration.h"
#include "waybill/limits.h"
#include "waybill/sign.h"

/*
 * Delivers to any HTTP endpoint, with one request for the attestation and one
 * for each material of an accepted type. The body is in Chainloop's format or
 * from a template of the operator, and is signed as in Standard Webhooks 1.0.
 *
 * A receiver cannot be asked whether it has a message. A message that may not
 * have arrived is therefore sent again, with the same webhook-id each time.
 */

#define ATTESTATION "ATTESTATION"
#define CYCLONEDX "SBOM_CYCLONEDX_JSON"
#define SPDX "SBOM_SPDX_JSON"

/* --- options -----------------------------------------------------------------
 */

struct webhook_options {
    struct endpoint_options endpoint;
    struct field_strings secret;
    int method;
};

enum on_doubt { ON_DOUBT_AGAIN, ON_DOUBT_SKIP };

struct webhook_attachment {
    int send_attestation;
    int send_sbom;
    struct field_strings materials;
    const char *template;
    int on_doubt;
};

static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};
static const char *const on_doubt_names[] = {
    [ON_DOUBT_AGAIN] = "again", [ON_DOUBT_SKIP] = "skip", NULL};
static const char *const sboms[] = {CYCLONEDX, SPDX, NULL};

static int check_secret(const char *value, struct error *err)
{
    CLEANUP(str_release) struct str signature = STR_INIT(STR_UNLIMITED);

    return sign_webhook(value, "", 0, bytes_of(""), &signature, err);
}

static int check_type(const char *value, struct error *err)
{
    if (value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] != '\0') {
        return error_set(err, ERROR_CONFIG,
                         "a material type consists of upper-case letters, "
                         "digits and '_', for example " CYCLONEDX);
    }
    return 0;
}

#define OPTION(member) offsetof(struct webhook_options, member)
#define ATTACHMENT_OPTION(member) offsetof(struct webhook_attachment, member)

static const struct field registration_fields[] = {
    {.key = "url",
     .flags = FIELD_REQUIRED | FIELD_SECRET,
     .offset = OPTION(endpoint.url),
     .check = endpoint_check_url,
     .doc = "The https URL of the endpoint. Messages show nothing "
            "but its host.",
     .example = "${env:HOOK_URL}",
     .since = "0.3.0"},
    {.key = "secret",
     .type = FIELD_STRINGS,
     .flags = FIELD_SECRET | FIELD_SINGLE,
     .offset = OPTION(secret),
     .check = check_secret,
     .doc = "The secret with which messages are signed (Standard "
            "Webhooks 1.0: whsec_ and 24 to 64 bytes in base64). "
            "During a rotation, list several: each makes a "
            "signature. By default messages are not signed.",
     .example = "${env:HOOK_SECRET}",
     .since = "0.3.0"},
    {.key = "headers",
     .type = FIELD_MAP,
     .flags = FIELD_SECRET,
     .offset = OPTION(endpoint.headers),
     .doc = "Additional headers, for example Authorization. "
            "Content-Type is application/json unless it is set here.",
     .since = "0.3.0"},
    {.key = "method",
     .type = FIELD_ENUM,
     .offset = OPTION(method),
     .choices = methods,
     .fallback = "POST",
     .doc = "The request's method.",
     .since = "0.3.0"},
    TRANSPORT_FIELDS(OPTION(endpoint.transport)),
    {.key = "plain_http",
     .type = FIELD_BOOLEAN,
     .offset = OPTION(endpoint.plain_http),
     .fallback = "false",
     .doc = "Permit a url with http. It is always permitted for a "
            "loopback address.",
     .since = "0.3.0"},
    {0},
};

static const struct field attachment_fields[] = {
    {.key = "send_attestation",
     .type = FIELD_BOOLEAN,
     .offset = ATTACHMENT_OPTION(send_attestation),
     .fallback = "true",
     .doc = "Send the attestation.",
     .since = "0.3.0"},
    {.key = "send_sbom",
     .type = FIELD_BOOLEAN,
     .offset = ATTACHMENT_OPTION(send_sbom),
     .fallback = "false",
     .doc = "Send the materials of the types " CYCLONEDX " and " SPDX
            " whose content the event holds, each as a message of its own.",
     .since = "0.3.0"},
    {.key = "materials",
     .type = FIELD_STRINGS,
     .offset = ATTACHMENT_OPTION(materials),
     .check = check_type,
     .doc = "The types of further materials to send.",
     .example = "[SARIF]",
     .since = "0.3.0"},
    {.key = "template",
     .offset = ATTACHMENT_OPTION(template),
     .flags = FIELD_MULTILINE,
     .check = template_check,
     .doc = "The body. {{ .workflow.name }} is replaced by the value, escaped "
            "for the inside of a JSON string. The filter json, after a "
            "vertical bar, inserts a complete JSON value instead, and the "
            "filter raw inserts the unescaped text. By default the body is in "
            "Chainloop's format, {\"Metadata\", \"Data\", \"Kind\"}. These "
            "values exist (.id is the webhook-id, .data the content in base64):"
#define VALUE(name, ...) " ." name
#include "template_values.def"
#undef VALUE
            ".",
     .example = "{\"text\": \"{{ .workflow.name }}: {{ .run.state }}\"}",
     .since = "0.3.0"},
    {.key = "on_doubt",
     .type = FIELD_ENUM,
     .offset = ATTACHMENT_OPTION(on_doubt),
     .choices = on_doubt_names,
     .fallback = "again",
     .doc = "What to do if an earlier attempt may have arrived. A receiver "
            "cannot be asked whether it has. again sends the message once more "
            "with the same webhook-id. skip does not, and can lose messages, "
            "because after a restart every record that was read and not "
            "finished counts as attempted.",
     .since = "0.3.0"},
    {0},
};

static int check_attachment(const struct webhook_options *options,
                            const struct webhook_attachment *attachment,
                            const char **ret_key, struct error *err)
{
    if (!attachment->send_attestation && !attachment->send_sbom &&
        attachment->materials.count == 0) {
        *ret_key = "send_attestation";
        return error_set(err, ERROR_CONFIG,
                         "nothing is left to send; set send_sbom: true, or "
                         "materials, or remove this key");
    }
    if (attachment->template != NULL &&
        endpoint_header(&options->endpoint, "Content-Type") == NULL &&
        !template_makes_json(attachment->template)) {
        *ret_key = "template";
        return error_set(err, ERROR_CONFIG,
                         "the template does not produce JSON; put values into "
                         "quotation marks, and those with | json outside of "
                         "them, or set another Content-Type in the headers of "
                         "the registration");
    }
    return 0;
}

static int check(const void *registration, const void *attachment,
                 const char **ret_key, struct error *err)
{
    const struct webhook_options *options = registration;

    return attachment == NULL
               ? endpoint_check(&options->endpoint, "url", ret_key, err)
               : check_attachment(options, attachment, ret_key, err);
}

static const char *endpoint_of(const struct registration *registration,
                               struct arena *arena)
{
    const struct webhook_options *options = registration->options;

    return endpoint_name(&options->endpoint, arena);
}

/* --- messages ----------------------------------------------------------------
 */

/* What one message is sent for */
struct item {
    const char *name;
    const char *kind;
    const struct material *material; /* NULL for the attestation */
    size_t index;                    /* of the material */
    const char *id;
};

/* Allocated from the attempt's arena */
struct delivery {
    struct integration_operation base;
    const struct integration_context *context;
    const struct webhook_options *options;
    const struct webhook_attachment *attachment_options;
    const struct event *event;
    const struct attachment *attachment;
    const char *traceparent;
    struct arena *arena;
    struct item *items;
    size_t count;
    size_t *accepted; /* number of accepted items; kept between attempts */
    struct bytes body;
    struct endpoint_transfer *transfer; /* NULL if none */
    struct task deferred_end;           /* ends an attempt without a request */
    const char *skip_reason;
    struct error err;
    delivery_done_fn *done;
    void *payload;
};

static bool has_type(const char *const *types, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(types[i], type) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct webhook_attachment *options,
                      const struct material *material)
{
    return material->has_content && material->type != NULL &&
           ((options->send_sbom &&
             has_type(sboms, ARRAY_SIZE(sboms) - 1, material->type)) ||
            has_type(options->materials.items, options->materials.count,
                     material->type));
}

static void append_part(struct str *out, const char *text)
{
    str_append_text(out, text != NULL ? text : "");
    str_append_char(out, '\0');
}

/* Derived from the event, so that it is the same for every attempt, after a
 * restart and in a replay, and unique for everything else that is sent. */
static const char *id_of(const struct delivery *delivery,
                         const struct item *item)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct digest digest;

    append_part(&text, delivery->event->id);
    append_part(&text, delivery->attachment->name);
    append_part(&text, delivery->event->envelope_digest.text);
    append_part(&text, item->kind);
    if (item->material != NULL) {
        str_printf(&text, "%zu", item->index);
        append_part(&text, item->material->digest);
    }
    digest_of(text.data, text.len, &digest);
    return arena_printf(delivery->arena, "msg_%.32s", digest_hex(&digest));
}

static void add_item(struct delivery *delivery, const struct item *item)
{
    struct item *added = &delivery->items[delivery->count++];

    *added = *item;
    added->id = id_of(delivery, added);
}

static void list_items(struct delivery *delivery)
{
    const struct event *event = delivery->event;

    delivery->items = arena_alloc(delivery->arena, (event->material_count + 1) *
                                                       sizeof(struct item));
    if (delivery->attachment_options->send_attestation) {
        add_item(delivery,
                 &(struct item){.name = "attestation", .kind = ATTESTATION});
    }
    for (size_t i = 0; i < event->material_count; i++) {
        const struct material *material = &event->materials[i];

        if (is_wanted(delivery->attachment_options, material)) {
            add_item(delivery,
                     &(struct item){
                         .name = material->name != NULL ? material->name
                                                        : material->type,
                         .kind = material->type,
                         .material = material,
                         .index = i,
                     });
        }
    }
}

static int read_content(const struct delivery *delivery,
                        const struct item *item, struct bytes *ret_content,
                        struct error *err)
{
    CLEANUP(str_release) struct str content = STR_INIT(STR_UNLIMITED);

    if (item->material != NULL) {
        return event_material_content(delivery->event, item->index,
                                      delivery->arena, ret_content, err);
    }
    chainloop_append_attestation(delivery->event, &content);
    *ret_content = arena_bytes(delivery->arena, str_bytes(&content));
    return 0;
}

static int make_body(struct delivery *delivery, const struct item *item,
                     struct error *err)
{
    CLEANUP(str_release) struct str body = STR_INIT(LIMIT_MESSAGE_BODY);
    const char *template = delivery->attachment_options->template;
    struct template_message message = {
        .event = delivery->event,
        .attachment = delivery->attachment,
        .material = item->material,
        .id = item->id,
        .kind = item->kind,
    };

    if ((template == NULL || template_uses(template, "data")) &&
        read_content(delivery, item, &message.content, err) < 0) {
        return -1;
    }
    if (template != NULL) {
        template_render(template, &message, &body);
    } else {
        chainloop_append_message(&message, &body);
    }
    if (body.overflow) {
        return error_set(err, ERROR_TOO_LARGE,
                         "the message '%s' is larger than %zu bytes, a limit "
                         "that cannot be raised; "
                         "send less in it (template), or do not send it "
                         "(materials, send_sbom)",
                         item->name, LIMIT_MESSAGE_BODY);
    }
    delivery->body = arena_bytes(delivery->arena, str_bytes(&body));
    return 0;
}

/* --- requests ----------------------------------------------------------------
 */

static const struct item *current(const struct delivery *delivery)
{
    return &delivery->items[*delivery->accepted];
}

/* One signature for each secret. They cannot fail, because the secrets were
 * checked with the configuration. */
static const char *sign(const struct delivery *delivery, int64_t timestamp_s)
{
    const struct field_strings *secrets = &delivery->options->secret;
    CLEANUP(str_release) struct str all = STR_INIT(STR_UNLIMITED);
    struct error err;

    for (size_t i = 0; i < secrets->count; i++) {
        str_append_text(&all, i > 0 ? " " : "");
        if (sign_webhook(secrets->items[i], current(delivery)->id, timestamp_s,
                         delivery->body, &all, &err) < 0) {
            abort();
        }
    }
    return arena_strdup(delivery->arena, all.data);
}

static const char *const *headers_of(const struct delivery *delivery)
{
    struct arena *arena = delivery->arena;
    const struct clock *clock = loop_clock(delivery->context->network.loop);
    int64_t now_s = clock_wall_ms(clock) / 1000;
    const char **headers = arena_alloc(arena, 5 * sizeof(*headers));
    size_t count = 0;

    headers[count++] =
        arena_printf(arena, "webhook-id: %s", current(delivery)->id);
    headers[count++] =
        arena_printf(arena, "webhook-timestamp: %" PRId64, now_s);
    if (delivery->options->secret.count > 0) {
        headers[count++] =
            arena_printf(arena, "webhook-signature: %s", sign(delivery, now_s));
    }
    if (endpoint_header(&delivery->options->endpoint, "Content-Type") == NULL) {
        headers[count++] = "Content-Type: application/json";
    }
    return headers;
}

static void on_sent(void *payload, const struct error *err,
                    bool did_not_arrive);

static void send_current(struct delivery *delivery)
{
    const struct webhook_options *options = delivery->options;

    if (make_body(delivery, current(delivery), &delivery->err) < 0) {
        loop_defer(delivery->context->network.loop, &delivery->deferred_end);
        return;
    }
    delivery->transfer = endpoint_send(delivery->context, &options->endpoint,
                                       &(struct endpoint_request){
                                           .method = methods[options->method],
                                           .headers = headers_of(delivery),
                                           .traceparent = delivery->traceparent,
                                           .body = delivery->body,
                                           .secrets = options->secret,
                                       },
                                       on_sent, delivery);
}

static void fail(struct delivery *delivery, const struct error *err,
                 bool did_not_arrive)
{
    delivery->done(delivery->payload, &(struct delivery_report){
                                          .status = DELIVERY_FAILED,
                                          .err = err,
                                          .did_not_arrive = did_not_arrive,
                                      });
}

static void succeed(struct delivery *delivery)
{
    struct delivery_item *items =
        arena_alloc(delivery->arena, delivery->count * sizeof(*items));
    bool has_several = delivery->count > 1;

    for (size_t i = 0; i < delivery->count; i++) {
        items[i] = (struct delivery_item){
            .name = delivery->items[i].name,
            .reference = delivery->items[i].id,
        };
    }
    delivery->done(
        delivery->payload,
        &(struct delivery_report){
            .status = DELIVERY_SUCCEEDED,
            .result = {.id = delivery->items[0].id,
                       .items = has_several ? items : NULL,
                       .item_count = has_several ? delivery->count : 0},
        });
}

static void on_sent(void *payload, const struct error *err, bool did_not_arrive)
{
    struct delivery *delivery = payload;

    delivery->transfer = NULL;
    if (err != NULL) {
        fail(delivery, err, did_not_arrive);
    } else if (++*delivery->accepted < delivery->count) {
        send_current(delivery);
    } else {
        succeed(delivery);
    }
}

/* Deferred, because a callback must not be called from the function that it was
 * passed to. */
static void on_deferred_end(void *payload)
{
    struct delivery *delivery = payload;

    if (delivery->skip_reason == NULL) {
        fail(delivery, &delivery->err, true);
        return;
    }
    delivery->done(delivery->payload, &(struct delivery_report){
                                          .status = DELIVERY_SKIPPED,
                                          .skip_reason = delivery->skip_reason,
                                      });
}

/* --- an attempt --------------------------------------------------------------
 */

static void cancel(struct integration_operation *operation)
{
    struct delivery *delivery = (struct delivery *)operation;

    if (delivery->transfer != NULL) {
        endpoint_cancel(delivery->transfer);
    }
    loop_cancel(delivery->context->network.loop, &delivery->deferred_end);
}

static size_t *progress_of(const struct delivery_request *request)
{
    if (*request->progress == NULL) {
        *request->progress = arena_alloc(request->kept_arena, sizeof(size_t));
    }
    return *request->progress;
}

static const char *reason_to_skip(const struct delivery *delivery,
                                  bool may_have_arrived)
{
    if (may_have_arrived &&
        delivery->attachment_options->on_doubt == ON_DOUBT_SKIP) {
        return "an earlier attempt may have arrived (on_doubt: skip)";
    }
    return delivery->count == 0 ? "the event has no material of an accepted "
                                  "type whose content it holds"
                                : NULL;
}

static struct integration_operation *deliver(
    struct integration *integration, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    const struct attachment *attachment = request->attachment;
    struct delivery *delivery = arena_alloc(request->arena, sizeof(*delivery));

    *delivery = (struct delivery){
        .base = {.cancel = cancel},
        .context = integration->context,
        .options = attachment->registration->options,
        .attachment_options = attachment->options,
        .event = request->event,
        .attachment = attachment,
        .traceparent = request->traceparent,
        .arena = request->arena,
        .accepted = progress_of(request),
        .done = done,
        .payload = payload,
    };
    task_init(&delivery->deferred_end, on_deferred_end, delivery);
    list_items(delivery);
    delivery->skip_reason = reason_to_skip(delivery, request->may_have_arrived);
    if (delivery->skip_reason != NULL) {
        loop_defer(delivery->context->network.loop, &delivery->deferred_end);
    } else {
        send_current(delivery);
    }
    return &delivery->base;
}

/* The required inputs of Chainloop's plugin */
static const char *const registration_inputs[] = {"url", NULL};
static const char *const attachment_inputs[] = {NULL};

extern const struct integration_class webhook_class;

const struct integration_class webhook_class = {
    .fields =
        {
            .kind = "webhook",
            .version = "1.2",
            .endpoint = "webhook",
            .repetition = REPETITION_VISIBLE,
            .summary = "Send attestations and SBOMs to an HTTP endpoint",
            .material_types = sboms,
            .registration = registration_fields,
            .registration_size = sizeof(struct webhook_options),
            .attachment = attachment_fields,
            .attachment_size = sizeof(struct webhook_attachment),
            .registration_inputs = registration_inputs,
            .attachment_inputs = attachment_inputs,
            .check = check,
        },
    .deliver = deliver,
    .endpoint = endpoint_of,
};
