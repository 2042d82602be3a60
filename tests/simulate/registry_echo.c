#include "registry.h"

#include <string.h>

#include "waybill/base64.h"

/* Error responses that repeat the authorization of the request, and that of the
 * previous request to any registry, in one of several forms. The form follows
 * from the time, because an additional random number would change the course of
 * every seed. */

static void append_wrapped(struct str *out, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        str_append_text(out, i % 11 == 10 ? "\\n" : "");
        str_append_char(out, text[i]);
    }
}

static void append_echo(struct str *out, const char *text, uint64_t way)
{
    switch (way % 4) {
    case 0:
        str_append_text(out, text);
        break;
    case 1:
        append_wrapped(out, text);
        break;
    case 2: /* truncated within the token */
        str_append(out, text, strlen(text) - 4);
        str_append_text(out, "...");
        break;
    default:
        base64_encode(out, text, strlen(text));
        break;
    }
}

static bool is_token(const char *authorization)
{
    return authorization != NULL && strstr(authorization, SECRET_MARK) != NULL;
}

void registry_echo(const struct ask *ask, struct reply *reply)
{
    static const char message[] = "so it is";
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    const char *at = strstr(reply->response.body.data, message);
    struct sim *sim = ask->sim;

    if (at != NULL && reply->response.status >= 400) {
        at += sizeof(message) - 1;
        str_append(&body, reply->response.body.data,
                   (size_t)(at - reply->response.body.data));
        if (is_token(ask->authorization)) {
            str_append_text(&body, ": ");
            append_echo(&body, ask->authorization, sim->now_ms);
        }
        if (sim->last_token[0] != '\0') {
            str_append_text(&body, ", before: ");
            append_echo(&body, sim->last_token, sim->now_ms / 4);
        }
        str_append_text(&body, at);
        str_clear(&reply->response.body);
        str_append(&reply->response.body, body.data, body.len);
    }
    if (is_token(ask->authorization)) {
        snprintf(sim->last_token, sizeof(sim->last_token), "%s",
                 ask->authorization);
    }
}
