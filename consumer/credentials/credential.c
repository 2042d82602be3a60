#include <string.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/file.h"

/* The members of a credential: copying, wiping and parsing them. */

void credential_release(struct credential *credential)
{
    mem_free(credential->username);
    secret_release(&credential->password);
    secret_release(&credential->identity_token);
    secret_release(&credential->registry_token);
    mem_free(credential->origin);
    mem_free(credential->file);
    *credential = (struct credential){0};
}

static void copy_secret(struct secret *to, const struct secret *from)
{
    *to = (struct secret){0};
    secret_assign(to, secret_text(from));
}

void credential_copy(struct credential *to, const struct credential *from)
{
    *to = *from;
    to->username = mem_strdup(from->username);
    copy_secret(&to->password, &from->password);
    copy_secret(&to->identity_token, &from->identity_token);
    copy_secret(&to->registry_token, &from->registry_token);
    to->origin = mem_strdup(from->origin);
    to->file = mem_strdup(from->file);
}

bool credential_is_empty(const struct credential *credential)
{
    return credential->username == NULL && !credential_has_secret(credential);
}

bool credential_has_secret(const struct credential *credential)
{
    return secret_text(&credential->password) != NULL ||
           secret_text(&credential->identity_token) != NULL ||
           secret_text(&credential->registry_token) != NULL;
}

void credential_add_secrets(struct secret_set *set,
                            const struct credential *credential)
{
    const char *password = secret_text(&credential->password);

    secret_set_add(set, password);
    secret_set_add(set, secret_text(&credential->identity_token));
    secret_set_add(set, secret_text(&credential->registry_token));
    if (credential->username != NULL && password != NULL) {
        secret_set_add_basic(set, credential->username, password);
    }
}

static void set_username(struct credential *credential, const char *value,
                         size_t len)
{
    mem_free(credential->username);
    credential->username = mem_alloc(len + 1);
    memcpy(credential->username, value, len);
    credential->username[len] = '\0';
}

/* Docker's `auth`. Some writers omit the padding, old ones append NULs, and the
 * base64 command inserts line breaks. The password may contain colons: a
 * service account's JSON does. */
static int bind_auth(struct credential *credential, const char *value,
                     struct error *err)
{
    CLEANUP(secret_release) struct secret text = SECRET_INIT(STR_UNLIMITED);
    CLEANUP(secret_release) struct secret decoded = SECRET_INIT(STR_UNLIMITED);
    struct str *both = &decoded.text;
    const char *colon;

    for (; *value != '\0'; value++) {
        if (*value != ' ' && *value != '\t') {
            str_append_char(&text.text, *value);
        }
    }
    if (!base64_decode(text.text.data, text.text.len,
                       BASE64_STANDARD | BASE64_UNPADDED, both)) {
        return error_set(err, ERROR_AUTH, "'auth' is not base64");
    }
    while (both->len > 0 && both->data[both->len - 1] == '\0') {
        both->len--;
    }
    colon = memchr(both->data, ':', both->len);
    if (colon == NULL || memchr(both->data, '\0', both->len) != NULL) {
        return error_set(err, ERROR_AUTH,
                         "'auth' is not base64 of username:password");
    }
    set_username(credential, both->data, (size_t)(colon - both->data));
    secret_assign_bytes(&credential->password, colon + 1,
                        both->len - (size_t)(colon + 1 - both->data));
    return 0;
}

int credential_bind(struct credential *credential, int binding,
                    const char *value, struct error *err)
{
    switch ((enum credential_binding)binding) {
    case BINDING_AUTH:
        return bind_auth(credential, value, err);
    case BINDING_USERNAME:
        set_username(credential, value, strlen(value));
        break;
    case BINDING_IDENTITY_TOKEN:
        secret_assign(&credential->identity_token, value);
        break;
    case BINDING_REGISTRY_TOKEN:
        secret_assign(&credential->registry_token, value);
        break;
    case BINDING_DEFAULT:
    case BINDING_PASSWORD:
        secret_assign(&credential->password, value);
        break;
    }
    return 0;
}

/* --- files ------------------------------------------------------------------
 */

int secret_file_read(const char *path, struct str *out,
                     struct file_stamp *ret_stamp, struct error *err)
{
    size_t start = out->len;

    if (file_read(path, 0, out, ret_stamp, err) < 0) {
        err->kind = ERROR_AUTH; /* an operator has to correct it; deliveries
                                   then resume */
        return error_prefix(err, "cannot read '%s'", path);
    }
    str_trim_file(out, start);
    return 0;
}
