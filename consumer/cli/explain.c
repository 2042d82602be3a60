#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_text.h"
#include "explain_waiting.h"
#include "replay_internal.h"
#include "waybill/suggest.h"

#define DEFAULT_LIMIT 10000000

static const struct option_row options[] = {
    {"--json", NULL, "print JSON"},
    {"--limit", "N", "read at most N outcomes (default 10000000)"},
    {0},
};

/* --- which record --------------------------------------------------------- */

static bool is_topic(const struct position *asked, const char *topic)
{
    return asked->topic != NULL && strcmp(asked->topic, topic) == 0;
}

/* Returns the topic of the record; NULL if it is neither the attestations topic
 * nor the replays topic. */
static const char *topic_of(const struct position *asked,
                            const struct kafka_settings *kafka)
{
    if (asked->topic == NULL || is_topic(asked, kafka->topics.attestations)) {
        return kafka->topics.attestations;
    }
    return is_topic(asked, kafka->topics.replays) ? kafka->topics.replays
                                                  : NULL;
}

/* Returns EXIT_OK, or the exit status: only the records that Waybill consumes
 * can be explained. */
static int check_topic(const struct position *asked,
                       const struct kafka_settings *kafka)
{
    struct suggestion near;

    if (topic_of(asked, kafka) != NULL) {
        return EXIT_OK;
    }
    print_err("waybill: topic '%s' is neither the attestations topic '%s' nor "
              "the replays topic '%s'",
              asked->topic, kafka->topics.attestations, kafka->topics.replays);
    suggest_init(&near, asked->topic);
    suggest_offer(&near, kafka->topics.attestations);
    suggest_offer(&near, kafka->topics.replays);
    if (is_topic(asked, kafka->topics.dead_letters)) {
        print_err("; it has dead letters: run 'waybill replay show %d/%lld'",
                  (int)asked->partition, (long long)asked->offset);
    } else if (is_topic(asked, kafka->topics.outcomes)) {
        print_err("; it has outcomes: explain the record that the outcome's "
                  "'input' names");
    } else if (near.nearest != NULL) {
        print_err(" (did you mean '%s/%d/%lld'?)", near.nearest,
                  (int)asked->partition, (long long)asked->offset);
    }
    print_err("\n");
    return EXIT_FAILED;
}

/* --- output --------------------------------------------------------------- */

static const char *command_prefix(const struct cli_args *args,
                                  struct arena *arena)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    const char *config = args_option(args, "--config");

    str_append_text(&out, "waybill");
    if (config != NULL) {
        str_append_text(&out, " --config ");
        append_quoted(&out, config);
    }
    return arena_strdup(arena, out.data);
}

static void report_progress(uint64_t searched, uint64_t total)
{
    print_err("read %" PRIu64 " of %" PRIu64 " outcome%s\n", searched, total,
              plural_s(total));
}

static const char *const *attachment_names(const struct settings *settings,
                                           struct arena *arena)
{
    const char **names =
        arena_alloc(arena, (settings->attachment_count + 1) * sizeof(names[0]));

    for (size_t i = 0; i < settings->attachment_count; i++) {
        names[i] = settings->attachments[i].name;
    }
    return names;
}

static bool record_is_missing(const struct history *history)
{
    enum history_verdict verdict = history_judge(history);

    return verdict == HISTORY_NO_PARTITION || verdict == HISTORY_NOT_WRITTEN ||
           verdict == HISTORY_NO_RECORD;
}

/* In these states Kafka has no more information about the record. */
static bool may_be_waiting(const struct history *history)
{
    enum history_verdict verdict = history_judge(history);

    return verdict == HISTORY_UNREAD || verdict == HISTORY_IN_FLIGHT ||
           verdict == HISTORY_PARTLY_DONE || verdict == HISTORY_SET_BACK;
}

static void print_history(const struct cli_args *args,
                          const struct settings *settings,
                          const struct history *history, struct arena *arena)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct waiting waiting = WAITING_INIT;
    const struct explain_names names = {
        .program = command_prefix(args, arena),
        .brokers = settings->kafka.brokers,
        .outcomes = settings->kafka.topics.outcomes,
        .dead_letters = settings->kafka.topics.dead_letters,
    };
    const struct position at = {history->topic, history->partition,
                                history->offset};

    if (may_be_waiting(history)) {
        waiting_ask(&settings->admin, &at, &waiting);
    }
    if (args_option(args, "--json") != NULL) {
        explain_append_json(&out, history, &waiting, &names);
    } else {
        explain_append_text(&out, history, &waiting, &names);
    }
    print_str(&out);
    waiting_release(&waiting);
}

