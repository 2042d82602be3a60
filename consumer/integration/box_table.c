#include "box_table.h"

#include <stdint.h>
#include <string.h>

#include "display_width.h"
#include "waybill/compiler.h"
#include "waybill/utf8.h"

#define COLUMNS 2
/* A blank on either side of a cell */
#define PADDING 2

/* --- cells -------------------------------------------------------------------
 *
 * The cells are copied into one string, each ended by a NUL, in the form in
 * which they are drawn: tabs, line ends and control characters are resolved.
 */

void box_append_cell_text(struct str *out, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;

    while (at < end) {
        size_t size = utf8_length(at, (size_t)(end - at));
        uint32_t c = size == 0 ? 0 : utf8_code_point(at, size);

        if (*at == '\t') {
            str_append_text(out, "    ");
        } else if (*at != '\r' && *at != '\n' &&
                   (c < ' ' || (c >= 0x7F && c < 0xA0))) {
            str_append_text(out, UTF8_REPLACEMENT);
        } else {
            str_append(out, at, size);
        }
        at += size == 0 ? 1 : size;
    }
}

/* Returns what follows the first *count characters of the text, or its end if
 * there are fewer, and adds to *count the number of characters that follow. */
static const char *skip_characters(const char *text, const char *end,
                                   size_t *count)
{
    const char *rest = NULL;
    size_t skipped = 0;

    while (text < end) {
        if (skipped++ == *count) {
            rest = text;
        }
        text += utf8_length((const unsigned char *)text, (size_t)(end - text));
    }
    *count = skipped > *count ? skipped : *count;
    return rest != NULL ? rest : end;
}

/* After a carriage return the line is overwritten from its start, so that the
 * last part is complete and of each earlier one the rest is left that the later
 * ones do not reach. */
static void append_overwritten(struct str *out, const struct str *line)
{
    const char *end = line->data + line->len;
    size_t drawn = 0;

    for (;;) {
        const char *part = end;
        const char *rest;

        while (part > line->data && part[-1] != '\r') {
            part--;
        }
        rest = skip_characters(part, end, &drawn);
        str_append(out, rest, (size_t)(end - rest));
        if (part == line->data) {
            return;
        }
        end = part - 1;
    }
}

static void append_line(struct str *out, const char *text, size_t len)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);

    box_append_cell_text(&line, text, len);
    append_overwritten(out, &line);
}

/* Appends the cell; its lines end with LF, and the whole with NUL. */
static void append_cell(struct str *out, const char *text)
{
    while (text != NULL) {
        size_t len = strcspn(text, "\n");
        bool is_last = text[len] == '\0';
        bool has_cr = !is_last && len > 0 && text[len - 1] == '\r';

        append_line(out, text, len - has_cr);
        if (!is_last) {
            str_append_char(out, '\n');
        }
        text = is_last ? NULL : text + len + 1;
    }
    str_append_char(out, '\0');
}

static size_t widest_line(const char *cell)
{
    size_t widest = 0;

    for (;;) {
        size_t len = strcspn(cell, "\n");
        size_t width = display_width(cell, len);

        widest = width > widest ? width : widest;
        if (cell[len] == '\0') {
            return widest;
        }
        cell += len + 1;
    }
}

/* --- lines -------------------------------------------------------------------
 */

struct drawing {
    struct str *out;
    struct str cells; /* of the header and of all rows */
    size_t widths[COLUMNS];
    size_t max;
};

static bool is_full(const struct drawing *drawing)
{
    return drawing->out->len >= drawing->max;
}

static void append_bar(struct str *out, size_t count)
{
    for (size_t i = 0; i < count + PADDING; i++) {
        str_append_text(out, "─");
    }
}

static void draw_rule(const struct drawing *drawing, const char *left,
                      const char *middle, const char *right)
{
    if (!is_full(drawing)) {
        str_append_text(drawing->out, left);
        append_bar(drawing->out, drawing->widths[0]);
        str_append_text(drawing->out, middle);
        append_bar(drawing->out, drawing->widths[1]);
        str_append_text(drawing->out, right);
    }
}

