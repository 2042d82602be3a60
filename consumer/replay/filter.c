#include <limits.h>
#include <string.h>

#include "waybill/clock.h"
#include "waybill/compiler.h"
#include "waybill/dead_letter_filter.h"
#include "waybill/glob.h"
#include "waybill/json.h"

/* The dead letter to which a filter is applied */
struct subject {
    const struct dead_letter *dead_letter;
    const struct message *message;
    /* the value; NULL: not JSON, or no term needs it */
    const struct json *event;
};

struct kind {
    const char *option;
    /* Parses a value that is not a plain text; fails if it is invalid. */
    int (*parse)(struct filter_term *term, int64_t now_ms, struct error *err);
    bool (*matches)(const struct filter_term *term,
                    const struct subject *subject);
};

/* --- values --- */

static bool read_number(const char **at, int64_t *ret_number)
{
    size_t digits = strspn(*at, "0123456789");
    int64_t number = 0;

    for (size_t i = 0; i < digits; i++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (*at)[i] - '0', &number)) {
            return false;
        }
    }
    *at += digits;
    *ret_number = number;
    return digits > 0;
}

/* 5, 5-9, 5- */
static int parse_range(struct filter_term *term, int64_t now_ms,
                       struct error *err)
{
    const char *at = term->text;

    if (!read_number(&at, &term->from)) {
        return error_set(err, ERROR_USAGE,
                         "is not a range of offsets; write 5, 5-9 or 5-");
    }
    term->to = term->from;
    if (*at == '-') {
        at++;
        term->to = INT64_MAX;
        if (*at != '\0' && !read_number(&at, &term->to)) {
            return error_set(err, ERROR_USAGE,
                             "is not a range of offsets; write 5, 5-9 or 5-");
        }
    }
    if (*at != '\0' || term->to < term->from) {
        return error_set(err, ERROR_USAGE,
                         "is not a range of offsets; write 5, 5-9 or 5-");
    }
    return 0;
}

static int parse_partition(struct filter_term *term, int64_t now_ms,
                           struct error *err)
{
    const char *at = term->text;

    if (!read_number(&at, &term->from) || *at != '\0' ||
        term->from > INT32_MAX) {
        return error_set(err, ERROR_USAGE,
                         "is not the number of a partition, such as 0");
    }
    return 0;
}

static int parse_coordinates(struct filter_term *term, int64_t now_ms,
                             struct error *err)
{
    const char *at = term->text;

    if (!read_number(&at, &term->from) || *at++ != '/' ||
        !read_number(&at, &term->to) || *at != '\0' || term->from > INT32_MAX) {
        return error_set(err, ERROR_USAGE,
                         "is not PARTITION/OFFSET, such as 0/42");
    }
    return 0;
}

static int64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(units[i].name, unit) == 0) {
            return units[i].ms;
        }
    }
    return 0;
}

static int parse_time(struct filter_term *term, int64_t now_ms,
                      struct error *err)
{
    const char *at = term->text;
    int64_t ago;

    term->from = clock_parse_rfc3339(term->text);
    if (term->from >= 0) {
        return 0;
    }
    if (!read_number(&at, &ago) || unit_ms(at) == 0 ||
        __builtin_mul_overflow(ago, unit_ms(at), &ago)) {
        return error_set(
            err, ERROR_USAGE,
            "is not a time; write 2026-01-02T03:04:05Z, or how long "
            "ago: 30s, 10m, 2h, 7d");
    }
    term->from = now_ms - ago;
    return 0;
}

/* --- matching --- */

static bool is_text(const struct filter_term *term, const char *text)
{
    return text != NULL && strcmp(term->text, text) == 0;
}

static bool match_class(const struct filter_term *term,
                        const struct subject *subject)
{
    return is_text(term, subject->dead_letter->error_class);
}

static bool match_code(const struct filter_term *term,
                       const struct subject *subject)
{
    return is_text(term, subject->dead_letter->code);
}

static bool match_since(const struct filter_term *term,
                        const struct subject *subject)
{
    return subject->dead_letter->failed_ms >= term->from;
}

static bool match_until(const struct filter_term *term,
                        const struct subject *subject)
{
    return subject->dead_letter->failed_ms < term->from;
}

static bool match_topic(const struct filter_term *term,
                        const struct subject *subject)
{
    return is_text(term, subject->dead_letter->topic);
}

static bool match_partition(const struct filter_term *term,
                            const struct subject *subject)
{
    return subject->dead_letter->origin_partition == term->from;
}

static bool match_offset(const struct filter_term *term,
                         const struct subject *subject)
{
    return subject->dead_letter->origin_offset >= term->from &&
           subject->dead_letter->origin_offset <= term->to;
}

static bool match_coordinates(const struct filter_term *term,
                              const struct subject *subject)
{
    return subject->dead_letter->partition == term->from &&
           subject->dead_letter->offset == term->to;
}

