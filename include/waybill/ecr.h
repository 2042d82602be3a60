#ifndef WAYBILL_ECR_H
#define WAYBILL_ECR_H

#include "waybill/credentials.h"

/*
 * Creates repositories in Amazon ECR and ECR Public, which, unlike other
 * registries, reject a push to a repository that does not exist. Loop thread
 * only.
 */
struct aws_creation;

/* err is NULL if the repository was created or existed before. */
typedef void aws_created_fn(void *payload, const struct error *err);

/* Calls CreateRepository. `spec` is the registration's `aws` source, or NULL
 * for one without any keys. `path` is the repository's name without the host.
 * All arguments must stay valid until done(), which is called exactly once,
 * from the loop, unless the operation is cancelled. */
struct aws_creation *aws_create_repository_start(
    const struct network *network, const struct credential_source *spec,
    const char *registry, const char *path, aws_created_fn *done,
    void *payload);
void aws_create_repository_cancel(struct aws_creation *creation);

#endif
