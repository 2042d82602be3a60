#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/error.h"
#include "waybill/event_decode.h"
#include "waybill/event_form.h"
#include "waybill/json.h"
#include "waybill/publisher.h"

#define FLUSH_MS 30000

static const char plain_type[] = "application/json";
static const char structured_type[] =
    "application/cloudevents+json; charset=UTF-8";

/* An event that was read and checked, and where it came from */
struct staged_event {
    struct message message;
    const char *file;
    int64_t index;
    size_t line;
    bool is_rejected; /* by Kafka */
};

struct publish_context {
    const struct settings *settings;
    struct arena *arena;
    const char *key;
    const struct workflow *workflow; /* of bare envelopes; NULL: none */
    struct header headers[CLI_MAX_OPTIONS];
    size_t header_count;
    bool has_content_type; /* one of these headers is it */
    struct staged_event *staged;
    size_t staged_count;
    size_t staged_capacity;
    size_t rejected;  /* by Kafka, in this pass */
    size_t malformed; /* were not staged */
    bool reports;     /* each event that Kafka rejects is reported */
};

/* --- options -------------------------------------------------------------- */

static int read_headers(const struct cli_args *args,
                        struct publish_context *context)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const char *value = args->options[i].value;
        const char *equals = strchr(value, '=');
        const char *name;

        if (strcmp(args->options[i].row->name, "--header") != 0) {
            continue;
        }
        if (equals == NULL || equals == value) {
            usage_error("publish", "--header expects NAME=VALUE, not '%s'",
                        value);
            return -1;
        }
        name =
            arena_printf(context->arena, "%.*s", (int)(equals - value), value);
        context->has_content_type |= strcasecmp(name, "content-type") == 0;
        context->headers[context->header_count++] =
            (struct header){name, bytes_of(equals + 1)};
    }
    return 0;
}

/* --- reading and checking --------------------------------------------------
 */

static void report_event(const char *file, size_t line, int64_t index,
                         const char *reason)
{
    print_err("waybill: %s:%zu: event %" PRId64 " was not published: %s\n",
              events_name(file), line, index, reason);
}

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

static void append_content_type(struct publish_context *context,
                                struct message *message, bool is_structured)
{
    struct header *headers = arena_alloc(
        context->arena, (context->header_count + 1) * sizeof(*headers));

    for (size_t i = 0; i < context->header_count; i++) {
        headers[i] = context->headers[i];
    }
    headers[context->header_count] = (struct header){
        "content-type", bytes_of(is_structured ? structured_type : plain_type)};
    message->headers = headers;
    message->header_count = context->header_count + 1;
}

static void stage(struct publish_context *context, const struct events *events,
                  const struct input *input, const struct json *json)
{
    struct bytes value = input->message.value;
    bool is_structured = json_member(json, "specversion") != NULL;
    const struct json *data = is_structured ? json_member(json, "data") : json;
    struct staged_event *staged;

    context->staged =
        mem_grow(context->staged, &context->staged_capacity,
                 context->staged_count + 1, sizeof(*context->staged));
    staged = &context->staged[context->staged_count++];
    *staged = (struct staged_event){
        .message = input->message,
        .file = input->file,
        .index = input->index,
        .line = events->line,
    };
    staged->message.topic = context->settings->kafka.topics.attestations;
    staged->message.value = (struct bytes){
        arena_copy(context->arena, value.data, value.len), value.len};
    staged->message.key = context->key != NULL
                              ? bytes_of(context->key)
                              : workflow_key(data, context->arena);
    staged->message.headers = context->headers;
    staged->message.header_count = context->header_count;
    if (!context->has_content_type) {
        append_content_type(context, &staged->message, is_structured);
    }
}

static void read_event(struct publish_context *context,
                       const struct events *events, const struct input *input)
{
    struct bytes text;
    struct json *json;
    struct error err;

    if (event_text(input->message.value, &text, &err) < 0 ||
        json_parse((const char *)text.data, text.len, &json, &err) < 0) {
        report_event(input->file, events->line, input->index, err.message);
        context->malformed++;
        return;
    }
    stage(context, events, input, json);
    json_free(json);
}

static int read_file(struct publish_context *context, const char *file)
{
    struct events events;
    struct input input;

    if (events_open(file, context->workflow, &events) < 0) {
        return -1;
    }
    while (events_next(&events, &input)) {
        read_event(context, &events, &input);
    }
    if (events.index == 0) {
        print_err("waybill: %s contains no events\n", events_name(file));
    }
    events_close(&events);
    return 0;
}

/* Reads all files, and reports every one that cannot be read. */
static int read_files(const struct cli_args *args,
                      struct publish_context *context)
{
    int result = 0;

    for (size_t i = 0; i < args->operand_count; i++) {
        if (read_file(context, args->operands[i]) < 0) {
            result = -1;
        }
    }
    if (result < 0) {
        print_err(
            "waybill: nothing was published, because not every file could "
            "be read\n");
    }
    return result;
}

/* --- publishing ------------------------------------------------------------
 */

