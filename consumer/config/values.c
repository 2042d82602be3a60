#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_internal.h"
#include "waybill/suggest.h"
#include "waybill/utf8.h"

/* What is wrong with a value, and how it is written correctly. A value appears
 * in a message only if it is in the file itself and cannot be a secret. */

#define MAX_SHOWN 80

bool field_is_scalar(const struct field *field)
{
    return field->type < FIELD_OBJECT;
}

bool field_takes_scalar(const struct field *field)
{
    return field_is_scalar(field) || (field->flags & FIELD_SINGLE);
}

const char *field_type_name(const struct field *field)
{
    switch (field->type) {
    case FIELD_STRING:
        return "text";
    case FIELD_INTEGER:
        return "a whole number";
    case FIELD_DURATION:
        return "a duration (500ms, 30s, 10m, 24h, 7d)";
    case FIELD_SIZE:
        return "a size (65536, 64KiB, 16MiB, 1GiB)";
    case FIELD_BOOLEAN:
        return "true or false";
    case FIELD_ENUM:
        return "one of a list";
    case FIELD_STRINGS:
        return field->flags & FIELD_SINGLE ? "text, or a list of texts"
                                           : "a list of texts";
    case FIELD_LIST:
        return "a list";
    case FIELD_OBJECT:
    case FIELD_MAP:
        break;
    }
    return "a mapping";
}

/* A value with '@' may be a URL with a password. */
static bool may_show(const struct field *field, const struct node *node)
{
    return node->kind == NODE_SCALAR && !node->expanded &&
           !(field->flags & (FIELD_SECRET | FIELD_MULTILINE | FIELD_HIDDEN)) &&
           strlen(node->text) <= MAX_SHOWN && strchr(node->text, '@') == NULL;
}

/* "'VALUE'", or "the value" */
static const char *name_of(const struct field *field, const struct node *node,
                           struct arena *arena)
{
    return may_show(field, node) ? arena_printf(arena, "'%s'", node->text)
                                 : "the value";
}

/* --- values that are not of the type -----------------------------------------
 */

/* The name in "$NAME" and "$(NAME)", as shells and Kubernetes write variables,
 * or NULL */
static const char *shell_variable(const char *text, struct arena *arena)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    bool in_parentheses = strncmp(text, "$(", 2) == 0;
    const char *name = text + (in_parentheses ? 2 : 1);
    size_t len;

    if (*text != '$') {
        return NULL;
    }
    len = strspn(name, letters);
    return len > 0 && !isdigit((unsigned char)*name) &&
                   strcmp(name + len, in_parentheses ? ")" : "") == 0
               ? arena_printf(arena, "%.*s", (int)len, name)
               : NULL;
}

/* What on, off, yes and no are in other programs */
static int truth_of(const char *text)
{
    static const char *const words[] = {
        "false", "true", "no",       "yes",     "off", "on",
        "0",     "1",    "disabled", "enabled", "n",   "y",
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i], text) == 0) {
            return (int)(i % 2);
        }
    }
    return -1;
}

static const char *choice_of(const struct field *field, const char *text)
{
    static const char *const names[][2] = {{"off", "on"}, {"false", "true"}};
    int truth = truth_of(text);
    struct suggestion suggestion;

    for (size_t i = 0; truth >= 0 && i < ARRAY_SIZE(names); i++) {
        for (size_t j = 0; field->choices[j] != NULL; j++) {
            if (strcmp(field->choices[j], names[i][truth]) == 0) {
                return field->choices[j];
            }
        }
    }
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        size_t len = strlen(field->choices[i]);

        /* "warning" is warn, and "TLSv1.2" is 1.2. */
        if (strncasecmp(text, field->choices[i], len) == 0 ||
            (strlen(text) > len &&
             strcasecmp(text + strlen(text) - len, field->choices[i]) == 0)) {
            return field->choices[i];
        }
    }
    suggest_init(&suggestion, text);
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        suggest_offer(&suggestion, field->choices[i]);
    }
    return suggestion.nearest;
}

static void append_choices(struct str *out, const struct field *field)
{
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        str_printf(out, "%s%s", i > 0 ? ", " : "", field->choices[i]);
    }
}

static void report_choices(const struct field *field, const struct node *node,
                           const char *path, struct faults *faults)
{
    CLEANUP(str_release) struct str list = STR_INIT(LIMIT_MESSAGE / 2);
    const char *choice =
        may_show(field, node) ? choice_of(field, node->text) : NULL;

    append_choices(&list, field);
    fault_add(faults, &node->location, "%s: %s is not one of %s%s%s%s", path,
              name_of(field, node, faults->arena), list.data,
              choice != NULL ? "; write '" : "", choice != NULL ? choice : "",
              choice != NULL ? "'" : "");
}

static void report_boolean(const struct field *field, const struct node *node,
                           const char *path, struct faults *faults)
{
    int truth = may_show(field, node) ? truth_of(node->text) : -1;

    fault_add(faults, &node->location, "%s: %s is not a boolean; write %s",
              path, name_of(field, node, faults->arena),
              truth < 0   ? "true or false"
              : truth > 0 ? "true"
                          : "false");
}

