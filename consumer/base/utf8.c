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

size_t utf8_mark_length(const void *data, size_t len)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t size = sizeof(mark) - 1;

    return len >= size && memcmp(data, mark, size) == 0 ? size : 0;
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
        } else if ((size == 1 && (*at < 0x20 || *at == 0x7F)) ||
                   (size == 2 && at[0] == 0xC2 && at[1] < 0xA0)) {
            str_append_char(str, ' '); /* terminals interpret C1 controls too */
        } else {
            str_append(str, at, size);
        }
        at += step;
        len -= step;
    }
}
