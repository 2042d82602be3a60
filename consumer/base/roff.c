#include "waybill/roff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* At a line's beginning these two make it a command. */
static bool is_command(const char *text, const char *at)
{
    return (*at == '.' || *at == '\'') && (at == text || at[-1] == '\n');
}

static void put(struct str *out, const char *text, bool code)
{
    bool bold = false;

    for (const char *at = text; *at != '\0'; at++) {
        if (is_command(text, at)) {
            str_append_text(out, "\\&");
        }
        if (*at == '\\') {
            str_append_text(out, "\\e");
        } else if (*at == '-') {
            /* One that can be copied, and not a hyphen */
            str_append_text(out, "\\-");
        } else if (*at == '`' && code) {
            bold = !bold;
            str_append_text(out, bold ? "\\fB" : "\\fR");
        } else {
            str_append_char(out, *at);
        }
    }
}

void roff_puts(struct str *out, const char *text)
{
    put(out, text, true);
}

void roff_printf(struct str *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(out, text, false);
}

void roff_append_lines(struct str *out, const char *text)
{
    size_t len = strlen(text);

    str_append_text(out, ".nf\n");
    put(out, text, false);
    str_append_text(out,
                    len > 0 && text[len - 1] == '\n' ? ".fi\n" : "\n.fi\n");
}

void roff_append_head(struct str *out, const char *title, int section,
                      const char *name, const char *what)
{
    str_printf(out, ".TH %s %d \"\" \"Waybill " WAYBILL_VERSION "\"\n", title,
               section);
    /* Left as it is: words are keys and options, which are not to be split. */
    str_append_text(out, ".nh\n.ad l\n.SH NAME\n");
    str_printf(out, "%s \\- %s\n", name, what);
}
