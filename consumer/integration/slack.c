#include <string.h>

#include "chat_delivery.h"
#include "slack_blocks.h"
#include "summary_table.h"
#include "transport_options.h"
#include "waybill/url.h"

/*
 * Posts to a channel of Slack, through an incoming webhook. Programs that are
 * compatible with these, such as Mattermost and Rocket.Chat, can be used too.
 *
 * Slack answers in plain text: "ok", or the code of an error. Nothing can be
 * asked of a webhook, and nothing identifies a message.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */

struct slack_options {
    struct endpoint_options endpoint;
};

/* --- options -----------------------------------------------------------------
 */

static bool is_at_slack(const char *host)
{
    return strcmp(host, "hooks.slack.com") == 0 ||
           strcmp(host, "hooks.slack-gov.com") == 0;
}

static int check_webhook(const char *value, struct error *err)
{
    static const char incoming[] = "/services/";
    struct url url;
    bool is_right;

    if (endpoint_check_url(value, err) < 0 ||
        url_parse(value, NULL, &url, err) < 0) {
        return -1;
    }
    is_right =
        !is_at_slack(url.host) ||
        strncmp(url_parts(url.text).path, incoming, strlen(incoming)) == 0;
    url_release(&url);
    if (!is_right) {
        return error_set(err, ERROR_CONFIG,
                         "this is no incoming webhook, whose path begins with "
                         "/services/; copy the URL from the page Incoming "
                         "Webhooks of the app");
    }
    return 0;
}

#define OPTION(member) offsetof(struct slack_options, member)

static const struct field registration_fields[] = {
    {.key = "webhook",
     .flags = FIELD_REQUIRED | FIELD_SECRET,
     .offset = OPTION(endpoint.url),
     .check = check_webhook,
     .doc = "The URL of the incoming webhook. Whoever knows it can post to the "
            "channel, so messages show nothing but its host.",
     .example = "${env:SLACK_WEBHOOK}",
     .since = "0.3.0"},
    TRANSPORT_FIELDS(OPTION(endpoint.transport)),
    {0},
};

static int check(const void *registration, const void *attachment,
                 const char **ret_key, struct error *err)
{
    const struct slack_options *options = registration;

    return attachment == NULL
               ? endpoint_check(&options->endpoint, "webhook", ret_key, err)
               : 0;
}

static const char *endpoint_of(const struct registration *registration,
                               struct arena *arena)
{
    const struct slack_options *options = registration->options;

    return chat_endpoint_name(&options->endpoint, registration, arena);
}

/* --- responses ---------------------------------------------------------------
 */

/* What the table of statuses does not know (http/errors.c). The webhook or its
 * channel is gone, or may not be used: nothing can be posted until somebody
 * acts. */
static const struct {
    const char *code;
    enum error_kind kind;
} meanings[] = {
    {"action_prohibited", ERROR_AUTH},
    {"channel_is_archived", ERROR_AUTH},
    {"channel_not_found", ERROR_AUTH},
    {"invalid_token", ERROR_AUTH},
    {"no_active_hooks", ERROR_AUTH},
    {"no_service", ERROR_AUTH},
    {"no_service_id", ERROR_AUTH},
    {"no_team", ERROR_AUTH},
    {"posting_to_general_channel_denied", ERROR_AUTH},
    {"team_disabled", ERROR_AUTH},
    {"user_not_found", ERROR_AUTH},
    {"msg_blocks_too_long", ERROR_TOO_LARGE},
    {"msg_too_long", ERROR_TOO_LARGE},
    {"rate_limited", ERROR_RATE_LIMITED},
    {"ratelimited", ERROR_RATE_LIMITED},
    {"rollup_error", ERROR_UNAVAILABLE},
};

/* The code is the first word of the body. A page in HTML has none. */
static void read_code(const char *body, struct error *err)
{
    size_t start = strspn(body, " \t\r\n");
    size_t len = strspn(body + start, "abcdefghijklmnopqrstuvwxyz_");

    if (len > 0 && len < sizeof(err->code) &&
        strchr(" \t\r\n", body[start + len]) != NULL) {
        memcpy(err->code, body + start, len);
        err->code[len] = '\0';
    }
}

static void classify(struct error *err)
{
    if (err->http_status == 404 || err->http_status == 410) {
        err->kind = ERROR_AUTH;
    }
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        if (strcmp(meanings[i].code, err->code) == 0) {
            err->kind = meanings[i].kind;
        }
    }
}

static void read_response(const struct http_response *response,
                          struct error *err, struct arena *arena,
                          struct chat_answer *ret_answer)
{
    (void)arena;
    (void)ret_answer;
    if (err == NULL) {
        return;
    }
    read_code(response->body.data, err);
    classify(err);
    if (err->kind == ERROR_AUTH) {
        error_append(err, " (the webhook or its channel is gone, or may not "
                          "be used; create a webhook, and set its URL)");
    }
}

/* --- deliveries --------------------------------------------------------------
 */

/* Chainloop's plugin sends no more of the table. */
#define MAX_TABLE 4000

static void append_body(const struct delivery_request *request, struct str *out)
{
    const struct chat_attachment *options = request->attachment->options;
    CLEANUP(str_release) struct str table = STR_INIT(STR_UNLIMITED);
    struct chat_message message;

    if (options->format == CHAT_FORMAT_CHAINLOOP) {
        summary_table_append(request->event, MAX_TABLE, &table);
        slack_append_table(table.data, out);
    } else {
        chat_message_of(request->event, request->arena, &message);
        slack_append_message(&message, out);
    }
}

static struct integration_operation *deliver(
    struct integration *integration, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    const struct slack_options *options =
        request->attachment->registration->options;
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);

    if (!chat_is_wanted(request)) {
        return chat_skip(integration, request, done, payload);
    }
    append_body(request, &body);
    return chat_deliver(
        integration, request,
        &(struct chat_request){
            .endpoint = &options->endpoint,
            .content_type = "application/json; charset=utf-8",
            .body = arena_bytes(request->arena, str_bytes(&body)),
            .read = read_response,
        },
        done, payload);
}

extern const struct integration_class slack_class;

const struct integration_class slack_class = {
    .fields =
        {
            .kind = "slack-webhook",
            .version = "1.1",
            .endpoint = "webhook",
            .repetition = REPETITION_VISIBLE,
            .summary = "Post a summary of each attestation to a Slack channel",
            .registration = registration_fields,
            .registration_size = sizeof(struct slack_options),
            .attachment = chat_attachment_fields,
            .attachment_size = sizeof(struct chat_attachment),
            .registration_inputs = chat_registration_inputs,
            .attachment_inputs = chat_attachment_inputs,
            .check = check,
        },
    .deliver = deliver,
    .endpoint = endpoint_of,
    .max_concurrency = 1,
};
