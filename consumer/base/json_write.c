#include <string.h>

#include "waybill/json.h"
#include "waybill/utf8.h"

static void put_control(struct str *out, unsigned char c)
{
    switch (c) {
    case '\n':
        str_puts(out, "\\n");
        break;
    case '\r':
        str_puts(out, "\\r");
        break;
    case '\t':
        str_puts(out, "\\t");
        break;
    default:
        /* Go up to 1.21, with which Chainloop's plugin was built, writes \b
         * and \f so as well. */
        str_printf(out, "\\u%04x", c);
        break;
    }
}

/* One character of more than one byte, or a stray byte; its length in text */
static size_t put_wide(struct str *out, const unsigned char *at, size_t len,
                       bool go)
{
    size_t size = utf8_length(at, len);

    if (size == 0 && len >= 2 && memcmp(at, UTF8_NUL, 2) == 0) {
        str_puts(out, "\\u0000");
        return 2;
    }
    if (size == 0) {
        str_puts(out, UTF8_REPLACEMENT);
        return 1;
    }
    if (go && size == 3 && at[0] == 0xE2 && at[1] == 0x80 &&
        (at[2] == 0xA8 || at[2] == 0xA9)) {
        str_puts(out, at[2] == 0xA8 ? "\\u2028" : "\\u2029");
        return 3;
    }
    str_put(out, at, size);
    return size;
}

static bool is_plain(unsigned char c, bool go)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' &&
           !(go && (c == '<' || c == '>' || c == '&'));
}

static void put_quoted(struct str *out, const char *value, bool go)
{
    const unsigned char *at = (const unsigned char *)value;
    size_t len = strlen(value);

    str_putc(out, '"');
    while (len > 0) {
        size_t step = 0;

        while (step < len && is_plain(at[step], go)) {
            step++;
        }
        str_put(out, at, step);
        at += step;
        len -= step;
        if (len == 0) {
            break;
        }
        step = 1;
        if (*at == '"' || *at == '\\') {
            str_putc(out, '\\');
            str_putc(out, (char)*at);
        } else if (*at < 0x20) {
            put_control(out, *at);
        } else if (*at < 0x80) {
            str_printf(out, "\\u%04x", *at);
        } else {
            step = put_wide(out, at, len, go);
        }
        at += step;
        len -= step;
    }
    str_putc(out, '"');
}

void json_write_go_string(struct str *out, const char *value)
{
    put_quoted(out, value, true);
}

static void begin(struct json_writer *writer, const char *name)
{
    if (writer->comma) {
        str_putc(writer->out, ',');
    }
    if (name != NULL) {
        put_quoted(writer->out, name, false);
        str_putc(writer->out, ':');
    }
    writer->comma = true;
}

void json_open(struct json_writer *writer, const char *name, char bracket)
{
    begin(writer, name);
    str_putc(writer->out, bracket);
    writer->comma = false;
}

void json_close(struct json_writer *writer, char bracket)
{
    str_putc(writer->out, bracket);
    writer->comma = true;
}

void json_put_string(struct json_writer *writer, const char *name,
                     const char *value)
{
    begin(writer, name);
    put_quoted(writer->out, value, false);
}

void json_put_optional(struct json_writer *writer, const char *name,
                       const char *value)
{
    if (value != NULL) {
        json_put_string(writer, name, value);
    }
}

void json_put_integer(struct json_writer *writer, const char *name,
                      int64_t value)
{
    begin(writer, name);
    str_printf(writer->out, "%lld", (long long)value);
}

void json_put_bool(struct json_writer *writer, const char *name, bool value)
{
    begin(writer, name);
    str_puts(writer->out, value ? "true" : "false");
}

void json_put_raw(struct json_writer *writer, const char *name,
                  const char *json, size_t len)
{
    begin(writer, name);
    str_put(writer->out, json, len);
}
