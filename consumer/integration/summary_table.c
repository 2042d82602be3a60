#include "summary_table.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "box_table.h"
#include "display_width.h"
#include "predicate.h"
#include "waybill/clock.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/* --- rows --------------------------------------------------------------------
 */

/* Rows in the arena. The first pass only counts: `rows` is NULL then. */
struct row_list {
    struct arena *arena;
    struct box_row *rows;
    size_t count;
};

static void add_row(struct row_list *list, const char *name, const char *value)
{
    if (list->rows != NULL) {
        list->rows[list->count] = (struct box_row){.cells = {name, value}};
    }
    list->count++;
}

static void add_separator(const struct row_list *list)
{
    if (list->rows != NULL) {
        list->rows[list->count - 1].is_separated = true;
    }
}

static const char *or_blank(const char *text)
{
    return text != NULL ? text : "";
}

static void add_annotations(struct row_list *list, const struct pairs *pairs)
{
    if (pairs->count == 0) {
        return;
    }
    add_row(list, "Annotations", "------");
    for (size_t i = 0; i < pairs->count; i++) {
        add_row(list, "",
                list->rows == NULL
                    ? NULL
                    : arena_printf(list->arena, "%s: %s", pairs->items[i].name,
                                   pairs->items[i].value));
    }
}

/* --- times -------------------------------------------------------------------
 */

/* Go's RFC822 layout, "02 Jan 06 15:04 MST", in the zone of the value. A zone
 * that has no name is shown as its offset. `time` is RFC 3339. */
static const char *time_text(const char *time, struct arena *arena)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr",
                                         "May", "Jun", "Jul", "Aug",
                                         "Sep", "Oct", "Nov", "Dec"};
    const char *zone;
    unsigned month;

    if (time == NULL || clock_parse_rfc3339(time) < 0) {
        return or_blank(time);
    }
    month = (unsigned)(time[5] - '0') * 10 + (unsigned)(time[6] - '0');
    zone = time + 19 + strcspn(time + 19, "Zz+-");
    if (*zone == 'Z' || *zone == 'z' || strcmp(zone + 1, "00:00") == 0) {
        zone = "UTC";
    } else {
        zone = arena_printf(arena, "%.3s%s", zone, zone + 4);
    }
    return arena_printf(arena, "%.2s %s %.2s %.5s %s", time + 8,
                        months[month - 1], time + 2, time + 11, zone);
}

/* --- values ------------------------------------------------------------------
 */

#define MAX_VALUE 100

/* Characters that Go's unicode.IsSpace() accepts */
static bool is_space(uint32_t c)
{
    return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

struct wrapping {
    struct str *out;
    size_t width;   /* of the current line */
    bool is_broken; /* the line was begun by us, and is still empty */
};

static void wrap_character(struct wrapping *wrapping,
                           const unsigned char *character, size_t size)
{
    uint32_t c = utf8_code_point(character, size);
    size_t width = display_width_of(c);

    if (c == '\n') {
        wrapping->width = 0;
        wrapping->is_broken = false;
        str_append_char(wrapping->out, '\n');
        return;
    }
    if (wrapping->width + width > MAX_VALUE) {
        str_append_char(wrapping->out, '\n');
        wrapping->width = 0;
        wrapping->is_broken = true;
    }
    if (wrapping->width == 0 && wrapping->is_broken && is_space(c)) {
        return;
    }
    wrapping->is_broken = wrapping->is_broken && wrapping->width == 0;
    wrapping->width += width;
    str_append(wrapping->out, character, size);
}

static void wrap(struct str *out, const struct str *text)
{
    struct wrapping wrapping = {.out = out};
    const unsigned char *at = (const unsigned char *)text->data;
    const unsigned char *end = at + text->len;

    while (at < end) {
        size_t size = utf8_length(at, (size_t)(end - at));

        wrap_character(&wrapping, at, size);
        at += size;
    }
}

/* Wraps lines in the middle of words, as github.com/muesli/reflow/wrap does: a
 * text that is not wider than a line, all its lines together, stays as it is.
 * In any other, tabs become four blanks, and blanks after a break are
 * dropped. */
static const char *wrapped(const char *value, struct arena *arena)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    box_append_cell_text(&text, value, strlen(value));
    if (display_width(text.data, text.len) <= MAX_VALUE) {
        return value;
    }
    wrap(&out, &text);
    return arena_strdup(arena, out.data);
}

