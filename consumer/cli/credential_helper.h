#ifndef WAYBILL_CREDENTIAL_HELPER_H
#define WAYBILL_CREDENTIAL_HELPER_H

#include <stddef.h>

#include "waybill/error.h"
#include "waybill/str.h"

/*
 * The credential helper protocol that Bazel and others speak (EngFlow's
 * credential-helper-spec): a program says which URI it is about to ask for, and
 * is told which headers to send along. For registries, with what credentials/
 * finds and a token that may pull; for everything else the answer is no header
 * at all, since Bazel asks about every URL that it fetches.
 *
 *     {"uri": "https://ghcr.io/v2/acme/tool/blobs/sha256:..."}
 *     {"expires": "...", "headers": {"Authorization": ["Bearer ..."], ...}}
 *
 * Which registries, and where their credentials come from, is in the file of
 * tweag/credential-helper (.tweag-credential-helper.json) and in its
 * environment variables. Not in config.yaml: this is no part of the service.
 *
 * Turns a loop of its own, and so blocks; for a program that does nothing else.
 */

struct helper_answer {
    struct str json; /* one line; a secret: str_wipe() */
    /* What was decided, and why, for people: lines; empty unless
     * $CREDENTIAL_HELPER_LOGGING asks for them */
    struct str notes;
};

#define HELPER_ANSWER_INIT                                                     \
    {                                                                          \
        .json = STR_INIT(STR_UNLIMITED), .notes = STR_INIT(STR_UNLIMITED)      \
    }
void helper_answer_release(struct helper_answer *answer);
/* Appends to both; to the notes also when it fails. */
int helper_get(const char *request, size_t len, struct helper_answer *answer,
               struct error *err) NODISCARD;

#endif
