#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "replay_internal.h"
#include "waybill/json.h"

/* Interval between progress lines when stderr is not a terminal */
#define LINE_INTERVAL_MS 10000
#define LINE_WIDTH 80

/* --- progress, on stderr -------------------------------------------------- */

struct progress_line {
    bool terminal;
    uint64_t line_ms; /* elapsed time at the last line */
    size_t width;     /* of the line that is displayed */
};

static void append_duration(struct str *out, int64_t ms)
{
    int64_t seconds = (ms + 999) / 1000;

    if (seconds >= 3600) {
        str_printf(out, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                   seconds % 3600 / 60);
    } else if (seconds >= 60) {
        str_printf(out, "%" PRId64 " min %" PRId64 " s", seconds / 60,
                   seconds % 60);
    } else {
        str_printf(out, "%" PRId64 " s", seconds);
    }
}

static void append_rate(struct str *out, size_t done,
                        const struct replay_counts *counts)
{
    if (counts->elapsed_ms >= 1000) {
        str_printf(out, ", %.0f per second",
                   (double)done * 1000.0 / (double)counts->elapsed_ms);
    }
}

static void append_time_left(struct str *out, size_t done,
                             const struct replay_counts *counts)
{
    int64_t left =
        replay_time_left_ms(done, counts->chosen, counts->elapsed_ms);

    if (left >= 0) {
        str_append_text(out, ", ");
        append_duration(out, left);
        str_append_text(out, " left");
    }
}

/* Records of the open transaction are counted, so that the rate does not
 * jump with every commit. If the line would be longer than `max`, it omits
 * the values that a reader can calculate. */
static void append_progress(struct str *out, const struct replay_counts *counts,
                            size_t max)
{
    size_t done = counts->copied + counts->in_transaction;

    for (int omitted = 0; omitted <= 2; omitted++) {
        str_clear(out);
        str_printf(out, "replayed %zu of %zu", done, counts->chosen);
        if (omitted < 1) {
            append_rate(out, done, counts);
        }
        if (omitted < 2) {
            append_time_left(out, done, counts);
        }
        if (counts->succeeded + counts->failed > 0) {
            str_printf(out, "; %zu delivered, %zu failed again so far",
                       counts->succeeded, counts->failed);
        }
        if (out->len <= max) {
            return;
        }
    }
    str_cut(out, max);
}

/* The columns of the terminal, and 80 at most */
static size_t line_width(bool terminal)
{
    struct winsize size = {0};

    if (terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_col > 0 && size.ws_col < LINE_WIDTH) {
        return size.ws_col;
    }
    return LINE_WIDTH;
}

static void show_progress(void *payload, const struct replay_counts *counts)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    struct progress_line *progress_line = payload;
    bool terminal = progress_line->terminal;
    size_t width;

    if (!terminal &&
        counts->elapsed_ms < progress_line->line_ms + LINE_INTERVAL_MS) {
        return;
    }
    /* A terminal may continue a full line in the next one. */
    append_progress(&line, counts,
                    line_width(terminal) -
                        (terminal ? 1 : strlen("waybill: ")));
    width = line.len;
    while (terminal && line.len < progress_line->width) {
        str_append_char(&line, ' ');
    }
    /* Only numbers, so there is nothing to escape. */
    fprintf(stderr, terminal ? "\r%s" : "waybill: %s\n", line.data);
    progress_line->width = width;
    progress_line->line_ms = counts->elapsed_ms;
}

static void clear_line(const struct progress_line *progress_line)
{
    if (progress_line->terminal && progress_line->width > 0) {
        fprintf(stderr, "\r%*s\r", (int)progress_line->width, "");
    }
}

/* --- summary -------------------------------------------------------------- */

static const char *const end_names[] = {"done", "interrupted",
                                        "too_many_failures"};

static void count_chosen(const struct dead_letter_list *list,
                         struct tally *tally)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct dead_letter *dead_letter = &list->all[i];

        if (dead_letter->chosen || dead_letter->refused) {
            tally_add(tally, dead_letter->error_class);
        }
    }
    tally_sort(tally);
}

static void append_summary_json(struct str *out, bool dry_run, const char *end,
                                const struct replay_counts *counts,
                                const struct tally *classes)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_bool(&json, "dry_run", dry_run);
    json_append_string(&json, "end", end);
    json_append_integer(&json, "chosen", (int64_t)counts->chosen);
    json_append_integer(&json, "replayed", (int64_t)counts->copied);
    json_append_integer(&json, "superseded", (int64_t)counts->superseded);
    json_append_integer(&json, "delivered", (int64_t)counts->delivered);
    json_append_integer(&json, "quarantined", (int64_t)counts->quarantined);
    json_append_integer(&json, "foreign", (int64_t)counts->foreign);
    json_append_integer(&json, "unreadable", (int64_t)counts->unreadable);
    json_append_integer(&json, "refused", (int64_t)counts->refused);
    json_append_integer(&json, "gone", (int64_t)counts->deleted);
    json_open(&json, "outcomes", '{');
    json_append_integer(&json, "succeeded", (int64_t)counts->succeeded);
    json_append_integer(&json, "failed", (int64_t)counts->failed);
    json_close(&json, '}');
    append_tally_json(&json, "classes", classes);
    json_append_integer(&json, "duration_ms", (int64_t)counts->elapsed_ms);
    json_close(&json, '}');
    str_append_char(out, '\n');
}