/* --- the tables --------------------------------------------------------------
 */

struct summary {
    const struct event *event;
    struct predicate predicate;
    struct arena *arena;
};

static void add_workflow(const struct summary *summary, struct row_list *list)
{
    const struct workflow *workflow = &summary->event->workflow;
    const struct run *run = &summary->event->run;

    add_row(list, "ID", or_blank(workflow->id));
    add_row(list, "Name", or_blank(workflow->name));
    add_row(list, "Team", or_blank(workflow->team));
    add_row(list, "Project", or_blank(workflow->project));
    add_separator(list);
    add_row(list, "Workflow Run", NULL);
    add_separator(list);
    add_row(list, "ID", or_blank(run->id));
    add_row(list, "Attestation", summary->event->envelope_digest.text);
    add_row(list, "Started At", time_text(run->started_at, list->arena));
    add_row(list, "Finished At", time_text(run->finished_at, list->arena));
    add_row(list, "State", or_blank(run->state));
    add_row(list, "Runner Link", or_blank(run->url));
    add_annotations(list, &summary->predicate.annotations);
}

static void add_materials(const struct summary *summary, struct row_list *list)
{
    for (size_t i = 0; i < summary->predicate.material_count; i++) {
        const struct predicate_material *material =
            &summary->predicate.materials[i];

        add_row(list, "Name", material->name);
        add_row(list, "Type", material->type);
        add_row(list, "Value",
                list->rows == NULL ? NULL
                                   : wrapped(material->value, list->arena));
        if (material->digest != NULL) {
            add_row(list, "Digest", material->digest);
        }
        add_annotations(list, &material->annotations);
        add_separator(list);
    }
}

static void add_environment(const struct summary *summary,
                            struct row_list *list)
{
    const struct pairs *pairs = &summary->predicate.environment;

    for (size_t i = 0; i < pairs->count; i++) {
        add_row(list, pairs->items[i].name, pairs->items[i].value);
    }
}

static const struct {
    const char *title;
    const struct box_row *header;
    void (*add)(const struct summary *summary, struct row_list *list);
} tables[] = {
    {"Workflow", NULL, add_workflow},
    {"Materials", NULL, add_materials},
    {"Environment Variables", &(struct box_row){.cells = {"NAME", "VALUE"}},
     add_environment},
};

static void append_table(const struct summary *summary, size_t index,
                         size_t max, struct str *out)
{
    struct row_list list = {.arena = summary->arena};

    tables[index].add(summary, &list);
    if (list.count == 0) {
        return;
    }
    list.rows = arena_alloc(summary->arena, list.count * sizeof(*list.rows));
    list.count = 0;
    tables[index].add(summary, &list);
    if (out->len > 0) {
        str_append_char(out, '\n');
    }
    box_table_append(&(struct box_table){.title = tables[index].title,
                                         .header = tables[index].header,
                                         .rows = list.rows,
                                         .row_count = list.count},
                     max, out);
}

/* --- the whole ---------------------------------------------------------------
 */

#define CUT "... (truncated)"

/* Keeps as many characters as the limit has bytes. */
static void cut(struct str *text, size_t max)
{
    const unsigned char *data = (const unsigned char *)text->data;
    size_t end = 0;

    if (text->len <= max) {
        return;
    }
    while (end < text->len && max > 0) {
        end += utf8_length(data + end, text->len - end);
        max--;
    }
    if (end < text->len) {
        str_cut(text, end);
        str_append_text(text, CUT);
    }
}

void summary_table_append(const struct event *event, size_t max,
                          struct str *out)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str footer = STR_INIT(STR_UNLIMITED);
    struct summary summary = {.event = event, .arena = arena_new()};
    const char *id = or_blank(event->run.id);
    size_t reserved;

    str_append_text(&footer, "\n\nGet Full Attestation\n\n$ chainloop workflow "
                             "run describe --id ");
    utf8_append_printable(&footer, id, strlen(id), LIMIT_EVENT_NAME);
    str_append_text(&footer, " -o statement");
    reserved = footer.len + strlen(CUT);
    max = max > reserved ? max - reserved : 0;
    predicate_read(event, summary.arena, &summary.predicate);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        /* Up to four bytes a character */
        append_table(&summary, i, 4 * max + 4, &text);
    }
    cut(&text, max);
    str_append(out, text.data, text.len);
    str_append(out, footer.data, footer.len);
    arena_free(summary.arena);
}
