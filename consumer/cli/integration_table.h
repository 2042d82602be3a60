#ifndef WAYBILL_CLI_INTEGRATION_TABLE_H
#define WAYBILL_CLI_INTEGRATION_TABLE_H

#include <stddef.h>

#include "waybill/str.h"

/* Tables with frames */

#define TABLE_MAX_COLUMNS 8

struct table {
    const char *title; /* NULL: none */
    const char *headers[TABLE_MAX_COLUMNS];
    size_t columns;
    struct table_row {
        char *cells[TABLE_MAX_COLUMNS];
    } * rows;
    size_t count;
    size_t capacity;
};

/* Adds a row with a copy of each cell; NULL is an empty one. Line feeds in a
 * cell begin a new line in it, and long lines are wrapped. */
void table_add(struct table *table, const char *const *cells);
void table_append(const struct table *table, struct str *out);
/* Appends the table to the output and frees it. */
void table_print(struct table *table);
void table_release(struct table *table);

#endif
