#include <stdio.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/suggest.h"

#define DEFAULT_RATE 100
#define DEFAULT_MAX_FAILURES 50

#define LIST 1U
#define SHOW 2U
#define STATS 4U
#define RUN 8U
#define PURGE 16U
#define ALL_SELECTING (LIST | STATS | RUN | PURGE)

static const struct subcommand {
    const char *name;
    unsigned bit;
    int (*run)(struct replay_context *context);
} subcommands[] = {
    {"list", LIST, replay_list},
    {"show", SHOW, replay_show},
    {"stats", STATS, replay_stats},
    {"run", RUN, replay_run_command},
    {"purge", PURGE, replay_purge_command},
};

static const struct option_row options[] = {
    {"--class", "CLASS", "error class: schema, rejected, not_found, ..."},
    {"--code", "CODE", "error code of the endpoint"},
    {"--since", "TIME", "failed at or after: RFC 3339, or 30m, 2h, 7d ago"},
    {"--until", "TIME", "failed before"},
    {"--topic", "TOPIC", "topic of the original record"},
    {"--partition", "N", "partition of the original record"},
    {"--offset", "N|A-B|A-", "offset of the original record"},
    {"--dead-letter", "P/O", "partition and offset of the dead letter itself"},
    {"--key", "KEY", "key of the record"},
    {"--event-id", "ID", "id of the event"},
    {"--workflow", "PATTERN",
     "workflow, by id or project/name; * matches any text"},
    {"--integration", "ID", "integration of the failed delivery"},
    {"--registration", "NAME", "registration of the failed delivery"},
    {"--attachment", "NAME", "attachment of the failed delivery"},
    {"--all", NULL, "list, stats: include those that need no action"},
    {"--json", NULL, "print JSON (list: one line each)"},
    {"--no-outcome-check", NULL,
     "do not check which have been delivered since"},
    {"--max-replays", "N", "quarantine a dead letter after N replays (5)"},
    {"--force", NULL, "run: include quarantined ones and other groups'"},
    {"--limit", "N", "list, run: at most N (run: oldest failures first)"},
    {"--rate", "N", "run: at most N per second (100; 0: no limit)"},
    {"--max-failures", "PERCENT",
     "run: stop if more of the last 50 replays failed again (50)"},
    {"--include-unreplayed", NULL,
     "purge: include matching ones that were never replayed"},
    {"--yes", NULL,
     "run, purge: do it; without it, only show what would be "
     "done"},
    {0},
};

/* The subcommands that accept an option. Filters are accepted by every
 * subcommand that selects dead letters. */
static unsigned subcommands_of(const char *option)
{
    static const struct {
        const char *option;
        unsigned subcommands;
    } rows[] = {
        {"--all", LIST | STATS},
        {"--json", ALL_SELECTING | SHOW},
        {"--no-outcome-check", ALL_SELECTING | SHOW},
        {"--max-replays", ALL_SELECTING | SHOW},
        {"--force", RUN},
        {"--limit", LIST | RUN},
        {"--rate", RUN},
        {"--max-failures", RUN},
        {"--include-unreplayed", PURGE},
        {"--yes", RUN | PURGE},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].option, option) == 0) {
            return rows[i].subcommands;
        }
    }
    return filter_is_option(option) ? ALL_SELECTING : ~0U;
}

static int check_options(const struct cli_args *args,
                         const struct subcommand *subcommand)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const char *name = args->options[i].row->name;

        if ((subcommands_of(name) & subcommand->bit) == 0) {
            usage_error("replay", "'replay %s' does not accept %s",
                        subcommand->name, name);
            return -1;
        }
    }
    return 0;
}

static int read_count(const struct cli_args *args, const char *option,
                      size_t max, size_t *value)
{
    const char *text = args_option(args, option);
    size_t number = 0;

    if (text == NULL) {
        return 0;
    }
    for (const char *at = text; *at >= '0' && *at <= '9' && number <= max;
         at++) {
        number = number * 10 + (size_t)(*at - '0');
    }
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0' ||
        number > max) {
        usage_error("replay", "%s must be a number up to %zu, not '%s'", option,
                    max, text);
        return -1;
    }
    *value = number;
    return 0;
}

static int read_filters(const struct cli_args *args, struct filter *filter)
{
    int64_t now = clock_wall_ms(clock_system());
    struct error err;

    for (size_t i = 0; i < args->option_count; i++) {
        const struct option_value *option = &args->options[i];

        if (filter_is_option(option->row->name) &&
            filter_add(filter, option->row->name, option->value, now, &err) <
                0) {
            usage_error("replay", "%s", err.message);
            return -1;
        }
    }
    return 0;
}

static int read_options(const struct cli_args *args,
                        struct replay_context *context)
{
    struct replay_options *replay_options = &context->options;
    size_t rate = DEFAULT_RATE;
    size_t max_replays = REPLAY_DEFAULT_MAX;
    size_t max_failures = DEFAULT_MAX_FAILURES;

    replay_options->policy.limit = SIZE_MAX;
    if (read_count(args, "--limit", 1000000000, &replay_options->policy.limit) <
            0 ||
        read_count(args, "--rate", 1000000, &rate) < 0 ||
        read_count(args, "--max-replays", 1000000, &max_replays) < 0 ||
        read_count(args, "--max-failures", 100, &max_failures) < 0 ||
        read_filters(args, &replay_options->filter) < 0) {
        return -1;
    }
    replay_options->rate = (unsigned)rate;
    replay_options->policy.max_replays = (unsigned)max_replays;
    replay_options->max_failures = (unsigned)max_failures;
    replay_options->policy.force = args_option(args, "--force") != NULL;
    replay_options->outcome_check =
        args_option(args, "--no-outcome-check") == NULL;
    context->json = args_option(args, "--json") != NULL;
    context->all = args_option(args, "--all") != NULL;
    context->yes = args_option(args, "--yes") != NULL;
    return 0;
}

