#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_internal.h"
#include "waybill/provider.h"

/* Decides whether a URI belongs to a registry that credentials may be sent
 * to. A configuration file decides that alone; without one, only well-known
 * registries qualify. */

/* Helpers that tweag/credential-helper supports in addition to `oci` and
 * `null` */
static const char *const unsupported_helpers[] = {
    "s3", "gcs", "gar", "azstorage", "github", "remoteapis", NULL};

void helper_note(const struct helper_notes *notes, enum helper_level level,
                 const char *format, ...)
{
    char line[1024];
    va_list args;

    if (notes->level < level) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    str_printf(notes->out, "%s\n", line);
}

static int refuse_helper(const char *helper, struct error *err)
{
    for (const char *const *other = unsupported_helpers; *other != NULL;
         other++) {
        if (strcmp(*other, helper) == 0) {
            return error_set(err, ERROR_CONFIG,
                             "helper '%s' is not for OCI registries, which are "
                             "all that waybill supports%s",
                             *other,
                             strcmp(*other, "gar") == 0
                                 ? " (those at *.pkg.dev: helper oci)"
                                 : "");
        }
    }
    return error_set(err, ERROR_CONFIG,
                     "the configuration file names an unknown helper for this "
                     "uri (the known ones are oci and null)");
}

/* Returns 1 if the file says that the URI belongs to a registry, 0 if not,
 * -1 on error. */
static int apply_config(const struct helper_config *config,
                        const struct helper_uri *uri,
                        const struct helper_notes *notes,
                        struct helper_choice *choice, struct error *err)
{
    choice->url = helper_config_find(config, uri);
    if (choice->url == NULL || strcmp(choice->url->helper, "null") == 0) {
        helper_note(notes, HELPER_BASIC, "%s: %s", uri->host,
                    choice->url ? "the configuration file selects null"
                                : "no entry of the configuration file matches");
        return 0;
    }
    return strcmp(choice->url->helper, "oci") == 0
               ? 1
               : refuse_helper(choice->url->helper, err);
}

static bool is_guessing_enabled(void)
{
    const char *value = getenv("CREDENTIAL_HELPER_GUESS_OCI_REGISTRY");

    return value != NULL && strcmp(value, "1") == 0;
}

static bool is_well_known(const char *registry,
                          const struct helper_notes *notes)
{
    if (provider_of(registry)->well_known || is_guessing_enabled()) {
        return true;
    }
    helper_note(notes, HELPER_BASIC,
                "%s: not a well-known registry (add an entry to the "
                "configuration file, or set "
                "CREDENTIAL_HELPER_GUESS_OCI_REGISTRY=1 to accept any host)",
                registry);
    return false;
}

static int check_scheme(const struct helper_uri *uri,
                        struct helper_choice *choice, struct error *err)
{
    const struct helper_url *url = choice->url;

    choice->https = strcmp(uri->scheme, "https") == 0;
    if (choice->https) {
        return 0;
    }
    if (strcmp(uri->scheme, "http") != 0) {
        return error_set(err, ERROR_REJECTED, "uri: a registry requires https");
    }
    choice->plain_http_allowed =
        url != NULL && url->scheme != NULL && strcmp(url->scheme, "http") == 0;
    if (!choice->plain_http_allowed &&
        !oci_registry_is_loopback(choice->registry)) {
        return error_set(
            err, ERROR_REJECTED,
            "uri: credentials are not sent to '%s' by plain http (an entry of "
            "the configuration file with \"scheme\": \"http\" permits it)",
            choice->registry);
    }
    return 0;
}

int helper_choose(const struct helper_config *config,
                  const struct helper_uri *uri, struct arena *arena,
                  const struct helper_notes *notes,
                  struct helper_choice *ret_choice, struct error *err)
{
    struct helper_choice choice = {
        .registry = helper_registry_of(uri, arena),
    };
    int is_registry = config != NULL
                          ? apply_config(config, uri, notes, &choice, err)
                          : is_well_known(choice.registry, notes);

    if (is_registry < 0) {
        return -1;
    }
    if (is_registry) {
        choice.repository = helper_repository_of(uri, arena);
    }
    if (is_registry && choice.repository == NULL) {
        helper_note(notes, HELPER_DEBUG,
                    "%s: not a blob, a manifest, a list of tags or of "
                    "referrers",
                    choice.registry);
    }
    if (choice.repository != NULL && check_scheme(uri, &choice, err) < 0) {
        return -1;
    }
    *ret_choice = choice;
    return 0;
}
