#include "secret_view.h"

#include <stdbool.h>
#include <string.h>

#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/compiler.h"
#include "waybill/utf8.h"

static void add(struct secret_view *view, unsigned char byte, size_t from,
                size_t to)
{
    view->bytes[view->count++] = (struct secret_view_byte){
        .from = (uint32_t)from, .to = (uint32_t)to, .byte = byte};
}

/* A view never has more bytes than what it is a view of. The memory is
 * allocated once, because a growing block would leave copies of secrets. */
static void reserve(struct secret_view *view, size_t max)
{
    view->bytes =
        mem_grow(view->bytes, &view->capacity, max + 1, sizeof(view->bytes[0]));
}

void secret_view_release(struct secret_view *view)
{
    if (view->bytes != NULL) {
        explicit_bzero(view->bytes, view->capacity * sizeof(view->bytes[0]));
    }
    mem_free(view->bytes);
    *view = (struct secret_view){0};
}

/* --- the text ------------------------------------------------------------- */

/* Adds one character unless it is invisible; returns its length. */
static size_t add_character(struct secret_view *view, const char *text,
                            size_t at, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text + at;
    size_t size = utf8_length(bytes, len - at);

    if (size == 0) {
        add(view, *bytes, at, at + 1);
        return 1;
    }
    if (*bytes == ' ' || utf8_is_invisible(bytes, size)) {
        return size;
    }
    for (size_t i = 0; i < size; i++) {
        add(view, bytes[i], at + i, at + i + 1);
    }
    return size;
}

void secret_view_text(struct secret_view *view, const char *text, size_t len)
{
    reserve(view, len);
    for (size_t at = 0; at < len;) {
        at += add_character(view, text, at, len);
    }
}

/* --- escapes -------------------------------------------------------------- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads up to `max` digits of the base 10 or 16; returns how many. */
static size_t read_digits(const char *text, size_t max, unsigned base,
                          uint32_t *ret_value)
{
    size_t count = 0;

    *ret_value = 0;
    for (; count < max; count++) {
        int digit = hex_digit((unsigned char)text[count]);

        if (digit < 0 || digit >= (int)base) {
            break;
        }
        *ret_value = *ret_value * base + (uint32_t)digit;
    }
    return count;
}

/* %2B, %252B, ... Returns the length of the escape, or 0. */
static size_t read_percent(const char *text, uint32_t *ret_value)
{
    size_t at = 1;

    while (text[at] == '2' && text[at + 1] == '5' &&
           hex_digit((unsigned char)text[at + 2]) >= 0 &&
           hex_digit((unsigned char)text[at + 3]) >= 0) {
        at += 2;
    }
    return read_digits(text + at, 2, 16, ret_value) == 2 ? at + 2 : 0;
}

/* \n, \x2b, \u002b, \053. A backslash that escapes another character is
 * punctuation, and so is one that a further escaping has doubled. */
static size_t read_backslash(const char *text, uint32_t *ret_value)
{
    size_t at = 1;
    size_t digits;

    while (text[at] == '\\') {
        at++;
    }
    digits = text[at] == 'u' ? 4 : text[at] == 'x' ? 2 : 0;
    if (digits > 0) {
        return read_digits(text + at + 1, digits, 16, ret_value) == digits
                   ? at + 1 + digits
                   : 0;
    }
    if (read_digits(text + at, 3, 8, ret_value) == 3) {
        return at + 3;
    }
    *ret_value = ' ';
    return text[at] != '\0' && strchr("nrtbfv0", text[at]) != NULL ? at + 1 : 0;
}

/* The names that libraries escape with, all of punctuation, which counts for
 * nothing. Returns the length of the reference, or 0. */
static size_t read_named_reference(const char *text, uint32_t *ret_value)
{
    static const char *const names[] = {"&quot;", "&amp;",  "&lt;",
                                        "&gt;",   "&apos;", "&nbsp;"};

    *ret_value = ' ';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strncmp(text, names[i], strlen(names[i])) == 0) {
            return strlen(names[i]);
        }
    }
    return 0;
}

/* &#43;, &#x2b; or &quot; */
static size_t read_reference(const char *text, uint32_t *ret_value)
{
    bool is_hex = text[1] == '#' && (text[2] == 'x' || text[2] == 'X');
    size_t start = is_hex ? 3 : 2;
    size_t count;

    if (text[1] != '#') {
        return read_named_reference(text, ret_value);
    }
    count = read_digits(text + start, 6, is_hex ? 16 : 10, ret_value);
    return count > 0 && text[start + count] == ';' ? start + count + 1 : 0;
}

