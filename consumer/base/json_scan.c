#include <string.h>

#include "waybill/json.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/*
 * The validating scanner in front of cJSON: a recursive descent over RFC 8259,
 * one function for each production. It builds no tree, so that the limits apply
 * before cJSON allocates anything.
 */
struct scanner {
    const unsigned char *text;
    size_t len;
    size_t at;
    size_t values; /* so far, for LIMIT_JSON_VALUES */
    unsigned depth;
    struct str *clean; /* NULL: check only */
    struct error *err;
};

static int fail(struct scanner *scan, const char *what)
{
    if (scan->at >= scan->len) {
        return error_set(scan->err, ERROR_SCHEMA,
                         "not JSON: ends early, at byte %zu", scan->len);
    }
    return error_set(scan->err, ERROR_SCHEMA, "not JSON: %s at byte %zu", what,
                     scan->at);
}

static void copy(struct scanner *scan, const void *data, size_t len)
{
    if (scan->clean != NULL) {
        str_append(scan->clean, data, len);
    }
}

static int peek(const struct scanner *scan)
{
    return scan->at < scan->len ? scan->text[scan->at] : -1;
}

static void skip_space(struct scanner *scan)
{
    while (scan->at < scan->len &&
           strchr(" \t\r\n", scan->text[scan->at]) != NULL &&
           scan->text[scan->at] != '\0') {
        scan->at++;
    }
}

/* Consumes and copies the character if it is the next one. */
static bool accept(struct scanner *scan, char c)
{
    if (peek(scan) != c) {
        return false;
    }
    scan->at++;
    copy(scan, &c, 1);
    return true;
}

static int hex4(struct scanner *scan, size_t at, uint32_t *ret_value)
{
    uint32_t value = 0;

    for (size_t i = at; i < at + 4; i++) {
        int c = i < scan->len ? scan->text[i] : -1;

        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint32_t)(c - 'a' + 10);
        } else if (c >= 'A' && c <= 'F') {
            value = value << 4 | (uint32_t)(c - 'A' + 10);
        } else {
            scan->at = i;
            return fail(scan, "bad \\u escape");
        }
    }
    *ret_value = value;
    return 0;
}

/* Writes the character with the escapes that cJSON needs to decode the same
 * string. */
static void append_code_point(struct scanner *scan, uint32_t c)
{
    if (scan->clean == NULL) {
        return;
    }
    if (c == 0) {
        str_append_text(scan->clean, UTF8_NUL);
    } else if (c == '"' || c == '\\') {
        str_append_char(scan->clean, '\\');
        str_append_char(scan->clean, (char)c);
    } else if (c < 0x20) {
        str_printf(scan->clean, "\\u%04x", (unsigned)c);
    } else {
        utf8_append(scan->clean, c);
    }
}

/* Scans the digits of a \u escape. A high surrogate consumes the low surrogate
 * that follows; an unpaired one becomes U+FFFD, and what follows is scanned by
 * itself. */
static int scan_unicode_escape(struct scanner *scan)
{
    uint32_t high = 0;
    uint32_t low = 0;
    size_t at = scan->at;

    if (hex4(scan, at, &high) < 0) {
        return -1;
    }
    scan->at = at + 4;
    if (high < 0xD800 || high > 0xDFFF) {
        append_code_point(scan, high);
        return 0;
    }
    if (high <= 0xDBFF && at + 6 <= scan->len && scan->text[at + 4] == '\\' &&
        scan->text[at + 5] == 'u') {
        if (hex4(scan, at + 6, &low) < 0) {
            return -1;
        }
        if (low >= 0xDC00 && low <= 0xDFFF) {
            append_code_point(
                scan, 0x10000 + ((high - 0xD800) << 10 | (low - 0xDC00)));
            scan->at = at + 10;
            return 0;
        }
    }
    append_code_point(scan, 0xFFFD);
    return 0;
}

static int scan_escape(struct scanner *scan)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    int c = peek(scan);
    const char *found;

    if (c == 'u') {
        scan->at++;
        return scan_unicode_escape(scan);
    }
    found = c > 0 ? strchr(names, c) : NULL;
    if (found == NULL) {
        return fail(scan, "bad escape");
    }
    append_code_point(scan, (uint32_t)(unsigned char)values[found - names]);
    scan->at++;
    return 0;
}

/* Copies characters up to the next one that needs a check. */
static void scan_run(struct scanner *scan)
{
    size_t start = scan->at;

    while (scan->at < scan->len) {
        unsigned char c = scan->text[scan->at];

        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            break;
        }
        scan->at++;
    }
    copy(scan, scan->text + start, scan->at - start);
}

