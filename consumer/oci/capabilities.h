#ifndef WAYBILL_OCI_CAPABILITIES_H
#define WAYBILL_OCI_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "challenge.h"

/*
 * What this process has learned about one registry from its responses. It is
 * kept only here, in one table for each origin. Responses are reported with
 * capabilities_learn_*(), other code only reads, and only capabilities.c
 * writes. The table is an optimization: it starts empty with each process, and
 * a wrong entry costs a request, not a delivery.
 *
 *      learned                      from                      used by
 *      status and challenge         GET /v2/                  authorizer,
 *                                                             authorize
 *      challenge of a registration  its 401s                  authorizer
 *      single POST                  responses to blob POSTs   upload
 *      largest body                 413                       upload
 *      POST to the token server     404 and 405               exchange
 *      reusable refresh tokens      refresh token responses   exchange
 *
 * Kept elsewhere: what is known about a provider in advance (provider.h), hosts
 * that break HTTP/2 (http/hosts.c, for hosts of any kind), and whether a
 * credential is valid (credential_check.c for a password, session.c for a
 * refresh token).
 */

/* Whether the registry accepts a blob with the POST that opens the upload. */
enum single_post {
    SINGLE_POST_UNKNOWN, /* the next small blob will show */
    /* One POST with a blob failed; the next is sent without a blob and
     * decides. */
    SINGLE_POST_SUSPECT,
    SINGLE_POST_ACCEPTED,
    SINGLE_POST_REFUSED,
};

/* The challenge with which the registry answered one registration. It applies
 * to no other registration: some registries use a realm for each repository
 * (Artifactory), or answer a failure with one scheme with a challenge for the
 * other one (Harbor). */
struct learned_scheme {
    TAILQ_ENTRY(learned_scheme) link;
    /* the registration's; only compared, never dereferenced */
    const struct keychain *keychain;
    struct challenge challenge;
};

struct capabilities {
    int ping_status;            /* of the last GET /v2/; 0: no response */
    bool has_answered_ping;     /* once, as a registry does */
    struct challenge challenge; /* of GET /v2/ */
    TAILQ_HEAD(, learned_scheme) learned_schemes;
    enum single_post single_post;
    size_t max_chunk; /* larger bodies were rejected; 0: no limit known */
    /* Of its token servers. If there are several, they run the same
     * software. */
    bool no_token_post;
    bool reusable_refresh_tokens;
};

void capabilities_init(struct capabilities *capabilities, bool no_single_post);
void capabilities_release(struct capabilities *capabilities);

/* --- how to authenticate -------------------------------------------------- */

/* Reports the response to GET /v2/ without credentials, or NULL if there was
 * none. Returns false if the response was a 401 without a supported challenge.
 * A status other than 200 and 401 says nothing about authentication; the
 * request itself will show what is required. */
bool capabilities_learn_ping(struct capabilities *capabilities,
                             const struct http_response *response);
/* Whether a response to GET /v2/ is one that a registry gives. */
bool capabilities_is_ping(const struct http_response *response);
/* Whether the registry has given such a response before. */
bool capabilities_has_answered_ping(const struct capabilities *capabilities);
/* Reports the challenge of a 401 to a request of one registration. */
void capabilities_learn_challenge(struct capabilities *capabilities,
                                  const struct keychain *keychain,
                                  const struct challenge *challenge);
/* Reports that the authentication which the challenge requires could not be
 * obtained, so that GET /v2/ is sent again. */
void capabilities_forget_challenge(struct capabilities *capabilities,
                                   const struct keychain *keychain);
/* The challenge that applies to a registration; AUTH_UNKNOWN if GET /v2/ has to
 * be sent first. */
const struct challenge *capabilities_challenge(
    const struct capabilities *capabilities, const struct keychain *keychain);

/* --- how to upload -------------------------------------------------------- */

/* Reports the status of the response to a blob's POST, sent with or without the
 * blob; 0: no response, or none that is a registry's. Returns true if the
 * response may be due to the blob, so that the same blob should be sent again
 * without it: what that one is answered decides what is learned. */
bool capabilities_learn_post(struct capabilities *capabilities, bool with_blob,
                             int status);
/* Reports that a blob which was accepted with its POST is missing later. */
void capabilities_learn_lost_blob(struct capabilities *capabilities);
/* Reports that a body larger than `chunk` bytes was rejected with 413. */
void capabilities_learn_max_chunk(struct capabilities *capabilities,
                                  size_t chunk);
/* Whether a blob of `len` bytes should be sent with its POST. */
bool capabilities_use_single_post(const struct capabilities *capabilities,
                                  size_t len);

/* --- how to get a token --------------------------------------------------- */

void capabilities_learn_token_post(struct capabilities *capabilities,
                                   bool is_known);
void capabilities_learn_refresh_tokens(struct capabilities *capabilities,
                                       bool are_reusable);

#endif
