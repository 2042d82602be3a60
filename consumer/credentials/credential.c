#include <string.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/file.h"

/* What a credential is made of, and how it goes away. */

void credential_release(struct credential *credential)
{
    mem_wipe(credential->username);
    mem_wipe(credential->password);
    mem_wipe(credential->identity_token);
    mem_wipe(credential->registry_token);
    mem_free(credential->origin);
    mem_free(credential->file);
    *credential = (struct credential){0};
}

void credential_copy(struct credential *to, const struct credential *from)
{
    *to = *from;
    to->username = mem_strdup(from->username);
    to->password = mem_strdup(from->password);
    to->identity_token = mem_strdup(from->identity_token);
    to->registry_token = mem_strdup(from->registry_token);
    to->origin = mem_strdup(from->origin);
    to->file = mem_strdup(from->file);
}

bool credential_is_empty(const struct credential *credential)
{
    return credential->username == NULL && credential->password == NULL &&
           credential->identity_token == NULL &&
           credential->registry_token == NULL;
}

void secret_scrub(const char *secret, char *text)
{
    size_t len = secret != NULL ? strlen(secret) : 0;
    char *at = text;

    if (len < 4) {
        return;
    }
    while ((at = strstr(at, secret)) != NULL) {
        memset(at, '*', 3);
        memmove(at + 3, at + len, strlen(at + len) + 1);
        at += 3;
    }
}

void credential_scrub(const struct credential *credential, char *text)
{
    CLEANUP(str_wipe) struct str both = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_wipe) struct str basic = STR_INIT(STR_UNLIMITED);

    secret_scrub(credential->password, text);
    secret_scrub(credential->identity_token, text);
    secret_scrub(credential->registry_token, text);
    if (credential->username != NULL && credential->password != NULL) {
        str_printf(&both, "%s:%s", credential->username, credential->password);
        base64_encode(&basic, both.data, both.len);
        secret_scrub(basic.data, text);
    }
}

static void replace(char **slot, const char *value, size_t len)
{
    mem_wipe(*slot);
    *slot = mem_alloc(len + 1);
    memcpy(*slot, value, len);
    (*slot)[len] = '\0';
}

/* As docker writes it: unpadded by some, with NULs behind it by old ones; and
 * as the base64 command prints it, in lines. The password may hold colons (a
 * service account's JSON does). */
static int bind_auth(struct credential *credential, const char *value,
                     struct error *err)
{
    CLEANUP(str_wipe) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_wipe) struct str both = STR_INIT(STR_UNLIMITED);
    const char *colon;

    for (; *value != '\0'; value++) {
        if (*value != ' ' && *value != '\t') {
            str_putc(&text, *value);
        }
    }
    if (!base64_decode(text.data, text.len, BASE64_STANDARD | BASE64_UNPADDED,
                       &both)) {
        return error_set(err, ERROR_AUTH, "'auth' is not base64");
    }
    while (both.len > 0 && both.data[both.len - 1] == '\0') {
        both.len--;
    }
    colon = memchr(both.data, ':', both.len);
    if (colon == NULL || memchr(both.data, '\0', both.len) != NULL) {
        return error_set(err, ERROR_AUTH,
                         "'auth' is not base64 of username:password");
    }
    replace(&credential->username, both.data, (size_t)(colon - both.data));
    replace(&credential->password, colon + 1,
            both.len - (size_t)(colon + 1 - both.data));
    return 0;
}

int credential_bind(struct credential *credential, int binding,
                    const char *value, struct error *err)
{
    switch ((enum credential_binding)binding) {
    case BINDING_AUTH:
        return bind_auth(credential, value, err);
    case BINDING_USERNAME:
        replace(&credential->username, value, strlen(value));
        break;
    case BINDING_IDENTITY_TOKEN:
        replace(&credential->identity_token, value, strlen(value));
        break;
    case BINDING_REGISTRY_TOKEN:
        replace(&credential->registry_token, value, strlen(value));
        break;
    case BINDING_DEFAULT:
    case BINDING_PASSWORD:
        replace(&credential->password, value, strlen(value));
        break;
    }
    return 0;
}

/* --- files ------------------------------------------------------------------
 */

int secret_file_read(const char *path, struct str *out,
                     struct file_stamp *ret_stamp, struct error *err)
{
    if (file_read(path, 0, out, ret_stamp, err) < 0) {
        err->kind = ERROR_AUTH; /* a person must mend it, and then it goes on */
        return error_prefix(err, "cannot read '%s'", path);
    }
    str_cut(out, without_line_end(out->data, out->len));
    return 0;
}
