#include "chat_delivery.h"

/* --- options -----------------------------------------------------------------
 */

enum on_doubt { ON_DOUBT_AGAIN, ON_DOUBT_SKIP };

static const char *const formats[] = {[CHAT_FORMAT_COMPACT] = "compact",
                                      [CHAT_FORMAT_CHAINLOOP] = "chainloop",
                                      NULL};
static const char *const on_doubt_names[] = {
    [ON_DOUBT_AGAIN] = "again", [ON_DOUBT_SKIP] = "skip", NULL};

const struct field chat_attachment_fields[] = {
    {.key = "format",
     .type = FIELD_ENUM,
     .offset = offsetof(struct chat_attachment, format),
     .choices = formats,
     .fallback = "compact",
     .doc = "The form of the message. compact shows the workflow, the result "
            "of the policies, and the materials in the format of the service. "
            "chainloop shows the table that Chainloop sends.",
     .since = "0.3.0"},
    {.key = "on_doubt",
     .type = FIELD_ENUM,
     .offset = offsetof(struct chat_attachment, on_doubt),
     .choices = on_doubt_names,
     .fallback = "again",
     .doc = "What to do if an earlier attempt may have arrived. The service "
            "cannot be asked whether it has. again posts the message once "
            "more. skip does not, and can lose messages, because after a "
            "restart every record that was read and not finished counts as "
            "attempted.",
     .since = "0.3.0"},
    {0},
};

const char *const chat_registration_inputs[] = {"webhook", NULL};
const char *const chat_attachment_inputs[] = {NULL};

const char *chat_endpoint_name(const struct endpoint_options *options,
                               const struct registration *registration,
                               struct arena *arena)
{
    return arena_printf(arena, "%s (%s)", endpoint_name(options, arena),
                        registration->name);
}

/* --- a delivery --------------------------------------------------------------
 */

/* Allocated from the attempt's arena */
struct chat_delivery {
    struct integration_operation base;
    struct loop *loop;
    struct arena *arena;
    chat_read_fn *read;
    struct chat_answer answer;
    struct endpoint_transfer *transfer; /* NULL if none */
    struct task deferred_skip;
    delivery_done_fn *done;
    void *payload;
};

static void cancel(struct integration_operation *operation)
{
    struct chat_delivery *delivery = (struct chat_delivery *)operation;

    if (delivery->transfer != NULL) {
        endpoint_cancel(delivery->transfer);
    }
    loop_cancel(delivery->loop, &delivery->deferred_skip);
}

static void on_response(void *payload, const struct http_response *response,
                        struct error *err)
{
    struct chat_delivery *delivery = payload;

    delivery->read(response, err, delivery->arena, &delivery->answer);
}

static void on_sent(void *payload, const struct error *err, bool did_not_arrive)
{
    struct chat_delivery *delivery = payload;

    delivery->transfer = NULL;
    delivery->done(
        delivery->payload,
        &(struct delivery_report){
            .status = err != NULL ? DELIVERY_FAILED : DELIVERY_SUCCEEDED,
            .result = {.id = delivery->answer.id,
                       .reference = delivery->answer.id},
            .err = err,
            .did_not_arrive = err != NULL && did_not_arrive,
            .pause_ms = delivery->answer.pause_ms,
        });
}

/* Deferred, because a callback must not be called from the function that it was
 * passed to. */
static void on_deferred_skip(void *payload)
{
    struct chat_delivery *delivery = payload;

    delivery->done(delivery->payload,
                   &(struct delivery_report){
                       .status = DELIVERY_SKIPPED,
                       .skip_reason = "an earlier attempt may have arrived "
                                      "(on_doubt: skip)",
                   });
}

static struct chat_delivery *delivery_new(
    struct integration *integration, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    struct chat_delivery *delivery =
        arena_alloc(request->arena, sizeof(*delivery));

    *delivery = (struct chat_delivery){
        .base = {.cancel = cancel},
        .loop = integration->context->network.loop,
        .arena = request->arena,
        .done = done,
        .payload = payload,
    };
    task_init(&delivery->deferred_skip, on_deferred_skip, delivery);
    return delivery;
}

bool chat_is_wanted(const struct delivery_request *request)
{
    const struct chat_attachment *options = request->attachment->options;

    return !request->may_have_arrived || options->on_doubt != ON_DOUBT_SKIP;
}

struct integration_operation *chat_skip(struct integration *integration,
                                        const struct delivery_request *request,
                                        delivery_done_fn *done, void *payload)
{
    struct chat_delivery *delivery =
        delivery_new(integration, request, done, payload);

    loop_defer(delivery->loop, &delivery->deferred_skip);
    return &delivery->base;
}

struct integration_operation *chat_deliver(
    struct integration *integration, const struct delivery_request *request,
    const struct chat_request *message, delivery_done_fn *done, void *payload)
{
    struct chat_delivery *delivery =
        delivery_new(integration, request, done, payload);
    const char **headers =
        arena_alloc(request->arena, 2 * sizeof(const char *));

    delivery->read = message->read;
    headers[0] =
        arena_printf(request->arena, "Content-Type: %s", message->content_type);
    delivery->transfer =
        endpoint_send(integration->context, message->endpoint,
                      &(struct endpoint_request){
                          .method = "POST",
                          .query = message->query,
                          .headers = headers,
                          .body = message->body,
                          .max_response = message->max_response,
                          .on_response = on_response,
                      },
                      on_sent, delivery);
    return &delivery->base;
}
