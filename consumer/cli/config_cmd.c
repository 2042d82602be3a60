#include <string.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/integration.h"
#include "waybill/suggest.h"

static void append_reference(struct str *out)
{
    config_append_reference(out, integration_table);
}

static void append_schema(struct str *out)
{
    config_append_schema(out, integration_table);
}

static void append_config_manual(struct str *out)
{
    config_append_manual(out, integration_table);
}

static const struct {
    const char *name;
    void (*append)(struct str *out);
    /* Used instead of `append` when the document describes the commands */
    void (*append_commands)(struct str *out,
                            const struct command *const *commands);
} documents[] = {
    {"reference", append_reference, NULL},
    {"schema", append_schema, NULL},
    {"cli", NULL, append_cli_reference},
    {"registries", append_registries_reference, NULL},
    {"metrics", admin_append_metrics_reference, NULL},
    {"errors", append_errors_reference, NULL},
    {"man", NULL, append_manual},
    {"man-yaml", append_config_manual, NULL},
    {"completion", NULL, append_completion},
};

static int run_config(const struct cli_args *args)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const char *name = args->operand_count > 0 ? args->operands[0] : "";
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        suggest_offer(&near, documents[i].name);
        if (args->operand_count == 1 && strcmp(documents[i].name, name) == 0) {
            if (documents[i].append_commands != NULL) {
                documents[i].append_commands(&text, args->commands);
            } else {
                documents[i].append(&text);
            }
            print_str(&text);
            return EXIT_OK;
        }
    }
    if (near.nearest != NULL && args->operand_count == 1) {
        usage_error("config", "no '%s' (did you mean '%s'?)", name,
                    near.nearest);
    } else {
        usage_error("config", "expected one of reference, schema, cli, "
                              "registries, metrics, errors, man, man-yaml, "
                              "completion");
    }
    return EXIT_USAGE;
}

const struct command config_command = {
    .name = "config",
    .operands = "reference|schema|cli|registries|metrics|errors|man|man-yaml|"
                "completion",
    .summary = "Print what the configuration and the command line may hold",
    .text = "reference  every key with type, default and meaning (Markdown)\n"
            "schema     JSON Schema 2020-12 of config.yaml, for editors\n"
            "cli        this help, all of it (Markdown)\n"
            "registries what is known of each registry, and where its "
            "credentials come from\n           (Markdown)\n"
            "metrics    what /metrics of the admin port holds (Markdown)\n"
            "errors     what each class of error means, and what to do "
            "(Markdown)\n"
            "man        waybill(1), and man-yaml waybill.yaml(5), for man -l\n"
            "completion of the command line, for bash\n",
    .examples = "  waybill config reference\n"
                "  waybill config schema > config.schema.json\n"
                "  . <(waybill config completion)\n",
    .exit_statuses = "  0   printed\n"
                     "  2   the command line is wrong\n",
    .run = run_config,
};
