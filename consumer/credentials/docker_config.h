#ifndef WAYBILL_CREDENTIALS_DOCKER_CONFIG_H
#define WAYBILL_CREDENTIALS_DOCKER_CONFIG_H

#include "waybill/credentials.h"

/*
 * Looks up a repository in a Docker config (config.json, auth.json of
 * containers/image): the credential helper to query, or the credential itself.
 * Pure functions.
 */
struct docker_entry {
    char *helper;    /* queried first; NULL: none */
    const char *via; /* "credHelpers" or "credsStore" */
    /* From `auths`, for when there is no helper or it has no entry; may be
     * empty */
    struct credential credential;
};

/* Both members are empty if the config has no entry for the repository. `path`
 * may be NULL. */
int docker_config_lookup(const char *text, size_t len, const char *registry,
                         const char *path, struct docker_entry *ret_entry,
                         struct error *err) NODISCARD;
void docker_entry_release(struct docker_entry *entry); /* wipes the secrets */
/* The server name under which Docker stores the credentials of a registry, and
 * which it passes to helpers */
const char *docker_server(const char *registry);

#endif
