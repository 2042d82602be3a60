#include "discord_response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "waybill/json.h"
#include "waybill/utf8.h"

/* --- the body ----------------------------------------------------------------
 */

static void free_json(struct json **json)
{
    json_free(*json);
}

/* NULL if the body is not JSON, as that of a proxy */
static struct json *parse(const struct http_response *response)
{
    struct json *json = NULL;
    struct error ignored;

    if (json_parse(response->body.data, response->body.len, &json, &ignored) <
        0) {
        return NULL;
    }
    return json;
}

static const char *member_text(const struct json *json, const char *name)
{
    const struct json *member =
        json_is_object(json) ? json_member(json, name) : NULL;

    return member != NULL ? json_text(member) : NULL;
}

static bool member_number(const struct json *json, const char *name,
                          double *ret_number)
{
    const struct json *member =
        json_is_object(json) ? json_member(json, name) : NULL;

    return member != NULL && json_number(member, ret_number);
}

/* A snowflake, the decimal digits of 64 bits */
static bool is_id(const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len > 0 && len <= 20 && text[strspn(text, "0123456789")] == '\0';
}

/* --- delays ------------------------------------------------------------------
 */

/* Rounds up: a request that comes too early is rejected. */
static uint32_t ms_of(double seconds)
{
    double ms = seconds * 1000;

    if (!(ms > 0)) {
        return 0;
    }
    if (ms >= ENDPOINT_MAX_DELAY_MS) {
        return ENDPOINT_MAX_DELAY_MS;
    }
    return (uint32_t)ms + ((double)(uint32_t)ms < ms);
}

static bool header_number(const struct http_response *response,
                          const char *name, double *ret_number)
{
    CLEANUP(str_release) struct str value = STR_INIT(64);
    char *end;

    if (!http_header(response, name, 0, &value) || value.len == 0 ||
        value.data[strspn(value.data, "0123456789.")] != '\0') {
        return false;
    }
    *ret_number = strtod(value.data, &end);
    return *end == '\0';
}

/* The time until the bucket of this webhook is filled again, if it is empty */
static uint32_t read_pause(const struct http_response *response)
{
    double remaining;
    double reset_after;

    return header_number(response, "X-RateLimit-Remaining", &remaining) &&
                   remaining < 1 &&
                   header_number(response, "X-RateLimit-Reset-After",
                                 &reset_after)
               ? ms_of(reset_after)
               : 0;
}

/* The body has fractions of a second, and the header whole seconds. */
static void read_delay(const struct http_response *response,
                       const struct json *json, struct error *err)
{
    uint32_t bucket = read_pause(response);
    double retry_after;

    if (member_number(json, "retry_after", &retry_after)) {
        err->retry_after_ms = ms_of(retry_after);
    }
    if (bucket > err->retry_after_ms) {
        err->retry_after_ms = bucket;
    }
}

/* --- errors ------------------------------------------------------------------
 *
 * https://docs.discord.com/developers/topics/opcodes-and-status-codes
 */

static const struct {
    unsigned code;
    enum error_kind kind;
    const char *advice;
} meanings[] = {
    {10003, ERROR_AUTH, "the channel or the thread is gone; check thread_id"},
    {10015, ERROR_AUTH, "the webhook is gone; create another, and set its URL"},
    {50027, ERROR_AUTH, "the token in the URL is wrong; copy the URL again"},
    {40005, ERROR_TOO_LARGE, NULL},
    {50083, ERROR_BLOCKED, "the thread is archived; open it again"},
    {160005, ERROR_BLOCKED, "the thread is locked; unlock it"},
    {220001, ERROR_BLOCKED,
     "the channel is a forum: set thread_id to one of its posts"},
    {220003, ERROR_BLOCKED,
     "the channel is not a forum: remove thread_id, or use another webhook"},
};

static void apply_code(unsigned code, struct error *err)
{
    snprintf(err->code, sizeof(err->code), "%u", code);
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        if (meanings[i].code == code) {
            err->kind = meanings[i].kind;
            if (meanings[i].advice != NULL) {
                error_append(err, " (%s)", meanings[i].advice);
            }
        }
    }
}

void discord_read_error(const struct http_response *response, struct error *err)
{
    CLEANUP(free_json) struct json *json = parse(response);
    double code;

    if (err->http_status == 404) {
        err->kind = ERROR_AUTH; /* the URL is what authorizes */
    }
    if (member_number(json, "code", &code) && code >= 1 && code < 1e9) {
        apply_code((unsigned)code, err);
    }
    if (err->kind == ERROR_RATE_LIMITED) {
        read_delay(response, json, err);
    }
}

/* --- responses ---------------------------------------------------------------
 */

void discord_read_message(const struct http_response *response,
                          struct error *err, struct arena *arena,
                          struct chat_answer *ret_answer)
{
    CLEANUP(free_json) struct json *json = NULL;

    ret_answer->pause_ms = read_pause(response);
    if (err != NULL) {
        discord_read_error(response, err);
        return;
    }
    json = parse(response);
    if (is_id(member_text(json, "id"))) {
        ret_answer->id = arena_strdup(arena, member_text(json, "id"));
    }
}

const char *discord_read_name(const struct http_response *response,
                              struct arena *arena)
{
    CLEANUP(free_json) struct json *json = parse(response);
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
    const char *text = member_text(json, "name");

    if (text == NULL || !is_id(member_text(json, "id"))) {
        return NULL;
    }
    utf8_append_printable(&name, text, strlen(text), 100);
    return arena_strdup(arena, name.data);
}
