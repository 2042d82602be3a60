#ifndef WAYBILL_HELPER_INTERNAL_H
#define WAYBILL_HELPER_INTERNAL_H

#include <stdbool.h>

#include "credential_helper.h"
#include "waybill/arena.h"
#include "waybill/compiler.h"
#include "waybill/credentials.h"
#include "waybill/oci.h"

/* --- helper_uri.c: what is asked for
 * ------------------------------------------------- */

struct helper_uri {
    const char *scheme; /* lower case, as all of a URI that has no case */
    const char *host;   /* host[:port], as it came */
    const char *path;   /* with escapes undone; without query */
};

int helper_uri_parse(const char *text, struct arena *arena,
                     struct helper_uri *ret_uri, struct error *err) NODISCARD;
/* The name under which credentials are kept: no port where it is the scheme's
 * own, and one name for all that Docker Hub has */
const char *helper_registry_of(const struct helper_uri *uri,
                               struct arena *arena);
/* <name> of /v2/<name>/(blobs|manifests|referrers)/... and /tags/list; NULL:
 * not a request that a registry's token is for */
const char *helper_repository_of(const struct helper_uri *uri,
                                 struct arena *arena);

/* --- helper_paths.c: where files are
 * ------------------------------------------------- */

/* Undoes %workspace%, %workdir%, %tmp%, %cache% or ~ at the front. */
int helper_expand(const char *path, struct arena *arena, const char **ret_path,
                  struct error *err) NODISCARD;
/* The configuration file's, whether it is there or not */
int helper_config_path(struct arena *arena, const char **ret_path,
                       struct error *err) NODISCARD;

/* --- helper_config.c: the configuration file
 * ----------------------------------------- */

/* A row of `urls`; what is NULL matches everything. */
struct helper_url {
    const char *scheme;
    const char *host; /* glob */
    const char *path; /* glob */
    const char *helper;
    /* of helper oci */
    bool parse_docker_config;
    enum oci_exchange exchange;
    const struct credential_source *sources;
    size_t source_count;
};

struct helper_config {
    const struct helper_url *urls;
    size_t count;
};

/* Paths in it start at the file's folder. *ret_found false: there is no such
 * file. */
int helper_config_load(const char *path, struct arena *arena,
                       struct helper_config *ret_config, bool *ret_found,
                       struct error *err) NODISCARD;
/* The first row that matches; NULL: none */
const struct helper_url *helper_config_find(const struct helper_config *config,
                                            const struct helper_uri *uri);

/* --- helper_choose.c: whether there is something to say
 * ------------------------------ */

enum helper_level { HELPER_SILENT, HELPER_BASIC, HELPER_DEBUG };

struct helper_notes {
    enum helper_level level;
    struct str *out;
};

void helper_note(const struct helper_notes *notes, enum helper_level level,
                 const char *format, ...) PRINTF(3, 4);

struct helper_choice {
    const char *registry;
    const char *repository; /* NULL: no header is to be sent */
    bool https;
    bool plain_http_allowed;
    const struct helper_url *url;
};

/* config is NULL where there is no file. */
int helper_choose(const struct helper_config *config,
                  const struct helper_uri *uri, struct arena *arena,
                  const struct helper_notes *notes,
                  struct helper_choice *ret_choice,
                  struct error *err) NODISCARD;

/* --- helper_authorize.c: the headers
 * ------------------------------------------------- */

int helper_authorize(const struct helper_choice *choice, struct arena *arena,
                     const struct helper_notes *notes, struct str *json,
                     struct error *err) NODISCARD;

#endif
