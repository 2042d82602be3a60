#include <string.h>

#include "integration_internal.h"
#include "waybill/error.h"
#include "waybill/suggest.h"

#define AVAILABLE_LIST 1U
#define DESCRIBE 2U
#define REGISTERED_ADD 4U
#define REGISTERED_LIST 8U
#define REGISTERED_DELETE 16U
#define ATTACHED_ADD 32U
#define ATTACHED_LIST 64U
#define ATTACHED_DELETE 128U
#define ADDING (REGISTERED_ADD | ATTACHED_ADD)
#define DELETING (REGISTERED_DELETE | ATTACHED_DELETE)

static const struct verb {
    const char *group;
    const char *name;
    const char *alias;
    unsigned bit;
    size_t operands; /* after the verb, at most */
    integration_verb_fn *run;
} verbs[] = {
    {"available", "list", "ls", AVAILABLE_LIST, 0, available_list},
    {"available", "describe", NULL, DESCRIBE, 1, available_describe},
    {"registered", "add", NULL, REGISTERED_ADD, 1, registered_add},
    {"registered", "list", "ls", REGISTERED_LIST, 0, registered_list},
    {"registered", "delete", NULL, REGISTERED_DELETE, 1, registered_delete},
    {"attached", "add", "attach", ATTACHED_ADD, 0, attached_add},
    {"attached", "list", "ls", ATTACHED_LIST, 0, attached_list},
    {"attached", "delete", "detach", ATTACHED_DELETE, 1, attached_delete},
};

static const struct option_row options[] = {
    {"--name", "NAME",
     "registered add: the name of the registration, a DNS label; attached add: "
     "the name of the attachment (default: made from the rest); describe, "
     "delete: another form of ID or NAME"},
    {"--id", "ID", "describe, delete: another form of ID or NAME"},
    {"--description", "TEXT", "registered add: a text for people"},
    {"--integration", "NAME", "attached add: the name of a registration"},
    {"--workflow", "WORKFLOW",
     "attached: the id of a workflow (a UUID), its name, or PROJECT/NAME; * "
     "matches any text"},
    {"--project", "PROJECT", "attached: the project of the workflow"},
    {"--opt", "KEY=VALUE",
     "add: an input; @FILE and - (standard input) read the value; "
     "KEY.NAME=VALUE "
     "for a mapping"},
    {"--inline", NULL,
     "add: write secrets into the configuration, instead of files beside it"},
    {"--no-check", NULL, "registered add: do not contact the endpoint"},
    {"--json", NULL, "print JSON"},
    {0},
};

static unsigned verbs_of(const char *option)
{
    static const struct {
        const char *option;
        unsigned verbs;
    } rows[] = {
        {"--name", DESCRIBE | ADDING | DELETING},
        {"--id", DESCRIBE | DELETING},
        {"--description", REGISTERED_ADD},
        {"--integration", ATTACHED_ADD},
        {"--workflow", ATTACHED_ADD | ATTACHED_LIST},
        {"--project", ATTACHED_ADD | ATTACHED_LIST},
        {"--opt", ADDING},
        {"--inline", ADDING},
        {"--no-check", REGISTERED_ADD},
        {"--json", ~DELETING},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].option, option) == 0) {
            return rows[i].verbs;
        }
    }
    return ~0U;
}

/* --- the command line -------------------------------------------------------
 */

static bool is_verb(const struct verb *verb, const char *group,
                    const char *name)
{
    return strcmp(verb->group, group) == 0 &&
           (strcmp(verb->name, name) == 0 || text_equal(verb->alias, name));
}

/* A group without a verb, or something else */
static void report_unknown(const char *group, const char *name)
{
    CLEANUP(str_release) struct str list = STR_INIT(STR_UNLIMITED);
    struct suggestion near;

    suggest_init(&near, name);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(verbs[i].group, group) == 0) {
            str_printf(&list, "%s%s", list.len > 0 ? ", " : "", verbs[i].name);
            suggest_offer(&near, verbs[i].name);
        }
    }
    if (list.len == 0) {
        usage_error(INTEGRATION,
                    "%s%s%s; it must be one of available, registered, attached",
                    *group != '\0' ? "there is no subcommand '"
                                   : "no subcommand was given",
                    group, *group != '\0' ? "'" : "");
    } else if (near.nearest != NULL) {
        usage_error(INTEGRATION, "there is no '%s %s' (did you mean '%s'?)",
                    group, name, near.nearest);
    } else {
        usage_error(INTEGRATION, "'%s' must be followed by one of %s", group,
                    list.data);
    }
}