static void append_left_out(struct str *out, const struct replay_counts *counts)
{
    const struct {
        size_t count;
        const char *text;
    } rows[] = {
        {counts->superseded, "superseded by a newer dead letter of the same "
                             "delivery"},
        {counts->delivered, "delivered since"},
        {counts->quarantined,
         "quarantined after too many replays (--force includes them)"},
        {counts->foreign,
         "written by another consumer group (--force includes them)"},
        {counts->unreadable, "not written by Waybill"},
        {counts->refused, "larger than the replays topic accepts"},
        {counts->deleted, "deleted from the topic meanwhile"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].count > 0) {
            str_printf(out, "skipped: %zu %s\n", rows[i].count, rows[i].text);
        }
    }
}

static void append_dry_run(struct str *out, const struct replay_counts *counts,
                           const struct tally *classes)
{
    str_printf(out,
               "would replay %zu dead letter%s (dry run; --yes replays "
               "them)\n",
               counts->chosen, plural_s(counts->chosen));
    if (counts->chosen > 0) {
        append_tally(out, "by class", classes);
    }
    append_left_out(out, counts);
}

static void append_summary(struct str *out, const struct replay_counts *counts)
{
    str_printf(out, "replayed %zu of %zu dead letter%s in ", counts->copied,
               counts->chosen, plural_s(counts->chosen));
    append_duration(out, (int64_t)counts->elapsed_ms);
    str_append_char(out, '\n');
    if (counts->succeeded + counts->failed > 0) {
        str_printf(out, "outcomes so far: %zu delivered, %zu failed again\n",
                   counts->succeeded, counts->failed);
    }
    append_left_out(out, counts);
}

static void print_summary(const struct replay_context *context, const char *end,
                          const struct replay_counts *counts)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct tally classes = {0};

    count_chosen(replay_dead_letters(context->replay), &classes);
    if (context->json) {
        append_summary_json(&out, !context->yes, end, counts, &classes);
    } else if (context->yes) {
        append_summary(&out, counts);
    } else {
        append_dry_run(&out, counts, &classes);
    }
    tally_release(&classes);
    print_str(&out);
}

/* --- the subcommand ------------------------------------------------------- */

static int dry_run(const struct replay_context *context)
{
    struct replay_counts counts;
    struct error err;

    replay_count(context->replay, &counts);
    print_summary(context, "dry_run", &counts);
    if (replay_check_room(context->replay, &err) < 0) {
        return replay_report_error(&err);
    }
    return EXIT_OK;
}

static int exit_status_of(enum replay_end end,
                          const struct replay_counts *counts,
                          unsigned max_failures)
{
    switch (end) {
    case REPLAY_INTERRUPTED:
        print_err(
            "waybill: interrupted; the progress is committed, and the next "
            "replay continues after it\n");
        return replay_interrupted_status();
    case REPLAY_TOO_MANY_FAILURES:
        print_err(
            "waybill: stopped, because more than %u %% of the last replays "
            "have failed again (--max-failures); the progress is "
            "committed\n",
            max_failures);
        return EXIT_FAILED;
    case REPLAY_DONE:
        break;
    }
    return counts->quarantined + counts->foreign + counts->unreadable +
                       counts->refused + counts->deleted >
                   0
               ? EXIT_FAILED
               : EXIT_OK;
}

static int write_run(const struct replay_context *context)
{
    struct progress_line progress_line = {.terminal =
                                              isatty(STDERR_FILENO) == 1};
    enum replay_end end = REPLAY_DONE;
    struct replay_counts counts;
    struct error err;
    int result;

    replay_end_in_order();
    result = replay_run(context->replay, show_progress, &progress_line, &end,
                        &counts, &err);

    clear_line(&progress_line);
    print_summary(context, result < 0 ? "failed" : end_names[end], &counts);
    return result < 0
               ? replay_report_error(&err)
               : exit_status_of(end, &counts, context->options.max_failures);
}

int replay_run_command(struct replay_context *context)
{
    int status = EXIT_OK;

    if (replay_context_open(context, context->yes, &status) == NULL) {
        return status;
    }
    return context->yes ? write_run(context) : dry_run(context);
}
