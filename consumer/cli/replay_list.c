#include <stdio.h>
#include <string.h>

#include "replay_internal.h"
#include "waybill/json.h"
#include "waybill/utf8.h"

/* Characters, as far as a terminal counts them one column each */
static size_t columns_of(const char *text, size_t len)
{
    size_t columns = 0;

    for (size_t i = 0; i < len; i++) {
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return columns;
}

static void put_cell(struct str *out, const char *text, size_t width)
{
    CLEANUP(str_release) struct str cell = STR_INIT(STR_UNLIMITED);
    size_t columns;

    text = text != NULL && *text != '\0' ? text : "-";
    utf8_put_printable(&cell, text, strlen(text), width);
    if (cell.len < strlen(text)) {
        str_clear(&cell);
        utf8_put_printable(&cell, text, strlen(text), width - 2);
        str_puts(&cell, "..");
    }
    str_put(out, cell.data, cell.len);
    for (columns = columns_of(cell.data, cell.len); columns < width;
         columns++) {
        str_putc(out, ' ');
    }
    str_puts(out, "  ");
}

static void end_line(struct str *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ') {
        out->len--;
    }
    out->data[out->len] = '\0';
    str_putc(out, '\n');
}

/* --- list
 * ------------------------------------------------------------------- */

static bool is_settled(const struct dead_letter *letter)
{
    return letter->state == LETTER_REPLAYED ||
           letter->state == LETTER_SUPERSEDED ||
           letter->state == LETTER_DELIVERED;
}

static void put_time_json(struct json_writer *json, const char *name,
                          int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        json_put_string(json, name, clock_format(ms, text));
    }
}

static void put_place_json(struct json_writer *json, const char *name,
                           const struct dead_letter *letter)
{
    char text[64];

    snprintf(text, sizeof(text), "%d/%lld", letter->partition,
             (long long)letter->offset);
    json_put_string(json, name, text);
}

static void put_error_json(struct json_writer *json,
                           const struct dead_letter *letter)
{
    json_open(json, "error", '{');
    json_put_optional(json, "class", letter->error_class);
    json_put_optional(json, "code", letter->code);
    if (letter->http_status != 0) {
        json_put_integer(json, "http_status", letter->http_status);
    }
    json_put_optional(json, "message", letter->message);
    json_close(json, '}');
}

static void put_origin_json(struct json_writer *json,
                            const struct dead_letter *letter)
{
    json_open(json, "original", '{');
    json_put_optional(json, "topic", letter->topic);
    if (letter->origin_partition >= 0) {
        json_put_integer(json, "partition", letter->origin_partition);
    }
    if (letter->origin_offset >= 0) {
        json_put_integer(json, "offset", letter->origin_offset);
    }
    json_close(json, '}');
}

void put_letter_json(struct json_writer *json, const struct dead_letter *letter)
{
    put_place_json(json, "dead_letter", letter);
    json_put_string(json, "state", letter_state_name(letter->state));
    if (letter->newer != NULL) {
        put_place_json(json, "newer", letter->newer);
    }
    put_time_json(json, "first_failed_at", letter->first_failed_ms);
    put_time_json(json, "failed_at", letter->failed_ms);
    put_error_json(json, letter);
    json_put_optional(json, "integration", letter->integration);
    json_put_optional(json, "registration", letter->registration);
    json_put_optional(json, "attachment", letter->attachment);
    json_put_optional(json, "event_id", letter->event_id);
    json_put_optional(json, "group", letter->group);
    put_origin_json(json, letter);
    json_put_integer(json, "attempts", letter->attempts);
    json_put_integer(json, "replays", letter->replays);
    json_put_integer(json, "size", (int64_t)letter->size);
}

static void print_line_json(const struct dead_letter *letter)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &line};

    json_open(&json, NULL, '{');
    put_letter_json(&json, letter);
    json_close(&json, '}');
    str_putc(&line, '\n');
    print_str(&line);
}

/* Columns as wide as what is in them, up to a bound */
struct column {
    const char *title;
    size_t most;
    size_t width;
};

