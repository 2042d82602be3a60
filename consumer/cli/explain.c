#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_text.h"
#include "replay_internal.h"
#include "waybill/address.h"
#include "waybill/suggest.h"

#define DEFAULT_LIMIT 10000000

static const struct option_row options[] = {
    {"--json", NULL, "print JSON"},
    {"--limit", "N", "look at most at so many outcomes (10000000)"},
    {0},
};

/* --- which record --------------------------------------------------------- */

struct coordinates {
    const char *topic; /* NULL: not given */
    size_t topic_len;
    int32_t partition;
    int64_t offset;
};

static bool read_number(const char *text, size_t len, int64_t max,
                        int64_t *ret_number)
{
    int64_t number = 0;

    if (len == 0 || len > 19 || strspn(text, "0123456789") < len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text[i] - '0', &number)) {
            return false;
        }
    }
    *ret_number = number;
    return number <= max;
}

/* Parses TOPIC/PARTITION/OFFSET, as logs and outcomes write it, or
 * PARTITION/OFFSET. A topic name cannot contain a slash. */
static bool read_coordinates(const char *text,
                             struct coordinates *ret_coordinates)
{
    const char *last = strrchr(text, '/');
    const char *before = last;
    int64_t partition;

    if (last == NULL) {
        return false;
    }
    while (before > text && before[-1] != '/') {
        before--;
    }
    if (!read_number(before, (size_t)(last - before), INT32_MAX, &partition) ||
        !read_number(last + 1, strlen(last + 1), INT64_MAX - 1,
                     &ret_coordinates->offset)) {
        return false;
    }
    ret_coordinates->partition = (int32_t)partition;
    ret_coordinates->topic = before > text ? text : NULL;
    ret_coordinates->topic_len =
        before > text ? (size_t)(before - 1 - text) : 0;
    return before == text || ret_coordinates->topic_len > 0;
}

static bool is_topic(const struct coordinates *coordinates, const char *topic)
{
    return coordinates->topic != NULL &&
           strlen(topic) == coordinates->topic_len &&
           strncmp(topic, coordinates->topic, coordinates->topic_len) == 0;
}

/* Returns the topic of the record; NULL if it is neither the attestations topic
 * nor the replays topic. */
static const char *topic_of(const struct coordinates *coordinates,
                            const struct kafka_settings *kafka)
{
    if (coordinates->topic == NULL ||
        is_topic(coordinates, kafka->topics.attestations)) {
        return kafka->topics.attestations;
    }
    return is_topic(coordinates, kafka->topics.replays) ? kafka->topics.replays
                                                        : NULL;
}

/* Returns EXIT_OK, or the exit status: only the records that Waybill consumes
 * can be explained. */