static const struct subcommand *find_subcommand(const struct cli_args *args)
{
    const char *name = args->operand_count > 0 ? args->operands[0] : "";
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
        if (strcmp(subcommands[i].name, name) == 0) {
            return &subcommands[i];
        }
        suggest_offer(&near, subcommands[i].name);
    }
    if (near.nearest != NULL) {
        usage_error("replay",
                    "there is no subcommand '%s' (did you mean '%s'?)", name,
                    near.nearest);
    } else {
        usage_error("replay",
                    "%s%s%s; it must be one of list, show, stats, "
                    "run, purge",
                    *name != '\0' ? "there is no subcommand '"
                                  : "no subcommand was given",
                    name, *name != '\0' ? "'" : "");
    }
    return NULL;
}

static int check_operands(const struct cli_args *args,
                          const struct subcommand *subcommand)
{
    size_t max = subcommand->bit == SHOW ? 2 : 1;

    if (args->operand_count > max) {
        usage_error("replay", "'replay %s': unexpected argument '%s'",
                    subcommand->name, args->operands[max]);
        return -1;
    }
    if (args->operand_count < max) {
        usage_error("replay",
                    "'replay show' needs the PARTITION/OFFSET of a dead "
                    "letter, as 'replay list' prints it");
        return -1;
    }
    return 0;
}

static int run_subcommand(const struct subcommand *subcommand,
                          struct replay_context *context)
{
    const struct kafka_settings *kafka = &context->settings->kafka;
    struct replay_options *replay_options = &context->options;
    struct arena *arena = arena_new();
    int status;

    replay_options->user = KAFKA_REPLAY;
    replay_options->brokers = kafka->brokers;
    replay_options->properties = &kafka->properties;
    replay_options->dead_letters = kafka->topics.dead_letters;
    replay_options->attestations = kafka->topics.attestations;
    replay_options->replays = kafka->topics.replays;
    replay_options->outcomes = kafka->topics.outcomes;
    replay_options->policy.group = kafka->group;
    replay_options->clock = clock_system();
    replay_options->interrupted = replay_is_interrupted;
    replay_set_names(context->settings, arena, &replay_options->names);
    replay_catch_signals();
    status = subcommand->run(context);
    replay_free(context->replay);
    arena_free(arena);
    return status;
}

static int run_replay(const struct cli_args *args)
{
    struct replay_context context = {.args = args};
    const struct subcommand *subcommand = find_subcommand(args);
    struct settings *settings;
    int status;

    if (subcommand == NULL || check_operands(args, subcommand) < 0 ||
        check_options(args, subcommand) < 0 ||
        read_options(args, &context) < 0) {
        return EXIT_USAGE;
    }
    settings = load_settings(args, CONFIG_REQUIRES_KAFKA);
    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    context.settings = settings;
    status = run_subcommand(subcommand, &context);
    settings_free(settings);
    return status;
}

const struct command replay_command = {
    .name = "replay",
    .operands = "list|show P/O|stats|run|purge",
    .summary = "List, count, replay and delete dead letters",
    .text =
        "list    Print one line for each dead letter that needs action.\n"
        "show    Print everything about one dead letter: why the delivery "
        "failed, and the\n"
        "        remedy.\n"
        "stats   Count dead letters by state, error class, code, integration,\n"
        "        registration and attachment. In each list the numbers add up "
        "to the\n"
        "        total.\n"
        "run     Copy the matching records to the replays topic, which "
        "`waybill run`\n"
        "        consumes. Only the failed attachment is delivered again. "
        "Without --yes,\n"
        "        run only shows what it would do. It creates the replays topic "
        "if needed.\n"
        "purge   Delete dead letters that need no action. Without --yes, purge "
        "only shows\n"
        "        what it would delete.\n"
        "\n"
        "Repeating a filter adds an alternative; different filters must all "
        "match. P/O is\n"
        "the partition and the offset of the dead letter itself. An error "
        "class, an\n"
        "integration, a registration, an attachment or a topic that is neither "
        "configured\n"
        "nor in a dead letter is an error.\n"
        "\n"
        "`run` stops at the end of the topic as of its start, so it never "
        "replays a record\n"
        "that fails again meanwhile. It skips deliveries that have succeeded "
        "since, dead\n"
        "letters that have a newer one of the same delivery, and those that "
        "were replayed\n"
        "too often. Each copy and the progress of the replay (the offsets of "
        "the group\n"
        "<kafka.group>-replay) are one transaction: start a replay that was "
        "killed again,\n"
        "and it continues. SIGINT ends it after the current transaction. Kafka "
        "deletes the\n"
        "progress some days after the last replay "
        "(offsets.retention.minutes), so purge\n"
        "replayed dead letters before then.\n",
    .examples = "  waybill replay stats\n"
                "  waybill replay list --class not_found --since 2h\n"
                "  waybill replay show 0/42\n"
                "  waybill replay run --registration ghcr --limit 1 --yes\n"
                "  waybill replay run --registration ghcr --yes\n"
                "  waybill replay purge --yes\n",
    .exit_statuses =
        "  0    success, also when there was nothing to do\n"
        "  1    a dead letter could not be replayed, or too many failed again\n"
        "  2    the command line is wrong, or a filter names what does not "
        "exist\n"
        "  75   the brokers are unreachable\n"
        "  78   the configuration is wrong\n"
        "  130  interrupted (143: by SIGTERM)\n",
    .options = options,
    .run = run_replay,
};
