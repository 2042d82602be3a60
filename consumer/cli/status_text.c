#include "status_text.h"

#include <string.h>

#include "cli_internal.h"
#include "waybill/utf8.h"

#define VALUE_COLUMN 15
/* Without --all, a list of things of the same kind ends after so many. */
#define MAX_LISTED 10

struct printer {
    struct str *out;
    const struct status_layout *layout;
};

/* Text from the network is made safe for a terminal here. */
static void append_row(const struct printer *printer, const char *label,
                       const struct str *text)
{
    CLEANUP(str_release) struct str printable = STR_INIT(STR_UNLIMITED);

    utf8_append_printable(&printable, text->data, text->len, LIMIT_MESSAGE);
    str_printf(printer->out, "%-*s", VALUE_COLUMN, label);
    append_wrapped(printer->out, printable.data, VALUE_COLUMN,
                   printer->layout->width);
}

static size_t max_listed(const struct printer *printer)
{
    return printer->layout->all ? SIZE_MAX : MAX_LISTED;
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

static void append_ready(const struct printer *printer,
                         const struct json *status)
{
    const struct json *reason = first_element(status, "reasons");

    if (status_is_ready(status)) {
        str_append_text(printer->out, "ready\n");
        return;
    }
    if (reason == NULL) {
        str_printf(printer->out, "%-*s?\n", VALUE_COLUMN, "not ready");
    }
    for (; reason != NULL; reason = json_next(reason)) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const char *reason_text = json_text(reason);

        str_append_text(&text, reason_text != NULL ? reason_text : "?");
        append_row(printer,
                   reason == first_element(status, "reasons") ? "not ready"
                                                              : "",
                   &text);
    }
}

static void append_warnings(const struct printer *printer,
                            const struct json *status)
{
    const char *label = "warnings";

    for (const struct json *warning = first_element(status, "warnings");
         warning != NULL; warning = json_next(warning), label = "") {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        const char *warning_text = json_text(warning);

        str_append_text(&text, warning_text != NULL ? warning_text : "?");
        append_row(printer, label, &text);
    }
}

static void append_kafka(const struct printer *printer,
                         const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *kafka = json_member(status, "kafka");

    str_printf(&text, "%s, reads %s from %s", text_of(kafka, "group"),
               text_of(kafka, "topic"), text_of(kafka, "brokers"));
    append_row(printer, "group", &text);
}

static void append_lag(const struct printer *printer, const struct json *status)
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
        str_printf(&text, ", unknown for %lu of them", unknown);
    }
    append_row(printer, "lag", &text);
}

static void append_more(const struct printer *printer, size_t count)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    if (count > max_listed(printer)) {
        str_printf(&text, "and %zu more (--all lists them)",
                   count - max_listed(printer));
        append_row(printer, "", &text);
    }
}

static void append_unreadable_one(const struct printer *printer,
                                  const char *label,
                                  const struct json *partition)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *object = json_member(partition, "unreadable");

    str_printf(&text,
               "%s/%.0f cannot be read from offset %.0f on (%s). To skip it, "
               "wait until everything before that offset is committed, stop "
               "all instances, and run: %s",
               text_of(partition, "topic"), number_of(partition, "partition"),
               number_of(object, "offset"), text_of(object, "reason"),
               text_of(object, "skip_command"));
    append_row(printer, label, &text);
}

static void append_unreadable(const struct printer *printer,
                              const struct json *status)
{
    const char *label = "held";
    size_t count = 0;

    for (const struct json *item = first_element(status, "partitions");
         item != NULL; item = json_next(item)) {
        if (has_member(item, "unreadable") && count++ < max_listed(printer)) {
            append_unreadable_one(printer, label, item);
            label = "";
        }
    }
    append_more(printer, count);
}

static void append_in_flight(const struct printer *printer,
                             const struct json *status)
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
    append_row(printer, "in flight", &text);
}

/* The first of the deliveries that Kafka does not let be committed */
#define MAX_REJECTED 5

static void append_rejection(const struct printer *printer, const char *label,
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
    append_row(printer, label, &text);
}

static void append_rejected(const struct printer *printer,
                            const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *object = json_member(status, "rejected");
    const struct json *item = first_element(object, "first");
    double total = number_of(object, "deliveries");
    int count = 0;

    for (; item != NULL && count < MAX_REJECTED; item = json_next(item)) {
        append_rejection(printer, count++ == 0 ? "rejected" : "", item);
    }
    if (total > count) {
        str_printf(&text, "and %.0f more", total - count);
        append_row(printer, count == 0 ? "rejected" : "", &text);
    }
}

/* --- registrations: what needs attention first, and what is idle last ------
 */

enum condition {
    CONDITION_FAILING, /* down, held, or one of its attachments is */
    CONDITION_PAUSED,
    CONDITION_BUSY,
    CONDITION_IDLE,
};
#define CONDITIONS (CONDITION_IDLE + 1)

static enum condition condition_of(const struct json *registration)
{
    const char *state = text_of(registration, "state");

