#include <string.h>
#include <strings.h>

#include "chat_delivery.h"
#include "discord_embed.h"
#include "discord_response.h"
#include "summary_table.h"
#include "transport_options.h"
#include "waybill/alloc.h"
#include "waybill/digest.h"
#include "waybill/url.h"
#include "waybill/utf8.h"

/*
 * Posts to a channel of Discord, through a webhook. Each request asks to wait
 * until the message is stored: otherwise one that is lost would be no error.
 * The id of the message is then in the response.
 * https://docs.discord.com/developers/resources/webhook
 */

struct discord_options {
    struct endpoint_options endpoint;
    const char *username;
    const char *thread_id;
};

/* --- options -----------------------------------------------------------------
 */

static bool is_at_discord(const char *host)
{
    static const char *const hosts[] = {"discord.com", "discordapp.com",
                                        "ptb.discord.com",
                                        "canary.discord.com"};

    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        if (strcmp(host, hosts[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Skips a part of a path, "/services" for example. NULL if the path does not
 * begin with a part that consists of `accepted`. */
static const char *skip_part(const char *path, const char *accepted)
{
    size_t len = *path == '/' ? strspn(path + 1, accepted) : 0;

    return len > 0 && (path[1 + len] == '/' || path[1 + len] == '\0')
               ? path + 1 + len
               : NULL;
}

/* /api/webhooks/ID/TOKEN, or /api/v10/webhooks/ID/TOKEN. Behind the token would
 * be what makes Discord expect the messages of Slack or of GitHub. */
static bool is_webhook_path(const char *path)
{
    static const char digits[] = "0123456789";
    const char *version;

    if (strncmp(path, "/api/", 5) != 0) {
        return false;
    }
    path += 4;
    version = path[1] == 'v' ? skip_part(path, "v0123456789") : NULL;
    path = version != NULL ? version : path;
    if (strncmp(path, "/webhooks/", 10) != 0) {
        return false;
    }
    path = skip_part(path + 9, digits);
    path = path != NULL
               ? skip_part(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_.")
               : NULL;
    return path != NULL && *path == '\0';
}

static int check_webhook(const char *value, struct error *err)
{
    struct url url;
    bool is_right;

    if (endpoint_check_url(value, err) < 0 ||
        url_parse(value, NULL, &url, err) < 0) {
        return -1;
    }
    is_right =
        strchr(url.text, '?') == NULL &&
        (!is_at_discord(url.host) || is_webhook_path(url_parts(url.text).path));
    url_release(&url);
    if (!is_right) {
        return error_set(err, ERROR_CONFIG,
                         "this is no URL of a webhook, which is "
                         "https://discord.com/api/webhooks/ID/TOKEN and "
                         "nothing else; copy it from the settings of the "
                         "channel, and set thread_id as a key of its own");
    }
    return 0;
}

static bool contains(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

static int check_username(const char *value, struct error *err)
{
    size_t count = 0;

    for (const char *at = value; *at != '\0'; at++) {
        count += ((unsigned char)*at & 0xC0) != 0x80;
    }
    if (count > 80 || contains(value, "discord") || contains(value, "clyde")) {
        return error_set(err, ERROR_CONFIG,
                         "Discord accepts names of up to 80 characters that "
                         "contain neither 'discord' nor 'clyde'");
    }
    return 0;
}

static int check_thread(const char *value, struct error *err)
{
    size_t len = strlen(value);

    if (len > 20 || value[strspn(value, "0123456789")] != '\0') {
        return error_set(err, ERROR_CONFIG,
                         "an id consists of up to 20 digits; copy it with "
                         "Copy Thread ID (Discord's developer mode)");
    }
    return 0;
}

#define OPTION(member) offsetof(struct discord_options, member)

static const struct field registration_fields[] = {
    {.key = "webhook",
     .flags = FIELD_REQUIRED | FIELD_SECRET,
     .offset = OPTION(endpoint.url),
     .check = check_webhook,
     .doc = "The URL of the webhook. Whoever knows it can post to the channel, "
            "so messages show nothing but its host.",
     .example = "${env:DISCORD_WEBHOOK}",
     .since = "0.3.0"},
    {.key = "username",
     .offset = OPTION(username),
     .check = check_username,
     .doc = "The name that messages are posted under, in place of the "
            "webhook's.",
     .example = "Waybill",
     .since = "0.3.0"},
    {.key = "thread_id",
     .offset = OPTION(thread_id),
     .check = check_thread,
     .doc = "The thread of the channel to post to. Required if the channel is "
            "a forum.",
     .example = "\"1102673482913091604\"",
     .since = "0.3.0"},
    TRANSPORT_FIELDS(OPTION(endpoint.transport)),
    {0},
};

static int check(const void *registration, const void *attachment,
                 const char **ret_key, struct error *err)
{
    const struct discord_options *options = registration;

    return attachment == NULL
               ? endpoint_check(&options->endpoint, "webhook", ret_key, err)
               : 0;
}

static const char *endpoint_of(const struct registration *registration,
                               struct arena *arena)
{
    const struct discord_options *options = registration->options;

    return chat_endpoint_name(&options->endpoint, registration, arena);
}

/* --- deliveries --------------------------------------------------------------
 */

/* The stored message, which is in the response, contains ours. */
#define MAX_RESPONSE ((size_t)256 * 1024)
/* In characters, of which each has up to four bytes: Discord accepts files of
 * 10 MiB. */
#define MAX_TABLE ((size_t)2 * 1024 * 1024)

/* The digest of a table cannot be in it. */
static const char *boundary_for(const char *table, struct arena *arena)
{
    struct digest digest;

    digest_of(table, strlen(table), &digest);
    return arena_printf(arena, "waybill-%.32s", digest_hex(&digest));
}

static const char *append_table(const struct delivery_request *request,
                                const struct discord_options *options,
                                struct str *out)
{
    CLEANUP(str_release) struct str table = STR_INIT(STR_UNLIMITED);
    const char *boundary;

    summary_table_append(request->event, MAX_TABLE, &table);
    boundary = boundary_for(table.data, request->arena);
    discord_append_table(table.data, options->username, boundary, out);
    return arena_printf(request->arena, "multipart/form-data; boundary=%s",
                        boundary);
}

/* Returns the Content-Type. */
static const char *append_body(const struct delivery_request *request,
                               const struct discord_options *options,
                               struct str *out)
{
    const struct chat_attachment *attachment = request->attachment->options;
    struct chat_message message;

    if (attachment->format == CHAT_FORMAT_CHAINLOOP) {
        return append_table(request, options, out);
    }
    chat_message_of(request->event, request->arena, &message);
    discord_append_message(&message, options->username, out);
    return "application/json";
}

static const char *query_of(const struct discord_options *options,
                            struct arena *arena)
{
    return options->thread_id != NULL
               ? arena_printf(arena, "wait=true&thread_id=%s",
                              options->thread_id)
               : "wait=true";
}

static struct integration_operation *deliver(
    struct integration *integration, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    const struct discord_options *options =
        request->attachment->registration->options;
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    const char *content_type;

    if (!chat_is_wanted(request)) {
        return chat_skip(integration, request, done, payload);
    }
    content_type = append_body(request, options, &body);
    return chat_deliver(
        integration, request,
        &(struct chat_request){
            .endpoint = &options->endpoint,
            .query = query_of(options, request->arena),
            .content_type = content_type,
            .body = arena_bytes(request->arena, str_bytes(&body)),
            .max_response = MAX_RESPONSE,
            .read = discord_read_message,
        },
        done, payload);
}

/* --- probes and inspections --------------------------------------------------
 *
 * GET on the URL describes the webhook, and posts nothing.
 */

struct question {
    struct integration_operation base;
    struct arena *arena;
    struct endpoint_transfer *transfer;
    const char *name;              /* of the webhook; NULL if unknown */
    integration_probed_fn *probed; /* one of the two */
    integration_inspected_fn *inspected;
    void *payload;
};

static void cancel_question(struct integration_operation *operation)
{
    struct question *question = (struct question *)operation;

    endpoint_cancel(question->transfer);
    arena_free(question->arena);
}

static void on_described(void *payload, const struct http_response *response,
                         struct error *err)
{
    struct question *question = payload;

    if (err != NULL) {
        discord_read_error(response, err);
    } else {
        question->name = discord_read_name(response, question->arena);
    }
}

/* Whether the webhook exists is found out by deliveries: the endpoint is
 * there. */
static void end_probe(const struct question *question, const struct error *err)
{
    bool is_alive =
        err == NULL || (err->http_status > 0 && err->http_status < 500 &&
                        err->kind != ERROR_RATE_LIMITED);

    question->probed(question->payload, is_alive ? NULL : err);
}

static void end_inspection(const struct question *question,
                           const struct error *err)
{
    struct integration_finding finding = {.step = "webhook"};

    if (err != NULL) {
        finding.verdict = FINDING_BAD;
        finding.text = err->message;
        finding.kind = err->kind;
    } else if (question->name == NULL) {
        finding.verdict = FINDING_BAD;
        finding.text = "the endpoint does not answer as Discord does; check "
                       "the URL";
        finding.kind = ERROR_CONFIG;
    } else {
        finding.verdict = FINDING_GOOD;
        finding.text =
            arena_printf(question->arena, "'%s' exists", question->name);
    }
    question->inspected(question->payload, &finding, 1);
}

static void on_answered(void *payload, const struct error *err,
                        bool did_not_arrive)
{
    struct question *question = payload;

    (void)did_not_arrive;
    if (question->probed != NULL) {
        end_probe(question, err);
    } else {
        end_inspection(question, err);
    }
    arena_free(question->arena);
}

static struct question *ask(struct integration *integration,
                            const struct registration *registration,
                            void *payload)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    const struct discord_options *options = registration->options;
    struct arena *arena = arena_new();
    struct question *question = arena_alloc(arena, sizeof(*question));

    question->base.cancel = cancel_question;
    question->arena = arena;
    question->payload = payload;
    question->transfer = endpoint_send(integration->context, &options->endpoint,
                                       &(struct endpoint_request){
                                           .method = "GET",
                                           .headers = headers,
                                           .on_response = on_described,
                                       },
                                       on_answered, question);
    return question;
}

static struct integration_operation *probe(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload)
{
    struct question *question = ask(integration, registration, payload);

    question->probed = done;
    return &question->base;
}

static struct integration_operation *inspect(
    struct integration *integration, const struct registration *registration,
    const struct attachment *attachment, integration_inspected_fn *done,
    void *payload)
{
    struct question *question = ask(integration, registration, payload);

    (void)attachment;
    question->inspected = done;
    return &question->base;
}

extern const struct integration_class discord_class;

const struct integration_class discord_class = {
    .fields =
        {
            .kind = "discord-webhook",
            .version = "1.1",
            .endpoint = "webhook",
            .repetition = REPETITION_VISIBLE,
            .summary = "Post a summary of each attestation to a Discord "
                       "channel",
            .registration = registration_fields,
            .registration_size = sizeof(struct discord_options),
            .attachment = chat_attachment_fields,
            .attachment_size = sizeof(struct chat_attachment),
            .registration_inputs = chat_registration_inputs,
            .attachment_inputs = chat_attachment_inputs,
            .check = check,
        },
    .deliver = deliver,
    .endpoint = endpoint_of,
    .max_concurrency = 1,
    .probe = probe,
    .inspect = inspect,
};
