#include "waybill/base64.h"

#include <stdint.h>
#include <string.h>

#include "waybill/secret.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* `last` is the last two digits, in which the alphabets differ. */
static int value_of(char c, const char *last)
{
    int value = base64_digit(c);

    return value >= 62 && c != last[value - 62] ? -1 : value;
}

/* If both alphabets are allowed, the first digit that is in only one of them
 * decides; the decoder then rejects the digits of the other. */
static const char *last_digits(const char *text, size_t len, unsigned flags)
{
    bool url_safe =
        (flags & BASE64_STANDARD) == 0 ||
        ((flags & BASE64_URL_SAFE) != 0 &&
         (memchr(text, '-', len) != NULL || memchr(text, '_', len) != NULL));

    return url_safe ? "-_" : "+/";
}

static void append_quantum(struct str *out, uint32_t bits, size_t bytes)
{
    for (size_t i = 0; out != NULL && i < bytes; i++) {
        str_append_char(out, (char)(bits >> (16 - 8 * i) & 0xFF));
    }
}

bool base64_decode(const char *text, size_t len, unsigned flags,
                   struct str *out)
{
    const char *last = last_digits(text, len, flags);
    uint32_t bits = 0;
    size_t have = 0;   /* digits of the quantum being read */
    size_t padded = 0; /* '=' seen; only line breaks may follow */

    for (size_t i = 0; i < len; i++) {
        int value;

        if (text[i] == '\r' || text[i] == '\n') {
            continue;
        }
        if (text[i] == '=' && have >= 2 && have + padded < 4) {
            padded++;
            continue;
        }
        value = value_of(text[i], last);
        if (value < 0 || padded > 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        have++;
        if (have == 4) {
            append_quantum(out, bits, 3);
            bits = 0;
            have = 0;
        }
    }
    if (have > 0) {
        append_quantum(out, bits << 6 * (4 - have), have - 1);
    }
    if (have == 0 || have == 1) {
        return have + padded == 0;
    }
    return have + padded == 4 || (flags & BASE64_UNPADDED) != 0;
}

void base64_encode(struct str *out, const void *data, size_t len)
{
    const unsigned char *at = data;

    for (; len > 0; at += 3) {
        size_t have = len < 3 ? len : 3;
        uint32_t bits = (uint32_t)at[0] << 16;

        bits |= have > 1 ? (uint32_t)at[1] << 8 : 0;
        bits |= have > 2 ? at[2] : 0;
        str_append_char(out, digits[bits >> 18]);
        str_append_char(out, digits[bits >> 12 & 0x3F]);
        str_append_char(out, have > 1 ? digits[bits >> 6 & 0x3F] : '=');
        str_append_char(out, have > 2 ? digits[bits & 0x3F] : '=');
        len -= have;
    }
}

void base64url_encode(struct str *out, const void *data, size_t len)
{
    size_t begin = out->len;

    base64_encode(out, data, len);
    while (out->len > begin && out->data[out->len - 1] == '=') {
        out->data[--out->len] = '\0';
    }
    for (char *at = out->data + begin; *at != '\0'; at++) {
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    }
}
