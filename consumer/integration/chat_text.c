#include "chat_text.h"

#include <string.h>

#include "waybill/utf8.h"

#define ELLIPSIS "…"
/* Room for "… and 4096 more" after a line feed */
#define REMAINDER 24
#define MAX_LINE 240

/* --- escaping ----------------------------------------------------------------
 */

/* https://docs.slack.dev/messaging/formatting-message-text */
void chat_escape_slack(struct str *out, const unsigned char *character,
                       size_t size)
{
    switch (*character) {
    case '&':
        str_append_text(out, "&amp;");
        break;
    case '<':
        str_append_text(out, "&lt;");
        break;
    case '>':
        str_append_text(out, "&gt;");
        break;
    default:
        str_append(out, character, size);
    }
}

/* A colon is escaped because of emoji and of what looks like a link. These two
 * mentions cannot be escaped with a backslash; those of one person have the
 * form
 * <@1>. The @ of a digest remains as it is, so that it can be copied. */
void chat_escape_discord(struct str *out, const unsigned char *character,
                         size_t size)
{
    if (size == 1 && strchr("\\*_~`|>#-[]():<", *character) != NULL) {
        str_append_char(out, '\\');
    }
    str_append(out, character, size);
    if (*character == '@' &&
        (strncmp((const char *)character + 1, "everyone", 8) == 0 ||
         strncmp((const char *)character + 1, "here", 4) == 0)) {
        str_append_text(out, "\xE2\x80\x8B");
    }
}

void chat_escape_nothing(struct str *out, const unsigned char *character,
                         size_t size)
{
    str_append(out, character, size);
}

/* --- a text ------------------------------------------------------------------
 */

/* The number of UTF-16 code units of a valid text */
static size_t length_of(const char *text, size_t len)
{
    size_t units = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        /* A character of four bytes is a pair of surrogates. */
        units += (byte & 0xC0) != 0x80;
        units += byte >= 0xF0;
    }
    return units;
}

void chat_text_init(struct chat_text *text, size_t max, chat_escape_fn *escape)
{
    *text = (struct chat_text){
        .out = STR_INIT(STR_UNLIMITED),
        .escape = escape,
        .max = max,
    };
}

void chat_text_release(struct chat_text *text)
{
    str_release(&text->out);
}

static void end_with_ellipsis(struct chat_text *text)
{
    str_cut(&text->out, text->cut_at);
    str_append_text(&text->out, ELLIPSIS);
    text->used = text->cut_used + 1;
    text->is_cut = true;
}

/* Counts what was appended from `start` on as a whole. */
static void count(struct chat_text *text, size_t start)
{
    text->used += length_of(text->out.data + start, text->out.len - start);
    if (text->used > text->max) {
        end_with_ellipsis(text);
    } else if (text->used < text->max) {
        text->cut_at = text->out.len;
        text->cut_used = text->used;
    }
}

void chat_text_append_own(struct chat_text *text, const char *own)
{
    size_t start = text->out.len;

    if (!text->is_cut) {
        str_append_text(&text->out, own);
        count(text, start);
    }
}

/* White space of Unicode that takes room (White_Space), and fillers */
static bool is_blank(uint32_t c)
{
    return c == ' ' || c == 0xA0 || c == 0x115F || c == 0x1160 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F ||
           c == 0x2800 || c == 0x3000 || c == 0x3164 || c == 0xFFA0;
}

/* Services refuse a message in which something has no visible character. */
static bool is_visible(const char *value)
{
    const unsigned char *at = (const unsigned char *)value;
    size_t len = strlen(value);

    while (len > 0) {
        size_t size = utf8_length(at, len);

        if (size == 0 || !(utf8_is_invisible(at, size) ||
                           is_blank(utf8_code_point(at, size)))) {
            return true;
        }
        at += size;
        len -= size;
    }
    return false;
}

void chat_text_append(struct chat_text *text, const char *value)
{
    const char *shown = is_visible(value) ? value : "(blank)";
    const unsigned char *at = (const unsigned char *)shown;
    size_t len = strlen(shown);

    while (len > 0 && !text->is_cut) {
        size_t size = utf8_length(at, len);
        size_t start = text->out.len;

        if (size == 0) {
            str_append_text(&text->out, UTF8_REPLACEMENT);
        } else if (utf8_is_invisible(at, size)) {
            str_append_char(&text->out, ' ');
        } else {
            text->escape(&text->out, at, size);
        }
        count(text, start);
        at += size == 0 ? 1 : size;
        len -= size == 0 ? 1 : size;
    }
}

/* Returns false, and appends nothing, if the line leaves no room for
 * `reserve`. */
static bool append_line(struct chat_text *text, const char *value,
                        size_t reserve)
{
    struct chat_text line;
    bool fits;

    chat_text_init(&line, MAX_LINE, text->escape);
    chat_text_append(&line, value);
    fits = text->used + 1 + line.used + reserve <= text->max;
    if (fits) {
        chat_text_append_own(text, "\n");
        chat_text_append_own(text, line.out.data);
    }
    chat_text_release(&line);
    return fits;
}

void chat_text_append_lines(struct chat_text *text, const char *const *lines,
                            size_t count)
{
    CLEANUP(str_release) struct str remainder = STR_INIT(REMAINDER + 8);
    size_t shown = 0;

    while (shown < count &&
           append_line(text, lines[shown], shown + 1 < count ? REMAINDER : 0)) {
        shown++;
    }
    if (shown < count) {
        str_printf(&remainder, "\n" ELLIPSIS " and %zu more", count - shown);
        chat_text_append_own(text, remainder.data);
    }
}