static size_t read_escape(const char *text, uint32_t *ret_value)
{
    switch (*text) {
    case '%':
        return read_percent(text, ret_value);
    case '\\':
        return read_backslash(text, ret_value);
    case '&':
        return read_reference(text, ret_value);
    default:
        return 0;
    }
}

/* Adds the character that an escape of `size` bytes stands for. One beyond
 * ASCII needs up to four bytes, and its escape has at least as many, except for
 * those that stand for a single byte of it (%C3). */
static void add_escaped(struct secret_view *view, uint32_t value, size_t at,
                        size_t size)
{
    CLEANUP(str_release) struct str text = STR_INIT(8);

    if (size < 5 && value > 0x7F) {
        add(view, (unsigned char)value, at, at + size);
        return;
    }
    if (value == 0 || value == ' ' || value > 0x10FFFF) {
        return;
    }
    utf8_append(&text, value);
    if (!utf8_is_invisible((const unsigned char *)text.data, text.len)) {
        for (size_t i = 0; i < text.len; i++) {
            add(view, (unsigned char)text.data[i], at, at + size);
        }
    }
}

/* The text ends with a NUL, which no escape contains. */
void secret_view_unescaped(struct secret_view *view, const char *text,
                           size_t len)
{
    reserve(view, len);
    for (size_t at = 0; at < len;) {
        uint32_t value = 0;
        size_t size = read_escape(text + at, &value);

        if (size > 0 && at + size <= len) {
            add_escaped(view, value, at, size);
            at += size;
        } else {
            at += add_character(view, text, at, len);
        }
    }
}

/* --- encodings ------------------------------------------------------------ */

/* Collects the bits of consecutive symbols and adds each complete byte. */
struct decoder {
    struct secret_view *view;
    uint32_t bits;
    unsigned count; /* of bits that are not used yet */
    uint32_t from;  /* position of the first symbol in the byte */
    unsigned skip;  /* symbols to skip in this run */
};

static void restart(struct decoder *decoder, unsigned phase)
{
    decoder->bits = 0;
    decoder->count = 0;
    decoder->skip = phase;
}

static void decode(struct decoder *decoder, int symbol, unsigned width,
                   const struct secret_view_byte *at)
{
    if (decoder->skip > 0) {
        decoder->skip--;
        return;
    }
    if (decoder->count == 0) {
        decoder->from = at->from;
    }
    decoder->bits = decoder->bits << width | (uint32_t)symbol;
    decoder->count += width;
    if (decoder->count >= 8) {
        decoder->count -= 8;
        add(decoder->view, (unsigned char)(decoder->bits >> decoder->count),
            decoder->from, at->to);
        decoder->from = at->from;
    }
}

void secret_view_base64(struct secret_view *view, const struct secret_view *of,
                        unsigned phase)
{
    struct decoder decoder = {.view = view, .skip = phase};

    reserve(view, of->count);
    for (size_t i = 0; i < of->count; i++) {
        int symbol = base64_digit((char)of->bytes[i].byte);

        if (symbol < 0) {
            restart(&decoder, phase);
        } else {
            decode(&decoder, symbol, 6, &of->bytes[i]);
        }
    }
}

void secret_view_hex(struct secret_view *view, const struct secret_view *of,
                     unsigned phase)
{
    struct decoder decoder = {.view = view, .skip = phase};

    reserve(view, of->count);
    for (size_t i = 0; i < of->count; i++) {
        int symbol = hex_digit(of->bytes[i].byte);

        if (symbol >= 0) {
            decode(&decoder, symbol, 4, &of->bytes[i]);
        } else if (base64_digit((char)of->bytes[i].byte) >= 0) {
            restart(&decoder, phase);
        }
    }
}

void secret_view_fold(struct secret_view *view)
{
    size_t kept = 0;

    for (size_t i = 0; i < view->count; i++) {
        struct secret_view_byte at = view->bytes[i];

        if (at.byte >= 'A' && at.byte <= 'Z') {
            at.byte |= 0x20;
        }
        if ((at.byte >= 'a' && at.byte <= 'z') ||
            (at.byte >= '0' && at.byte <= '9') || at.byte >= 0x80) {
            view->bytes[kept++] = at;
        }
    }
    view->count = kept;
}
