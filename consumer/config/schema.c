#include <inttypes.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/config_documents.h"
#include "waybill/json.h"

/*
 * `waybill config schema`: the field tables as JSON Schema 2020-12, for
 * editors.
 *
 * Every value may also be ${env:...} or ${file:...}, so numbers may be strings.
 * The two schemas under $defs whose names end in -inputs state what an
 * integration requires, from whichever source; they are the same as
 * Chainloop's.
 */

#define REFERENCE_PATTERN "\\$\\{(env|file):"

static void append_pattern(struct json_writer *json, const char *pattern)
{
    json_open(json, NULL, '{');
    json_append_string(json, "type", "string");
    json_append_string(json, "pattern", pattern);
    json_close(json, '}');
}

static void append_number(struct json_writer *json, const struct field *field)
{
    const char *pattern = "^[0-9]+$|" REFERENCE_PATTERN;

    if (field->type == FIELD_DURATION) {
        pattern = "^[0-9]+(ms|s|m|h|d)$|" REFERENCE_PATTERN;
    } else if (field->type == FIELD_SIZE) {
        pattern = "^[0-9]+(KiB|MiB|GiB)?$|" REFERENCE_PATTERN;
    }
    json_open(json, "anyOf", '[');
    append_pattern(json, pattern);
    if (field->type != FIELD_DURATION) {
        json_open(json, NULL, '{');
        json_append_string(json, "type", "integer");
        if (field->max > 0) {
            json_append_integer(json, "minimum", (int64_t)field->min);
            json_append_integer(json, "maximum", (int64_t)field->max);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* An enum with the value "false" accepts the boolean as well. */
static void append_enum_values(struct json_writer *json,
                               const char *const *choices)
{
    for (; *choices != NULL; choices++) {
        json_append_string(json, NULL, *choices);
        if (strcmp(*choices, "true") == 0 || strcmp(*choices, "false") == 0) {
            json_append_bool(json, NULL, strcmp(*choices, "true") == 0);
        }
    }
}

static void append_choice(struct json_writer *json, const struct field *field)
{
    json_open(json, "anyOf", '[');
    append_pattern(json, REFERENCE_PATTERN);
    json_open(json, NULL, '{');
    json_open(json, "enum", '[');
    if (field->type == FIELD_BOOLEAN) {
        json_append_bool(json, NULL, true);
        json_append_bool(json, NULL, false);
    } else {
        append_enum_values(json, field->choices);
    }
    json_close(json, ']');
    json_close(json, '}');
    json_close(json, ']');
}

static void append_default(struct json_writer *json, const struct field *field)
{
    uint64_t number;

    if (field->fallback == NULL) {
        return;
    }
    if (field->type == FIELD_INTEGER &&
        field_number(field, field->fallback, &number)) {
        json_append_integer(json, "default", (int64_t)number);
    } else if (field->type == FIELD_BOOLEAN) {
        json_append_bool(json, "default", strcmp(field->fallback, "true") == 0);
    } else {
        json_append_string(json, "default", field->fallback);
    }
}

static void append_object(struct json_writer *json, const struct field *first,
                          const struct field *second);

/* writeOnly is set on the string itself, so that it also applies to the values
 * of a mapping or a list. */
static void append_text(struct json_writer *json, const struct field *field)
{
    json_append_string(json, "type", "string");
    json_append_integer(json, "minLength", 1);
    if (field->flags & FIELD_SECRET) {
        json_append_bool(json, "writeOnly", true);
    }
}

static void append_strings(struct json_writer *json, const struct field *field)
{
    json_append_string(json, "type", "array");
    json_open(json, "items", '{');
    append_text(json, field);
    json_close(json, '}');
}

static void append_text_or_strings(struct json_writer *json,
                                   const struct field *field)
{
    json_open(json, "anyOf", '[');
    json_open(json, NULL, '{');
    append_text(json, field);
    json_close(json, '}');
    json_open(json, NULL, '{');
    append_strings(json, field);
    json_close(json, '}');
    json_close(json, ']');
}

static void append_map(struct json_writer *json, const struct field *field)
{
    json_append_string(json, "type", "object");
    json_open(json, "additionalProperties", '{');
    json_open(json, "type", '[');
    json_append_string(json, NULL, "string");
    json_append_string(json, NULL, "number");
    json_append_string(json, NULL, "boolean");
    json_close(json, ']');
    if (field->flags & FIELD_SECRET) {
        json_append_bool(json, "writeOnly", true);
    }
    json_close(json, '}');
}

static void append_field(struct json_writer *json, const struct field *field)
{
    json_open(json, field->key, '{');
    json_append_string(json, "description", field->doc);
    switch (field->type) {
    case FIELD_STRING:
        append_text(json, field);
        break;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        append_number(json, field);
        break;
    case FIELD_BOOLEAN:
    case FIELD_ENUM:
        append_choice(json, field);
        break;
    case FIELD_OBJECT:
        append_object(json, field->fields, NULL);
        break;
    case FIELD_MAP:
        append_map(json, field);
        break;
    case FIELD_STRINGS:
        if (field->flags & FIELD_SINGLE) {
            append_text_or_strings(json, field);
        } else {
            append_strings(json, field);
        }
        break;
    case FIELD_LIST:
        json_append_string(json, "type", "array");
        json_open(json, "items", '{');
        append_object(json, field->fields, NULL);
        json_close(json, '}');
        break;
    }
    append_default(json, field);
    json_close(json, '}');
}

static void append_properties(struct json_writer *json,
                              const struct field *fields)
{
    for (; fields != NULL && fields->key != NULL; fields++) {
        if (fields->removed == NULL &&
            (fields->type != FIELD_LIST || fields->item_size > 0)) {
            append_field(json, fields);
        }
    }
}

static void append_required(struct json_writer *json,
                            const struct field *fields)
{
    for (; fields != NULL && fields->key != NULL; fields++) {
        if ((fields->flags & FIELD_REQUIRED) && fields->removed == NULL) {
            json_append_string(json, NULL, fields->key);
        }
    }
}

/* The keywords of an object that is described by one table, or by two */
static void append_object(struct json_writer *json, const struct field *first,
                          const struct field *second)
{
    json_append_string(json, "type", "object");
    json_open(json, "properties", '{');
    append_properties(json, first);
    append_properties(json, second);
    json_close(json, '}');
    json_open(json, "required", '[');
    append_required(json, first);
    append_required(json, second);
    json_close(json, ']');
    json_append_bool(json, "additionalProperties", false);
}

static void append_const(struct json_writer *json, const char *kind)
{
    json_open(json, "properties", '{');
    json_open(json, "integration", '{');
    json_append_string(json, "const", kind);
    json_close(json, '}');
    json_close(json, '}');
}

/* The rule of one kind, whose `then` allows its keys only. Without the key
 * `integration` the first kind's rule applies, because a condition on a
 * property that is not required is satisfied if it is absent. */
static void append_kind(struct json_writer *json, const struct field *common,
                        const struct integration_fields *kind, bool is_default)
{
    json_open(json, NULL, '{');
    json_open(json, "if", '{');
    append_const(json, kind->kind);
    if (!is_default) {
        json_open(json, "required", '[');
        json_append_string(json, NULL, "integration");
        json_close(json, ']');
    }
    json_close(json, '}');
    json_open(json, "then", '{');
    append_object(json, common, kind->registration);
    json_close(json, '}');
    json_close(json, '}');
}

static void append_kinds(struct json_writer *json,
                         const struct integration_fields *const *integrations)
{
    json_open(json, "properties", '{');
    json_open(json, "integration", '{');
    json_open(json, "anyOf", '[');
    append_pattern(json, REFERENCE_PATTERN);
    json_open(json, NULL, '{');
    json_open(json, "enum", '[');
    for (; *integrations != NULL; integrations++) {
        json_append_string(json, NULL, (*integrations)->kind);
    }
    json_close(json, ']');
    json_close(json, '}');
    json_close(json, ']');
    json_close(json, '}');
    json_close(json, '}');
}

static void append_registrations(
    struct json_writer *json, const struct field *list,
    const struct integration_fields *const *integrations)
{
    json_append_string(json, "type", "object");
    append_kinds(json, integrations);
    json_open(json, "allOf", '[');
    for (size_t i = 0; integrations[i] != NULL; i++) {
        append_kind(json, list->fields, integrations[i], i == 0);
    }
    json_close(json, ']');
}

/* The kind of an attachment depends on its registration, which a schema cannot
 * follow. */
static void append_attachments(
    struct json_writer *json, const struct field *list,
    const struct integration_fields *const *integrations)
{
    json_open(json, "anyOf", '[');
    for (; *integrations != NULL; integrations++) {
        json_open(json, NULL, '{');
        append_object(json, list->fields, (*integrations)->attachment);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void append_list(struct json_writer *json, const struct field *list,
                        const struct integration_fields *const *integrations)
{
    json_open(json, list->key, '{');
    json_append_string(json, "description", list->doc);
    json_append_string(json, "type", "array");
    json_open(json, "items", '{');
    if (strcmp(list->key, "registrations") == 0) {
        append_registrations(json, list, integrations);
    } else {
        append_attachments(json, list, integrations);
    }
    json_close(json, '}');
    json_close(json, '}');
}

/* Chainloop's schemas: the inputs that an integration receives */
static void append_inputs(struct json_writer *json, const char *name,
                          const struct field *fields,
                          const char *const *required)
{
    json_open(json, name, '{');
    json_append_string(json, "type", "object");
    json_open(json, "properties", '{');
    append_properties(json, fields);
    json_close(json, '}');
    json_open(json, "required", '[');
    if (required == NULL) {
        append_required(json, fields);
    }
    for (; required != NULL && *required != NULL; required++) {
        json_append_string(json, NULL, *required);
    }
    json_close(json, ']');
    json_append_bool(json, "additionalProperties", false);
    json_close(json, '}');
}

static void append_inputs_of(struct json_writer *json,
                             const struct integration_fields *kind)
{
    CLEANUP(str_release) struct str name = STR_INIT(128);

    str_printf(&name, "%s-registration-inputs", kind->kind);
    append_inputs(json, name.data, kind->registration,
                  kind->registration_inputs);
    str_clear(&name);
    str_printf(&name, "%s-attachment-inputs", kind->kind);
    append_inputs(json, name.data, kind->attachment, kind->attachment_inputs);
}

static void append_defs(struct json_writer *json,
                        const struct integration_fields *const *integrations)
{
    json_open(json, "$defs", '{');
    for (; *integrations != NULL; integrations++) {
        append_inputs_of(json, *integrations);
    }
    json_close(json, '}');
}

void config_append_registration_schema(struct str *out,
                                       const struct integration_fields *kind)
{
    struct json_writer json = {.out = out};

    append_inputs(&json, NULL, kind->registration, kind->registration_inputs);
}

void config_append_attachment_schema(struct str *out,
                                     const struct integration_fields *kind)
{
    struct json_writer json = {.out = out};

    append_inputs(&json, NULL, kind->attachment, kind->attachment_inputs);
}

void config_append_schema(struct str *out,
                          const struct integration_fields *const *integrations)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_append_string(&json, "$schema",
                       "https://json-schema.org/draft/2020-12/schema");
    json_append_string(&json, "title", "Waybill's config.yaml");
    json_append_string(&json, "type", "object");
    json_append_integer(&json, "minProperties", 1);
    json_open(&json, "properties", '{');
    for (const struct field *field = settings_fields; field->key; field++) {
        if (field->type == FIELD_LIST) {
            append_list(&json, field, integrations);
        } else {
            append_field(&json, field);
        }
    }
    json_close(&json, '}');
    json_append_bool(&json, "additionalProperties", false);
    append_defs(&json, integrations);
    json_close(&json, '}');
    str_append_char(out, '\n');
}
