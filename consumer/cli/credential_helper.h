#ifndef WAYBILL_CREDENTIAL_HELPER_H
#define WAYBILL_CREDENTIAL_HELPER_H

#include <stddef.h>

#include "waybill/error.h"
#include "waybill/secret.h"
#include "waybill/str.h"

/*
 * Implements the credential helper protocol of Bazel and other tools (EngFlow's
 * credential-helper-spec): a client passes the URI that it is about to request
 * and receives the headers to send. For registries these carry credentials from
 * credentials/ or a token with pull scope. For any other URI the response has
 * no headers, since Bazel asks about every URL that it fetches.
 *
 *     {"uri": "https://ghcr.io/v2/acme/tool/blobs/sha256:..."}
 *     {"expires": "...", "headers": {"Authorization": ["Bearer ..."], ...}}
 *
 * The registries and the sources of their credentials are configured by the
 * file of tweag/credential-helper (.tweag-credential-helper.json) and by its
 * environment variables, not by config.yaml: the helper is not part of the
 * service.
 *
 * It runs an event loop of its own and blocks until the response is complete.
 */

struct helper_answer {
    struct secret json; /* one line */
    /* One line per decision, with the reason; empty unless
     * $CREDENTIAL_HELPER_LOGGING enables it. */
    struct str notes;
};

#define HELPER_ANSWER_INIT                                                     \
    {                                                                          \
        .json = SECRET_INIT(STR_UNLIMITED), .notes = STR_INIT(STR_UNLIMITED)   \
    }
void helper_answer_release(struct helper_answer *answer);
/* Appends to both members of *answer. The notes are appended to even on
 * failure. It fails with ERROR_SCHEMA (malformed request), ERROR_CONFIG,
 * ERROR_REJECTED, or the error of the authorization. */
int helper_get(const char *request, size_t len, struct helper_answer *answer,
               struct error *err) NODISCARD;

#endif
