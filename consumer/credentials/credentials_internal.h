#ifndef WAYBILL_CREDENTIALS_INTERNAL_H
#define WAYBILL_CREDENTIALS_INTERNAL_H

#include "source.h"
#include "waybill/str.h"

/* Puts one value where the binding says; -1 when an `auth` is none. The value
 * is copied. */
int credential_bind(struct credential *credential, int binding,
                    const char *value, struct error *err) NODISCARD;

/* A file with a secret in it (file_read()), without the line end at its end.
 * Whatever is wrong with it is ERROR_AUTH; ret_stamp may be NULL. */
int secret_file_read(const char *path, struct str *out,
                     struct file_stamp *ret_stamp, struct error *err) NODISCARD;

/* --- source_files.c: the files that a credential was read from --- */

/* A user name and a password may stand in one each. */
struct source_files {
    struct source_file {
        char *path;
        struct file_stamp stamp;
    } * items;
    size_t count;
    size_t capacity;
};

/* Takes the file's name, if the credential has one. */
void source_files_add(struct source_files *files, struct credential *from);
/* One of them is another by now, or not there. */
bool source_files_changed(const struct source_files *files);
void source_files_release(struct source_files *files);

#endif