static const struct verb *find_verb(const struct cli_args *args)
{
    const char *group = args->operand_count > 0 ? args->operands[0] : "";
    const char *name = args->operand_count > 1 ? args->operands[1] : "";

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (is_verb(&verbs[i], group, name)) {
            return &verbs[i];
        }
    }
    report_unknown(group, name);
    return NULL;
}

static int check_options(const struct cli_args *args, const struct verb *verb)
{
    for (size_t i = 0; i < args->option_count; i++) {
        const char *name = args->options[i].row->name;

        if ((verbs_of(name) & verb->bit) == 0) {
            usage_error(INTEGRATION, "'%s %s' does not accept %s", verb->group,
                        verb->name, name);
            return -1;
        }
    }
    if (args->operand_count > 2 + verb->operands) {
        usage_error(INTEGRATION, "'%s %s': unexpected argument '%s'",
                    verb->group, verb->name,
                    args->operands[2 + verb->operands]);
        return -1;
    }
    return 0;
}

static int run_integration(const struct cli_args *args)
{
    const struct verb *verb = find_verb(args);

    if (verb == NULL || check_options(args, verb) < 0) {
        return EXIT_USAGE;
    }
    return verb->run(args, args->operand_count > 2 ? args->operands[2] : NULL);
}

static const char *const followers[] = {
    "available list describe",
    "registered add list delete",
    "attached add list delete",
    NULL,
};

const struct command integration_command = {
    .name = INTEGRATION,
    .operands = "available|registered|attached VERB [NAME]",
    .summary = "List, register and attach integrations",
    .text =
        "available list           Print the integrations that can be "
        "registered.\n"
        "available describe ID    Print what an integration needs to know when "
        "it is\n"
        "                         registered, and when it is attached.\n"
        "registered add ID        Add a registration to the configuration.\n"
        "registered list          Print the registrations.\n"
        "registered delete NAME   Delete a registration that nothing is "
        "attached to.\n"
        "attached add             Attach a workflow to a registration.\n"
        "attached list            Print the attachments.\n"
        "attached delete NAME     Delete an attachment.\n"
        "\n"
        "ls is list, 'attached attach' is add, and 'attached detach' is "
        "delete. The id of a\n"
        "registration or of an attachment is its name.\n"
        "\n"
        "add and delete change the configuration file in place, and nothing "
        "else in it:\n"
        "comments and order remain as they are. The new file is validated "
        "first; the old one\n"
        "remains as FILE.bak. A running service applies the change by itself "
        "within seconds.\n"
        "Secrets are written to files in the directory secrets beside the "
        "configuration,\n"
        "which refers to them, unless the value is a reference like "
        "${env:NAME} already.\n"
        "Values on the command line are visible to other processes and in the "
        "history of\n"
        "the shell, so give secrets as KEY=@FILE or KEY=-.\n"
        "\n"
        "'registered add' asks the endpoint whether it would accept a "
        "delivery, as\n"
        "'waybill check --online' does, and registers nothing if not. If the "
        "file is\n"
        "read-only, as in a Kubernetes ConfigMap, the commands print what to "
        "write there.\n",
    .examples =
        "  waybill integration available list\n"
        "  waybill integration available describe --name oci-registry\n"
        "  waybill integration registered add oci-registry --name ghcr \\\n"
        "      --opt repository=ghcr.io/acme/attestations \\\n"
        "      --opt username=acme-bot --opt password=@token.txt\n"
        "  waybill integration attached add --integration ghcr \\\n"
        "      --project shop --workflow 'build-*' --opt prefix=shop\n"
        "  waybill integration attached list --project shop\n",
    .exit_statuses =
        "  0   success\n"
        "  1   what was named does not exist or is attached, or the endpoint "
        "refuses\n"
        "      deliveries\n"
        "  2   the command line is wrong\n"
        "  75  the endpoint could not be reached\n"
        "  77  the configuration is read-only; what to write there was "
        "printed\n"
        "  78  the configuration is wrong, or would be\n",
    .options = options,
    .verbs = followers,
    .run = run_integration,
};
