#ifndef WAYBILL_INTEGRATION_BOX_TABLE_H
#define WAYBILL_INTEGRATION_BOX_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * Draws a table of two columns in a box of lines, byte for byte as
 * github.com/jedib0t/go-pretty does in its style "light":
 *
 *     ┌──────────────┐
 *     │ Title        │
 *     ├──────┬───────┤
 *     │ NAME │ VALUE │
 *     ├──────┼───────┤
 *     │ a    │ 1     │
 *     └──────┴───────┘
 *
 * A cell may have several lines. Tabs become four blanks, and a carriage return
 * overwrites its line from the start, as there.
 *
 * Other control characters go through in go-pretty's tables, where a sequence
 * of them could rewrite what a terminal shows. Here each becomes U+FFFD.
 */
struct box_row {
    /* The second cell of a row with one cell is NULL. */
    const char *cells[2];
    /* A line follows, unless it is the last row. */
    bool is_separated;
};

struct box_table {
    const char *title;            /* ASCII */
    const struct box_row *header; /* NULL if there is none */
    const struct box_row *rows;
    size_t row_count; /* not 0 */
};

/* Appends the text of a cell as it is drawn: with tabs and control characters
 * replaced, as are invalid bytes, but not yet divided into lines. */
void box_append_cell_text(struct str *out, const char *text, size_t len);

/* Appends the table, whose last line is not ended. Because each row is as wide
 * as the widest, a table can be far larger than its cells: the drawing ends
 * after the line with which `out` reaches `max` bytes. */
void box_table_append(const struct box_table *table, size_t max,
                      struct str *out);

#endif
