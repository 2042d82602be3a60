#include <inttypes.h>
#include <string.h>

#include "config_internal.h"
#include "waybill/file.h"
#include "waybill/secret.h"

/*
 * The values that take effect only after a restart, as one digest per line, so
 * that they can be kept and compared without storing secrets. The flag of a
 * section applies to everything in it.
 */

static void append_text(struct str *out, const char *text)
{
    str_printf(out, "%s\n", text != NULL ? text : "");
}

/* The content of the file: a renewed certificate is a change. An unreadable
 * file is treated as empty. */
static void append_file_content(struct str *out, const char *path)
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
            if (is_file_property(map->pairs[i].key)) {
                append_file_content(out, map->pairs[i].value);
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
        break; /* objects are read by their members; no list requires a restart
                */
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

void config_append_restart_digests(const struct settings *settings,
                                   struct str *out)
{
    append_fields(out, "", settings_fields, settings, 0);
}

/* Both texts have the same keys in the same order. */
void config_append_changed_keys(const char *digests, const char *other_digests,
                                struct str *out)
{
    while (*digests != '\0') {
        size_t len = strcspn(digests, "\n") + 1;

        if (strncmp(digests, other_digests, len) != 0) {
            str_printf(out, "%s%.*s", out->len > 0 ? ", " : "",
                       (int)strcspn(digests, " "), digests);
        }
        digests += len;
        other_digests += strcspn(other_digests, "\n") + 1;
    }
}
