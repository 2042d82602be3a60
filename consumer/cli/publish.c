#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/event_decode.h"
#include "waybill/event_form.h"
#include "waybill/json.h"
#include "waybill/publisher.h"

#define FLUSH_MS 30000

static const char plain_type[] = "application/json";
static const char structured_type[] =
    "application/cloudevents+json; charset=UTF-8";

struct publish_context {
    struct publisher *publisher;
    const struct settings *settings;
    const char *key;
    const struct workflow *workflow; /* of bare envelopes; NULL: none */
    struct header headers[CLI_MAX_OPTIONS + 1];
    size_t header_count;
    size_t sent;
    size_t refused;
};

static int read_headers(const struct cli_args *args,
                        struct publish_context *context, struct arena *arena)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const char *value = args->options[i].value;
        const char *equals = strchr(value, '=');

        if (strcmp(args->options[i].row->name, "--header") != 0) {
            continue;
        }
        if (equals == NULL || equals == value) {
            usage_error("publish", "--header wants NAME=VALUE, not '%s'",
                        value);
            return -1;
        }
        context->headers[context->header_count++] = (struct header){
            arena_printf(arena, "%.*s", (int)(equals - value), value),
            bytes_of(equals + 1)};
    }
    return 0;
}

/* The properties of an event that determine its content type and its key */
struct event_properties {
    bool structured; /* a CloudEvent in structured mode */
    struct bytes key;
};

/* The key is the id of the workflow, otherwise project/name; without either
 * there is no key. */
static struct bytes workflow_key(const struct json *event, struct arena *arena)
{
    const struct json *workflow = json_member(event, "workflow");
    const char *id = json_text(json_member(workflow, "id"));
    const char *project = json_text(json_member(workflow, "project"));
    const char *name = json_text(json_member(workflow, "name"));

    if (id == NULL && project != NULL && name != NULL) {
        return bytes_of(arena_printf(arena, "%s/%s", project, name));
    }
    return bytes_of(arena_strdup(arena, id));
}

static bool parse_event(const struct input *input, struct arena *arena,
                        struct event_properties *ret_look)
{
    const struct json *data;
    struct bytes text;
    struct json *json;
    struct error err;

    if (event_text(input->message.value, &text, &err) < 0 ||
        json_parse((const char *)text.data, text.len, &json, &err) < 0) {
        print_err("waybill: %s: event %lld: %s, not published\n", input->file,
                  (long long)input->index, err.message);
        return false;
    }
    ret_look->structured = json_member(json, "specversion") != NULL;
    data = ret_look->structured ? json_member(json, "data") : json;
    ret_look->key = workflow_key(data, arena);
    json_free(json);
    return true;
}

static int publish_one(struct publish_context *context, struct input *input)
{
    struct arena *arena = arena_new();
    struct message *message = &input->message;
    struct event_properties event_properties;
    struct error err;
    int status = EXIT_OK;

    if (!parse_event(input, arena, &event_properties)) {
        context->refused++;
        arena_free(arena);
        return EXIT_FAILED;
    }
    message->topic = context->settings->kafka.topics.attestations;
    message->key =
        context->key != NULL ? bytes_of(context->key) : event_properties.key;
    message->headers = context->headers;
    message->header_count = context->header_count;
    if (message_header(message, "content-type") == NULL) {
        context->headers[message->header_count++] =
            (struct header){"content-type", bytes_of(event_properties.structured
                                                         ? structured_type
                                                         : plain_type)};
    }
    if (publisher_send(context->publisher, message, &err) < 0) {
        print_err("waybill: %s: event %lld: %s\n", input->file,
                  (long long)input->index, err.message);
        context->refused++;
        status = error_exit_code(err.kind);
    } else {
        context->sent++;
    }
    arena_free(arena);
    return status;
}

static int publish_file(struct publish_context *context, const char *file)
{
    struct events events;
    struct input input;
    int status = EXIT_OK;

    if (events_open(file, context->workflow, &events) < 0) {
        return EXIT_FAILED;
    }
    while (events_next(&events, &input)) {
        int event_status = publish_one(context, &input);

        status = event_status != EXIT_OK ? event_status : status;
    }
    events_close(&events);
    return status;
}

static int publish_all(const struct cli_args *args,
                       struct publish_context *context)
{
    const char *topic = context->settings->kafka.topics.attestations;
    struct error err;
    int status = EXIT_OK;

    for (size_t i = 0; i < args->operand_count; i++) {
        int event_status = publish_file(context, args->operands[i]);

        status = event_status != EXIT_OK ? event_status : status;
    }
    if (publisher_flush(context->publisher, FLUSH_MS, &err) < 0) {
        print_err("waybill: %s\n", err.message);
        return error_exit_code(err.kind);
    }
    print_out("published %zu event%s to topic '%s'\n", context->sent,
              context->sent == 1 ? "" : "s", topic);
    return status;
}

static int publish(const struct cli_args *args, struct publish_context *context)
{
    const struct kafka_settings *kafka = &context->settings->kafka;
    struct kafka_options options = {.user = KAFKA_PUBLISH,
                                    .brokers = kafka->brokers,
                                    .group = kafka->group,
                                    .topic = kafka->topics.attestations,
                                    .properties = &kafka->properties};
    struct error err;
    int status;

    if (publisher_open(&options, &context->publisher, &err) < 0) {
        print_err("waybill: %s\n", err.message);
        return error_exit_code(err.kind);
    }
    status = publish_all(args, context);
    publisher_free(context->publisher);
    return status;
}

static int run_publish(const struct cli_args *args)
{
    struct publish_context context = {.key = args_option(args, "--key")};
    struct cli_args with_input = *args;
    struct arena *arena = arena_new();
    struct settings *settings;
    int status = EXIT_USAGE;

    args_default_to_stdin(&with_input);
    if (read_headers(args, &context, arena) == 0 &&
        args_workflow(args, arena, &context.workflow) == 0) {
        settings = load_settings(args, CONFIG_REQUIRES_KAFKA);
        context.settings = settings;
        status =
            settings != NULL ? publish(&with_input, &context) : EXIT_CONFIG;
        settings_free(settings);
    }
    arena_free(arena);
    return status;
}

static const struct option_row options[] = {
    {"--key", "KEY", "key of every event (else the workflow's id or name)"},
    {"--header", "NAME=VALUE", "a header for every event; may be repeated"},
    WORKFLOW_OPTION,
    {0},
};

const struct command publish_command = {
    .name = "publish",
    .operands = "[EVENT...]",
    .summary = "Put events on the attestations topic",
    .text =
        "EVENT is a file, or - for standard input: a sequence of JSON "
        "values, one an event,\npretty-printed or not. Without any, "
        "standard input is read. Each is published as\nit is, byte for "
        "byte, unless --workflow wraps it; a CloudEvent in structured\nmode "
        "is marked as one. What is "
        "not\nJSON is refused, and the others are published all the "
        "same.\n",
    .examples = "  waybill publish event.json\n"
                "  jq -c .events[] build.json | waybill publish --key shop -\n"
                "  waybill publish --workflow shop/build bundle.sigstore.json\n"
                "  waybill publish --header ce_id=42 --header "
                "ce_specversion=1.0 \\\n"
                "      --header ce_type=" EVENT_TYPE " event.json\n",
    .exit_statuses =
        "  0   all were published\n"
        "  1   some were not: not JSON, too large, topic missing or "
        "forbidden\n"
        "  2   the command line is wrong\n"
        "  75  the broker is out of reach\n"
        "  78  the configuration is wrong\n",
    .options = options,
    .run = run_publish,
};