static int scan_string(struct scanner *scan)
{
    if (!accept(scan, '"')) {
        return fail(scan, "expected a string");
    }
    for (;;) {
        size_t size;

        scan_run(scan);
        if (accept(scan, '"')) {
            return 0;
        }
        if (peek(scan) < 0x20) {
            return fail(scan, "control character in a string");
        }
        if (peek(scan) == '\\') {
            scan->at++;
            if (scan_escape(scan) < 0) {
                return -1;
            }
            continue;
        }
        size = utf8_length(scan->text + scan->at, scan->len - scan->at);
        if (size == 0) {
            copy(scan, UTF8_REPLACEMENT, 3);
            size = 1;
        } else {
            copy(scan, scan->text + scan->at, size);
        }
        scan->at += size;
    }
}

static size_t skip_digits(struct scanner *scan)
{
    size_t start = scan->at;

    while (peek(scan) >= '0' && peek(scan) <= '9') {
        scan->at++;
    }
    return scan->at - start;
}

/* cJSON reads only 63 characters of a number. A longer number is shortened to
 * the precision of a double, with the same magnitude. */
static void copy_number(struct scanner *scan, size_t start)
{
    size_t len = scan->at - start;
    char text[1024];
    char shorter[48];

    if (len < 60) {
        copy(scan, scan->text + start, len);
        return;
    }
    len = len < sizeof(text) ? len : sizeof(text) - 1;
    memcpy(text, scan->text + start, len);
    text[len] = '\0';
    snprintf(shorter, sizeof(shorter), "%.17g", strtod(text, NULL));
    copy(scan, strstr(shorter, "inf") ? "1e999" : shorter,
         strstr(shorter, "inf") ? 5 : strlen(shorter));
}

static int scan_number(struct scanner *scan)
{
    size_t start = scan->at;

    if (peek(scan) == '-') {
        scan->at++;
    }
    if (peek(scan) == '0') {
        scan->at++;
    } else if (skip_digits(scan) == 0) {
        return fail(scan, "unexpected character");
    }
    if (peek(scan) == '.') {
        scan->at++;
        if (skip_digits(scan) == 0) {
            return fail(scan, "bad number");
        }
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-') {
            scan->at++;
        }
        if (skip_digits(scan) == 0) {
            return fail(scan, "bad number");
        }
    }
    copy_number(scan, start);
    return 0;
}

static int scan_literal(struct scanner *scan, const char *literal)
{
    for (const char *c = literal; *c != '\0'; c++) {
        if (!accept(scan, *c)) {
            return fail(scan, "unexpected character");
        }
    }
    return 0;
}

static int scan_value(struct scanner *scan);

static int scan_member(struct scanner *scan)
{
    skip_space(scan);
    if (scan_string(scan) < 0) {
        return -1;
    }
    skip_space(scan);
    if (!accept(scan, ':')) {
        return fail(scan, "expected ':'");
    }
    return scan_value(scan);
}

static int scan_container(struct scanner *scan, char end,
                          int (*scan_item)(struct scanner *))
{
    accept(scan, end == '}' ? '{' : '[');
    if (++scan->depth > LIMIT_JSON_DEPTH) {
        return error_set(scan->err, ERROR_SCHEMA,
                         "nested more than %d levels deep at byte %zu",
                         LIMIT_JSON_DEPTH, scan->at);
    }
    skip_space(scan);
    if (!accept(scan, end)) {
        do {
            if (scan_item(scan) < 0) {
                return -1;
            }
            skip_space(scan);
        } while (accept(scan, ','));
        if (!accept(scan, end)) {
            return fail(scan, end == '}' ? "expected ',' or '}'"
                                         : "expected ',' or ']'");
        }
    }
    scan->depth--;
    return 0;
}

static int scan_value(struct scanner *scan)
{
    skip_space(scan);
    if (++scan->values > LIMIT_JSON_VALUES) {
        return error_set(scan->err, ERROR_SCHEMA,
                         "more than %d values at byte %zu", LIMIT_JSON_VALUES,
                         scan->at);
    }
    switch (peek(scan)) {
    case '{':
        return scan_container(scan, '}', scan_member);
    case '[':
        return scan_container(scan, ']', scan_value);
    case '"':
        return scan_string(scan);
    case 't':
        return scan_literal(scan, "true");
    case 'f':
        return scan_literal(scan, "false");
    case 'n':
        return scan_literal(scan, "null");
    default:
        return scan_number(scan);
    }
}

int json_scan(const char *text, size_t len, struct str *clean, size_t *ret_end,
              struct error *err)
{
    struct scanner scan = {.text = (const unsigned char *)text,
                           .len = len,
                           .clean = clean,
                           .err = err};
    int result = scan_value(&scan);

    *ret_end = scan.at;
    return result;
}
