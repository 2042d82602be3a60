#ifndef WAYBILL_CREDENTIALS_AWS_HOST_H
#define WAYBILL_CREDENTIALS_AWS_HOST_H

#include "waybill/credentials.h"

/* What a registry's name says of where it is in AWS, and which services answer
 * for it there */

#define AWS_ACCOUNT 12
#define AWS_MAX_REGION 40

struct aws_host {
    bool is_public;                /* ECR Public */
    bool is_known;                 /* the name is one of ECR's */
    char account[AWS_ACCOUNT + 1]; /* "" where the name has none */
    char region[AWS_MAX_REGION + 1];
    char api[160]; /* URL */
    char sts[160]; /* URL */
};

/* Only what the name says; false: it is none of ECR's. */
bool aws_host_parse(const char *registry, struct aws_host *ret_host);
/* With what the configuration and the environment say */
int aws_host_find(const char *registry, const struct credential_source *spec,
                  struct aws_host *ret_host, struct error *err) NODISCARD;

#endif
