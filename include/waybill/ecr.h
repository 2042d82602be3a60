#ifndef WAYBILL_ECR_H
#define WAYBILL_ECR_H

#include "waybill/credentials.h"

/*
 * A repository of Amazon ECR or ECR Public, which must be made before it can be
 * pushed to. Loop thread only.
 */
struct aws_creation;

/* err is NULL: it is there now, or was already. */
typedef void aws_created_fn(void *payload, const struct error *err);

/* `spec` is the registration's source `aws`; NULL: as one with no keys. `path`
 * is the repository's name behind the host. All of it must last until done(),
 * which is called once, later, from the loop. */
struct aws_creation *aws_create_repository_start(
    const struct network *network, const struct credential_source *spec,
    const char *registry, const char *path, aws_created_fn *done,
    void *payload);
void aws_create_repository_cancel(struct aws_creation *creation);

#endif
