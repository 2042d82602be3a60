#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_internal.h"
#include "waybill/file.h"
#include "waybill/secret.h"
#include "waybill/utf8.h"

static void close_file(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Editors, `echo` and `kubectl create secret --from-file` end a value with a
 * line end that no one means. */
size_t without_line_end(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n') {
        len--;
        if (len > 0 && text[len - 1] == '\r') {
            len--;
        }
    }
    return len;
}

/* A relative path starts at the configuration file's folder. */
static const char *put_file(struct arena *arena, struct str *out,
                            const char *path, const char *folder,
                            struct config_files *files)
{
    const char *full =
        path[0] == '/' ? path : arena_printf(arena, "%s/%s", folder, path);
    CLEANUP(close_file) const int fd = open(full, O_RDONLY | O_CLOEXEC);
    CLEANUP(secret_release)
    struct secret file = SECRET_INIT(LIMIT_SECRET_FILE);
    struct str *content = &file.text;
    int opened = errno;

    files_add(files, full, fd);
    errno = opened;
    if (fd < 0 || file_read_all(fd, content) < 0) {
        return arena_printf(arena, "cannot read file '%s': %s", path,
                            file_reason(full, errno));
    }
    if (content->overflow) {
        return arena_printf(arena, "file '%s' is larger than %zu bytes", path,
                            LIMIT_SECRET_FILE);
    }
    content->len = without_line_end(content->data, content->len);
    if (memchr(content->data, '\0', content->len) != NULL ||
        !utf8_valid(content->data, content->len)) {
        return arena_printf(arena, "file '%s' is not UTF-8 text", path);
    }
    str_put(out, content->data, content->len);
    return NULL;
}

static const char *put_variable(struct arena *arena, struct str *out,
                                const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        return arena_printf(arena, "environment variable '%s' is not set",
                            name);
    }
    if (!utf8_valid(value, strlen(value))) {
        return arena_printf(arena, "environment variable '%s' is not UTF-8",
                            name);
    }
    str_put(out, value, without_line_end(value, strlen(value)));
    return NULL;
}

/* One ${...}; text is behind the "${", *ret_end behind the "}". */
static const char *put_reference(struct arena *arena, struct str *out,
                                 const char *text, const char *folder,
                                 struct config_files *files,
                                 const char **ret_end)
{
    const char *end = strchr(text, '}');
    char *inside;

    if (end == NULL) {
        return "'${' without '}' (write '$${' for a literal '${')";
    }
    *ret_end = end + 1;
    inside = arena_copy(arena, text, (size_t)(end - text) + 1);
    inside[end - text] = '\0';
    if (strncmp(inside, "env:", 4) == 0 && inside[4] != '\0') {
        return put_variable(arena, out, inside + 4);
    }
    if (strncmp(inside, "file:", 5) == 0 && inside[5] != '\0') {
        return put_file(arena, out, inside + 5, folder, files);
    }
    /* What stands there instead may be a part of a password. */
    return "'${' is followed by neither 'env:NAME}' nor 'file:PATH}' (write "
           "'$${' for a literal '${')";
}

const char *expand(struct arena *arena, const char *text, const char *folder,
                   struct config_files *files, const char **ret_why)
{
    CLEANUP(secret_release)
    struct secret out = SECRET_INIT(LIMIT_CONFIG_BYTES);
    const char *why;

    while (*text != '\0') {
        if (strncmp(text, "$${", 3) == 0) {
            str_puts(&out.text, "${");
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            why =
                put_reference(arena, &out.text, text + 2, folder, files, &text);
            if (why != NULL) {
                *ret_why = why;
                return NULL;
            }
        } else {
            str_putc(&out.text, *text++);
        }
    }
    if (out.text.overflow) {
        *ret_why = "is too long";
        return NULL;
    }
    return arena_strdup(arena, out.text.data);
}
