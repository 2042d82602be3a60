#ifndef WAYBILL_OCI_CAPABILITIES_H
#define WAYBILL_OCI_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "challenge.h"

/*
 * What this process has learned about one registry from its answers: the only
 * place where that is kept, one table for each origin. Answers are reported
 * with capabilities_learn_*(); everything else asks or reads, and nothing but
 * capabilities.c writes. All of it is a shortcut: the table begins empty with
 * each process, and a wrong entry costs a request, not a delivery.
 *
 *     learned                      from                      used by
 *     status and challenge         GET /v2/                  authorizer,
 * authorize challenge of a registration  its 401s                  authorizer
 *     single POST                  answers to blob POSTs     upload
 *     largest body                 413                       upload
 *     POST to the token server     404 and 405               exchange
 *     reusable refresh tokens      answers to refresh tokens exchange
 *
 * Not here: what a provider's row says beforehand (provider.h), which hosts
 * break HTTP/2 (http/hosts.c, for hosts of any kind), and what became of a
 * credential (trial.c for a password, session.c for a refresh token).
 */

/* Whether the registry takes a blob with the POST that opens the upload */
enum single_post {
    SINGLE_POST_UNKNOWN, /* the next small blob finds out */
    SINGLE_POST_SUSPECT, /* one failed: the next goes without, and decides */
    SINGLE_POST_ACCEPTED,
    SINGLE_POST_REFUSED,
};

/* The challenge that one registration was answered with. It is no other's: some
 * registries have a realm for each repository (Artifactory), or answer one who
 * fails by one scheme with the other (Harbor). */
struct learned_scheme {
    TAILQ_ENTRY(learned_scheme) link;
    const struct keychain *keychain; /* the registration's; only compared */
    struct challenge challenge;
};

struct capabilities {
    int ping_status; /* of the last GET /v2/; 0: there was no answer */
    struct challenge challenge; /* of GET /v2/ */
    TAILQ_HEAD(, learned_scheme) learned_schemes;
    enum single_post single_post;
    size_t max_chunk; /* larger bodies were refused; 0: none was */
    /* Of its token servers, which are of one make even where there are several
     */
    bool no_token_post;
    bool reusable_refresh_tokens;
};

void capabilities_init(struct capabilities *capabilities, bool no_single_post);
void capabilities_release(struct capabilities *capabilities);

/* --- how to authenticate ---------------------------------------------------
 */

/* The answer to GET /v2/ without credentials; NULL: there was none. False: it
 * was a 401 whose challenge is not known. Any status but 200 and 401 says
 * nothing about authentication: the request itself will show. */
bool capabilities_learn_ping(struct capabilities *capabilities,
                             const struct http_response *response);
/* A registration's request was answered with 401. */
void capabilities_learn_challenge(struct capabilities *capabilities,
                                  const struct keychain *keychain,
                                  const struct challenge *challenge);
/* What the challenge asks for could not be had: GET /v2/ is asked once more. */
void capabilities_forget_challenge(struct capabilities *capabilities,
                                   const struct keychain *keychain);
/* What holds for a registration; AUTH_UNKNOWN: GET /v2/ has to be asked */
const struct challenge *capabilities_challenge(
    const struct capabilities *capabilities, const struct keychain *keychain);

/* --- how to upload ---------------------------------------------------------
 */

/* A blob's POST, with the blob or without it, was answered; status 0: it was
 * not. True: the registry does not understand a POST with a blob, and the same
 * blob is worth another one without. */
bool capabilities_learn_post(struct capabilities *capabilities, bool with_blob,
                             int status);
/* A blob that was accepted with its POST is missing later. */
void capabilities_learn_loss(struct capabilities *capabilities);
/* A larger body than this was refused with 413. */
void capabilities_learn_max_chunk(struct capabilities *capabilities,
                                  size_t chunk);
/* Whether a blob of `len` bytes goes with its POST */
bool capabilities_use_single_post(const struct capabilities *capabilities,
                                  size_t len);

/* --- how to get a token ----------------------------------------------------
 */

void capabilities_learn_token_post(struct capabilities *capabilities,
                                   bool is_known);
void capabilities_learn_refresh_tokens(struct capabilities *capabilities,
                                       bool are_reusable);

#endif
