#ifndef WAYBILL_CONFIG_EDIT_INTERNAL_H
#define WAYBILL_CONFIG_EDIT_INTERNAL_H

#include "waybill/config_edit.h"

/* edit_scan.c: where a list at the top level and its items are in a text */

enum edit_shape {
    EDIT_MISSING, /* the section does not exist */
    EDIT_EMPTY,   /* its value is nothing, null, or [] */
    EDIT_LINES,   /* a list whose items begin in lines of their own */
    EDIT_OTHER,   /* anything else, such as a list in brackets */
};

struct edit_item {
    size_t begin; /* of the line with its hyphen */
    size_t end;   /* after its last line */
    size_t column;
    struct digest content;
};

struct edit_scan {
    enum edit_shape shape;
    size_t key_column; /* of the keys at the top level */
    size_t value;      /* EDIT_EMPTY: where its value begins and ends */
    size_t value_end;
    struct edit_item *items; /* EDIT_LINES */
    size_t count;
    size_t capacity;
    size_t end;         /* of the document */
    struct digest rest; /* of everything but the section */
};

/* The positions are offsets in bytes. The caller releases *ret_scan, also after
 * a failure. */
int edit_scan(struct bytes text, const char *section,
              struct edit_scan *ret_scan, struct error *err);
void edit_scan_release(struct edit_scan *scan);
/* The start of the next line, or of this one if it begins at the offset */
size_t edit_line_after(struct bytes text, size_t offset);

#endif
