#include <string.h>

#include "integration_internal.h"
#include "waybill/config_documents.h"

/* How options are shown: everything that is set, and of secrets that they are
 * set */

#define HIDDEN "****"

/* The value as text; false if it is not set */
static bool read_option(const struct field *field, const void *options,
                        struct str *out)
{
    bool is_set = config_append_option(out, field, options);

    if (is_set && (field->flags & FIELD_SECRET)) {
        str_cut(out, 0);
        str_append_text(out, HIDDEN);
    }
    return is_set;
}

void append_options(struct str *out, const struct field *fields,
                    const void *options)
{
    for (; fields->key != NULL; fields++) {
        CLEANUP(str_release) struct str value = STR_INIT_SECRET(STR_UNLIMITED);

        if (read_option(fields, options, &value)) {
            str_printf(out, "%s%s: %s", out->len > 0 ? "\n" : "", fields->key,
                       value.data);
        }
    }
}

/* The endpoint is what a registration whose URL is a secret is known by. */
void append_registration_options(struct str *out,
                                 const struct registration *registration,
                                 struct arena *arena)
{
    const struct integration_class *class = integration_class_for(registration);

    str_printf(out, "%s: %s", class->fields.endpoint,
               class->endpoint(registration, arena));
    append_options(out, class->fields.registration, registration->options);
}

static void append_json(struct json_writer *json, const struct field *fields,
                        const void *options)
{
    for (; fields->key != NULL; fields++) {
        CLEANUP(str_release) struct str value = STR_INIT_SECRET(STR_UNLIMITED);

        if (!read_option(fields, options, &value)) {
            continue;
        }
        if (fields->type == FIELD_BOOLEAN) {
            json_append_bool(json, fields->key,
                             strcmp(value.data, "true") == 0);
        } else {
            json_append_string(json, fields->key, value.data);
        }
    }
}

void append_registration_config(struct json_writer *json,
                                const struct registration *registration,
                                const struct attachment *attachment)
{
    const struct integration_fields *kind =
        &integration_class_for(registration)->fields;

    json_open(json, "config", '{');
    append_json(json, kind->registration, registration->options);
    if (attachment != NULL) {
        append_json(json, kind->attachment, attachment->options);
    }
    json_close(json, '}');
}
