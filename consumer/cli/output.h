#ifndef WAYBILL_CLI_OUTPUT_H
#define WAYBILL_CLI_OUTPUT_H

#include "waybill/str.h"

/* What commands print: lines that fit a terminal, standard output and standard
 * error */

/* --- wrap.c: text for terminals ------------------------------------------- */

/* Appends blanks, at least one, up to the column of the line that begins at
 * byte `start`. */
void append_column(struct str *out, size_t start, size_t column);
/* Appends the text in lines of at most `line` columns. The first line
 * continues where `out` ends, which must be at `column`; the others are
 * indented to that column. */
void append_wrapped(struct str *out, const char *text, size_t column,
                    size_t line);

/* --- output.c: standard output and standard error --------------------------
 */

/* Call it first. Afterwards descriptors 0, 1 and 2 exist, and SIGPIPE is
 * ignored. */
void output_begin(void);
/* These print on stdout, and print_err() on stderr, with control characters
 * escaped (utf8_append_escaped()). When standard output cannot be written, the
 * process ends: silently by SIGPIPE if nobody reads it any more, otherwise with
 * the reason on stderr and EXIT_FAILED. */
void print_str(const struct str *text);
void print_out(const char *format, ...) PRINTF(1, 2);
void print_err(const char *format, ...) PRINTF(1, 2);
void print_flush(void);
/* Writes what is buffered, and returns the exit status: `status`, unless that
 * is EXIT_OK and the output could not be written. */
int output_end(int status);

#endif
