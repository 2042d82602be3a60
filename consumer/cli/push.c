#include <stdio.h>
#include <sys/queue.h>
#include <unistd.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/error.h"
#include "waybill/outcome_encode.h"
#include "waybill/pipeline.h"

/* The pipeline without Kafka: events from files, outcomes to stdout, in the
 * events' order. */

struct pushed {
    TAILQ_ENTRY(pushed) link;
    struct pushing *pushing;
    struct record *record;
    bool done;
};

struct pushing {
    struct pipeline_options options;
    struct pipeline *pipeline;
    TAILQ_HEAD(, pushed) records; /* in order; the front is printed when done */
    size_t held;
    char **files;
    size_t files_left;
    struct events events;
    bool open;
    bool failed;    /* something can never succeed */
    bool exhausted; /* something could later */
};

static const struct outcome_style style = {.source = "waybill/push"};

static void print_outcome(struct pushing *pushing,
                          const struct outcome *outcome)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);

    outcome_append_structured(outcome, &style, &line);
    str_append_char(&line, '\n');
    print_str(&line);
    fflush(stdout);
    if (outcome->status == OUTCOME_FAILED) {
        bool temporary = error_exit_code(outcome->error.kind) == EXIT_TEMPORARY;

        pushing->exhausted |= temporary;
        pushing->failed |= !temporary;
    }
}

static void print_ready(struct pushing *pushing)
{
    struct pushed *pushed;

    while ((pushed = TAILQ_FIRST(&pushing->records)) != NULL && pushed->done) {
        size_t count = record_delivery_count(pushed->record);

        for (size_t i = 0; i < count; i++) {
            print_outcome(pushing, record_outcome(pushed->record, i));
        }
        TAILQ_REMOVE(&pushing->records, pushed, link);
        record_free(pushed->record);
        mem_free(pushed);
        pushing->held--;
    }
}

static void feed(struct pushing *pushing);

static void on_outcome(void *payload, struct delivery *delivery)
{
    struct pushed *pushed = payload;
    struct pushing *pushing = pushed->pushing;

    if (!record_is_done(pushed->record)) {
        return;
    }
    pushed->done = true;
    print_ready(pushing);
    feed(pushing);
}

static bool next_input(struct pushing *pushing, struct input *ret_input)
{
    for (;;) {
        if (pushing->open) {
            if (events_next(&pushing->events, ret_input)) {
                return true;
            }
            if (pushing->events.index == 0) {
                fprintf(stderr, "waybill: '%s' holds no event\n",
                        pushing->events.file);
            }
            events_close(&pushing->events);
            pushing->open = false;
        }
        if (pushing->files_left == 0) {
            return false;
        }
        pushing->files_left--;
        pushing->open = events_open(*pushing->files++, &pushing->events) == 0;
        pushing->failed |= !pushing->open;
    }
}

static void feed(struct pushing *pushing)
{
    const struct delivery_settings *limits =
        &pushing->options.settings->delivery;
    struct input input;

    while (pushing->held < limits->max_records && next_input(pushing, &input)) {
        struct pushed *pushed = mem_zalloc(sizeof(*pushed));

        pushed->pushing = pushing;
        TAILQ_INSERT_TAIL(&pushing->records, pushed, link);
        pushing->held++;
        pushed->record =
            pipeline_feed(pushing->pipeline, &input, NULL, on_outcome, pushed);
    }
    if (pushing->held == 0) {
        loop_stop(pushing->options.loop);
    }
}

static int status_of(const struct pushing *pushing)
{
    if (pushing->failed) {
        return EXIT_FAILED;
    }
    return pushing->exhausted ? EXIT_TEMPORARY : EXIT_OK;
}

static void begin(void *payload)
{
    feed(payload);
}

static int push(struct pushing *pushing)
{
    struct pipeline_options *options = &pushing->options;
    struct random random;
    struct task task;
    int status;

    random_seed_from_system(&random);
    options->loop = loop_new(clock_system());
    options->http = http_new(options->loop);
    options->random = &random;
    options->mode = PIPELINE_ONCE;
    pushing->pipeline = pipeline_new(options);
    TAILQ_INIT(&pushing->records);
    task_init(&task, begin, pushing);
    loop_defer(options->loop, &task);
    loop_run(options->loop);
    status = status_of(pushing);
    pipeline_free(pushing->pipeline);
    http_free(options->http);
    loop_free(options->loop);
    return status;
}

static int run_push(const struct cli_args *args)
{
    struct cli_args with_input = *args;
    struct pushing pushing = {0};
    struct settings *settings;
    int status;

    args_default_to_stdin(&with_input);
    pushing.files = with_input.words;
    pushing.files_left = with_input.word_count;
    settings = load_settings(args, CONFIG_REQUIRES_REGISTRATIONS);
    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    pushing.options.settings = settings;
    status = push(&pushing);
    settings_free(settings);
    return status;
}

const struct command push_command = {
    .name = "push",
    .words = "[EVENT...]",
    .summary = "Deliver events from files, without Kafka",
    .text =
        "EVENT is a file, or - for standard input: a sequence of JSON values, "
        "one an event,\npretty-printed or not. Without any, standard input is "
        "read. What is not JSON is a\nfailed outcome of its own, and ends at "
        "the next line that begins with '{'.\n\nPrints one line for each "
        "outcome, in the events' order: a CloudEvent in structured\nmode. A "
        "failure that may pass is tried delivery.max_attempts times, with "
        "pauses of\nat most two seconds; refused credentials are not tried "
        "again.\n",
    .examples = "  waybill push event.json\n"
                "  waybill push --config push.yaml - < events.jsonl | jq "
                ".data.result.reference\n",
    .exits = "  0   every event was delivered, or attached to nothing\n"
             "  1   a delivery failed or was refused, or a file cannot be "
             "read\n"
             "  2   the command line is wrong\n"
             "  75  an endpoint was out of reach until attempts were used up\n"
             "  78  the configuration is wrong\n",
    .run = run_push,
};
