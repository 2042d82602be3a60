#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "waybill/http.h"

static bool line_is(const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    return len > name_len && line[name_len] == ':' &&
           strncasecmp(line, name, name_len) == 0;
}

static void append_trimmed(struct str *value, const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    str_append(value, text, len);
}

bool http_header(const struct http_response *response, const char *name,
                 size_t n, struct str *value)
{
    const char *line = response->headers.data;
    const char *end;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        size_t len = (size_t)(end - line);

        if (line_is(line, len, name) && n-- == 0) {
            size_t skip = strlen(name) + 1;

            append_trimmed(value, line + skip, len - skip);
            return true;
        }
    }
    return false;
}

/* RFC 9110 knows whole seconds only, but some servers send a fraction. Anything
 * else after the number is not a delay. Returns -1 if it is none. */
static int64_t parse_seconds(const char *text)
{
    static const int64_t most = INT32_MAX;
    int64_t ms;
    int64_t unit = 100;
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);

    ms = seconds > (unsigned long)most / 1000 ? most : (int64_t)seconds * 1000;
    if (*end == '.' && isdigit((unsigned char)end[1])) {
        for (end++; isdigit((unsigned char)*end); end++) {
            ms += (*end - '0') * unit;
            unit /= 10;
        }
    }
    return *end == '\0' ? ms : -1;
}

uint32_t http_retry_after_up_to_ms(const struct http_response *response,
                                   int64_t wall_ms, uint32_t max_ms)
{
    CLEANUP(str_release) struct str value = STR_INIT(64);
    int64_t wait;

    if (!http_header(response, "Retry-After", 0, &value) || value.len == 0) {
        return 0;
    }
    if (isdigit((unsigned char)value.data[0])) {
        wait = parse_seconds(value.data);
    } else {
        int64_t date = clock_parse_http_date(value.data);

        wait = date < 0 ? 0 : date - wall_ms;
    }
    if (wait <= 0) {
        return 0;
    }
    return wait > max_ms ? max_ms : (uint32_t)wait;
}

uint32_t http_retry_after_ms(const struct http_response *response,
                             int64_t wall_ms)
{
    return http_retry_after_up_to_ms(response, wall_ms,
                                     HTTP_MAX_RETRY_AFTER_MS);
}

bool http_value_is_plain(const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value <= ' ' || *value >= 0x7F) {
            return false;
        }
    }
    return true;
}

bool http_is_header_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) &&
            strchr("!#$%&'*+-.^_`|~", *at) == NULL) {
            return false;
        }
    }
    return *name != '\0';
}

/* libcurl interprets a header with an empty value as a request to remove it. */
bool http_is_header_value(const char *value)
{
    size_t len = strlen(value);

    for (size_t i = 0; i < len; i++) {
        if (value[i] < ' ' || value[i] >= 0x7F) {
            return false;
        }
    }
    return len > 0 && value[0] != ' ' && value[len - 1] != ' ';
}
