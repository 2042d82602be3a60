#ifndef WAYBILL_CREDENTIALS_AWS_TEXT_H
#define WAYBILL_CREDENTIALS_AWS_TEXT_H

#include "waybill/credentials.h"

/* Two old formats in which AWS hands out keys: the shared credentials file, an
 * INI, and the XML of STS. Pure. */

struct aws_keys {
    char *id;
    struct secret secret;
    struct secret session; /* may have no value */
    char *file;            /* they were read from; may be NULL */
    struct file_stamp stamp;
};
void aws_keys_release(struct aws_keys *keys);
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

#endif