enum { PLACE, FAILED_AT, CLASS, CODE, ATTACHMENT, EVENT, REPLAYS, STATE, ROWS };

#define COLUMNS                                                                \
    {                                                                          \
        {"LETTER", 20, 6}, {"FAILED AT", 20, 20}, {"CLASS", 20, 5},            \
            {"CODE", 24, 4}, {"ATTACHMENT", 32, 10}, {"EVENT", 40, 5},         \
            {"REPLAYS", 10, 7},                                                \
        {                                                                      \
            "STATE", 12, 5                                                     \
        }                                                                      \
    }

struct cells {
    const char *texts[ROWS];
    char place[32];
    char failed_at[CLOCK_TEXT_SIZE];
    char replays[16];
};

static void fill_cells(const struct dead_letter *letter, struct cells *cells)
{
    snprintf(cells->place, sizeof(cells->place), "%d/%lld", letter->partition,
             (long long)letter->offset);
    snprintf(cells->replays, sizeof(cells->replays), "%u", letter->replays);
    clock_format(letter->failed_ms, cells->failed_at);
    snprintf(cells->failed_at + 19, 2, "Z"); /* seconds will do */
    cells->texts[PLACE] = cells->place;
    cells->texts[FAILED_AT] = letter->failed_ms > 0 ? cells->failed_at : NULL;
    cells->texts[CLASS] = letter->error_class;
    cells->texts[CODE] = letter->code;
    cells->texts[ATTACHMENT] = letter->attachment;
    cells->texts[EVENT] = letter->event_id;
    cells->texts[REPLAYS] = cells->replays;
    cells->texts[STATE] = letter_state_name(letter->state);
}

static void widen(struct column columns[ROWS], const struct cells *cells)
{
    for (size_t i = 0; i < ROWS; i++) {
        const char *text = cells->texts[i] != NULL ? cells->texts[i] : "-";
        size_t width = strlen(text);

        width = width < columns[i].most ? width : columns[i].most;
        columns[i].width = width > columns[i].width ? width : columns[i].width;
    }
}

static void put_row(struct str *out, const struct column columns[ROWS],
                    const char *const texts[ROWS])
{
    for (size_t i = 0; i < ROWS; i++) {
        put_cell(out, texts[i], columns[i].width);
    }
    end_line(out);
}

static void print_table(const struct dead_letter *const *shown, size_t count)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct column columns[ROWS] = COLUMNS;
    const char *titles[ROWS];
    struct cells cells;

    for (size_t i = 0; i < count; i++) {
        fill_cells(shown[i], &cells);
        widen(columns, &cells);
    }
    for (size_t i = 0; i < ROWS; i++) {
        titles[i] = columns[i].title;
    }
    if (count > 0) {
        put_row(&out, columns, titles);
    }
    for (size_t i = 0; i < count; i++) {
        fill_cells(shown[i], &cells);
        put_row(&out, columns, cells.texts);
    }
    print_str(&out);
}

static void print_list(const struct replaying *replaying, struct arena *arena)
{
    const struct letters *letters = replay_letters(replaying->replay);
    const struct dead_letter **shown =
        arena_alloc(arena, letters->count * sizeof(shown[0]));
    size_t settled = 0;
    size_t count = 0;

    for (size_t i = 0; i < letters->count; i++) {
        const struct dead_letter *letter = &letters->all[i];

        if (!letter->matches) {
            continue;
        }
        if (is_settled(letter) && !replaying->all) {
            settled++;
        } else if (count < replaying->options.policy.limit) {
            shown[count++] = letter;
        }
    }
    for (size_t i = 0; i < count && replaying->json; i++) {
        print_line_json(shown[i]);
    }
    if (!replaying->json) {
        print_table(shown, count);
        fprintf(stderr, "%zu dead letter%s", count, count == 1 ? "" : "s");
        fprintf(stderr, settled > 0 ? ", and %zu dealt with (--all)\n" : "\n",
                settled);
    }
}

