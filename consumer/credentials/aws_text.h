#ifndef WAYBILL_CREDENTIALS_AWS_TEXT_H
#define WAYBILL_CREDENTIALS_AWS_TEXT_H

#include "waybill/credentials.h"

/* Parsers for the two text formats in which AWS supplies keys: the INI syntax
 * of the shared credentials file, and the XML of STS. Pure functions. */

struct aws_keys {
    char *id;
    struct secret secret;
    struct secret session; /* optional */
    char *file;            /* the file they were read from; may be NULL */
    struct file_stamp stamp;
};
void aws_keys_release(struct aws_keys *keys);
/* Copies the arguments. Fails if the id or the secret is missing, or if one of
 * the three contains characters that cannot occur in a key. `where` names their
 * origin for the message. */
int aws_keys_set(struct aws_keys *keys, const char *where, const char *id,
                 const char *secret, const char *session,
                 struct error *err) NODISCARD;

enum aws_profile { AWS_PROFILE_FOUND, AWS_PROFILE_ABSENT, AWS_PROFILE_FAULTY };
/* Reads one profile of a shared credentials file. */
enum aws_profile aws_profile_read(const char *text, const char *profile,
                                  struct aws_keys *keys, struct error *err);
/* Appends the text of the first element at `path`, which lists element names
 * from the document element on and ends with NULL. Returns false if there is no
 * such element, or if the document uses XML features that STS does not. */
bool aws_xml_text(const char *xml, const char *const *path, struct str *out);

#endif
