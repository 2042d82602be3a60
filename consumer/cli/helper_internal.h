#ifndef WAYBILL_HELPER_INTERNAL_H
#define WAYBILL_HELPER_INTERNAL_H

#include <stdbool.h>

#include "credential_helper.h"
#include "waybill/arena.h"
#include "waybill/compiler.h"
#include "waybill/credentials.h"
#include "waybill/oci.h"

/* --- helper_uri.c: the URI of the request --------------------------------- */

struct helper_uri {
    const char *scheme; /* in lower case, like the host */
    const char *host;   /* host[:port] */
    const char *path;   /* percent-decoded; without query and fragment */
};

int helper_uri_parse(const char *text, struct arena *arena,
                     struct helper_uri *ret_uri, struct error *err) NODISCARD;
/* The name that credentials are stored under: without the default port of
 * the scheme, and with one canonical name for all hosts of Docker Hub. */
const char *helper_registry_of(const struct helper_uri *uri,
                               struct arena *arena);
/* <name> of /v2/<name>/(blobs|manifests|referrers)/... and
 * /v2/<name>/tags/list. NULL when it is not a request that needs pull scope. */
const char *helper_repository_of(const struct helper_uri *uri,
                                 struct arena *arena);

/* --- helper_paths.c: paths of files --------------------------------------- */

/* Expands %workspace%, %workdir%, %tmp%, %cache% or ~ at the start of a
 * path. */
int helper_expand(const char *path, struct arena *arena, const char **ret_path,
                  struct error *err) NODISCARD;
/* The path of the configuration file, whether or not the file exists */
int helper_config_path(struct arena *arena, const char **ret_path,
                       struct error *err) NODISCARD;

/* --- helper_config.c: the configuration file ------------------------------ */

/* An entry of `urls`. A NULL scheme, host or path matches everything. */
struct helper_url {
    const char *scheme;
    const char *host; /* glob */
    const char *path; /* glob */
    const char *helper;
    /* Of the helper oci only: */
    bool parse_docker_config;
    enum oci_exchange exchange;
    const struct credential_source *sources;
    size_t source_count;
};

struct helper_config {
    const struct helper_url *urls;
    size_t count;
};

/* Relative paths in the file are relative to its directory. *ret_found is
 * false when the file does not exist, which is not an error. The result
 * lives in the arena. */
int helper_config_load(const char *path, struct arena *arena,
                       struct helper_config *ret_config, bool *ret_found,
                       struct error *err) NODISCARD;
/* The first entry that matches the URI, or NULL */
const struct helper_url *helper_config_find(const struct helper_config *config,
                                            const struct helper_uri *uri);

/* --- helper_choose.c: whether credentials are sent ------------------------ */

enum helper_level { HELPER_SILENT, HELPER_BASIC, HELPER_DEBUG };

struct helper_notes {
    enum helper_level level;
    struct str *out;
};

void helper_note(const struct helper_notes *notes, enum helper_level level,
                 const char *format, ...) PRINTF(3, 4);

struct helper_choice {
    const char *registry;
    const char *repository; /* NULL: no headers are sent */
    bool https;
    bool plain_http_allowed;
    const struct helper_url *url;
};

/* config is NULL when there is no configuration file. Fails with
 * ERROR_CONFIG for a helper that is not supported, and with ERROR_REJECTED
 * for a scheme that credentials must not be sent over. */
int helper_choose(const struct helper_config *config,
                  const struct helper_uri *uri, struct arena *arena,
                  const struct helper_notes *notes,
                  struct helper_choice *ret_choice,
                  struct error *err) NODISCARD;

/* --- helper_authorize.c: the headers -------------------------------------- */

int helper_authorize(const struct helper_choice *choice, struct arena *arena,
                     const struct helper_notes *notes, struct str *json,
                     struct error *err) NODISCARD;

#endif
