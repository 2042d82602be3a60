#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
        return arena_printf(arena, "the file '%s' cannot be read: %s", path,
                            err.message);
    }
    files_add(files, full, &stamp);
    str_trim_file(content, 0);
    if (!utf8_is_text(content->data, content->len)) {
        return arena_printf(arena,
                            "the file '%s' is not UTF-8 text; save it with the "
                            "encoding UTF-8",
                            path);
    }
    str_append(out, content->data, content->len);
    return NULL;
}

/* "NAME:-default" and the like are forms of shells and of docker compose. The
 * default may be a secret and is not quoted. */
static const char *reason_unset(struct arena *arena, const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (name[len] == '\0') {
        return arena_printf(arena,
                            "the environment variable '%s' is not set; set it, "
                            "or write the value itself",
                            name);
    }
    if (strchr(":-?+=|,", name[len]) != NULL) {
        return arena_printf(arena,
                            "'${env:%.*s...}' has a default, which is not "
                            "supported; set the variable and write "
                            "'${env:%.*s}', or write the value itself",
                            (int)len, name, (int)len, name);
    }
    return "'${env:...}' contains characters other than a variable's name; "
           "write '${env:NAME}'";
}

static const char *append_variable(struct arena *arena, struct str *out,
                                   const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        return reason_unset(arena, name);
    }
    value += text_mark_length(value, strlen(value));
    if (!utf8_valid(value, strlen(value))) {
        return arena_printf(
            arena,
            "the environment variable '%s' is not UTF-8 text; set "
            "it to UTF-8 text",
            name);
    }
    str_append(out, value, without_line_end(value, strlen(value)));
    return NULL;
}

/* "${NAME}" is what shells and other programs write. Text that is not a
 * variable and not the whole value may be part of a password, and is not
 * quoted. */
static const char *reason_unknown(struct arena *arena, const char *reference,
                                  bool is_whole)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t len = strcspn(reference, ":-?+=");

    if (strncasecmp(reference, "env:", 4) == 0 ||
        strncasecmp(reference, "file:", 5) == 0) {
        return "'env' and 'file' are lower case, and a name follows; write "
               "'${env:NAME}' or '${file:PATH}'";
    }
    if (len > 0 && len < 64 && strspn(reference, capitals) == len) {
        const char *name = arena_printf(arena, "%.*s", (int)len, reference);

        if (is_whole || getenv(name) != NULL) {
            return arena_printf(arena,
                                "'${%s%s}' is not a reference; write "
                                "'${env:%s}', or '$${' for a literal '${'",
                                name, reference[len] != '\0' ? "..." : "",
                                name);
        }
    }
    return "'${' must be followed by 'env:NAME}' or 'file:PATH}'; write '$${' "
           "for a literal '${'";
}

/* Expands one reference. `text` follows the "${", *ret_end the "}". is_first:
 * the value begins with it. */
static const char *append_reference(struct arena *arena, struct str *out,
                                    const char *text, const char *directory,
                                    struct config_files *files, bool is_first,
                                    const char **ret_end)
{
    const char *end = strchr(text, '}');
    char *reference;

    if (end == NULL) {
        return "'${' has no '}'; add it, or write '$${' for a literal '${'";
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
    return reason_unknown(arena, reference, is_first && end[1] == '\0');
}

const char *expand(struct arena *arena, const char *text, const char *directory,
                   struct config_files *files, const char **ret_reason)
{
    CLEANUP(secret_release)
    struct secret out = SECRET_INIT(LIMIT_CONFIG_BYTES);
    const char *start = text;
    const char *reason;

    while (*text != '\0') {
        if (strncmp(text, "$${", 3) == 0) {
            str_append_text(&out.text, "${");
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            reason = append_reference(arena, &out.text, text + 2, directory,
                                      files, text == start, &text);
            if (reason != NULL) {
                *ret_reason = reason;
                return NULL;
            }
        } else {
            str_append_char(&out.text, *text++);
        }
    }
    if (out.text.overflow) {
        *ret_reason = "the value is too long; the whole configuration may have "
                      "1 MiB";
        return NULL;
    }
    return arena_strdup(arena, out.text.data);
}