static void append_range(struct str *out, const struct field *field)
{
    if (field->max > 0) {
        str_append_text(out, " from ");
        number_append(out, field, field->min);
        str_append_text(out, " to ");
        number_append(out, field, field->max);
    }
}

static bool is_digits(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool append_correct_number(struct str *out, const struct field *field,
                                  const struct node *node)
{
    CLEANUP(str_release) struct str correct = STR_INIT(64);
    uint64_t number;

    if (!number_correct(&correct, field, node->text) ||
        !field_number(field, correct.data, &number) ||
        (field->max > 0 && (number < field->min || number > field->max))) {
        return false;
    }
    str_append_text(out, correct.data);
    return true;
}

static void append_number_advice(struct str *out, const struct field *field,
                                 const struct node *node)
{
    if (may_show(field, node) && field->type == FIELD_DURATION &&
        is_digits(node->text)) {
        str_printf(out, "; add the unit: %sms, %ss, %sm, %sh or %sd",
                   node->text, node->text, node->text, node->text, node->text);
        return;
    }
    str_append_text(out, "; write ");
    if (!may_show(field, node) || !append_correct_number(out, field, node)) {
        str_append_text(out, field_type_name(field));
        append_range(out, field);
    }
}

static void report_number(const struct field *field, const struct node *node,
                          const char *path, struct faults *faults)
{
    const char *name = field->type == FIELD_DURATION ? "a duration"
                       : field->type == FIELD_SIZE   ? "a size"
                                                     : "a whole number";
    CLEANUP(str_release) struct str advice = STR_INIT(LIMIT_MESSAGE / 2);

    append_number_advice(&advice, field, node);
    fault_add(faults, &node->location, "%s: %s is not %s%s", path,
              name_of(field, node, faults->arena), name, advice.data);
}

void values_report_type(const struct field *field, const struct node *node,
                        const char *path, struct faults *faults)
{
    const char *variable = shell_variable(node->text, faults->arena);

    if (variable != NULL && may_show(field, node)) {
        fault_add(faults, &node->location,
                  "%s: '%s' is not replaced; write ${env:%s} for the "
                  "variable's value",
                  path, node->text, variable);
    } else if (field->type == FIELD_ENUM) {
        report_choices(field, node, path, faults);
    } else if (field->type == FIELD_BOOLEAN) {
        report_boolean(field, node, path, faults);
    } else {
        report_number(field, node, path, faults);
    }
}

void values_report_bounds(const struct field *field, const struct node *node,
                          const char *path, struct faults *faults)
{
    CLEANUP(str_release) struct str range = STR_INIT(128);

    append_range(&range, field);
    fault_add(faults, &node->location,
              "%s: %s is out of range; write a value%s", path,
              name_of(field, node, faults->arena), range.data);
}

void values_report_null(const struct node *node, const char *path,
                        struct faults *faults)
{
    fault_add(faults, &node->location,
              node->commented
                  ? "%s: has no value, because '#' begins a comment; put a "
                    "value with '#' in quotation marks, or remove the key"
                  : "%s: has no value; add one, or remove the key",
              path);
}

/* --- lists, mappings and texts in each other's place -------------------------
 */

static const char *kind_name(const struct node *node)
{
    if (node->kind == NODE_MAPPING) {
        return "a mapping";
    }
    return node->kind == NODE_SEQUENCE ? "a list" : "a single value";
}

static bool all_may_show(const struct field *field, const struct node *list)
{
    bool may = true;

    for (const struct node *item = list->first; item; item = item->next) {
        may = may && may_show(field, item) && *item->text != '\0';
    }
    return may && list->count > 0;
}

/* "write brokers: a:9092,b:9092" in place of a list */
static void advise_text(struct str *out, const struct field *field,
                        const struct node *list)
{
    bool join = field->flags & FIELD_COMMAS;

    str_printf(out, "write %s%s", field->key, *field->key != '\0' ? ": " : "");
    for (const struct node *item = list->first; item; item = item->next) {
        str_printf(out, "%s%s", item == list->first ? "" : ",", item->text);
        if (!join) {
            break;
        }
    }
}

static void advise_list(struct str *out, const struct field *field,
                        const struct node *node)
{
    if (field->type == FIELD_STRINGS && may_show(field, node) &&
        *node->text != '\0') {
        str_printf(out, "write %s: [%s]", field->key, node->text);
    } else if (field->type == FIELD_STRINGS) {
        str_printf(out, "write %s: [...]", field->key);
    } else {
        str_append_text(out, "begin each item with '- '");
    }
}

/* A scalar in place of a mapping is often "key:value" without a space. */
static void advise_mapping(struct str *out, const struct field *field,
                           const struct node *node)
{
    size_t len = node->kind == NODE_SCALAR ? strcspn(node->text, ":") : 0;

    for (const struct field *inner = field->fields; inner && inner->key;
         inner++) {
        if (len > 0 && node->text[len] == ':' && strlen(inner->key) == len &&
            strncmp(inner->key, node->text, len) == 0) {
            str_printf(out, "a space is missing after '%s:'", inner->key);
            return;
        }
    }
    if (node->kind == NODE_SEQUENCE) {
        str_append_text(out, "remove the '- ' before its keys");
    } else if (field->fields != NULL) {
        str_append_text(out, "its keys are ");
        keys_append(out, field->fields);
    } else {
        str_append_text(out, "write each entry as 'key: value'");
    }
}

void values_report_kind(const struct field *field, const struct node *node,
                        const char *path, struct faults *faults)
{
    CLEANUP(str_release) struct str advice = STR_INIT(LIMIT_MESSAGE / 2);
    const char *wanted = "a mapping";

    if (field_is_scalar(field)) {
        wanted = field->type == FIELD_STRING ? "text"
                 : field->type == FIELD_ENUM ? "a single value"
                                             : field_type_name(field);
        if (node->kind == NODE_SEQUENCE && all_may_show(field, node)) {
            advise_text(&advice, field, node);
        } else if (field->type == FIELD_ENUM) {
            str_append_text(&advice, "write one of ");
            append_choices(&advice, field);
        } else {
            str_append_text(&advice, "write a single value");
        }
    } else if (field->type == FIELD_STRINGS || field->type == FIELD_LIST) {
        wanted = field->type == FIELD_LIST ? "a list" : field_type_name(field);
        advise_list(&advice, field, node);
    } else {
        advise_mapping(&advice, field, node);
    }
    fault_add(faults, &node->location, "%s: must be %s, not %s; %s", path,
              wanted, kind_name(node), advice.data);
}

/* --- texts ---------------------------------------------------------------- */

/* A password may look like a variable, so its name appears only if there is
 * such a variable. */
static void warn_of_variable(const struct field *field, const struct node *node,
                             const char *path, struct faults *faults)
{
    const char *name = shell_variable(node->text, faults->arena);

    if (name == NULL || node->expanded || faults->warnings == NULL) {
        return;
    }
    if (getenv(name) != NULL || may_show(field, node)) {
        fault_add(faults->warnings, &node->location,
                  "%s: '%s' is used as it is, and not replaced; write "
                  "${env:%s} for the variable's value",
                  path, node->text, name);
    } else {
        fault_add(faults->warnings, &node->location,
                  "%s: the value begins with '$' and is used as it is; write "
                  "${env:NAME} for the value of a variable",
                  path);
    }
}

static bool has_typographic_quotes(const char *text)
{
    static const char *const opening[] = {
        "\u201C", "\u201D", "\u201E", "\u2018", "\u2019", "\u201A", "\u00AB",
    };

    for (size_t i = 0; i < ARRAY_SIZE(opening); i++) {
        if (strncmp(text, opening[i], strlen(opening[i])) == 0) {
            return true;
        }
    }
    return false;
}

static const char *find_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (iscntrl((unsigned char)*text)) {
            return text;
        }
    }
    return NULL;
}

