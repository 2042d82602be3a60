#include "integration_internal.h"
#include "waybill/config_documents.h"
#include "waybill/error.h"

/* `waybill integration available`: the integrations of this program, and the
 * inputs of each */

static void append_materials(struct str *out,
                             const struct integration_fields *kind)
{
    const char *const *types = kind->material_types;

    for (size_t i = 0; types != NULL && types[i] != NULL; i++) {
        str_printf(out, "%s%s", i > 0 ? ", " : "", types[i]);
    }
}

static void append_kinds(struct str *out, const struct integration_fields *only)
{
    CLEANUP(table_release)
    struct table table = {
        .headers = {"ID", "VERSION", "MATERIAL REQUIREMENT", "DESCRIPTION"},
        .columns = 4,
    };

    for (size_t i = 0; integration_table[i] != NULL; i++) {
        const struct integration_fields *kind = integration_table[i];
        CLEANUP(str_release) struct str materials = STR_INIT(STR_UNLIMITED);

        append_materials(&materials, kind);
        if (only == NULL || kind == only) {
            table_add(&table,
                      (const char *const[]){kind->kind, kind->version,
                                            materials.data, kind->summary});
        }
    }
    table_append(&table, out);
}

/* A schema is a text that holds JSON, as in Chainloop's output. */
static void append_schema(struct json_writer *json, const char *name,
                          const struct integration_fields *kind,
                          void (*append)(struct str *,
                                         const struct integration_fields *))
{
    CLEANUP(str_release) struct str schema = STR_INIT(STR_UNLIMITED);

    append(&schema, kind);
    json_open(json, name, '{');
    json_append_string(json, "schema", schema.data);
    json_close(json, '}');
}

static void append_kind_json(struct json_writer *json,
                             const struct integration_fields *kind)
{
    const char *const *types = kind->material_types;

    json_open(json, NULL, '{');
    json_append_string(json, "name", kind->kind);
    json_append_string(json, "version", kind->version);
    json_append_string(json, "description", kind->summary);
    append_schema(json, "registration", kind,
                  config_append_registration_schema);
    append_schema(json, "attachment", kind, config_append_attachment_schema);
    json_open(json, "subscribedInputs", '[');
    for (; types != NULL && *types != NULL; types++) {
        json_append_string(json, NULL, *types);
    }
    json_close(json, ']');
    json_close(json, '}');
}

int available_list(const struct cli_args *args, const char *operand)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &out};

    if (args_option(args, "--json") == NULL) {
        append_kinds(&out, NULL);
    } else {
        json_open(&json, NULL, '[');
        for (size_t i = 0; integration_table[i] != NULL; i++) {
            append_kind_json(&json, integration_table[i]);
        }
        json_close(&json, ']');
        str_append_char(&out, '\n');
    }
    print_str(&out);
    return EXIT_OK;
}

int available_describe(const struct cli_args *args, const char *operand)
{
    static const char *const names[] = {"--name", "--id", NULL};
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &out};
    const struct integration_fields *kind;

    operand =
        integration_operand(args, operand, names, "the ID of an integration");
    kind = operand != NULL ? integration_kind(operand) : NULL;
    if (kind == NULL) {
        return EXIT_USAGE;
    }
    if (args_option(args, "--json") != NULL) {
        append_kind_json(&json, kind);
        str_append_char(&out, '\n');
    } else {
        append_kinds(&out, kind);
        append_inputs_table(&out, "Registration inputs", kind->registration,
                            kind->registration_inputs);
        append_inputs_table(&out, "Attachment inputs", kind->attachment,
                            kind->attachment_inputs);
    }
    print_str(&out);
    return EXIT_OK;
}
