#ifndef WAYBILL_ROFF_H
#define WAYBILL_ROFF_H

#include "waybill/str.h"

/*
 * Text as a manual page has it (man(7)): what would be a command of roff's is
 * escaped, and `code` is bold.
 */
void roff_puts(struct str *out, const char *text);
void roff_printf(struct str *out, const char *format, ...) PRINTF(2, 3);
/* Lines as they are, with the blanks that line them up */
void roff_append_lines(struct str *out, const char *text);
/* .TH and .SH NAME; title in capitals */
void roff_append_head(struct str *out, const char *title, int section,
                      const char *name, const char *what);

#endif