    if (first_element(registration, "held_attachments") != NULL) {
        return CONDITION_FAILING;
    }
    if (strcmp(state, "paused") == 0) {
        return CONDITION_PAUSED;
    }
    if (strcmp(state, "flowing") != 0) {
        return CONDITION_FAILING;
    }
    return number_of(registration, "waiting") > 0 ||
                   number_of(registration, "running") > 0
               ? CONDITION_BUSY
               : CONDITION_IDLE;
}

static void append_held(const struct printer *printer,
                        const struct json *object)
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
        append_row(printer, "", &text);
    }
}

static void append_reason(struct str *text, const struct json *object)
{
    const struct json *error = json_member(object, "last_error");

    if (has_member(object, "retry_at")) {
        str_printf(text, ", next attempt at %s", text_of(object, "retry_at"));
    }
    if (has_member(object, "reason")) {
        str_printf(text, ": %s", text_of(object, "reason"));
    } else if (error != NULL) {
        str_printf(text, ": %s", text_of(error, "message"));
    }
}

static void append_registration(const struct printer *printer,
                                const char *label, const struct json *object)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    bool is_flowing = strcmp(text_of(object, "state"), "flowing") == 0;

    str_printf(&text, "%s: %s", text_of(object, "name"),
               text_of(object, "state"));
    if (!is_flowing && has_member(object, "since")) {
        str_printf(&text, " since %s", text_of(object, "since"));
    }
    str_printf(&text, ", %.0f succeeded, %.0f failed, %.0f waiting",
               number_of(object, "succeeded"), number_of(object, "failed"),
               number_of(object, "waiting"));
    if (!is_flowing) {
        append_reason(&text, object);
    }
    append_row(printer, label, &text);
    append_held(printer, object);
}

static const char *const rest_names[CONDITIONS] = {
    "more that need attention", "more that are paused", "more that are busy",
    "idle"};

/* Without --all, idle registrations are counted if there are many in total. */
static size_t max_in_condition(const struct printer *printer,
                               const struct json *status,
                               enum condition condition)
{
    const struct json *list = json_member(status, "registrations");

    return condition == CONDITION_IDLE && json_count(list) > MAX_LISTED &&
                   !printer->layout->all
               ? 0
               : max_listed(printer);
}

/* Returns the number of registrations in this condition. */
static size_t append_condition(const struct printer *printer,
                               const struct json *status,
                               enum condition condition, const char *label)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    size_t max = max_in_condition(printer, status, condition);
    size_t count = 0;

    for (const struct json *item = first_element(status, "registrations");
         item != NULL; item = json_next(item)) {
        if (condition_of(item) == condition && count++ < max) {
            append_registration(printer, count == 1 ? label : "", item);
        }
    }
    if (count > max) {
        str_printf(&text, "%zu %s (--all lists them)", count - max,
                   rest_names[condition]);
        append_row(printer, max == 0 ? label : "", &text);
    }
    return count;
}

static void append_registrations(const struct printer *printer,
                                 const struct json *status)
{
    const char *label = "registrations";

    for (int i = 0; i < CONDITIONS; i++) {
        if (append_condition(printer, status, (enum condition)i, label) > 0) {
            label = "";
        }
    }
}

static void append_dead_letters(const struct printer *printer,
                                const struct json *status)
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
    append_row(printer, "dead letters", &text);
}

static void append_config(const struct printer *printer,
                          const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct json *reload = json_member(status, "reload");

    /* sha256: and enough digits to distinguish configurations */
    str_printf(&text, "%.19s", text_of(status, "configuration"));
    if (has_member(reload, "at")) {
        str_printf(&text, ", last reload at %s", text_of(reload, "at"));
    }
    if (has_member(reload, "fault")) {
        str_printf(&text, ", rejected: %s", text_of(reload, "fault"));
    }
    append_row(printer, "configuration", &text);
    if (has_member(reload, "restart")) {
        str_clear(&text);
        str_printf(&text, "required by a change of %s",
                   text_of(reload, "restart"));
        append_row(printer, "restart", &text);
    }
}

static void append_program(const struct printer *printer,
                           const struct json *status)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_printf(&text, "%s, %s since %s",
               text_of(json_member(status, "build"), "waybill"),
               text_of(status, "phase"), text_of(status, "started"));
    append_row(printer, "waybill", &text);
}

void append_status_text(struct str *out, const struct json *status,
                        const struct status_layout *layout)
{
    const struct printer printer = {out, layout};

    append_ready(&printer, status);
    if (!has_member(status, "kafka")) {
        str_append_text(out, "More is shown with the admin.token that the "
                             "service was started with.\n");
        return;
    }
    append_warnings(&printer, status);
    append_unreadable(&printer, status);
    append_rejected(&printer, status);
    append_registrations(&printer, status);
    append_dead_letters(&printer, status);
    append_lag(&printer, status);
    append_in_flight(&printer, status);
    append_kafka(&printer, status);
    append_program(&printer, status);
    append_config(&printer, status);
}
