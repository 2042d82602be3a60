#include "capabilities.h"

#include "errors.h"
#include "waybill/alloc.h"

/* Largest blob in bytes that is sent to find out whether single POST works. */
#define MAX_PROBE_BODY 4096

void capabilities_init(struct capabilities *capabilities, bool no_single_post)
{
    *capabilities = (struct capabilities){
        .single_post =
            no_single_post ? SINGLE_POST_REFUSED : SINGLE_POST_UNKNOWN,
    };
    TAILQ_INIT(&capabilities->learned_schemes);
}

static void learned_scheme_free(struct capabilities *capabilities,
                                struct learned_scheme *learned_scheme)
{
    TAILQ_REMOVE(&capabilities->learned_schemes, learned_scheme, link);
    challenge_release(&learned_scheme->challenge);
    mem_free(learned_scheme);
}

void capabilities_release(struct capabilities *capabilities)
{
    struct learned_scheme *learned_scheme;

    while ((learned_scheme = TAILQ_FIRST(&capabilities->learned_schemes)) !=
           NULL) {
        learned_scheme_free(capabilities, learned_scheme);
    }
    challenge_release(&capabilities->challenge);
}

/* --- how to authenticate -------------------------------------------------- */

static struct learned_scheme *learned_scheme_of(
    const struct capabilities *capabilities, const struct keychain *keychain)
{
    struct learned_scheme *learned_scheme;

    TAILQ_FOREACH(learned_scheme, &capabilities->learned_schemes, link)
    {
        if (learned_scheme->keychain == keychain) {
            break;
        }
    }
    return learned_scheme;
}

const struct challenge *capabilities_challenge(
    const struct capabilities *capabilities, const struct keychain *keychain)
{
    const struct learned_scheme *learned_scheme =
        learned_scheme_of(capabilities, keychain);

    return learned_scheme != NULL ? &learned_scheme->challenge
                                  : &capabilities->challenge;
}

void capabilities_learn_challenge(struct capabilities *capabilities,
                                  const struct keychain *keychain,
                                  const struct challenge *challenge)
{
    struct learned_scheme *learned_scheme =
        learned_scheme_of(capabilities, keychain);

    if (learned_scheme == NULL) {
        learned_scheme = mem_zalloc(sizeof(*learned_scheme));
        learned_scheme->keychain = keychain;
        TAILQ_INSERT_TAIL(&capabilities->learned_schemes, learned_scheme, link);
    }
    challenge_release(&learned_scheme->challenge);
    challenge_copy(&learned_scheme->challenge, challenge);
}

void capabilities_forget_challenge(struct capabilities *capabilities,
                                   const struct keychain *keychain)
{
    static const struct challenge unknown;

    capabilities_learn_challenge(capabilities, keychain, &unknown);
}

/* Removes the entries that were reset, so that the challenge of GET /v2/
 * applies. */
static void remove_reset_schemes(struct capabilities *capabilities)
{
    struct learned_scheme *next;

    for (struct learned_scheme *learned_scheme =
             TAILQ_FIRST(&capabilities->learned_schemes);
         learned_scheme != NULL; learned_scheme = next) {
        next = TAILQ_NEXT(learned_scheme, link);
        if (learned_scheme->challenge.scheme == AUTH_UNKNOWN) {
            learned_scheme_free(capabilities, learned_scheme);
        }
    }
}

bool capabilities_is_ping(const struct http_response *response)
{
    return response->status == 401 ||
           (response->status == 200 && !oci_is_web_page(response));
}

bool capabilities_has_answered_ping(const struct capabilities *capabilities)
{
    return capabilities->has_answered_ping;
}

bool capabilities_learn_ping(struct capabilities *capabilities,
                             const struct http_response *response)
{
    struct challenge *challenge = &capabilities->challenge;

    capabilities->ping_status = response != NULL ? response->status : 0;
    if (response == NULL) {
        return true;
    }
    if (capabilities_is_ping(response)) {
        capabilities->has_answered_ping = true;
        challenge_release(challenge);
    }
    if (response->status == 401) {
        challenge_read(response, challenge);
        if (challenge->scheme == AUTH_UNKNOWN) {
            return false;
        }
    }
    if (challenge->scheme == AUTH_UNKNOWN) {
        challenge->scheme = AUTH_NONE;
    }
    remove_reset_schemes(capabilities);
    return true;
}

/* --- how to upload -------------------------------------------------------- */

static bool is_known(enum single_post state)
{
    return state == SINGLE_POST_ACCEPTED || state == SINGLE_POST_REFUSED;
}

/* A POST with a blob may have failed because of the blob: a server that does
 * not read such a body closes the connection. So the next POST is sent without
 * a blob, and its response decides: if it is accepted, the blob was the reason;
 * if not, the registry has a problem and nothing is learned. */
static void note_post_result(struct capabilities *capabilities, bool with_blob,
                             int status)
{
    bool accepted = status / 100 == 2;

    /* 429 and 503 reject every request for a while, whatever its body. */
    if (is_known(capabilities->single_post) || status == 429 || status == 503) {
        return;
    }
    if (with_blob) {
        capabilities->single_post =
            accepted ? SINGLE_POST_UNKNOWN : SINGLE_POST_SUSPECT;
    } else if (capabilities->single_post == SINGLE_POST_SUSPECT) {
        capabilities->single_post =
            accepted ? SINGLE_POST_REFUSED : SINGLE_POST_UNKNOWN;
    }
}

/* A registry without single POST should answer 202; some reject the request. */
static bool is_unclear(int status)
{
    return status == 400 || status == 405 || status == 411 || status == 415 ||
           status == 422 || status == 501;
}

bool capabilities_learn_post(struct capabilities *capabilities, bool with_blob,
                             int status)
{
    note_post_result(capabilities, with_blob, status);
    if (!with_blob) {
        return false;
    }
    if (status == 201) {
        capabilities->single_post = SINGLE_POST_ACCEPTED;
    } else if (status / 100 == 2) {
        capabilities->single_post = SINGLE_POST_REFUSED;
    }
    /* Something in front of the registry may have answered, or a router that
     * does not know the query (404). Whether it was the blob, the POST without
     * it will show (note_post_result()). */
    return (is_unclear(status) || status == 404) &&
           capabilities->single_post != SINGLE_POST_ACCEPTED;
}

void capabilities_learn_lost_blob(struct capabilities *capabilities)
{
    capabilities->single_post = SINGLE_POST_REFUSED;
}

void capabilities_learn_max_chunk(struct capabilities *capabilities,
                                  size_t chunk)
{
    if (capabilities->max_chunk == 0 || chunk < capabilities->max_chunk) {
        capabilities->max_chunk = chunk;
    }
}

bool capabilities_use_single_post(const struct capabilities *capabilities,
                                  size_t len)
{
    return capabilities->single_post == SINGLE_POST_ACCEPTED ||
           (capabilities->single_post == SINGLE_POST_UNKNOWN &&
            len <= MAX_PROBE_BODY);
}

/* --- how to get a token --------------------------------------------------- */

void capabilities_learn_token_post(struct capabilities *capabilities,
                                   bool is_known)
{
    capabilities->no_token_post = !is_known;
}

void capabilities_learn_refresh_tokens(struct capabilities *capabilities,
                                       bool are_reusable)
{
    capabilities->reusable_refresh_tokens = are_reusable;
}
