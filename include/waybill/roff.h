#ifndef WAYBILL_ROFF_H
#define WAYBILL_ROFF_H

#include "waybill/str.h"

/*
 * Writes manual pages (man(7)). Characters that are special in roff are
 * escaped, and `code` in backquotes becomes bold.
 */
void roff_append_text(struct str *out, const char *text);
void roff_printf(struct str *out, const char *format, ...) PRINTF(2, 3);
/* Preformatted lines, which keep their spaces */
void roff_append_lines(struct str *out, const char *text);
/* .TH and .SH NAME; title in capitals */
void roff_append_head(struct str *out, const char *title, int section,
                      const char *name, const char *what);

#endif
