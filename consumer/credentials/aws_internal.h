#ifndef WAYBILL_AWS_INTERNAL_H
#define WAYBILL_AWS_INTERNAL_H

#include "cloud.h"

/* What the files of AWS share: one signed call, and where its keys come from.
 */

/* --- aws_host.c: what a registry's name says ---------------------------------
 */

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

/* --- aws_text.c: two old formats
 * ----------------------------------------------
 */

struct aws_keys {
    char *id;
    char *secret;
    char *session; /* may be NULL */
    char *file;    /* they were read from; may be NULL */
    struct file_stamp stamp;
};
void aws_keys_release(struct aws_keys *keys); /* wipes */
/* Takes copies; -1 when one is missing or no key at all */
int aws_keys_set(struct aws_keys *keys, const char *where, const char *id,
                 const char *secret, const char *session,
                 struct error *err) NODISCARD;

enum aws_profile { AWS_PROFILE_FOUND, AWS_PROFILE_ABSENT, AWS_PROFILE_FAULTY };
/* Of a shared credentials file */
enum aws_profile aws_profile_read(const char *text, const char *profile,
                                  struct aws_keys *keys, struct error *err);
/* The text of the first element at that path (from the document's element on;
 * ends with NULL); false: there is none, or it is not the XML that AWS sends.
 */
bool aws_xml_text(const char *xml, const char *const *path, struct str *out);

/* --- aws_call.c: one call ----------------------------------------------------
 */

/* Exactly one of both, or neither: there are no keys here, and call->why. It
 * may be called from inside aws_call_start(). */
typedef void aws_call_fn(void *payload, const struct json *answer,
                         const struct error *err);

struct aws_call {
    const struct keychain_env *env;
    const struct credential_source *spec;
    struct aws_place place;
    struct aws_keys keys;
    const char *action; /* GetAuthorizationToken */
    struct str body;    /* JSON */
    aws_call_fn *done;
    void *payload;
    struct http_transfer *transfer; /* the one under way */
    const char *why;
    /* While keys are looked for */
    struct str url;
    struct str token; /* a header's line, or a form; secret */
    bool must_answer;
};

void aws_call_init(struct aws_call *call, const struct keychain_env *env,
                   const struct credential_source *spec, const char *action,
                   aws_call_fn *done, void *payload);
void aws_call_release(struct aws_call *call); /* cancels what is under way */

/* One of these ends the search for keys. */
void aws_call_ready(struct aws_call *call); /* call->keys are there */
void aws_call_nothing(struct aws_call *call, const char *why);
void aws_call_fail(struct aws_call *call, const struct error *err);

/* --- aws_keys.c, aws_metadata.c: keys
 * ------------------------------------------
 */

/* Finds the place and the keys, then sends the request. */
void aws_call_start(struct aws_call *call, const char *registry);
/* The container's endpoint, if there is one, else the instance's */
void aws_machine_keys_find(struct aws_call *call);

#endif
