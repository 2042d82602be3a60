#include <stdio.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

/* The number of columns, assuming that every character takes one */
static size_t columns_of(const char *text, size_t len)
{
    size_t columns = 0;

    for (size_t i = 0; i < len; i++) {
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return columns;
}

static void append_cell(struct str *out, const char *text, size_t width)
{
    CLEANUP(str_release) struct str cell = STR_INIT(STR_UNLIMITED);
    size_t columns;

    text = text != NULL && *text != '\0' ? text : "-";
    utf8_append_printable(&cell, text, strlen(text), width);
    if (cell.len < strlen(text)) {
        str_clear(&cell);
        utf8_append_printable(&cell, text, strlen(text), width - 2);
        str_append_text(&cell, "..");
    }
    str_append(out, cell.data, cell.len);
    for (columns = columns_of(cell.data, cell.len); columns < width;
         columns++) {
        str_append_char(out, ' ');
    }
    str_append_text(out, "  ");
}

static void end_line(struct str *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ') {
        out->len--;
    }
    out->data[out->len] = '\0';
    str_append_char(out, '\n');
}

/* --- list ----------------------------------------------------------------- */

static void append_time_json(struct json_writer *json, const char *name,
                             int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        json_append_string(json, name, clock_format(ms, text));
    }
}

static void append_position_json(struct json_writer *json, const char *name,
                                 const struct dead_letter *dead_letter)
{
    char text[64];

    snprintf(text, sizeof(text), "%d/%lld", dead_letter->partition,
             (long long)dead_letter->offset);
    json_append_string(json, name, text);
}

static void append_error_json(struct json_writer *json,
                              const struct dead_letter *dead_letter)
{
    json_open(json, "error", '{');
    json_append_optional(json, "class", dead_letter->error_class);
    json_append_optional(json, "code", dead_letter->code);
    if (dead_letter->http_status != 0) {
        json_append_integer(json, "http_status", dead_letter->http_status);
    }
    json_append_optional(json, "message", dead_letter->message);
    json_close(json, '}');
}

static void append_origin_json(struct json_writer *json,
                               const struct dead_letter *dead_letter)
{
    json_open(json, "original", '{');
    json_append_optional(json, "topic", dead_letter->topic);
    if (dead_letter->origin_partition >= 0) {
        json_append_integer(json, "partition", dead_letter->origin_partition);
    }
    if (dead_letter->origin_offset >= 0) {
        json_append_integer(json, "offset", dead_letter->origin_offset);
    }
    json_close(json, '}');
}

void append_dead_letter_json(struct json_writer *json,
                             const struct dead_letter *dead_letter)
{
    append_position_json(json, "dead_letter", dead_letter);
    json_append_string(json, "state",
                       dead_letter_state_name(dead_letter->state));
    if (dead_letter->newer != NULL) {
        append_position_json(json, "newer", dead_letter->newer);
    }
    append_time_json(json, "first_failed_at", dead_letter->first_failed_ms);
    append_time_json(json, "failed_at", dead_letter->failed_ms);
    append_error_json(json, dead_letter);
    json_append_optional(json, "integration", dead_letter->integration);
    json_append_optional(json, "registration", dead_letter->registration);
    json_append_optional(json, "attachment", dead_letter->attachment);
    json_append_optional(json, "event_id", dead_letter->event_id);
    json_append_optional(json, "group", dead_letter->group);
    append_origin_json(json, dead_letter);
    json_append_integer(json, "attempts", dead_letter->attempts);
    json_append_integer(json, "replays", dead_letter->replays);
    json_append_integer(json, "size", (int64_t)dead_letter->size);
}

static void print_line_json(const struct dead_letter *dead_letter)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &line};

    json_open(&json, NULL, '{');
    append_dead_letter_json(&json, dead_letter);
    json_close(&json, '}');
    str_append_char(&line, '\n');
    print_str(&line);
}

/* A column is as wide as its widest cell, up to `max`. */
struct column {
    const char *title;
    size_t max;
    size_t width;
};

enum {
    POSITION,
    FAILED_AT,
    CLASS,
    CODE,
    ATTACHMENT,
    EVENT,
    REPLAYS,
    STATE,
    COLUMN_COUNT
};

#define COLUMN_DEFAULTS                                                        \
    {                                                                          \
        {"DEAD LETTER", 20, 11}, {"FAILED AT", 20, 20}, {"CLASS", 20, 5},      \
            {"CODE", 24, 4}, {"ATTACHMENT", 32, 10}, {"EVENT", 40, 5},         \
            {"REPLAYS", 10, 7},                                                \
        {                                                                      \
            "STATE", 12, 5                                                     \
        }                                                                      \
    }