static void on_rejected(void *payload, void *opaque, const struct error *err)
{
    struct publish_context *context = payload;
    struct staged_event *staged = opaque;

    staged->is_rejected = true;
    context->rejected++;
    if (context->reports) {
        report_event(staged->file, staged->line, staged->index, err->message);
    }
}

static int send_all(struct publish_context *context,
                    struct publisher *publisher, struct error *err)
{
    for (size_t i = 0; i < context->staged_count; i++) {
        struct staged_event *staged = &context->staged[i];

        if (publisher_send(publisher, &staged->message, staged, err) < 0) {
            return -1;
        }
    }
    return publisher_flush(publisher, FLUSH_MS, err);
}

/* A broker rejects a batch of events because of one of them, so each is sent
 * once more, by itself. */
static int send_rejected(struct publish_context *context,
                         struct publisher *publisher, struct error *err)
{
    context->rejected = 0;
    context->reports = true;
    for (size_t i = 0; i < context->staged_count; i++) {
        struct staged_event *staged = &context->staged[i];

        if (staged->is_rejected &&
            (publisher_send(publisher, &staged->message, staged, err) < 0 ||
             publisher_flush(publisher, FLUSH_MS, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int publish_staged(struct publish_context *context, struct error *err)
{
    const struct kafka_settings *kafka = &context->settings->kafka;
    struct kafka_options options = {.user = KAFKA_PUBLISH,
                                    .brokers = kafka->brokers,
                                    .group = kafka->group,
                                    .topic = kafka->topics.attestations,
                                    .properties = &kafka->properties};
    struct publisher *publisher;
    int result;

    if (publisher_open(&options, on_rejected, context, &publisher, err) < 0) {
        return -1;
    }
    result = send_all(context, publisher, err);
    if (result == 0 && context->rejected > 0) {
        result = send_rejected(context, publisher, err);
    }
    publisher_free(publisher);
    return result;
}

static int publish(const struct cli_args *args, struct publish_context *context)
{
    size_t sent;
    struct error err;

    if (read_files(args, context) < 0) {
        return EXIT_FAILED;
    }
    if (context->staged_count > 0 && publish_staged(context, &err) < 0) {
        print_err("waybill: %s\n", err.message);
        return error_exit_code(err.kind);
    }
    sent = context->staged_count - context->rejected;
    print_out("published %zu event%s to topic '%s'\n", sent, plural_s(sent),
              context->settings->kafka.topics.attestations);
    return context->rejected + context->malformed > 0 ? EXIT_FAILED : EXIT_OK;
}

static int publish_with_settings(const struct cli_args *args,
                                 struct publish_context *context)
{
    struct settings *settings = load_settings(args, CONFIG_REQUIRES_KAFKA);
    int status = EXIT_CONFIG;

    if (settings != NULL) {
        context->settings = settings;
        status = publish(args, context);
        mem_free(context->staged);
        settings_free(settings);
    }
    return status;
}

static int run_publish(const struct cli_args *args)
{
    struct publish_context context = {.key = args_option(args, "--key"),
                                      .arena = arena_new()};
    struct cli_args with_input = *args;
    int status = EXIT_USAGE;

    args_default_to_stdin(&with_input);
    if (read_headers(args, &context) == 0 &&
        args_workflow(args, context.arena, &context.workflow) == 0) {
        status = publish_with_settings(&with_input, &context);
    }
    arena_free(context.arena);
    return status;
}

static const struct option_row options[] = {
    {"--key", "KEY",
     "the key of every event; without it the id of its workflow, or else "
     "project/name"},
    {"--header", "NAME=VALUE",
     "a header for every event; this option may be repeated"},
    WORKFLOW_OPTION,
    {0},
};

const struct command publish_command = {
    .name = "publish",
    .operands = "[EVENT...]",
    .summary = "Publish events to the attestations topic",
    .text =
        "EVENT is a file, or - for standard input. It contains one JSON value "
        "for each\n"
        "event; a value may span several lines. Without EVENT, standard input "
        "is read.\n"
        "\n"
        "All files are read and checked before the brokers are contacted. If a "
        "file cannot\n"
        "be read, nothing is published. An event that is not JSON is reported "
        "with its file\n"
        "and line, and the others are published. Each event is published byte "
        "for byte,\n"
        "unless --workflow wraps it. The content type of a CloudEvent in "
        "structured mode\n"
        "is set accordingly.\n",
    .examples = "  waybill publish event.json\n"
                "  jq -c .events[] build.json | waybill publish --key shop -\n"
                "  waybill publish --workflow shop/build bundle.sigstore.json\n"
                "  waybill publish --header ce_id=42 \\\n"
                "      --header ce_specversion=1.0 \\\n"
                "      --header ce_type=" EVENT_TYPE " event.json\n",
    .exit_statuses =
        "  0   all events were published\n"
        "  1   some events were not published: they are not JSON or too large, "
        "or the\n"
        "      topic does not exist or may not be written to\n"
        "  2   the command line is wrong\n"
        "  75  the brokers cannot be reached\n"
        "  78  the configuration is wrong\n",
    .options = options,
    .run = run_publish,
};
