#include "error_body.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "waybill/json.h"

/* Maximum length in bytes of a registry's message, so that it fits a log
 * line. */
#define MAX_MESSAGE_LENGTH 300

static void keep_message(struct reported_error *reported, const char *text)
{
    secret_set_append_printable(reported->secrets, &reported->message, text,
                                MAX_MESSAGE_LENGTH);
}

/* The text of the first member that has one, or NULL. */
static const char *first_text(const struct json *object,
                              const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *text = json_text(json_member(object, *names));

        if (text != NULL && *text != '\0') {
            return text;
        }
    }
    return NULL;
}

/* A word that goes on with another letter is no code. Its beginning may be that
 * of a secret, and too short to be found as one. */
static void keep_code(struct reported_error *reported, const char *code)
{
    size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    if (isalnum((unsigned char)code[len])) {
        len = 0;
    }
    snprintf(reported->code, sizeof(reported->code), "%.*s", (int)len, code);
}

/* Keeps what an object says about itself: a summary, and the details if they
 * are a text of their own. Returns false if it says nothing. */
static bool read_object(const struct json *object,
                        struct reported_error *reported)
{
    static const char *const summaries[] = {"error_description",
                                            "message",
                                            "Message",
                                            "error_message",
                                            "title",
                                            "error",
                                            "reason",
                                            "msg",
                                            NULL};
    static const char *const details[] = {"detail", "details", NULL};
    const char *code = json_text(json_member(object, "code"));
    const char *summary = first_text(object, summaries);
    const char *detail = first_text(object, details);
    CLEANUP(secret_release) struct secret both = SECRET_INIT(STR_UNLIMITED);

    if (code != NULL) {
        keep_code(reported, code);
    }
    if (summary != NULL) {
        str_append_text(&both.text, summary);
    }
    if (detail != NULL && !text_equal(summary, detail)) {
        str_printf(&both.text, "%s%s", summary != NULL ? ": " : "", detail);
    }
    keep_message(reported, both.text.data);
    return code != NULL || both.text.len > 0;
}

/* A text, an object, or the first of a list of either. */
static bool read_value(const struct json *value,
                       struct reported_error *reported)
{
    if (json_is_array(value)) {
        value = json_first(value);
    }
    if (json_is_string(value)) {
        keep_message(reported, json_text(value));
        return *json_text(value) != '\0';
    }
    return json_is_object(value) && read_object(value, reported);
}

/* {"errors":{"tag":["is immutable"]}}, as web frameworks report each field */
static bool read_fields(const struct json *errors,
                        struct reported_error *reported)
{
    const struct json *field =
        json_is_object(errors) ? json_first(errors) : NULL;
    const struct json *value = json_is_array(field) ? json_first(field) : field;
    CLEANUP(secret_release) struct secret text = SECRET_INIT(STR_UNLIMITED);

    if (!json_is_string(value)) {
        return false;
    }
    str_printf(&text.text, "%s: %s", json_name(field), json_text(value));
    keep_message(reported, text.text.data);
    return true;
}

/* An error code of OAuth2 is one word. Web frameworks use the same member for
 * the text of a status, such as "Not Found". */
static bool is_oauth2(const struct json *json)
{
    const char *code = json_text(json_member(json, "error"));

    return code != NULL && *code != '\0' &&
           code[strcspn(code, " \t\r\n")] == '\0';
}

static bool read_json(const struct json *json, struct reported_error *reported)
{
    const struct json *errors = json_member(json, "errors");
    const struct json *first =
        json_is_array(errors) ? json_first(errors) : NULL;

    reported->is_document = json_text(json_member(first, "code")) != NULL;
    reported->is_oauth2 = is_oauth2(json);
    return read_value(errors, reported) || read_fields(errors, reported) ||
           read_object(json, reported) ||
           read_value(json_member(json, "error"), reported);
}

/* Plain text is quoted, a page of HTML is not. */
static void read_text(const char *text, struct reported_error *reported)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    if (*text != '\0' && strchr("<{[", *text) == NULL) {
        keep_message(reported, text);
    }
}

void reported_error_read(const struct str *body,
                         struct reported_error *reported)
{
    size_t mark = text_mark_length(body->data, body->len);
    const char *text = body->data + mark;
    struct json *json;
    struct error err;

    reported->code[0] = '\0';
    reported->is_document = false;
    reported->is_oauth2 = false;
    str_init(&reported->message, STR_UNLIMITED);
    if (json_parse_secret(text, body->len - mark, &json, &err) == 0) {
        read_json(json, reported);
        json_free(json);
    } else {
        read_text(text, reported);
    }
}

void reported_error_release(struct reported_error *reported)
{
    str_release(&reported->message);
}
