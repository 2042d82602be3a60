#ifndef WAYBILL_CREDENTIALS_AWS_HOST_H
#define WAYBILL_CREDENTIALS_AWS_HOST_H

#include "waybill/credentials.h"

/* Derives the AWS account, the region and the API endpoints of ECR from a
 * registry's host name. */

#define AWS_ACCOUNT 12
#define AWS_MAX_REGION 40

struct aws_host {
    bool is_public;                /* ECR Public */
    bool is_known;                 /* the host name belongs to ECR */
    char account[AWS_ACCOUNT + 1]; /* "" if the name does not contain it */
    char region[AWS_MAX_REGION + 1];
    char api[160]; /* URL */
    char sts[160]; /* URL */
};

/* Uses the host name alone. Returns false if it is not an ECR host name. */
bool aws_host_parse(const char *registry, struct aws_host *ret_host);
/* Adds the configuration and the environment: the region, and endpoints that
 * override the usual ones. Host names outside ECR (a proxy) are treated as a
 * private registry. */
int aws_host_resolve(const char *registry, const struct credential_source *spec,
                     struct aws_host *ret_host, struct error *err) NODISCARD;

#endif
