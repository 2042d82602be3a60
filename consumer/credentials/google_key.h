#ifndef WAYBILL_GOOGLE_KEY_H
#define WAYBILL_GOOGLE_KEY_H

#include "cloud.h"

/*
 * A file with Google credentials, as gcloud writes it, and the assertions and
 * forms that are derived from it for Google's token service.
 */
struct google_key {
    bool is_user; /* type authorized_user; otherwise service_account */
    char *email;  /* service account */
    struct secret private_key; /* PEM */
    char *key_id;              /* may be NULL */
    char *token_uri; /* the token service, and the audience of the assertion */
    char *client_id; /* user */
    struct secret client_secret;
    struct secret refresh_token;
};

int google_key_parse(const char *text, size_t len, struct google_key *ret_key,
                     struct error *err) NODISCARD;
void google_key_release(struct google_key *key);

/* Appends a self-signed JWT for `audience`, or for the scopes if that is NULL.
 */
int google_key_jwt(const struct google_key *key,
                   const struct credential_source *spec, int64_t now_s,
                   struct str *out, struct error *err) NODISCARD;
/* Appends the form body that requests an access token or an id token, and adds
 * its secrets to `sent`. */
int google_key_form(const struct google_key *key,
                    const struct credential_source *spec, int64_t now_s,
                    struct str *out, struct secret_set *sent,
                    struct error *err) NODISCARD;

#define GOOGLE_JWT_SECONDS 3600 /* the longest lifetime that Google accepts */
/* Appends the scopes, separated by `separator`; cloud-platform if there are
 * none. */
void google_append_scopes(struct str *out, const struct credential_source *spec,
                          const char *separator);

#endif
