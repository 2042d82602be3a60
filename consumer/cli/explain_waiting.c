#include "explain_waiting.h"

#include <string.h>

#include "admin_client.h"
#include "cli_internal.h"
#include "waybill/utf8.h"

/* --- the request -----------------------------------------------------------
 */

static int ask(struct admin_client *client, const struct position *record,
               struct waiting *waiting)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str body = STR_INIT(STR_UNLIMITED);
    struct error *err = &waiting->err;
    int code;

    str_append_text(&waiting->source, admin_client_base(client));
    str_printf(&path, "/records/%s/%d/%lld", record->topic,
               (int)record->partition, (long long)record->offset);
    code = admin_client_get(client, path.data, &body, err);
    if (code < 0) {
        return -1;
    }
    if (code == 401) {
        return error_set(err, ERROR_AUTH,
                         "the service requires another admin.token");
    }
    if (code != 200 ||
        json_parse(body.data, body.len, &waiting->found, err) < 0) {
        return error_set(err, ERROR_UNREACHABLE,
                         "the response has the status %d: another program, or "
                         "an older version of Waybill, uses the port",
                         code);
    }
    return 0;
}

void waiting_ask(const struct admin_settings *admin,
                 const struct position *record, struct waiting *waiting)
{
    struct admin_client *client;

    waiting->is_asked = true;
    if (admin_client_open(admin, &client, &waiting->err) == 0) {
        (void)ask(client, record, waiting); /* the error is shown */
        admin_client_free(client);
    }
}

void waiting_release(struct waiting *waiting)
{
    str_release(&waiting->source);
    json_free(waiting->found);
}

/* --- text ------------------------------------------------------------------
 */

static const char *text_of(const struct json *object, const char *name)
{
    return json_text(json_member(object, name));
}

/* %s is the endpoint. The names are those of delivery_wait_name(). */
static const struct {
    const char *name;
    const char *text;
} waits[] = {
    {"queued", "is queued for %s"},
    {"announced", "begins as soon as its announcement is committed (%s)"},
    {"attempt_in_flight", "an attempt at %s is in progress"},
    {"backoff", "pauses between two attempts at %s"},
    {"endpoint_down", "waits for %s, which is down"},
    {"endpoint_paused", "waits for %s, which has asked for a pause"},
    {"registration_held", "is held, because %s rejects the credentials"},
    {"attachment_held", "is held, because %s refuses this attachment"},
    {"committing", "is finished, and its outcome is being committed"},
    {"rejected_by_kafka", "is finished, but Kafka rejects its outcome"},
};

static void append_wait(struct str *out, const struct json *delivery)
{
    const char *name = text_of(delivery, "waits_for");
    const char *host = text_of(delivery, "host");

    for (size_t i = 0; i < ARRAY_SIZE(waits) && name != NULL; i++) {
        const char *insert = strstr(waits[i].text, "%s");

        if (strcmp(waits[i].name, name) != 0) {
            continue;
        }
        if (insert == NULL) {
            str_append_text(out, waits[i].text);
            return;
        }
        str_append(out, waits[i].text, (size_t)(insert - waits[i].text));
        str_append_text(out, host != NULL ? host : "its endpoint");
        str_append_text(out, insert + 2);
        return;
    }
    str_append_text(out, name != NULL ? name : "?");
}

static void append_delivery(struct str *out, const struct json *delivery)
{
    const char *attachment = text_of(delivery, "attachment");
    const char *since = text_of(delivery, "since");
    const char *next = text_of(delivery, "next_attempt");
    const char *reason = text_of(delivery, "reason");
    double attempts = 0;

    str_printf(out, "%s: ", attachment != NULL ? attachment : "the record");
    append_wait(out, delivery);
    if (since != NULL) {
        str_printf(out, " since %s", since);
    }
    (void)json_number(json_member(delivery, "attempts"), &attempts);
    if (attempts > 0) {
        str_printf(out, "; %.0f attempt%s so far", attempts,
                   plural_s((size_t)attempts));
    }
    if (next != NULL) {
        str_printf(out, "; next attempt at %s", next);
    }
    if (reason != NULL) {
        str_printf(out, "; last error: %s", reason);
    }
}

/* Text from the network is made safe for a terminal here. */
static void append_line(struct str *out, const struct str *text, size_t width)
{
    CLEANUP(str_release) struct str printable = STR_INIT(STR_UNLIMITED);

    utf8_append_printable(&printable, text->data, text->len, LIMIT_MESSAGE);
    str_append_text(out, "  ");
    append_wrapped(out, printable.data, 4, width);
}

static void append_deliveries(struct str *out, const struct json *found,
                              size_t width)
{
    const struct json *list = json_member(found, "deliveries");
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (!json_is_array(list) || json_first(list) == NULL) {
        str_append_text(&text,
                        "This instance does not have the record in memory. "
                        "Either another instance of the group has it, or it "
                        "has not been read yet.");
        append_line(out, &text, width);
        return;
    }
    for (const struct json *one = json_first(list); one != NULL;
         one = json_next(one)) {
        str_clear(&text);
        append_delivery(&text, one);
        append_line(out, &text, width);
    }
}

void waiting_append_text(struct str *out, const struct waiting *waiting,
                         size_t width)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (!waiting->is_asked) {
        return;
    }
    str_append_text(out, "\nwaiting deliveries");
    if (waiting->source.len > 0) {
        str_printf(out, ", as reported by %s", waiting->source.data);
    }
    str_append_char(out, '\n');
    if (waiting->found != NULL) {
        append_deliveries(out, waiting->found, width);
        return;
    }
    str_printf(&text,
               "not known: %s. To list them, run this command on the host of "
               "the instance that reads the partition.",
               waiting->err.message);
    append_line(out, &text, width);
}

/* --- JSON ------------------------------------------------------------------
 */

void waiting_append_json(struct json_writer *json,
                         const struct waiting *waiting)
{
    if (!waiting->is_asked) {
        return;
    }
    json_open(json, "waiting", '{');
    if (waiting->source.len > 0) {
        json_append_string(json, "source", waiting->source.data);
    }
    if (waiting->found == NULL) {
        json_append_string(json, "error", waiting->err.message);
    } else {
        json_append_value(json, "record", waiting->found);
    }
    json_close(json, '}');
}
