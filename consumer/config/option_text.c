#include <inttypes.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/config_documents.h"

/* The values of options as they are written in the file */

static void append_strings(struct str *out, const struct field_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        str_printf(out, "%s%s", i > 0 ? ", " : "", strings->items[i]);
    }
}

static void append_map(struct str *out, const struct field_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        str_printf(out, "%s%s=%s", i > 0 ? ", " : "", map->pairs[i].key,
                   map->pairs[i].value);
    }
}

static void append_number(struct str *out, const struct field *field,
                          uint64_t number)
{
    if (number > 0 || field->fallback != NULL) {
        number_append(out, field, number);
    }
}

static void append_value(struct str *out, const struct field *field,
                         const void *value)
{
    switch (field->type) {
    case FIELD_STRING:
        if (*(const char *const *)value != NULL) {
            str_append_text(out, *(const char *const *)value);
        }
        break;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        append_number(out, field, *(const uint64_t *)value);
        break;
    case FIELD_BOOLEAN:
        if (*(const int *)value >= 0) {
            str_append_text(out, *(const int *)value ? "true" : "false");
        }
        break;
    case FIELD_ENUM:
        str_append_text(out, field->choices[*(const int *)value]);
        break;
    case FIELD_STRINGS:
        append_strings(out, (const struct field_strings *)value);
        break;
    case FIELD_MAP:
        append_map(out, (const struct field_map *)value);
        break;
    case FIELD_OBJECT:
    case FIELD_LIST:
        break;
    }
}

bool config_append_option(struct str *out, const struct field *field,
                          const void *options)
{
    size_t before = out->len;

    if (field->removed != NULL) {
        return false;
    }
    append_value(out, field, (const char *)options + field->offset);
    if (out->len == before ||
        (field->fallback != NULL &&
         strcmp(out->data + before, field->fallback) == 0)) {
        str_cut(out, before);
        return false;
    }
    return true;
}
