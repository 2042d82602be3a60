#include <inttypes.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/file.h"
#include "waybill/secret.h"

/*
 * What takes a restart: its values as digests, a line each, so that they can be
 * kept and compared without a secret among them. A section's flag counts for
 * all that is in it.
 */

static void append_text(struct str *out, const char *text)
{
    str_printf(out, "%s\n", text != NULL ? text : "");
}

/* What stands in the file: a certificate that was renewed is another one. What
 * cannot be read is as one that is empty. */
static void append_content(struct str *out, const char *path)
{
    CLEANUP(secret_release)
    struct secret content = SECRET_INIT(LIMIT_CONFIG_BYTES);
    struct digest digest;
    struct error ignored;

    if (file_read(path, 0, &content.text, NULL, &ignored) < 0) {
        str_clear(&content.text);
    }
    digest_of(content.text.data, content.text.len, &digest);
    append_text(out, digest_hex(&digest));
}

static void append_value(struct str *out, const struct field *field,
                         const void *value)
{
    const struct field_map *map = value;
    const struct field_strings *strings = value;

    switch (field->type) {
    case FIELD_STRING:
        append_text(out, *(const char *const *)value);
        break;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        str_printf(out, "%" PRIu64, *(const uint64_t *)value);
        break;
    case FIELD_BOOLEAN:
    case FIELD_ENUM:
        str_printf(out, "%d", *(const int *)value);
        break;
    case FIELD_MAP:
        for (size_t i = 0; i < map->count; i++) {
            append_text(out, map->pairs[i].key);
            append_text(out, map->pairs[i].value);
            if (is_location(map->pairs[i].key)) {
                append_content(out, map->pairs[i].value);
            }
        }
        break;
    case FIELD_STRINGS:
        for (size_t i = 0; i < strings->count; i++) {
            append_text(out, strings->items[i]);
        }
        break;
    case FIELD_OBJECT:
    case FIELD_LIST:
        break; /* by its members; of lists none takes a restart */
    }
}

static void append_fields(struct str *out, const char *path,
                          const struct field *fields, const void *base,
                          unsigned inherited)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        const void *value = (const char *)base + field->offset;
        unsigned flags = inherited | (field->flags & FIELD_RESTART);
        CLEANUP(str_release) struct str name = STR_INIT(256);
        CLEANUP(secret_release) struct secret text = SECRET_INIT(STR_UNLIMITED);
        struct digest digest;

        str_printf(&name, "%s%s%s", path, *path != '\0' ? "." : "", field->key);
        if (field->type == FIELD_OBJECT) {
            append_fields(out, name.data, field->fields, value, flags);
        } else if (flags & FIELD_RESTART) {
            append_value(&text.text, field, value);
            digest_of(text.text.data, text.text.len, &digest);
            str_printf(out, "%s %s\n", name.data, digest_hex(&digest));
        }
    }
}

void config_append_marks(const struct settings *settings, struct str *out)
{
    append_fields(out, "", settings_fields, settings, 0);
}

/* Both have the same keys in the same order. */
void config_append_changed(const char *marks, const char *others,
                           struct str *out)
{
    while (*marks != '\0') {
        size_t len = strcspn(marks, "\n") + 1;

        if (strncmp(marks, others, len) != 0) {
            str_printf(out, "%s%.*s", out->len > 0 ? ", " : "",
                       (int)strcspn(marks, " "), marks);
        }
        marks += len;
        others += strcspn(others, "\n") + 1;
    }
}