int replay_list(struct replaying *replaying)
{
    struct arena *arena;
    int status = EXIT_OK;

    if (replaying_open(replaying, false, &status) == NULL) {
        return status;
    }
    arena = arena_new();
    print_list(replaying, arena);
    arena_free(arena);
    return status;
}

/* --- stats
 * ------------------------------------------------------------------- */

void put_tally(struct str *out, const char *title, const struct tally *tally)
{
    str_printf(out, "%s\n", title);
    for (size_t i = 0; i < tally->count; i++) {
        str_puts(out, "  ");
        put_cell(out, tally->rows[i].text != NULL ? tally->rows[i].text : "-",
                 40);
        str_printf(out, "%8zu\n", tally->rows[i].count);
    }
}

void put_tally_json(struct json_writer *json, const char *name,
                    const struct tally *tally)
{
    json_open(json, name, '[');
    for (size_t i = 0; i < tally->count; i++) {
        json_open(json, NULL, '{');
        json_put_optional(json, "name", tally->rows[i].text);
        json_put_integer(json, "count", (int64_t)tally->rows[i].count);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_age(struct str *out, const char *title,
                    const struct dead_letter *letter)
{
    char text[CLOCK_TEXT_SIZE];

    str_printf(out, "%s  %s  (%d/%lld)\n", title,
               clock_format(letter->failed_ms, text), letter->partition,
               (long long)letter->offset);
}

static void put_stats(struct str *out,
                      const struct letter_statistics *statistics)
{
    str_printf(out, "%zu dead letter%s\nby state\n", statistics->total,
               statistics->total == 1 ? "" : "s");
    for (int i = 0; i < LETTER_STATES; i++) {
        if (statistics->states[i] > 0) {
            str_puts(out, "  ");
            put_cell(out, letter_state_name((enum letter_state)i), 40);
            str_printf(out, "%8zu\n", statistics->states[i]);
        }
    }
    if (statistics->total == 0) {
        return;
    }
    put_age(out, "oldest failure", statistics->oldest);
    put_age(out, "newest failure", statistics->newest);
    put_tally(out, "by class", &statistics->classes);
    put_tally(out, "by code", &statistics->codes);
    put_tally(out, "by registration", &statistics->registrations);
    put_tally(out, "by attachment", &statistics->attachments);
}

static void put_stats_json(struct str *out,
                           const struct letter_statistics *statistics)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_put_integer(&json, "total", (int64_t)statistics->total);
    if (statistics->total > 0) {
        put_time_json(&json, "oldest_failure", statistics->oldest->failed_ms);
        put_time_json(&json, "newest_failure", statistics->newest->failed_ms);
    }
    json_open(&json, "states", '{');
    for (int i = 0; i < LETTER_STATES; i++) {
        json_put_integer(&json, letter_state_name((enum letter_state)i),
                         (int64_t)statistics->states[i]);
    }
    json_close(&json, '}');
    put_tally_json(&json, "classes", &statistics->classes);
    put_tally_json(&json, "codes", &statistics->codes);
    put_tally_json(&json, "registrations", &statistics->registrations);
    put_tally_json(&json, "attachments", &statistics->attachments);
    json_close(&json, '}');
    str_putc(out, '\n');
}

int replay_stats(struct replaying *replaying)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    size_t states[LETTER_STATES] = {0};
    struct letter_statistics statistics;
    struct letters *letters;
    int status = EXIT_OK;

    if (replaying_open(replaying, false, &status) == NULL) {
        return status;
    }
    letters = replay_letters(replaying->replay);
    for (size_t i = 0; i < letters->count; i++) {
        states[letters->all[i].state] += letters->all[i].matches;
        letters->all[i].matches &=
            replaying->all || !is_settled(&letters->all[i]);
    }
    letters_count(letters, &statistics);
    memcpy(statistics.states, states, sizeof(states));
    if (replaying->json) {
        put_stats_json(&out, &statistics);
    } else {
        put_stats(&out, &statistics);
    }
    letter_statistics_release(&statistics);
    print_str(&out);
    return status;
}
