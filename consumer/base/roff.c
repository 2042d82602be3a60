#include "waybill/roff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* These two characters start a command at the start of a line. */
static bool is_command(const char *text, const char *at)
{
    return (*at == '.' || *at == '\'') && (at == text || at[-1] == '\n');
}

static void append_escaped(struct str *out, const char *text, bool code)
{
    bool bold = false;

    for (const char *at = text; *at != '\0'; at++) {
        if (is_command(text, at)) {
            str_append_text(out, "\\&");
        }
        if (*at == '\\') {
            str_append_text(out, "\\e");
        } else if (*at == '-') {
            /* a minus, which can be copied, instead of a hyphen */
            str_append_text(out, "\\-");
        } else if (*at == '`' && code) {
            bold = !bold;
            str_append_text(out, bold ? "\\fB" : "\\fR");
        } else {
            str_append_char(out, *at);
        }
    }
}

void roff_append_text(struct str *out, const char *text)
{
    append_escaped(out, text, true);
}

void roff_printf(struct str *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    append_escaped(out, text, false);
}

void roff_append_lines(struct str *out, const char *text)
{
    size_t len = strlen(text);

    str_append_text(out, ".nf\n");
    append_escaped(out, text, false);
    str_append_text(out,
                    len > 0 && text[len - 1] == '\n' ? ".fi\n" : "\n.fi\n");
}

void roff_append_head(struct str *out, const char *title, int section,
                      const char *name, const char *what)
{
    str_printf(out, ".TH %s %d \"\" \"Waybill " WAYBILL_VERSION "\"\n", title,
               section);
    /* No hyphenation and no justification: many words are keys and options,
     * which must not be split. */
    str_append_text(out, ".nh\n.ad l\n.SH NAME\n");
    str_printf(out, "%s \\- %s\n", name, what);
}
