#include <string.h>

#include "integration_internal.h"
#include "waybill/suggest.h"

/* What the command line names: an entry of the file, or a kind of integration
 */

const char *integration_operand(const struct cli_args *args,
                                const char *operand, const char *const *names,
                                const char *what)
{
    for (; *names != NULL; names++) {
        const char *value = args_option(args, *names);

        if (value != NULL && operand != NULL) {
            usage_error(INTEGRATION, "both '%s' and %s %s were given", operand,
                        *names, value);
            return NULL;
        }
        operand = value != NULL ? value : operand;
    }
    if (operand == NULL) {
        usage_error(INTEGRATION, "%s is missing", what);
    }
    return operand;
}

const struct integration_fields *integration_kind(const char *kind)
{
    CLEANUP(str_release) struct str list = STR_INIT(STR_UNLIMITED);
    struct suggestion near;

    suggest_init(&near, kind);
    for (size_t i = 0; integration_table[i] != NULL; i++) {
        if (strcmp(integration_table[i]->kind, kind) == 0) {
            return integration_table[i];
        }
        suggest_offer(&near, integration_table[i]->kind);
        str_printf(&list, "%s%s", i > 0 ? ", " : "",
                   integration_table[i]->kind);
    }
    if (near.nearest != NULL) {
        usage_error(INTEGRATION,
                    "there is no integration '%s' (did you mean '%s'?)", kind,
                    near.nearest);
    } else {
        usage_error(INTEGRATION,
                    "there is no integration '%s'; the integrations are %s",
                    kind, list.data);
    }
    return NULL;
}