static int follow(const struct cli_args *args, const struct settings *settings,
                  const struct position *asked, uint64_t limit,
                  struct arena *arena)
{
    const struct kafka_settings *kafka = &settings->kafka;
    struct history_options history_options = {
        .brokers = kafka->brokers,
        .properties = &kafka->properties,
        .group = kafka->group,
        .attestations = kafka->topics.attestations,
        .replays = kafka->topics.replays,
        .outcomes = kafka->topics.outcomes,
        .dead_letters = kafka->topics.dead_letters,
        .attachments = attachment_names(settings, arena),
        .attachment_count = settings->attachment_count,
        .max_outcomes = limit,
        .clock = clock_system(),
        .interrupted = replay_is_interrupted,
        .on_progress = report_progress,
    };
    const struct position at = {topic_of(asked, kafka), asked->partition,
                                asked->offset};
    struct replay *replay = NULL;
    struct history history;
    struct error err;
    int status;

    replay_catch_signals();
    if (history_collect(&history_options, &at, arena, &replay, &history, &err) <
        0) {
        status = replay_report_error(&err);
    } else {
        print_history(args, settings, &history, arena);
        status = record_is_missing(&history) ? EXIT_FAILED : EXIT_OK;
    }
    replay_free(replay);
    return status;
}

static int explain(const struct cli_args *args, const struct position *asked,
                   uint64_t limit, struct arena *arena)
{
    struct settings *settings = load_settings(args, CONFIG_REQUIRES_KAFKA);
    int status;

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    status = check_topic(asked, &settings->kafka);
    if (status == EXIT_OK) {
        status = follow(args, settings, asked, limit, arena);
    }
    settings_free(settings);
    return status;
}

static bool read_limit(const struct cli_args *args, uint64_t *ret_limit)
{
    const char *text = args_option(args, "--limit");
    char *end;

    if (text == NULL) {
        *ret_limit = DEFAULT_LIMIT;
        return true;
    }
    errno = 0;
    *ret_limit = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        *ret_limit == 0) {
        usage_error("explain", "--limit must be a number above 0, not '%s'",
                    text);
        return false;
    }
    return true;
}

static bool read_record(const struct cli_args *args, struct arena *arena,
                        struct position *ret_asked)
{
    if (args->operand_count == 0) {
        usage_error("explain", "no record is named; write "
                               "TOPIC/PARTITION/OFFSET, as logs and outcomes "
                               "do");
        return false;
    }
    if (args->operand_count > 1) {
        usage_error("explain",
                    "more than one record is named; explain them one at a "
                    "time");
        return false;
    }
    if (!position_parse(args->operands[0], arena, ret_asked)) {
        usage_error("explain",
                    "'%s' is not a record; write TOPIC/PARTITION/OFFSET, as in "
                    "attestations/3/42",
                    args->operands[0]);
        return false;
    }
    return true;
}

static int run_explain(const struct cli_args *args)
{
    struct arena *arena = arena_new();
    int status = EXIT_USAGE;
    struct position asked;
    uint64_t limit;

    if (read_record(args, arena, &asked) && read_limit(args, &limit)) {
        status = explain(args, &asked, limit, arena);
    }
    arena_free(arena);
    return status;
}

const struct command explain_command = {
    .name = "explain",
    .operands = "TOPIC/PARTITION/OFFSET",
    .summary = "Show what became of a record",
    .text =
        "Shows whether the record exists, was read, is in progress or is "
        "finished, with\n"
        "each outcome and dead letter of it and of its replays, and the "
        "commands to run\n"
        "next. TOPIC may be left out. If the record is not finished, the "
        "service on this\n"
        "machine is asked (admin.listen) what its deliveries are waiting "
        "for.\n"
        "\n"
        "The command only reads: it joins no group, commits nothing and fences "
        "nobody.\n"
        "Kafka has only what was committed: a record in progress appears as "
        "such once\n"
        "something of its partition has been committed after it was read.\n"
        "\n"
        "Outcomes are searched for in all partitions of their topic, from an "
        "hour before\n"
        "the timestamp of the record to the end, or from the start if outcomes "
        "are\n"
        "missing there.\n",
    .examples = "  waybill explain attestations/3/42\n"
                "  waybill explain 3/42 --json\n",
    .exit_statuses =
        "  0    it is known what became of the record, or that nothing did "
        "yet\n"
        "  1    there is no such record, or it cannot be read\n"
        "  2    the command line is wrong\n"
        "  75   the broker cannot be reached\n"
        "  78   the configuration is wrong\n"
        "  130  interrupted (143: by SIGTERM)\n",
    .options = options,
    .run = run_explain,
};
