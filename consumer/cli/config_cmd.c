#include <string.h>

#include "completion.h"
#include "documents.h"
#include "waybill/config_documents.h"
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
    {"completion", NULL, append_bash_completion},
    {"completion bash", NULL, append_bash_completion},
    {"completion zsh", NULL, append_zsh_completion},
    {"completion fish", NULL, append_fish_completion},
};

#define DOCUMENTS                                                              \
    "reference, schema, cli, registries, metrics, errors, man, man-yaml, "     \
    "completion"

static void report_unknown(const char *name)
{
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        suggest_offer(&near, documents[i].name);
    }
    if (*name == '\0') {
        usage_error("config",
                    "no document was named; it must be one of " DOCUMENTS);
    } else if (near.nearest != NULL) {
        usage_error("config", "there is no document '%s' (did you mean '%s'?)",
                    name, near.nearest);
    } else {
        usage_error("config",
                    "there is no document '%s'; it must be one of " DOCUMENTS
                    " [bash|zsh|fish]",
                    name);
    }
}

static int run_config(const struct cli_args *args)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);

    for (size_t i = 0; i < args->operand_count; i++) {
        str_printf(&name, "%s%s", i > 0 ? " " : "", args->operands[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        if (strcmp(documents[i].name, name.data) != 0) {
            continue;
        }
        if (documents[i].append_commands != NULL) {
            documents[i].append_commands(&text, args->commands);
        } else {
            documents[i].append(&text);
        }
        print_str(&text);
        return EXIT_OK;
    }
    report_unknown(name.data);
    return EXIT_USAGE;
}

const struct command config_command = {
    .name = "config",
    .operands = "reference|schema|cli|registries|metrics|errors|man|man-yaml|"
                "completion [SHELL]",
    .summary = "Print reference documents and completion scripts",
    .text =
        "reference   every key of the configuration, with its type, default "
        "and meaning\n"
        "            (Markdown)\n"
        "schema      the JSON Schema (2020-12) of config.yaml, for editors\n"
        "cli         the help of all commands (Markdown)\n"
        "registries  what Waybill knows about each registry, and the sources "
        "of its\n"
        "            credentials (Markdown)\n"
        "metrics     the metrics of the admin port (Markdown)\n"
        "errors      the meaning of each error class, and what to do about it "
        "(Markdown)\n"
        "man         the manual page waybill(1); man-yaml is waybill.yaml(5)\n"
        "completion  a completion script for SHELL: bash (the default), zsh or "
        "fish\n",
    .examples = "  waybill config reference\n"
                "  waybill config schema > config.schema.json\n"
                "  . <(waybill config completion bash)\n"
                "  waybill config completion zsh > "
                "~/.zsh/completions/_waybill\n"
                "  waybill config completion fish | source\n",
    .exit_statuses = "  0   the document was printed\n"
                     "  2   the command line is wrong\n",
    .run = run_config,
};