struct cells {
    const char *texts[COLUMN_COUNT];
    char position[32];
    char failed_at[CLOCK_TEXT_SIZE];
    char replays[16];
};

static void fill_cells(const struct dead_letter *dead_letter,
                       struct cells *cells)
{
    snprintf(cells->position, sizeof(cells->position), "%d/%lld",
             dead_letter->partition, (long long)dead_letter->offset);
    snprintf(cells->replays, sizeof(cells->replays), "%u",
             dead_letter->replays);
    clock_format(dead_letter->failed_ms, cells->failed_at);
    snprintf(cells->failed_at + 19, 2, "Z"); /* without milliseconds */
    cells->texts[POSITION] = cells->position;
    cells->texts[FAILED_AT] =
        dead_letter->failed_ms > 0 ? cells->failed_at : NULL;
    cells->texts[CLASS] = dead_letter->error_class;
    cells->texts[CODE] = dead_letter->code;
    cells->texts[ATTACHMENT] = dead_letter->attachment;
    cells->texts[EVENT] = dead_letter->event_id;
    cells->texts[REPLAYS] = cells->replays;
    cells->texts[STATE] = dead_letter_state_name(dead_letter->state);
}

static void widen(struct column columns[COLUMN_COUNT],
                  const struct cells *cells)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const char *text = cells->texts[i] != NULL ? cells->texts[i] : "-";
        size_t width = strlen(text);

        width = width < columns[i].max ? width : columns[i].max;
        columns[i].width = width > columns[i].width ? width : columns[i].width;
    }
}

static void append_row(struct str *out,
                       const struct column columns[COLUMN_COUNT],
                       const char *const texts[COLUMN_COUNT])
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        append_cell(out, texts[i], columns[i].width);
    }
    end_line(out);
}

static void print_table(const struct dead_letter *const *shown, size_t count)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct column columns[COLUMN_COUNT] = COLUMN_DEFAULTS;
    const char *titles[COLUMN_COUNT];
    struct cells cells;

    for (size_t i = 0; i < count; i++) {
        fill_cells(shown[i], &cells);
        widen(columns, &cells);
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        titles[i] = columns[i].title;
    }
    if (count > 0) {
        append_row(&out, columns, titles);
    }
    for (size_t i = 0; i < count; i++) {
        fill_cells(shown[i], &cells);
        append_row(&out, columns, cells.texts);
    }
    print_str(&out);
}

static void print_list(const struct replay_context *context,
                       struct arena *arena)
{
    const struct dead_letter_list *list = replay_dead_letters(context->replay);
    const struct dead_letter **shown =
        arena_alloc(arena, list->count * sizeof(shown[0]));
    size_t settled = 0;
    size_t count = 0;
    size_t more = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct dead_letter *dead_letter = &list->all[i];

        if (!dead_letter->matches) {
            continue;
        }
        if (dead_letter_is_settled(dead_letter) && !context->all) {
            settled++;
        } else if (count < context->options.policy.limit) {
            shown[count++] = dead_letter;
        } else {
            more++;
        }
    }
    for (size_t i = 0; i < count && context->json; i++) {
        print_line_json(shown[i]);
    }
    if (!context->json) {
        print_table(shown, count);
        print_err("%zu dead letter%s", count, plural_s(count));
        if (more > 0) {
            print_err(" of %zu (--limit)", count + more);
        }
        print_err(settled > 0 ? "; %zu more need%s no action (--all shows "
                                "them)\n"
                              : "\n",
                  settled, verb_s(settled));
    }
}

int replay_list(struct replay_context *context)
{
    struct arena *arena;
    int status = EXIT_OK;

    if (replay_context_open(context, false, &status) == NULL) {
        return status;
    }
    arena = arena_new();
    print_list(context, arena);
    arena_free(arena);
    return status;
}

/* --- stats ---------------------------------------------------------------- */

void append_tally(struct str *out, const char *title, const struct tally *tally)
{
    str_printf(out, "%s\n", title);
    for (size_t i = 0; i < tally->count; i++) {
        str_append_text(out, "  ");
        append_cell(
            out, tally->rows[i].text != NULL ? tally->rows[i].text : "-", 40);
        str_printf(out, "%8zu\n", tally->rows[i].count);
    }
}