static int check_topic(const struct coordinates *coordinates,
                       const struct kafka_settings *kafka, struct arena *arena)
{
    struct suggestion near;

    /* Without a topic it is that of attestations. */
    if (coordinates->topic == NULL || topic_of(coordinates, kafka) != NULL) {
        return EXIT_OK;
    }
    print_err("waybill: topic '%.*s' is not the one of attestations, "
              "which is '%s', nor that of replays, which is '%s'",
              (int)coordinates->topic_len, coordinates->topic,
              kafka->topics.attestations, kafka->topics.replays);
    suggest_init(&near, arena_printf(arena, "%.*s", (int)coordinates->topic_len,
                                     coordinates->topic));
    suggest_offer(&near, kafka->topics.attestations);
    suggest_offer(&near, kafka->topics.replays);
    if (is_topic(coordinates, kafka->topics.dead_letters)) {
        print_err("; it holds dead letters: 'waybill replay show "
                  "%d/%lld'",
                  (int)coordinates->partition, (long long)coordinates->offset);
    } else if (is_topic(coordinates, kafka->topics.outcomes)) {
        print_err(
            "; it holds outcomes, whose 'input' says which record to ask for");
    } else if (near.nearest != NULL) {
        print_err(" (did you mean '%s/%d/%lld'?)", near.nearest,
                  (int)coordinates->partition, (long long)coordinates->offset);
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

/* The command that queries the admin port from the host of the instance.
 * NULL when the port is off or chosen by the system. */
static const char *status_request(const struct admin_settings *admin,
                                  struct arena *arena)
{
    const char *listen = admin->listen != NULL ? admin->listen : ADMIN_DEFAULT;
    struct host_port split;

    if (strcmp(listen, ADMIN_OFF) == 0 || !host_port_split(listen, &split) ||
        split.port <= 0) {
        return NULL;
    }
    return arena_printf(
        arena, "curl -s %s%s://%s/status",
        admin->token != NULL ? "-H \"Authorization: Bearer $TOKEN\" " : "",
        admin->tls_certificate != NULL ? "https" : "http", listen);
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

static void print_history(const struct cli_args *args,
                          const struct settings *settings,
                          const struct history *history, struct arena *arena)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct explain_names names = {
        .program = command_prefix(args, arena),
        .brokers = settings->kafka.brokers,
        .outcomes = settings->kafka.topics.outcomes,
        .dead_letters = settings->kafka.topics.dead_letters,
        .status = status_request(&settings->admin, arena),
    };

    if (args_option(args, "--json") != NULL) {
        explain_append_json(&out, history, &names);
    } else {
        explain_append_text(&out, history, &names);
    }
    print_str(&out);
}

static int follow(const struct cli_args *args, const struct settings *settings,
                  const struct coordinates *coordinates, uint64_t limit,
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
    const struct position at = {topic_of(coordinates, kafka),
                                coordinates->partition, coordinates->offset};
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

static int explain(const struct cli_args *args,
                   const struct coordinates *coordinates, uint64_t limit)
{
    struct settings *settings = load_settings(args, CONFIG_REQUIRES_KAFKA);
    struct arena *arena;
    int status;

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    arena = arena_new();
    status = check_topic(coordinates, &settings->kafka, arena);
    if (status == EXIT_OK) {
        status = follow(args, settings, coordinates, limit, arena);
    }
    arena_free(arena);
    settings_free(settings);
    return status;
}

static int run_explain(const struct cli_args *args)
{
    const char *limit = args_option(args, "--limit");
    int64_t max = DEFAULT_LIMIT;
    struct coordinates coordinates;

    if (args->operand_count != 1) {
        usage_error("explain", args->operand_count == 0
                                   ? "no record was named; name one by "
                                     "TOPIC/PARTITION/OFFSET, as logs and "
                                     "outcomes do"
                                   : "more than one record was named; explain "
                                     "them one at a time");
        return EXIT_USAGE;
    }
    if (!read_coordinates(args->operands[0], &coordinates)) {
        usage_error("explain",
                    "'%s' is not a record; write TOPIC/PARTITION/OFFSET, as in "
                    "attestations/3/42",
                    args->operands[0]);
        return EXIT_USAGE;
    }
    if (limit != NULL &&
        (!read_number(limit, strlen(limit), INT64_MAX, &max) || max == 0)) {
        usage_error("explain", "--limit must be a number above 0, not '%s'",
                    limit);
        return EXIT_USAGE;
    }
    return explain(args, &coordinates, (uint64_t)max);
}

const struct command explain_command = {
    .name = "explain",
    .operands = "TOPIC/PARTITION/OFFSET",
    .summary = "Tell from Kafka what became of a record",
    .text =
        "Says whether the record is there, was read, is in work, or is done, "
        "with each\n"
        "outcome and dead letter of it and of its replays, and what to type "
        "next. TOPIC\n"
        "may be left out.\n"
        "\n"
        "It only reads: no group is joined, nothing is committed, nobody is "
        "fenced. What\n"
        "no commit speaks of yet is not seen: a record in work shows as such "
        "once\n"
        "something of its partition was committed after it had been read.\n"
        "\n"
        "Outcomes are looked for in all partitions of their topic, from an "
        "hour before\n"
        "the record's own time up to the end; from the start where that finds "
        "nothing\n"
        "that should be there.\n",
    .examples = "  waybill explain attestations/3/42\n"
                "  waybill explain 3/42 --json\n",
    .exit_statuses =
        "  0    it is known what became of it, or that nothing did yet\n"
        "  1    there is no such record, or what is needed cannot be "
        "read\n"
        "  2    the command line is wrong\n"
        "  75   the broker is out of reach\n"
        "  78   the configuration is wrong\n"
        "  130  interrupted (143: by SIGTERM)\n",
    .options = options,
    .run = run_explain,
};
