#ifndef WAYBILL_CREDENTIALS_INTERNAL_H
#define WAYBILL_CREDENTIALS_INTERNAL_H

#include "source.h"
#include "waybill/str.h"

/* Stores a copy of the value in the member that `binding` names. Fails if a
 * BINDING_AUTH value is malformed. */
int credential_bind(struct credential *credential, int binding,
                    const char *value, struct error *err) NODISCARD;

/* Reads a file that contains a secret, without its trailing line end. Every
 * failure is ERROR_AUTH: an operator has to correct it, and the event is not at
 * fault. ret_stamp may be NULL. */
int secret_file_read(const char *path, struct str *out,
                     struct file_stamp *ret_stamp, struct error *err) NODISCARD;

/* --- source_files.c: the files that a credential was read from --------------
 */

/* Username and password may come from different files. */
struct source_files {
    struct source_file {
        char *path;
        struct file_stamp stamp;
    } * items;
    size_t count;
    size_t capacity;
};

/* Takes ownership of the credential's file name, if it has one. */
void source_files_add(struct source_files *files, struct credential *from);
/* True if one of the files has changed or was removed. */
bool source_files_changed(const struct source_files *files);
void source_files_release(struct source_files *files);

#endif
