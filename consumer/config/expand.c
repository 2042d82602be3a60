#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/file.h"
#include "waybill/secret.h"
#include "waybill/utf8.h"

/* A relative path starts at the configuration file's directory. */
static const char *append_file(struct arena *arena, struct str *out,
                               const char *path, const char *directory,
                               struct config_files *files)
{
    const char *full =
        path[0] == '/' ? path : arena_printf(arena, "%s/%s", directory, path);
    CLEANUP(secret_release)
    struct secret file = SECRET_INIT(LIMIT_SECRET_FILE);
    struct str *content = &file.text;
    struct file_stamp stamp;
    struct error err;

    if (file_read(full, 0, content, &stamp, &err) < 0) {
        files_add(files, full, NULL);
        return arena_printf(arena, "cannot read file '%s': %s", path,
                            err.message);
    }
    files_add(files, full, &stamp);
    str_trim_file(content, 0);
    if (!utf8_is_text(content->data, content->len)) {
        return arena_printf(arena, "file '%s' is not UTF-8 text", path);
    }
    str_append(out, content->data, content->len);
    return NULL;
}

static const char *append_variable(struct arena *arena, struct str *out,
                                   const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        return arena_printf(arena, "environment variable '%s' is not set",
                            name);
    }
    value += text_mark_length(value, strlen(value));
    if (!utf8_valid(value, strlen(value))) {
        return arena_printf(arena, "environment variable '%s' is not UTF-8",
                            name);
    }
    str_append(out, value, without_line_end(value, strlen(value)));
    return NULL;
}

/* Expands one reference. `text` follows the "${", *ret_end the "}". */
static const char *append_reference(struct arena *arena, struct str *out,
                                    const char *text, const char *directory,
                                    struct config_files *files,
                                    const char **ret_end)
{
    const char *end = strchr(text, '}');
    char *reference;

    if (end == NULL) {
        return "'${' without '}' (write '$${' for a literal '${')";
    }
    *ret_end = end + 1;
    reference = arena_copy(arena, text, (size_t)(end - text) + 1);
    reference[end - text] = '\0';
    if (strncmp(reference, "env:", 4) == 0 && reference[4] != '\0') {
        return append_variable(arena, out, reference + 4);
    }
    if (strncmp(reference, "file:", 5) == 0 && reference[5] != '\0') {
        return append_file(arena, out, reference + 5, directory, files);
    }
    /* The text that was found is not quoted, because it may be part of a
     * password. */
    return "'${' is followed by neither 'env:NAME}' nor 'file:PATH}' (write "
           "'$${' for a literal '${')";
}

const char *expand(struct arena *arena, const char *text, const char *directory,
                   struct config_files *files, const char **ret_reason)
{
    CLEANUP(secret_release)
    struct secret out = SECRET_INIT(LIMIT_CONFIG_BYTES);
    const char *reason;

    while (*text != '\0') {
        if (strncmp(text, "$${", 3) == 0) {
            str_append_text(&out.text, "${");
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            reason = append_reference(arena, &out.text, text + 2, directory,
                                      files, &text);
            if (reason != NULL) {
                *ret_reason = reason;
                return NULL;
            }
        } else {
            str_append_char(&out.text, *text++);
        }
    }
    if (out.text.overflow) {
        *ret_reason = "is too long";
        return NULL;
    }
    return arena_strdup(arena, out.text.data);
}
