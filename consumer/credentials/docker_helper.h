#ifndef WAYBILL_CREDENTIALS_DOCKER_HELPER_H
#define WAYBILL_CREDENTIALS_DOCKER_HELPER_H

#include "waybill/credentials.h"

/* Runs one Docker credential helper (the `get` command). Loop thread only. */

#define DOCKER_HELPER_PREFIX "docker-credential-"

struct docker_helper;
/* Called exactly once, from the loop. `found`, whose contents the callee may
 * take, or `err` is set; both are NULL if the helper has no entry. */
typedef void docker_helper_fn(void *payload, struct credential *found,
                              const struct error *err);

/* `name` is the part after docker-credential-. Fails if it contains characters
 * that a helper's name may not. */
int docker_helper_start(struct loop *loop, const char *name,
                        const char *registry, docker_helper_fn *done,
                        void *payload, struct docker_helper **ret_helper,
                        struct error *err) NODISCARD;
void docker_helper_cancel(struct docker_helper *helper);
/* Appends ": " and the first line of the program's error message. It stops
 * where JSON begins, because that could be the secret. */
void append_program_message(struct str *out, const struct str *output,
                            const struct str *errors);

#endif