void append_tally_json(struct json_writer *json, const char *name,
                       const struct tally *tally)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < tally->count; i++) {
        json_open(json, NULL, '{');
        json_append_optional(json, "name", tally->rows[i].text);
        json_append_integer(json, "count", (int64_t)tally->rows[i].count);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_age(struct str *out, const char *title,
                       const struct dead_letter *dead_letter)
{
    char text[CLOCK_TEXT_SIZE];

    str_printf(out, "%s  %s  (%d/%lld)\n", title,
               clock_format(dead_letter->failed_ms, text),
               dead_letter->partition, (long long)dead_letter->offset);
}

static void append_states(struct str *out,
                          const struct dead_letter_statistics *statistics)
{
    str_append_text(out, "by state\n");
    for (int i = 0; i < DEAD_LETTER_STATES; i++) {
        if (statistics->states[i] > 0) {
            str_append_text(out, "  ");
            append_cell(out, dead_letter_state_name((enum dead_letter_state)i),
                        40);
            str_printf(out, "%8zu\n", statistics->states[i]);
        }
    }
}

/* `settled`: the number of those that are not counted, by their state */
static void append_settled(struct str *out,
                           const size_t settled[DEAD_LETTER_STATES])
{
    const char *separator = " (";
    size_t total = 0;

    for (int i = 0; i < DEAD_LETTER_STATES; i++) {
        total += settled[i];
    }
    if (total == 0) {
        return;
    }
    str_printf(out, "not counted: %zu that need%s no action", total,
               verb_s(total));
    for (int i = 0; i < DEAD_LETTER_STATES; i++) {
        if (settled[i] > 0) {
            str_printf(out, "%s%zu %s", separator, settled[i],
                       dead_letter_state_name((enum dead_letter_state)i));
            separator = ", ";
        }
    }
    str_append_text(out, "); --all counts them\n");
}

static void append_stats(struct str *out,
                         const struct dead_letter_statistics *statistics,
                         const size_t settled[DEAD_LETTER_STATES])
{
    str_printf(out, "%zu dead letter%s\n", statistics->total,
               plural_s(statistics->total));
    append_settled(out, settled);
    if (statistics->total == 0) {
        return;
    }
    append_age(out, "oldest failure", statistics->oldest);
    append_age(out, "newest failure", statistics->newest);
    append_states(out, statistics);
    append_tally(out, "by class", &statistics->classes);
    append_tally(out, "by code", &statistics->codes);
    append_tally(out, "by integration", &statistics->integrations);
    append_tally(out, "by registration", &statistics->registrations);
    append_tally(out, "by attachment", &statistics->attachments);
}

static void append_states_json(struct json_writer *json, const char *name,
                               const size_t states[DEAD_LETTER_STATES])
{
    json_open(json, name, '{');
    for (int i = 0; i < DEAD_LETTER_STATES; i++) {
        json_append_integer(json,
                            dead_letter_state_name((enum dead_letter_state)i),
                            (int64_t)states[i]);
    }
    json_close(json, '}');
}

static void append_stats_json(struct str *out,
                              const struct dead_letter_statistics *statistics,
                              const size_t settled[DEAD_LETTER_STATES])
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_integer(&json, "total", (int64_t)statistics->total);
    if (statistics->total > 0) {
        append_time_json(&json, "oldest_failure",
                         statistics->oldest->failed_ms);
        append_time_json(&json, "newest_failure",
                         statistics->newest->failed_ms);
    }
    append_states_json(&json, "states", statistics->states);
    append_states_json(&json, "not_counted", settled);
    append_tally_json(&json, "classes", &statistics->classes);
    append_tally_json(&json, "codes", &statistics->codes);
    append_tally_json(&json, "integrations", &statistics->integrations);
    append_tally_json(&json, "registrations", &statistics->registrations);
    append_tally_json(&json, "attachments", &statistics->attachments);
    json_close(&json, '}');
    str_append_char(out, '\n');
}

/* Leaves those that need no action out of what matches, and counts them by
 * their state. */
static void exclude_settled(struct dead_letter_list *list,
                            size_t settled[DEAD_LETTER_STATES])
{
    for (size_t i = 0; i < list->count; i++) {
        struct dead_letter *dead_letter = &list->all[i];

        if (dead_letter->matches && dead_letter_is_settled(dead_letter)) {
            settled[dead_letter->state]++;
            dead_letter->matches = false;
        }
    }
}

int replay_stats(struct replay_context *context)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    size_t settled[DEAD_LETTER_STATES] = {0};
    struct dead_letter_statistics statistics;
    struct dead_letter_list *list;
    int status = EXIT_OK;

    if (replay_context_open(context, false, &status) == NULL) {
        return status;
    }
    list = replay_dead_letters(context->replay);
    if (!context->all) {
        exclude_settled(list, settled);
    }
    dead_letter_list_count(list, &statistics);
    if (context->json) {
        append_stats_json(&out, &statistics, settled);
    } else {
        append_stats(&out, &statistics, settled);
    }
    dead_letter_statistics_release(&statistics);
    print_str(&out);
    return status;
}