static bool match_key(const struct filter_term *term,
                      const struct subject *subject)
{
    return bytes_equal(bytes_of(term->text), subject->message->key);
}

static bool match_event(const struct filter_term *term,
                        const struct subject *subject)
{
    return is_text(term, subject->dead_letter->event_id);
}

static bool match_integration(const struct filter_term *term,
                              const struct subject *subject)
{
    return is_text(term, subject->dead_letter->integration);
}

static bool match_registration(const struct filter_term *term,
                               const struct subject *subject)
{
    return is_text(term, subject->dead_letter->registration);
}

static bool match_attachment(const struct filter_term *term,
                             const struct subject *subject)
{
    return is_text(term, subject->dead_letter->attachment);
}

static bool workflow_matches(const char *pattern, const struct json *workflow)
{
    CLEANUP(str_release) struct str label = STR_INIT(STR_UNLIMITED);
    const char *id = json_text(json_member(workflow, "id"));
    const char *project = json_text(json_member(workflow, "project"));
    const char *name = json_text(json_member(workflow, "name"));

    if (id != NULL && glob_matches(pattern, id)) {
        return true;
    }
    if (project == NULL || name == NULL) {
        return false;
    }
    str_printf(&label, "%s/%s", project, name);
    return glob_matches(pattern, label.data);
}

/* The event may be any JSON; with CloudEvents structured mode the workflow is
 * in `data`. */
static bool match_workflow(const struct filter_term *term,
                           const struct subject *subject)
{
    const struct json *event = subject->event;
    const struct json *data = json_member(event, "data");

    return workflow_matches(term->text, json_member(event, "workflow")) ||
           workflow_matches(term->text, json_member(data, "workflow"));
}

/* --- the table --- */

static const struct kind kinds[] = {
    {"--class", NULL, match_class},
    {"--code", NULL, match_code},
    {"--since", parse_time, match_since},
    {"--until", parse_time, match_until},
    {"--topic", NULL, match_topic},
    {"--partition", parse_partition, match_partition},
    {"--offset", parse_range, match_offset},
    {"--dead-letter", parse_coordinates, match_coordinates},
    {"--key", NULL, match_key},
    {"--event-id", NULL, match_event},
    {"--workflow", NULL, match_workflow},
    {"--integration", NULL, match_integration},
    {"--registration", NULL, match_registration},
    {"--attachment", NULL, match_attachment},
};

static int kind_of(const char *option)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].option, option) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool filter_is_option(const char *option)
{
    return kind_of(option) >= 0;
}

const char *filter_option(const struct filter_term *term)
{
    return kinds[term->kind].option;
}

int filter_add(struct filter *filter, const char *option, const char *value,
               int64_t now_ms, struct error *err)
{
    struct filter_term term = {.kind = kind_of(option), .text = value};
    const struct kind *kind;

    if (term.kind < 0) {
        return error_set(err, ERROR_USAGE, "'%s' is not a filter", option);
    }
    kind = &kinds[term.kind];
    if (filter->count == FILTER_MAX_TERMS) {
        return error_set(err, ERROR_USAGE, "more than %d filters",
                         FILTER_MAX_TERMS);
    }
    if (kind->parse != NULL && kind->parse(&term, now_ms, err) < 0) {
        struct error reason = *err;

        return error_set(err, reason.kind, "the value of %s, '%s', %s", option,
                         value, reason.message);
    }
    filter->terms[filter->count++] = term;
    return 0;
}

/* Parses the value; NULL if no term needs it or it is not JSON. */
static struct json *event_for(const struct filter *filter,
                              const struct message *message)
{
    struct json *event = NULL;
    struct error ignored;

    for (size_t i = 0; i < filter->count; i++) {
        if (kinds[filter->terms[i].kind].matches != match_workflow) {
            continue;
        }
        if (message->value.data != NULL &&
            json_parse((const char *)message->value.data, message->value.len,
                       &event, &ignored) == 0) {
            return event;
        }
        return NULL;
    }
    return NULL;
}

static bool kind_matches(const struct filter *filter, int kind,
                         const struct subject *subject)
{
    bool asked = false;

    for (size_t i = 0; i < filter->count; i++) {
        if (filter->terms[i].kind == kind) {
            asked = true;
            if (kinds[kind].matches(&filter->terms[i], subject)) {
                return true;
            }
        }
    }
    return !asked;
}

bool filter_matches(const struct filter *filter,
                    const struct dead_letter *dead_letter,
                    const struct message *message)
{
    struct json *event = event_for(filter, message);
    struct subject subject = {dead_letter, message, event};
    bool matches = true;

    for (size_t i = 0; i < ARRAY_SIZE(kinds) && matches; i++) {
        matches = kind_matches(filter, (int)i, &subject);
    }
    json_free(event);
    return matches;
}
