#include "status_text.h"

#include <string.h>

#include "cli_internal.h"
#include "waybill/utf8.h"

#define LINE_WIDTH 100
#define VALUE_COLUMN 15

/* Text from the network is made safe for a terminal here. */
static void append_row(struct str *out, const char *label,
                       const struct str *text)
{
    CLEANUP(str_release) struct str printable = STR_INIT(STR_UNLIMITED);

    utf8_append_printable(&printable, text->data, text->len, LIMIT_MESSAGE);
    str_printf(out, "%-*s", VALUE_COLUMN, label);
    append_wrapped(out, printable.data, VALUE_COLUMN, LINE_WIDTH);
}

static const char *text_of(const struct json *object, const char *name)
{
    const char *text = json_text(json_member(object, name));

    return text != NULL ? text : "?";
}

static double number_of(const struct json *object, const char *name)
{
    double number = 0;

    (void)json_number(json_member(object, name), &number);
    return number;
}

static bool has_member(const struct json *object, const char *name)
{
    return json_member(object, name) != NULL;
}

/* NULL when the member is neither an array nor an object. */
static const struct json *first_element(const struct json *object,
                                        const char *name)
{
    const struct json *list = json_member(object, name);

    return json_is_array(list) || json_is_object(list) ? json_first(list)
                                                       : NULL;
}

bool status_is_ready(const struct json *status)
{
    const struct json_at root = json_at_root(status);
    const struct json_at at = json_at_member(&root, "ready");
    struct error err;
    bool ready = false;

    return json_at_boolean(&at, &ready, &err) == 0 && ready;
}

static void append_ready(struct str *out, const struct json *status)
{
    const struct json *reason = first_element(status, "reasons");

    if (status_is_ready(status)) {
        str_append_text(out, "ready\n");
        return;
    }
    if (reason == NULL) {
        str_printf(out, "%-*s?\n", VALUE_COLUMN, "not ready");
    }
    for (; reason != NULL; reason = json_next(reason)) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const char *reason_text = json_text(reason);

        str_append_text(&text, reason_text != NULL ? reason_text : "?");
        append_row(
            out, reason == first_element(status, "reasons") ? "not ready" : "",
            &text);
    }
}

static void append_warnings(struct str *out, const struct json *status)
{
    const char *label = "warnings";

    for (const struct json *warning = first_element(status, "warnings");
         warning != NULL; warning = json_next(warning), label = "") {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const char *warning_text = json_text(warning);

        str_append_text(&text, warning_text != NULL ? warning_text : "?");
        append_row(out, label, &text);
    }
}

static void append_kafka(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *kafka = json_member(status, "kafka");

    str_printf(&text, "%s, reads %s from %s", text_of(kafka, "group"),
               text_of(kafka, "topic"), text_of(kafka, "brokers"));
    append_row(out, "group", &text);
}

static void append_lag(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    unsigned long count = 0;
    unsigned long unknown = 0;
    double lag = 0;

    for (const struct json *item = first_element(status, "partitions");
         item != NULL; item = json_next(item)) {
        count++;
        unknown += !has_member(item, "lag");
        lag += number_of(item, "lag");
    }
    if (count == 0) {
        str_append_text(&text, "none: no partition is assigned");
    } else {
        str_printf(&text, "%.0f records in %lu partition%s", lag, count,
                   plural_s(count));
    }
    if (unknown > 0) {
        str_printf(&text, ", not yet known of %lu", unknown);
    }
    append_row(out, "lag", &text);
}

static void append_unreadable(struct str *out, const struct json *status)
{
    for (const struct json *item = first_element(status, "partitions");
         item != NULL; item = json_next(item)) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const struct json *object = json_member(item, "unreadable");

        if (object != NULL) {
            str_printf(&text,
                       "%s/%.0f cannot be read from offset %.0f on (%s). To "
                       "skip it, wait until everything before that offset is "
                       "committed, stop all instances, run: %s",
                       text_of(item, "topic"), number_of(item, "partition"),
                       number_of(object, "offset"), text_of(object, "reason"),
                       text_of(object, "skip_command"));
            append_row(out, "held", &text);
        }
    }
}

static void append_in_flight(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *object = json_member(status, "in_flight");
    const struct json *oldest = first_element(object, "oldest");

    str_printf(&text, "%.0f of at most %.0f records",
               number_of(object, "records"), number_of(object, "most_records"));
    if (oldest != NULL) {
        str_printf(&text, ", the oldest for %.0f s: %s/%.0f/%.0f, %s",
                   number_of(oldest, "age_ms") / 1000, text_of(oldest, "topic"),
                   number_of(oldest, "partition"), number_of(oldest, "offset"),
                   text_of(oldest, "state"));
    }
    append_row(out, "in flight", &text);
}

