#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli_internal.h"
#include "waybill/utf8.h"

#define MIN_WIDTH 30

/* The line ends at a blank; a word that is longer than a line is cut. */
static size_t line_end(const char *text, size_t width)
{
    size_t len = strlen(text);
    size_t end = width;

    if (len <= width) {
        return len;
    }
    while (end > 0 && text[end] != ' ') {
        end--;
    }
    return end > 0 ? end : width;
}

void append_wrapped(struct str *out, const char *text, size_t column,
                    size_t line)
{
    size_t width = column + MIN_WIDTH < line ? line - column : MIN_WIDTH;
    size_t end = line_end(text, width);

    str_append(out, text, end);
    for (text += end; *text != '\0'; text += end) {
        text += *text == ' ';
        str_printf(out, "\n%*s", (int)column, "");
        end = line_end(text, width);
        str_append(out, text, end);
    }
    str_append_char(out, '\n');
}

/* --- output ----------------------------------------------------------------
 */

/* Names of records and events, and texts of servers, may contain sequences that
 * a terminal obeys. Here is the only place where they are printed. */
static void print_to(FILE *stream, const struct str *text)
{
    CLEANUP(str_release) struct str escaped = STR_INIT(STR_UNLIMITED);

    utf8_append_escaped(&escaped, text->data, text->len);
    fwrite(escaped.data, 1, escaped.len, stream);
}

void print_str(const struct str *text)
{
    print_to(stdout, text);
}

void print_out(const char *format, ...)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    va_list args;

    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    print_to(stdout, &text);
}

void print_err(const char *format, ...)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    va_list args;

    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    print_to(stderr, &text);
}
