#include <string.h>

#include "waybill/compiler.h"
#include "waybill/dead_letter_set.h"
#include "waybill/suggest.h"

/* What a term is compared with: the names that exist in the configuration, and
 * the values of the dead letters. */
struct candidates {
    const struct filter_names *names;
    const struct dead_letter_list *list;
};

static const char *class_of(const struct dead_letter *dead_letter)
{
    return dead_letter->error_class;
}

static const char *integration_of(const struct dead_letter *dead_letter)
{
    return dead_letter->integration;
}

static const char *registration_of(const struct dead_letter *dead_letter)
{
    return dead_letter->registration;
}

static const char *attachment_of(const struct dead_letter *dead_letter)
{
    return dead_letter->attachment;
}

static const char *topic_of(const struct dead_letter *dead_letter)
{
    return dead_letter->topic;
}

static struct name_list integrations_of(const struct filter_names *names)
{
    return names->integrations;
}

static struct name_list registrations_of(const struct filter_names *names)
{
    return names->registrations;
}

static struct name_list attachments_of(const struct filter_names *names)
{
    return names->attachments;
}

static struct name_list topics_of(const struct filter_names *names)
{
    return names->topics;
}

/* The options whose values can be checked. Those of all others, such as a key
 * or an endpoint's error code, are not known in advance. */
static const struct check {
    const char *option;
    const char *noun;
    const char *(*value)(const struct dead_letter *dead_letter);
    /* NULL: the error classes */
    struct name_list (*names)(const struct filter_names *names);
} checks[] = {
    {"--class", "error class", class_of, NULL},
    {"--integration", "integration", integration_of, integrations_of},
    {"--registration", "registration", registration_of, registrations_of},
    {"--attachment", "attachment", attachment_of, attachments_of},
    {"--topic", "topic", topic_of, topics_of},
};

static const struct check *check_of(const struct filter_term *term)
{
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        if (strcmp(checks[i].option, filter_option(term)) == 0) {
            return &checks[i];
        }
    }
    return NULL;
}

/* Each returns true as soon as a candidate is the word itself. */
static bool offer(struct suggestion *near, const char *candidate)
{
    suggest_offer(near, candidate);
    return strcmp(near->word, candidate) == 0;
}

static bool offer_classes(struct suggestion *near)
{
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        if (error_row_is_class(row) && offer(near, row->name)) {
            return true;
        }
    }
    return false;
}

static bool offer_names(struct suggestion *near, struct name_list list)
{
    for (size_t i = 0; i < list.count; i++) {
        if (offer(near, list.names[i])) {
            return true;
        }
    }
    return false;
}

static bool offer_values(struct suggestion *near, const struct check *check,
                         const struct dead_letter_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *value = check->value(&list->all[i]);

        if (value != NULL && offer(near, value)) {
            return true;
        }
    }
    return false;
}

static bool exists(const struct check *check,
                   const struct candidates *candidates, struct suggestion *near)
{
    return (check->names == NULL
                ? offer_classes(near)
                : offer_names(near, check->names(candidates->names))) ||
           offer_values(near, check, candidates->list);
}

/* The kind of an error is more specific than its class, and is in the log and
 * in the metrics, so it may be mistaken for one. */
static const char *class_of_kind(const struct check *check, const char *name)
{
    for (size_t i = ERROR_NONE + 1; i < ERROR_KINDS; i++) {
        if (check->names == NULL && strcmp(error_table[i].name, name) == 0) {
            return error_table[i].error_class;
        }
    }
    return NULL;
}

static void append_classes(struct error *err)
{
    const char *separator = "; the classes are ";

    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        if (error_row_is_class(row)) {
            error_append(err, "%s%s", separator, row->name);
            separator = ", ";
        }
    }
}

static void append_hint(const struct check *check,
                        const struct suggestion *near, struct error *err)
{
    const char *error_class = class_of_kind(check, near->word);

    if (error_class != NULL) {
        error_append(err, "; it is a kind of error; its class is '%s'",
                     error_class);
    } else if (near->nearest != NULL) {
        error_append(err, " (did you mean '%s'?)", near->nearest);
    } else if (check->names == NULL) {
        append_classes(err);
    }
}

int filter_check(const struct filter *filter, const struct filter_names *names,
                 const struct dead_letter_list *list, struct error *err)
{
    const struct candidates candidates = {names, list};

    for (size_t i = 0; i < filter->count; i++) {
        const struct filter_term *term = &filter->terms[i];
        const struct check *check = check_of(term);
        struct suggestion near;

        suggest_init(&near, term->text);
        if (check == NULL || exists(check, &candidates, &near)) {
            continue;
        }
        error_fill(err, ERROR_USAGE, "%s '%s': no %s has this name%s",
                   check->option, term->text, check->noun,
                   check->names == NULL ? ""
                                        : ", neither in the configuration nor "
                                          "in a dead letter");
        append_hint(check, &near, err);
        return -1;
    }
    return 0;
}