/* Appends "; write 'X'" if the correction is accepted. */
static void append_correction(struct str *out, const struct field *field,
                              const struct node *node, struct arena *arena)
{
    CLEANUP(str_release) struct str correct = STR_INIT(LIMIT_MESSAGE / 2);
    const char *variable = shell_variable(node->text, arena);
    struct error err;

    if (!may_show(field, node)) {
        return;
    }
    if (variable != NULL) {
        str_printf(out, "; write ${env:%s}", variable);
        return;
    }
    if (field->correct != NULL) {
        field->correct(node->text, &correct);
    }
    if (correct.len > 0 && !correct.overflow &&
        field->check(correct.data, &err) == 0) {
        str_printf(out, "; write %s: %s", field->key, correct.data);
    }
}

static void check_value(const struct field *field, const struct node *node,
                        const char *text, const char *path,
                        struct faults *faults)
{
    CLEANUP(str_release) struct str correction = STR_INIT(LIMIT_MESSAGE);
    struct error err;

    if (field->check == NULL || field->check(text, &err) == 0) {
        warn_of_variable(field, node, path, faults);
        return;
    }
    append_correction(&correction, field, node, faults->arena);
    fault_add(faults, &node->location, "%s: %s cannot be used: %s%s", path,
              name_of(field, node, faults->arena), err.message,
              correction.data);
}

void values_check_text(const struct field *field, const struct node *node,
                       const char *text, const char *path,
                       struct faults *faults)
{
    const char *control =
        field->flags & FIELD_MULTILINE ? NULL : find_control(node->text);

    if (node->text[0] == '\0') {
        fault_add(faults, &node->location,
                  "%s: the value is empty; add one, or remove the key", path);
    } else if (has_typographic_quotes(node->text)) {
        fault_add(faults, &node->location,
                  "%s: the value begins with a typographic quotation mark, "
                  "which would be part of it; use straight ones (\" or '), or "
                  "none",
                  path);
    } else if (control != NULL) {
        fault_add(faults, &node->location,
                  "%s: the value contains %s (byte 0x%02X); remove it", path,
                  *control == '\n'   ? "a line break"
                  : *control == '\t' ? "a tab"
                                     : "a control character",
                  (unsigned)(unsigned char)*control);
    } else {
        check_value(field, node, text, path, faults);
    }
}
