#ifndef WAYBILL_CREDENTIALS_AWS_HOST_H
#define WAYBILL_CREDENTIALS_AWS_HOST_H

#include "waybill/credentials.h"

/* What a registry's name says of where it is in AWS, and which services answer
 * for it there */

#define AWS_ACCOUNT 12
#define AWS_MOST_REGION 40

struct aws_place {
    bool is_public;                /* ECR Public */
    bool is_known;                 /* the name is one of ECR's */
    char account[AWS_ACCOUNT + 1]; /* "" where the name has none */
    char region[AWS_MOST_REGION + 1];
    char api[160]; /* URL */
    char sts[160]; /* URL */
};

/* Only what the name says; false: it is none of ECR's. */
bool aws_place_parse(const char *registry, struct aws_place *ret_place);
/* With what the configuration and the environment say */
int aws_place_find(const char *registry, const struct credential_source *spec,
                   struct aws_place *ret_place, struct error *err) NODISCARD;

#endif
