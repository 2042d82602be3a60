#include <string.h>

#include "waybill/json.h"
#include "waybill/utf8.h"

static void append_control(struct str *out, unsigned char c)
{
    switch (c) {
    case '\n':
        str_append_text(out, "\\n");
        break;
    case '\r':
        str_append_text(out, "\\r");
        break;
    case '\t':
        str_append_text(out, "\\t");
        break;
    default:
        /* Go up to 1.21, which built Chainloop's plugin, also writes \b and \f
         * in this form. */
        str_printf(out, "\\u%04x", c);
        break;
    }
}

/* Appends one multibyte character, or the replacement of an invalid byte.
 * Returns its length in the input. */
static size_t append_wide(struct str *out, const unsigned char *at, size_t len,
                          bool go)
{
    size_t size = utf8_length(at, len);

    if (size == 0 && len >= 2 && memcmp(at, UTF8_NUL, 2) == 0) {
        str_append_text(out, "\\u0000");
        return 2;
    }
    if (size == 0) {
        str_append_text(out, UTF8_REPLACEMENT);
        return 1;
    }
    if (go && size == 3 && at[0] == 0xE2 && at[1] == 0x80 &&
        (at[2] == 0xA8 || at[2] == 0xA9)) {
        str_append_text(out, at[2] == 0xA8 ? "\\u2028" : "\\u2029");
        return 3;
    }
    if (!go && utf8_is_invisible(at, size)) {
        utf8_append_escape(out, at, size);
        return size;
    }
    str_append(out, at, size);
    return size;
}

static bool is_plain(unsigned char c, bool go)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' &&
           (go ? c != '<' && c != '>' && c != '&' : c != 0x7F);
}

static void append_quoted(struct str *out, const char *value, bool go)
{
    const unsigned char *at = (const unsigned char *)value;
    size_t len = strlen(value);

    str_append_char(out, '"');
    while (len > 0) {
        size_t step = 0;

        while (step < len && is_plain(at[step], go)) {
            step++;
        }
        str_append(out, at, step);
        at += step;
        len -= step;
        if (len == 0) {
            break;
        }
        step = 1;
        if (*at == '"' || *at == '\\') {
            str_append_char(out, '\\');
            str_append_char(out, (char)*at);
        } else if (*at < 0x20) {
            append_control(out, *at);
        } else if (*at < 0x80) {
            str_printf(out, "\\u%04x", *at);
        } else {
            step = append_wide(out, at, len, go);
        }
        at += step;
        len -= step;
    }
    str_append_char(out, '"');
}

void json_append_go_string(struct str *out, const char *value)
{
    append_quoted(out, value, true);
}

static void begin(struct json_writer *writer, const char *name)
{
    if (writer->comma) {
        str_append_char(writer->out, ',');
    }
    if (name != NULL) {
        append_quoted(writer->out, name, false);
        str_append_char(writer->out, ':');
    }
    writer->comma = true;
}

void json_open(struct json_writer *writer, const char *name, char bracket)
{
    begin(writer, name);
    str_append_char(writer->out, bracket);
    writer->comma = false;
}

void json_close(struct json_writer *writer, char bracket)
{
    str_append_char(writer->out, bracket);
    writer->comma = true;
}

void json_append_string(struct json_writer *writer, const char *name,
                        const char *value)
{
    begin(writer, name);
    append_quoted(writer->out, value, false);
}

void json_append_optional(struct json_writer *writer, const char *name,
                          const char *value)
{
    if (value != NULL) {
        json_append_string(writer, name, value);
    }
}

void json_append_integer(struct json_writer *writer, const char *name,
                         int64_t value)
{
    begin(writer, name);
    str_printf(writer->out, "%lld", (long long)value);
}

void json_append_bool(struct json_writer *writer, const char *name, bool value)
{
    begin(writer, name);
    str_append_text(writer->out, value ? "true" : "false");
}

void json_append_raw(struct json_writer *writer, const char *name,
                     const char *json, size_t len)
{
    begin(writer, name);
    str_append(writer->out, json, len);
}