static void append_held(struct str *out, const struct json *object)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    for (const struct json *item = first_element(object, "held_attachments");
         item != NULL; item = json_next(item)) {
        str_clear(&text);
        str_printf(&text,
                   "%s: attachment %s is held since %s, %.0f waiting: %s",
                   text_of(object, "name"), text_of(item, "name"),
                   text_of(item, "since"), number_of(item, "waiting"),
                   text_of(item, "reason"));
        append_row(out, "", &text);
    }
}

/* The first of the deliveries that Kafka does not let be committed */
#define MAX_REJECTED 5

static void append_rejection(struct str *out, const char *label,
                             const struct json *object)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_printf(&text,
               "%s/%.0f/%.0f is held since %s: topic %s rejects its message, "
               "%s (%s); %s",
               text_of(object, "topic"), number_of(object, "partition"),
               number_of(object, "offset"), text_of(object, "since"),
               text_of(object, "to"), text_of(object, "reason"),
               text_of(object, "code"), text_of(object, "remedy"));
    append_row(out, label, &text);
}

static void append_rejected(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *object = json_member(status, "rejected");
    const struct json *item = first_element(object, "first");
    double total = number_of(object, "deliveries");
    int count = 0;

    for (; item != NULL && count < MAX_REJECTED; item = json_next(item)) {
        append_rejection(out, count++ == 0 ? "rejected" : "", item);
    }
    if (total > count) {
        str_printf(&text, "and %.0f more", total - count);
        append_row(out, count == 0 ? "rejected" : "", &text);
    }
}

static void append_registration(struct str *out, const char *label,
                                const struct json *object)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *error = json_member(object, "last_error");
    bool is_flowing = strcmp(text_of(object, "state"), "flowing") == 0;

    str_printf(&text, "%s: %s", text_of(object, "name"),
               text_of(object, "state"));
    if (!is_flowing && has_member(object, "since")) {
        str_printf(&text, " since %s", text_of(object, "since"));
    }
    str_printf(&text, ", %.0f succeeded, %.0f failed, %.0f waiting",
               number_of(object, "succeeded"), number_of(object, "failed"),
               number_of(object, "waiting"));
    if (has_member(object, "reason")) {
        str_printf(&text, ": %s", text_of(object, "reason"));
    } else if (!is_flowing && error != NULL) {
        str_printf(&text, ": %s", text_of(error, "message"));
    }
    append_row(out, label, &text);
    append_held(out, object);
}

static void append_dead_letters(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *object = json_member(status, "dead_letters");
    const struct json *item = first_element(object, "classes");
    const char *separator = " (";
    double number = 0;

    str_printf(&text, "%.0f since the start",
               number_of(json_member(status, "totals"), "dead_letters"));
    for (; item != NULL; item = json_next(item), separator = ", ") {
        (void)json_number(item, &number);
        str_printf(&text, "%s%s %.0f", separator,
                   json_name(item) != NULL ? json_name(item) : "?", number);
    }
    if (first_element(object, "classes") != NULL) {
        str_printf(&text, "), on %s", text_of(object, "topic"));
    }
    append_row(out, "dead letters", &text);
}

static void append_config(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *reload = json_member(status, "reload");

    str_printf(&text, "%s", text_of(status, "configuration"));
    if (has_member(reload, "at")) {
        str_printf(&text, ", read again at %s", text_of(reload, "at"));
    }
    if (has_member(reload, "fault")) {
        str_printf(&text, " and refused: %s", text_of(reload, "fault"));
    }
    append_row(out, "configuration", &text);
    if (has_member(reload, "restart")) {
        str_clear(&text);
        str_printf(&text, "wanted by %s", text_of(reload, "restart"));
        append_row(out, "restart", &text);
    }
}

static void append_program(struct str *out, const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_printf(&text, "%s, %s since %s",
               text_of(json_member(status, "build"), "waybill"),
               text_of(status, "phase"), text_of(status, "started"));
    append_row(out, "waybill", &text);
}

void append_status_text(struct str *out, const struct json *status)
{
    const char *label = "registrations";

    append_ready(out, status);
    if (!has_member(status, "kafka")) {
        str_append_text(out,
                        "The rest wants the admin.token that the service was "
                        "started with.\n");
        return;
    }
    append_warnings(out, status);
    append_program(out, status);
    append_kafka(out, status);
    append_lag(out, status);
    append_unreadable(out, status);
    append_in_flight(out, status);
    append_rejected(out, status);
    for (const struct json *item = first_element(status, "registrations");
         item != NULL; item = json_next(item), label = "") {
        append_registration(out, label, item);
    }
    append_dead_letters(out, status);
    append_config(out, status);
}
