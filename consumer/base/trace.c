#include "waybill/trace.h"

#include <stdio.h>
#include <string.h>

/* Offsets of the fields of a traceparent */
#define AT_TRACE 3
#define AT_SPAN 36
#define AT_FLAGS 53
#define LENGTH 55

/* A later version may be longer; this is a generous limit. */
#define MAX_PARENT 512
#define MAX_STATE 1024
#define MAX_MEMBERS 32
#define MAX_KEY 256
#define MAX_VALUE 256

#define SAMPLED 0x01U
#define RANDOM_ID 0x02U /* Trace Context, level 2 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f')) {
            return false;
        }
    }
    return true;
}

static bool is_id(const char *text, size_t len)
{
    return is_hex(text, len) && strspn(text, "0") < len;
}

static unsigned value_of(char digit)
{
    return (unsigned)(is_digit(digit) ? digit - '0' : digit - 'a' + 10);
}

/* Version 00 has a fixed length. A later version may continue after a dash, and
 * ff is invalid. */
static bool is_version(const char *text, size_t len)
{
    if (!is_hex(text, 2) || memcmp(text, "ff", 2) == 0) {
        return false;
    }
    if (memcmp(text, "00", 2) == 0) {
        return len == LENGTH;
    }
    return len == LENGTH || text[LENGTH] == '-';
}

bool trace_parent_read(const char *text, size_t len,
                       char ret_parent[TRACE_PARENT_SIZE])
{
    unsigned known = SAMPLED;
    unsigned flags;

    if (len < LENGTH || len > MAX_PARENT || !is_version(text, len) ||
        text[AT_TRACE - 1] != '-' || text[AT_SPAN - 1] != '-' ||
        text[AT_FLAGS - 1] != '-' || !is_id(text + AT_TRACE, TRACE_ID_LEN) ||
        !is_id(text + AT_SPAN, TRACE_SPAN_LEN) || !is_hex(text + AT_FLAGS, 2)) {
        return false;
    }
    if (memcmp(text, "00", 2) == 0) {
        known |= RANDOM_ID;
    }
    flags = value_of(text[AT_FLAGS]) << 4 | value_of(text[AT_FLAGS + 1]);
    snprintf(ret_parent, TRACE_PARENT_SIZE, "00-%.32s-%.16s-%02x",
             text + AT_TRACE, text + AT_SPAN, flags & known);
    return true;
}

void trace_parent_renew(char parent[TRACE_PARENT_SIZE], uint64_t id)
{
    char span[TRACE_SPAN_LEN + 1];

    snprintf(span, sizeof(span), "%016llx", (unsigned long long)id);
    memcpy(parent + AT_SPAN, span, TRACE_SPAN_LEN);
}

const char *trace_id_of(const char *parent)
{
    return parent + AT_TRACE;
}

const char *trace_span_of(const char *parent)
{
    return parent + AT_SPAN;
}

/* --- tracestate ----------------------------------------------------------- */

static bool is_key(const char *text, size_t len)
{
    if (len == 0 || len > MAX_KEY ||
        !(is_lower(text[0]) || is_digit(text[0]))) {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_lower(text[i]) && !is_digit(text[i]) &&
            (text[i] == '\0' || strchr("_-*/@", text[i]) == NULL)) {
            return false;
        }
    }
    return true;
}

/* A comma ends the member, and a value contains no equals sign. */
static bool is_value(const char *text, size_t len)
{
    if (len == 0 || len > MAX_VALUE || text[len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '=') {
            return false;
        }
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Checks the text between two commas, with optional white space around it. An
 * empty member is allowed and ignored. */
static bool is_member(const char *text, size_t len, bool *ret_empty)
{
    const char *equals;

    for (; len > 0 && is_blank(text[0]); text++, len--) {
    }
    for (; len > 0 && is_blank(text[len - 1]); len--) {
    }
    *ret_empty = len == 0;
    equals = len > 0 ? memchr(text, '=', len) : NULL;
    return len == 0 ||
           (equals != NULL && is_key(text, (size_t)(equals - text)) &&
            is_value(equals + 1, len - (size_t)(equals + 1 - text)));
}

bool trace_state_is_valid(const char *text, size_t len)
{
    size_t members = 0;
    size_t at = 0;

    if (len == 0 || len > MAX_STATE) {
        return false;
    }
    while (at <= len) {
        const char *comma = at < len ? memchr(text + at, ',', len - at) : NULL;
        size_t end = comma != NULL ? (size_t)(comma - text) : len;
        bool empty;

        if (!is_member(text + at, end - at, &empty)) {
            return false;
        }
        members += !empty;
        at = end + 1;
    }
    return members > 0 && members <= MAX_MEMBERS;
}
