#include "waybill/utf8.h"

#include <string.h>

/* The range of the second byte depends on the first (RFC 3629, section 4). */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    unsigned char low = 0x80;
    unsigned char high = 0xBF;

    switch (first) {
    case 0xE0:
        low = 0xA0;
        break;
    case 0xED:
        high = 0x9F;
        break;
    case 0xF0:
        low = 0x90;
        break;
    case 0xF4:
        high = 0x8F;
        break;
    default:
        break;
    }
    return second >= low && second <= high;
}

size_t utf8_length(const unsigned char *data, size_t len)
{
    size_t size;

    if (len == 0) {
        return 0;
    }
    if (data[0] < 0x80) {
        return 1;
    }
    if (data[0] < 0xC2 || data[0] > 0xF4) {
        return 0;
    }
    size = data[0] < 0xE0 ? 2 : data[0] < 0xF0 ? 3 : 4;
    if (size > len || !second_byte_fits(data[0], data[1])) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return size;
}

bool utf8_valid(const void *data, size_t len)
{
    const unsigned char *at = data;
    size_t size;

    for (; len > 0; at += size, len -= size) {
        size = utf8_length(at, len);
        if (size == 0) {
            return false;
        }
    }
    return true;
}

bool utf8_is_text(const void *data, size_t len)
{
    return (len == 0 || memchr(data, '\0', len) == NULL) &&
           utf8_valid(data, len);
}

void utf8_append(struct str *str, uint32_t c)
{
    if (c < 0x80) {
        str_append_char(str, (char)c);
    } else if (c < 0x800) {
        str_append_char(str, (char)(0xC0 | c >> 6));
        str_append_char(str, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        str_append_char(str, (char)(0xE0 | c >> 12));
        str_append_char(str, (char)(0x80 | (c >> 6 & 0x3F)));
        str_append_char(str, (char)(0x80 | (c & 0x3F)));
    } else {
        str_append_char(str, (char)(0xF0 | c >> 18));
        str_append_char(str, (char)(0x80 | (c >> 12 & 0x3F)));
        str_append_char(str, (char)(0x80 | (c >> 6 & 0x3F)));
        str_append_char(str, (char)(0x80 | (c & 0x3F)));
    }
}

uint32_t utf8_code_point(const unsigned char *data, size_t size)
{
    uint32_t c = size == 1 ? data[0] : data[0] & (0x7FU >> size);

    for (size_t i = 1; i < size; i++) {
        c = c << 6 | (data[i] & 0x3FU);
    }
    return c;
}

bool utf8_is_invisible(const unsigned char *data, size_t size)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {
        {0x00, 0x1F},       /* C0 */
        {0x7F, 0x9F},       /* DEL and C1, which terminals interpret too */
        {0xAD, 0xAD},       /* soft hyphen */
        {0x61C, 0x61C},     /* Arabic letter mark */
        {0x180E, 0x180E},   /* Mongolian vowel separator */
        {0x200B, 0x200F},   /* without width, marks of the direction */
        {0x2028, 0x202E},   /* separators, embeddings and overrides */
        {0x2060, 0x206F},   /* isolates, and invisible operators */
        {0xFEFF, 0xFEFF},   /* byte order mark */
        {0xFFF9, 0xFFFB},   /* interlinear annotation */
        {0x1D173, 0x1D17A}, /* musical beams and slurs */
        {0xE0000, 0xE0FFF}, /* tags */
    };
    uint32_t c = utf8_code_point(data, size);

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (c <= ranges[i].last) {
            return c >= ranges[i].first;
        }
    }
    return false;
}

void utf8_append_printable(struct str *str, const void *data, size_t len,
                           size_t max)
{
    const unsigned char *at = data;
    size_t end = str->len + max;

    while (len > 0) {
        size_t size = utf8_length(at, len);
        size_t step = size > 0 ? size : 1;

        if (str->len + (size > 0 ? size : 3) > end) {
            return;
        }
        if (size == 0) {
            str_append_text(str, UTF8_REPLACEMENT);
        } else if (utf8_is_invisible(at, size)) {
            str_append_char(str, ' ');
        } else {
            str_append(str, at, size);
        }
        at += step;
        len -= step;
    }
}

void utf8_append_escape(struct str *str, const unsigned char *data, size_t size)
{
    uint32_t c = utf8_code_point(data, size);

    if (c > 0xFFFF) {
        c -= 0x10000;
        str_printf(str, "\\u%04x\\u%04x", 0xD800 + (unsigned)(c >> 10),
                   0xDC00 + (unsigned)(c & 0x3FF));
    } else {
        str_printf(str, "\\u%04x", (unsigned)c);
    }
}

void utf8_append_escaped(struct str *str, const void *data, size_t len)
{
    const unsigned char *at = data;

    while (len > 0) {
        size_t size = utf8_length(at, len);
        size_t step = size > 0 ? size : 1;

        if (size == 0) {
            str_append_text(str, UTF8_REPLACEMENT);
        } else if (*at != '\n' && *at != '\t' && utf8_is_invisible(at, size)) {
            utf8_append_escape(str, at, size);
        } else {
            str_append(str, at, size);
        }
        at += step;
        len -= step;
    }
}
