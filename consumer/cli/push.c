#include <stdio.h>
#include <sys/queue.h>
#include <unistd.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/error.h"
#include "waybill/outcome_encode.h"
#include "waybill/pipeline.h"

/* Runs the pipeline without Kafka: reads events from files and prints the
 * outcomes on stdout in the order of the events. */

struct push_record {
    TAILQ_ENTRY(push_record) link;
    struct push_context *push_context;
    struct record *record;
    bool done;
};

struct push_context {
    struct pipeline_options options;
    struct pipeline *pipeline;
    TAILQ_HEAD(, push_record)
    records; /* in input order; printed from the front as they complete */
    size_t in_flight;
    char **files;
    size_t files_remaining;
    const struct workflow *workflow; /* of bare envelopes; NULL: none */
    struct events events;
    bool open;
    bool has_permanent_failure; /* a failure that a retry cannot fix */
    bool has_temporary_failure; /* a failure that a later run may not have */
};

static const struct outcome_style style = {.source = "waybill/push"};

static void print_outcome(struct push_context *push_context,
                          const struct outcome *outcome)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);

    outcome_append_structured(outcome, &style, &line);
    str_append_char(&line, '\n');
    print_str(&line);
    print_flush();
    if (outcome->status == OUTCOME_FAILED) {
        bool temporary = error_exit_code(outcome->error.kind) == EXIT_TEMPORARY;

        push_context->has_temporary_failure |= temporary;
        push_context->has_permanent_failure |= !temporary;
    }
}

static void print_completed(struct push_context *push_context)
{
    struct push_record *push_record;

    while ((push_record = TAILQ_FIRST(&push_context->records)) != NULL &&
           push_record->done) {
        size_t count = record_delivery_count(push_record->record);

        for (size_t i = 0; i < count; i++) {
            print_outcome(push_context, record_outcome(push_record->record, i));
        }
        TAILQ_REMOVE(&push_context->records, push_record, link);
        record_free(push_record->record);
        mem_free(push_record);
        push_context->in_flight--;
    }
}

static void start_records(struct push_context *push_context);

static void on_outcome(void *payload, struct delivery *delivery)
{
    struct push_record *push_record = payload;
    struct push_context *push_context = push_record->push_context;

    if (!record_is_done(push_record->record)) {
        return;
    }
    push_record->done = true;
    print_completed(push_context);
    start_records(push_context);
}

static bool read_input(struct push_context *push_context,
                       struct input *ret_input)
{
    for (;;) {
        if (push_context->open) {
            if (events_next(&push_context->events, ret_input)) {
                return true;
            }
            if (push_context->events.index == 0) {
                print_err("waybill: %s contains no events\n",
                          events_name(push_context->events.file));
            }
            events_close(&push_context->events);
            push_context->open = false;
        }
        if (push_context->files_remaining == 0) {
            return false;
        }
        push_context->files_remaining--;
        push_context->open =
            events_open(*push_context->files++, push_context->workflow,
                        &push_context->events) == 0;
        push_context->has_permanent_failure |= !push_context->open;
    }
}

static void start_records(struct push_context *push_context)
{
    const struct delivery_settings *limits =
        &push_context->options.settings->delivery;
    struct input input;

    while (push_context->in_flight < limits->max_records &&
           read_input(push_context, &input)) {
        struct push_record *push_record = mem_zalloc(sizeof(*push_record));

        push_record->push_context = push_context;
        TAILQ_INSERT_TAIL(&push_context->records, push_record, link);
        push_context->in_flight++;
        push_record->record = pipeline_feed(push_context->pipeline, &input,
                                            NULL, on_outcome, push_record);
    }
    if (push_context->in_flight == 0) {
        loop_stop(push_context->options.loop);
    }
}

static int exit_status_of(const struct push_context *push_context)
{
    if (push_context->has_permanent_failure) {
        return EXIT_FAILED;
    }
    return push_context->has_temporary_failure ? EXIT_TEMPORARY : EXIT_OK;
}

static void on_start(void *payload)
{
    start_records(payload);
}

static int push(struct push_context *push_context)
{
    struct pipeline_options *options = &push_context->options;
    struct random random;
    struct task task;
    int status;

    random_seed_from_system(&random);
    options->loop = loop_new(clock_system());
    options->http = http_new(options->loop);
    options->random = &random;
    options->mode = PIPELINE_ONCE;
    push_context->pipeline = pipeline_new(options);
    TAILQ_INIT(&push_context->records);
    task_init(&task, on_start, push_context);
    loop_defer(options->loop, &task);
    loop_run(options->loop);
    status = exit_status_of(push_context);
    pipeline_free(push_context->pipeline);
    http_free(options->http);
    loop_free(options->loop);
    return status;
}

static int push_with_settings(const struct cli_args *args,
                              struct push_context *push_context)
{
    struct settings *settings =
        load_settings(args, CONFIG_REQUIRES_REGISTRATIONS);
    int status = EXIT_CONFIG;

    if (settings != NULL) {
        push_context->options.settings = settings;
        status = push(push_context);
        settings_free(settings);
    }
    return status;
}

static int run_push(const struct cli_args *args)
{
    struct cli_args with_input = *args;
    struct push_context push_context = {0};
    struct arena *arena = arena_new();
    int status = EXIT_USAGE;

    args_default_to_stdin(&with_input);
    push_context.files = with_input.operands;
    push_context.files_remaining = with_input.operand_count;
    if (args_workflow(args, arena, &push_context.workflow) == 0) {
        status = push_with_settings(args, &push_context);
    }
    arena_free(arena);
    return status;
}

static const struct option_row options[] = {
    WORKFLOW_OPTION,
    {0},
};

const struct command push_command = {
    .name = "push",
    .operands = "[EVENT...]",
    .summary = "Deliver events from files, without Kafka",
    .text =
        "EVENT is a file, or - for standard input. It contains one JSON value "
        "for each\n"
        "event; a value may span several lines. Without EVENT, standard input "
        "is read. Text\n"
        "that is not JSON is reported as a failed outcome of its own, and ends "
        "before the\n"
        "next line that begins with '{'. kafka.other_types does not apply: an "
        "event of\n"
        "another type fails.\n"
        "\n"
        "One line is printed for each outcome, in the order of the events: a "
        "CloudEvent in\n"
        "structured mode. A delivery whose failure may be temporary is "
        "attempted\n"
        "delivery.max_attempts times, with pauses of at most two seconds. A "
        "delivery whose\n"
        "credentials are refused is not attempted again.\n",
    .examples = "  waybill push event.json\n"
                "  cosign download attestation IMAGE |\n"
                "      waybill push --workflow shop/build -\n"
                "  waybill push --config push.yaml - < events.jsonl |\n"
                "      jq .data.result.reference\n",
    .exit_statuses =
        "  0   every event was delivered, or no attachment matches it\n"
        "  1   a delivery failed for good, or a file cannot be read\n"
        "  2   the command line is wrong\n"
        "  75  an endpoint could not be reached in any attempt\n"
        "  78  the configuration is wrong\n",
    .options = options,
    .run = run_push,
};
