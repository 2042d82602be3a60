#include <string.h>

#include "integration_table.h"
#include "output.h"
#include "waybill/alloc.h"
#include "waybill/utf8.h"

/* Tables with a frame, a rule between any two rows, and cells of several lines,
 * as the integrations guide shows them */

#define MAX_WIDTH 60 /* of a column, in characters */

/* The characters of a horizontal rule: left end, crossing, right end */
struct rule {
    const char *left;
    const char *cross;
    const char *right;
};

static const struct rule top = {"\u250C", "\u252C", "\u2510"};
static const struct rule top_of_title = {"\u250C", "\u2500", "\u2510"};
static const struct rule below_title = {"\u251C", "\u252C", "\u2524"};
static const struct rule middle = {"\u251C", "\u253C", "\u2524"};
static const struct rule bottom = {"\u2514", "\u2534", "\u2518"};

#define BAR "\u2502"
#define DASH "\u2500"

/* --- cells ------------------------------------------------------------------
 */

static size_t count_characters(const char *text, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

/* The length of the first line of the text: up to a line feed, or to the last
 * blank that fits, or else to the last character that does */
static size_t line_length(const char *text)
{
    size_t len = strcspn(text, "\n");
    size_t end = 0;
    size_t blank = 0;

    if (count_characters(text, len) <= MAX_WIDTH) {
        return len;
    }
    for (size_t count = 0; end < len; end++) {
        count += ((unsigned char)text[end] & 0xC0) != 0x80;
        if (count > MAX_WIDTH) {
            break;
        }
        blank = text[end] == ' ' ? end : blank;
    }
    return text[end] == ' ' || blank == 0 ? end : blank;
}

/* The start of the next line, or NULL after the last one */
static const char *next_line(const char *text)
{
    text += line_length(text);
    if (*text == '\0') {
        return NULL;
    }
    return *text == ' ' || *text == '\n' ? text + 1 : text;
}

static size_t width_of_cell(const char *text)
{
    size_t width = 0;

    for (; text != NULL; text = next_line(text)) {
        size_t line = count_characters(text, line_length(text));

        width = line > width ? line : width;
    }
    return width;
}

/* --- rows -------------------------------------------------------------------
 */

static void append_rule(struct str *out, const struct rule *rule,
                        const size_t *widths, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        str_append_text(out, i == 0 ? rule->left : rule->cross);
        for (size_t j = 0; j < widths[i] + 2; j++) {
            str_append_text(out, DASH);
        }
    }
    str_printf(out, "%s\n", rule->right);
}

static void append_cell(struct str *out, const char *text, size_t len,
                        size_t width)
{
    size_t count = count_characters(text, len);

    str_printf(out, BAR " %.*s%*s ", (int)len, text,
               (int)(width > count ? width - count : 0), "");
}

/* All lines of a row */
static void append_row(struct str *out, const char *const *cells,
                       const size_t *widths, size_t columns)
{
    const char *rest[TABLE_MAX_COLUMNS] = {NULL};
    bool more = true;

    memcpy(rest, cells, columns * sizeof(rest[0]));
    while (more) {
        more = false;
        for (size_t i = 0; i < columns; i++) {
            const char *text = rest[i] != NULL ? rest[i] : "";

            append_cell(out, text, line_length(text), widths[i]);
            rest[i] = next_line(text);
            more = more || rest[i] != NULL;
        }
        str_append_text(out, BAR "\n");
    }
}

/* --- tables -----------------------------------------------------------------
 */

static void measure(const struct table *table, size_t widths[TABLE_MAX_COLUMNS])
{
    size_t total = 0;

    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = width_of_cell(table->headers[i]);
        for (size_t j = 0; j < table->count; j++) {
            size_t width = width_of_cell(table->rows[j].cells[i]);

            widths[i] = width > widths[i] ? width : widths[i];
        }
        total += widths[i] + (i > 0 ? 3 : 0);
    }
    if (table->columns > 0 && table->title != NULL &&
        total < strlen(table->title)) {
        widths[table->columns - 1] += strlen(table->title) - total;
    }
}

static void append_title(struct str *out, const struct table *table,
                         const size_t *widths)
{
    size_t total = 0;

    for (size_t i = 0; i < table->columns; i++) {
        total += widths[i] + (i > 0 ? 3 : 0);
    }
    append_rule(out, &top_of_title, widths, table->columns);
    append_cell(out, table->title, strlen(table->title), total);
    str_append_text(out, BAR "\n");
}

void table_append(const struct table *table, struct str *out)
{
    size_t widths[TABLE_MAX_COLUMNS];

    measure(table, widths);
    if (table->title != NULL) {
        append_title(out, table, widths);
    }
    append_rule(out, table->title != NULL ? &below_title : &top, widths,
                table->columns);
    append_row(out, table->headers, widths, table->columns);
    for (size_t i = 0; i < table->count; i++) {
        append_rule(out, &middle, widths, table->columns);
        append_row(out, (const char *const *)table->rows[i].cells, widths,
                   table->columns);
    }
    append_rule(out, &bottom, widths, table->columns);
}

/* A cell whose lines contain nothing that would move the frame */
static char *copy_cell(const char *text)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\n");

        utf8_append_printable(&out, text, len, STR_UNLIMITED / 2);
        text += len;
        if (*text == '\n') {
            str_append_char(&out, *text++);
        }
    }
    return str_take(&out);
}

void table_add(struct table *table, const char *const *cells)
{
    struct table_row row = {0};

    for (size_t i = 0; i < table->columns; i++) {
        row.cells[i] = copy_cell(cells[i]);
    }
    table->rows =
        mem_grow(table->rows, &table->capacity, table->count + 1, sizeof(row));
    table->rows[table->count++] = row;
}

void table_release(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t j = 0; j < table->columns; j++) {
            mem_free(table->rows[i].cells[j]);
        }
    }
    mem_free(table->rows);
    table->rows = NULL;
    table->count = 0;
}

void table_print(struct table *table)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    table_append(table, &out);
    print_str(&out);
    table_release(table);
}
