#include <inttypes.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/json.h"

/*
 * `waybill config schema`: the tables as JSON Schema 2020-12, for editors.
 *
 * A value may also be ${env:...} or ${file:...}, so numbers are text as well.
 * The two schemas under $defs that end in -inputs say what an integration needs
 * in the end, whichever way it gets there: they are the same as Chainloop's.
 */

#define REFERENCE_PATTERN "\\$\\{(env|file):"

static void put_text_form(struct json_writer *json, const char *pattern)
{
    json_open(json, NULL, '{');
    json_put_string(json, "type", "string");
    json_put_string(json, "pattern", pattern);
    json_close(json, '}');
}

static void put_number(struct json_writer *json, const struct field *field)
{
    const char *pattern = "^[0-9]+$|" REFERENCE_PATTERN;

    if (field->type == FIELD_DURATION) {
        pattern = "^[0-9]+(ms|s|m|h|d)$|" REFERENCE_PATTERN;
    } else if (field->type == FIELD_SIZE) {
        pattern = "^[0-9]+(KiB|MiB|GiB)?$|" REFERENCE_PATTERN;
    }
    json_open(json, "anyOf", '[');
    put_text_form(json, pattern);
    if (field->type != FIELD_DURATION) {
        json_open(json, NULL, '{');
        json_put_string(json, "type", "integer");
        if (field->most > 0) {
            json_put_integer(json, "minimum", (int64_t)field->least);
            json_put_integer(json, "maximum", (int64_t)field->most);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* What takes "false" for off takes it without quotes, too. */
static void put_words(struct json_writer *json, const char *const *words)
{
    for (; *words != NULL; words++) {
        json_put_string(json, NULL, *words);
        if (strcmp(*words, "true") == 0 || strcmp(*words, "false") == 0) {
            json_put_bool(json, NULL, strcmp(*words, "true") == 0);
        }
    }
}

static void put_choice(struct json_writer *json, const struct field *field)
{
    json_open(json, "anyOf", '[');
    put_text_form(json, REFERENCE_PATTERN);
    json_open(json, NULL, '{');
    json_open(json, "enum", '[');
    if (field->type == FIELD_BOOLEAN) {
        json_put_bool(json, NULL, true);
        json_put_bool(json, NULL, false);
    } else {
        put_words(json, field->words);
    }
    json_close(json, ']');
    json_close(json, '}');
    json_close(json, ']');
}

static void put_default(struct json_writer *json, const struct field *field)
{
    uint64_t number;

    if (field->fallback == NULL) {
        return;
    }
    if (field->type == FIELD_INTEGER &&
        field_number(field, field->fallback, &number)) {
        json_put_integer(json, "default", (int64_t)number);
    } else if (field->type == FIELD_BOOLEAN) {
        json_put_bool(json, "default", strcmp(field->fallback, "true") == 0);
    } else {
        json_put_string(json, "default", field->fallback);
    }
}

static void put_object(struct json_writer *json, const struct field *first,
                       const struct field *second);

/* A secret is marked where its text stands, so that the values of a mapping or
 * a list are. */
static void put_text(struct json_writer *json, const struct field *field)
{
    json_put_string(json, "type", "string");
    json_put_integer(json, "minLength", 1);
    if (field->flags & FIELD_SECRET) {
        json_put_bool(json, "writeOnly", true);
    }
}

static void put_strings(struct json_writer *json, const struct field *field)
{
    json_put_string(json, "type", "array");
    json_open(json, "items", '{');
    put_text(json, field);
    json_close(json, '}');
}

static void put_text_or_strings(struct json_writer *json,
                                const struct field *field)
{
    json_open(json, "anyOf", '[');
    json_open(json, NULL, '{');
    put_text(json, field);
    json_close(json, '}');
    json_open(json, NULL, '{');
    put_strings(json, field);
    json_close(json, '}');
    json_close(json, ']');
}

static void put_map(struct json_writer *json, const struct field *field)
{
    json_put_string(json, "type", "object");
    json_open(json, "additionalProperties", '{');
    json_open(json, "type", '[');
    json_put_string(json, NULL, "string");
    json_put_string(json, NULL, "number");
    json_put_string(json, NULL, "boolean");
    json_close(json, ']');
    if (field->flags & FIELD_SECRET) {
        json_put_bool(json, "writeOnly", true);
    }
    json_close(json, '}');
}

static void put_field(struct json_writer *json, const struct field *field)
{
    json_open(json, field->key, '{');
    json_put_string(json, "description", field->doc);
    switch (field->type) {
    case FIELD_STRING:
        put_text(json, field);
        break;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        put_number(json, field);
        break;
    case FIELD_BOOLEAN:
    case FIELD_ENUM:
        put_choice(json, field);
        break;
    case FIELD_OBJECT:
        put_object(json, field->fields, NULL);
        break;
    case FIELD_MAP:
        put_map(json, field);
        break;
    case FIELD_STRINGS:
        if (field->flags & FIELD_SINGLE) {
            put_text_or_strings(json, field);
        } else {
            put_strings(json, field);
        }
        break;
    case FIELD_LIST:
        json_put_string(json, "type", "array");
        json_open(json, "items", '{');
        put_object(json, field->fields, NULL);
        json_close(json, '}');
        break;
    }
    put_default(json, field);
    json_close(json, '}');
}

static void put_properties(struct json_writer *json, const struct field *fields)
{
    for (; fields != NULL && fields->key != NULL; fields++) {
        if (fields->type != FIELD_LIST || fields->item_size > 0) {
            put_field(json, fields);
        }
    }
}

static void put_required(struct json_writer *json, const struct field *fields)
{
    for (; fields != NULL && fields->key != NULL; fields++) {
        if (fields->flags & FIELD_REQUIRED) {
            json_put_string(json, NULL, fields->key);
        }
    }
}

/* Members that make an object of one table, or of two side by side */
static void put_object(struct json_writer *json, const struct field *first,
                       const struct field *second)
{
    json_put_string(json, "type", "object");
    json_open(json, "properties", '{');
    put_properties(json, first);
    put_properties(json, second);
    json_close(json, '}');
    json_open(json, "required", '[');
    put_required(json, first);
    put_required(json, second);
    json_close(json, ']');
    json_put_bool(json, "additionalProperties", false);
}

static void put_const(struct json_writer *json, const char *kind)
{
    json_open(json, "properties", '{');
    json_open(json, "integration", '{');
    json_put_string(json, "const", kind);
    json_close(json, '}');
    json_close(json, '}');
}

/* One kind's rule: `then` says its keys and no other's. Without the key
 * `integration` the first kind's holds, because a condition that is not
 * required is met by what is absent. */
static void put_kind(struct json_writer *json, const struct field *common,
                     const struct integration_fields *kind, bool is_default)
{
    json_open(json, NULL, '{');
    json_open(json, "if", '{');
    put_const(json, kind->kind);
    if (!is_default) {
        json_open(json, "required", '[');
        json_put_string(json, NULL, "integration");
        json_close(json, ']');
    }
    json_close(json, '}');
    json_open(json, "then", '{');
    put_object(json, common, kind->registration);
    json_close(json, '}');
    json_close(json, '}');
}

static void put_kinds(struct json_writer *json,
                      const struct integration_fields *const *integrations)
{
    json_open(json, "properties", '{');
    json_open(json, "integration", '{');
    json_open(json, "anyOf", '[');
    put_text_form(json, REFERENCE_PATTERN);
    json_open(json, NULL, '{');
    json_open(json, "enum", '[');
    for (; *integrations != NULL; integrations++) {
        json_put_string(json, NULL, (*integrations)->kind);
    }
    json_close(json, ']');
    json_close(json, '}');
    json_close(json, ']');
    json_close(json, '}');
    json_close(json, '}');
}

static void put_registrations(
    struct json_writer *json, const struct field *list,
    const struct integration_fields *const *integrations)
{
    json_put_string(json, "type", "object");
    put_kinds(json, integrations);
    json_open(json, "allOf", '[');
    for (size_t i = 0; integrations[i] != NULL; i++) {
        put_kind(json, list->fields, integrations[i], i == 0);
    }
    json_close(json, ']');
}

/* Which kind an attachment is of is said by its registration, elsewhere. */
static void put_attachments(
    struct json_writer *json, const struct field *list,
    const struct integration_fields *const *integrations)
{
    json_open(json, "anyOf", '[');
    for (; *integrations != NULL; integrations++) {
        json_open(json, NULL, '{');
        put_object(json, list->fields, (*integrations)->attachment);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_list(struct json_writer *json, const struct field *list,
                     const struct integration_fields *const *integrations)
{
    json_open(json, list->key, '{');
    json_put_string(json, "description", list->doc);
    json_put_string(json, "type", "array");
    json_open(json, "items", '{');
    if (strcmp(list->key, "registrations") == 0) {
        put_registrations(json, list, integrations);
    } else {
        put_attachments(json, list, integrations);
    }
    json_close(json, '}');
    json_close(json, '}');
}

/* Chainloop's schemas: what an integration's code is given in the end */
static void put_inputs(struct json_writer *json, const char *kind,
                       const char *what, const struct field *fields,
                       const char *const *required)
{
    CLEANUP(str_release) struct str name = STR_INIT(128);

    str_printf(&name, "%s-%s-inputs", kind, what);
    json_open(json, name.data, '{');
    json_put_string(json, "type", "object");
    json_open(json, "properties", '{');
    put_properties(json, fields);
    json_close(json, '}');
    json_open(json, "required", '[');
    if (required == NULL) {
        put_required(json, fields);
    }
    for (; required != NULL && *required != NULL; required++) {
        json_put_string(json, NULL, *required);
    }
    json_close(json, ']');
    json_put_bool(json, "additionalProperties", false);
    json_close(json, '}');
}

static void put_defs(struct json_writer *json,
                     const struct integration_fields *const *integrations)
{
    json_open(json, "$defs", '{');
    for (; *integrations != NULL; integrations++) {
        put_inputs(json, (*integrations)->kind, "registration",
                   (*integrations)->registration,
                   (*integrations)->registration_inputs);
        put_inputs(json, (*integrations)->kind, "attachment",
                   (*integrations)->attachment,
                   (*integrations)->attachment_inputs);
    }
    json_close(json, '}');
}

void config_put_schema(struct str *out,
                       const struct integration_fields *const *integrations)
{
    struct json_writer json = {.out = out};

    json_open(&json, NULL, '{');
    json_put_string(&json, "$schema",
                    "https://json-schema.org/draft/2020-12/schema");
    json_put_string(&json, "title", "Waybill's config.yaml");
    json_put_string(&json, "type", "object");
    json_put_integer(&json, "minProperties", 1);
    json_open(&json, "properties", '{');
    for (const struct field *field = settings_fields; field->key; field++) {
        if (field->type == FIELD_LIST) {
            put_list(&json, field, integrations);
        } else {
            put_field(&json, field);
        }
    }
    json_close(&json, '}');
    json_put_bool(&json, "additionalProperties", false);
    put_defs(&json, integrations);
    json_close(&json, '}');
    str_putc(out, '\n');
}
