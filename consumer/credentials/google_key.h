#ifndef WAYBILL_GOOGLE_KEY_H
#define WAYBILL_GOOGLE_KEY_H

#include "cloud.h"

/*
 * A file with Google credentials, as gcloud writes it, and what is said with it
 * to Google's token service.
 */
struct google_key {
    bool is_user;              /* type authorized_user, else service_account */
    char *email;               /* service account */
    struct secret private_key; /* PEM */
    char *key_id;              /* may be NULL */
    char *token_uri;           /* where to, and what the assertion is for */
    char *client_id;           /* user */
    struct secret client_secret;
    struct secret refresh_token;
};

int google_key_parse(const char *text, size_t len, struct google_key *ret_key,
                     struct error *err) NODISCARD;
void google_key_release(struct google_key *key);

/* A token that the key's owner makes for itself: for `audience`, or when that
 * is NULL, for the scopes. */
int google_key_jwt(const struct google_key *key,
                   const struct credential_source *spec, int64_t now_s,
                   struct str *out, struct error *err) NODISCARD;
/* The form that asks for an access token or an id token, and the secrets in it
 */
int google_key_form(const struct google_key *key,
                    const struct credential_source *spec, int64_t now_s,
                    struct str *out, struct secret_set *sent,
                    struct error *err) NODISCARD;

#define GOOGLE_JWT_SECONDS 3600 /* as long as Google takes one */
/* Scopes with `between` in between; cloud-platform when there are none */
void google_append_scopes(struct str *out, const struct credential_source *spec,
                          const char *between);

#endif