/* Draws a text with blanks up to `width`, in place of its own at the end. */
static void draw_text(struct str *out, const char *text, size_t len,
                      size_t width)
{
    size_t columns;

    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    columns = display_width(text, len);
    str_append_char(out, ' ');
    str_append(out, text, len);
    str_printf(out, "%*s │", (int)(width - columns), "");
}

/* Draws the rest of a row, whose cells begin at cells[]. Each line moves them
 * on, to the NUL in the end. */
static void draw_row(const struct drawing *drawing, const char *cells[COLUMNS])
{
    bool has_more = true;

    while (has_more && !is_full(drawing)) {
        has_more = false;
        str_append_text(drawing->out, "\n│");
        for (size_t i = 0; i < COLUMNS; i++) {
            size_t len = strcspn(cells[i], "\n");

            draw_text(drawing->out, cells[i], len, drawing->widths[i]);
            has_more = has_more || cells[i][len] == '\n';
            cells[i] += len + (cells[i][len] == '\n');
        }
    }
}

/* --- the title ---------------------------------------------------------------
 */

static void draw_title_line(struct str *out, const char *line, size_t len,
                            size_t width)
{
    str_append_text(out, "\n│");
    draw_text(out, line, len, width);
}

/* A title that is wider than the table is broken in the middle of words. A word
 * that does not fit begins in the current line nevertheless. */
static void draw_title(struct str *out, const char *title, size_t width)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    bool fits = strlen(title) <= width;

    while (*title != '\0') {
        size_t len = strcspn(title, " ");
        bool is_last = title[len] == '\0';

        for (size_t i = 0; i < len; i++) {
            if (!fits && line.len >= width) {
                draw_title_line(out, line.data, line.len, width);
                str_clear(&line);
            }
            str_append_char(&line, title[i]);
        }
        if (!is_last && !fits && line.len >= width) {
            draw_title_line(out, line.data, line.len, width);
            str_clear(&line);
        } else if (!is_last) {
            str_append_char(&line, ' ');
        }
        title += len + !is_last;
    }
    draw_title_line(out, line.data, line.len, width);
}

/* --- a table -----------------------------------------------------------------
 */

static void add_row(struct drawing *drawing, const struct box_row *row)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        append_cell(&drawing->cells, row->cells[i]);
    }
}

static void measure(struct drawing *drawing)
{
    const char *at = drawing->cells.data;
    const char *end = at + drawing->cells.len;

    for (size_t i = 0; at < end; i++) {
        size_t *width = &drawing->widths[i % COLUMNS];
        size_t widest = widest_line(at);

        *width = widest > *width ? widest : *width;
        at += strlen(at) + 1;
    }
}

static const char *draw_next_row(const struct drawing *drawing, const char *at)
{
    const char *second = at + strlen(at) + 1;
    const char *cells[COLUMNS] = {at, second};

    draw_row(drawing, cells);
    return second + strlen(second) + 1;
}

static void draw(const struct drawing *drawing, const struct box_table *table)
{
    struct str *out = drawing->out;
    const char *at = drawing->cells.data;

    draw_rule(drawing, "┌", "─", "┐");
    draw_title(out, table->title,
               drawing->widths[0] + 1 + PADDING + drawing->widths[1]);
    draw_rule(drawing, "\n├", "┬", "┤");
    if (table->header != NULL) {
        at = draw_next_row(drawing, at);
        draw_rule(drawing, "\n├", "┼", "┤");
    }
    for (size_t i = 0; i < table->row_count; i++) {
        at = draw_next_row(drawing, at);
        if (table->rows[i].is_separated && i + 1 < table->row_count) {
            draw_rule(drawing, "\n├", "┼", "┤");
        }
    }
    draw_rule(drawing, "\n└", "┴", "┘");
}

void box_table_append(const struct box_table *table, size_t max,
                      struct str *out)
{
    struct drawing drawing = {
        .out = out,
        .cells = STR_INIT(STR_UNLIMITED),
        .max = max,
    };

    if (table->header != NULL) {
        add_row(&drawing, table->header);
    }
    for (size_t i = 0; i < table->row_count; i++) {
        add_row(&drawing, &table->rows[i]);
    }
    measure(&drawing);
    draw(&drawing, table);
    str_release(&drawing.cells);
}
