#include <string.h>

#include "cli_internal.h"

#define MIN_WIDTH 30

/* The line ends at a blank. A word that is longer than a line is not cut,
 * because it may be a name or a part of a command that somebody copies. */
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
    return end > 0 ? end : strcspn(text, " ");
}

void append_column(struct str *out, size_t start, size_t column)
{
    do {
        str_append_char(out, ' ');
    } while (out->len < start + column);
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
