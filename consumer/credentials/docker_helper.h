#ifndef WAYBILL_CREDENTIALS_DOCKER_HELPER_H
#define WAYBILL_CREDENTIALS_DOCKER_HELPER_H

#include "waybill/credentials.h"

/* One question to one credential helper of Docker's: a program that is run, and
 * asked on its standard input. Loop thread only. */

#define DOCKER_HELPER_PREFIX "docker-credential-"

struct docker_helper;
/* Later, once: found (take it), failed, or both NULL: it has none. */
typedef void docker_helper_fn(void *payload, struct credential *found,
                              const struct error *err);

/* -1: it has no name that may be run. `name` is what follows
 * docker-credential-. */
int docker_helper_start(struct loop *loop, const char *name,
                        const char *registry, docker_helper_fn *done,
                        void *payload, struct docker_helper **ret_helper,
                        struct error *err) NODISCARD;
void docker_helper_cancel(struct docker_helper *helper);
/* The start of what a program complained of, for a message; never from where
 * JSON begins, which may be the answer after all. */
void helper_arguments(struct str *out, const struct str *output,
                      const struct str *errors);

#endif
