#ifndef WAYBILL_CREDENTIALS_DOCKER_CONFIG_H
#define WAYBILL_CREDENTIALS_DOCKER_CONFIG_H

#include "waybill/credentials.h"

/*
 * What a docker config (config.json, auth.json of containers/image) says of a
 * repository: which helper is asked, or the credential itself. Pure.
 */
struct docker_entry {
    char *helper;    /* is asked first; NULL: none */
    const char *via; /* "credHelpers" or "credsStore" */
    /* Of `auths`, when there is no helper or it has nothing; may be empty */
    struct credential credential;
};

/* Both empty when nothing there is for that repository; path may be NULL. */
int docker_config_lookup(const char *text, size_t len, const char *registry,
                         const char *path, struct docker_entry *ret_entry,
                         struct error *err) NODISCARD;
void docker_entry_release(struct docker_entry *entry); /* wipes */
/* What docker files the registry's credentials under, and asks helpers for */
const char *docker_server(const char *registry);

#endif
