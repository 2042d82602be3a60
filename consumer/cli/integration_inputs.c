#include <string.h>

#include "integration_options.h"
#include "integration_table.h"

/* The table of the inputs of a registration or of an attachment */

static const char *type_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_INTEGER:
        return "integer";
    case FIELD_DURATION:
        return "duration";
    case FIELD_SIZE:
        return "size";
    case FIELD_BOOLEAN:
        return "boolean";
    case FIELD_STRINGS:
        return field->flags & FIELD_SINGLE ? "string, or list" : "list";
    case FIELD_MAP:
        return "mapping";
    case FIELD_OBJECT:
        return "object";
    case FIELD_LIST:
        return "list of objects";
    case FIELD_STRING:
    case FIELD_ENUM:
        break;
    }
    return "string";
}

static bool is_required(const struct field *field, const char *const *required)
{
    if (required == NULL) {
        return field->flags & FIELD_REQUIRED;
    }
    for (; *required != NULL; required++) {
        if (strcmp(*required, field->key) == 0) {
            return true;
        }
    }
    return false;
}

static void append_need(struct str *out, const struct field *field,
                        const char *const *required)
{
    if (is_required(field, required)) {
        str_append_text(out, "yes");
    } else if (field->fallback != NULL) {
        str_printf(out, "no (default: %s)", field->fallback);
    } else {
        str_append_text(out, "no");
    }
}

static void append_description(struct str *out, const struct field *field)
{
    str_append_text(out, field->doc);
    for (size_t i = 0; field->type == FIELD_ENUM && field->choices[i]; i++) {
        str_printf(out, "%s%s%s", i == 0 ? " One of " : ", ", field->choices[i],
                   field->choices[i + 1] == NULL ? "." : "");
    }
}

static void add_input(struct table *table, const struct field *field,
                      const char *const *required)
{
    CLEANUP(str_release) struct str need = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str description = STR_INIT(STR_UNLIMITED);

    append_need(&need, field, required);
    append_description(&description, field);
    table_add(table, (const char *const[]){field->key, type_of(field),
                                           need.data, description.data});
}

/* The first of the fields whose key is after that one in the alphabet */
static const struct field *next_field(const struct field *fields,
                                      const char *after)
{
    const struct field *next = NULL;

    for (; fields->key != NULL; fields++) {
        if (fields->removed == NULL &&
            (after == NULL || strcmp(fields->key, after) > 0) &&
            (next == NULL || strcmp(fields->key, next->key) < 0)) {
            next = fields;
        }
    }
    return next;
}

bool append_inputs_table(struct str *out, const char *title,
                         const struct field *fields,
                         const char *const *required)
{
    CLEANUP(table_release)
    struct table table = {
        .title = title,
        .headers = {"FIELD", "TYPE", "REQUIRED", "DESCRIPTION"},
        .columns = 4,
    };
    const struct field *field = next_field(fields, NULL);

    for (; field != NULL; field = next_field(fields, field->key)) {
        add_input(&table, field, required);
    }
    if (table.count == 0) {
        return false;
    }
    table_append(&table, out);
    return true;
}
