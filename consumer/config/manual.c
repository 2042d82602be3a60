#include <string.h>

#include "config_internal.h"
#include "waybill/roff.h"

/* `waybill config man-yaml`: the tables as waybill.yaml(5). What it prints is
 * committed, and a test compares. */

static void put_type(struct str *out, const struct field *field)
{
    if (field->type != FIELD_ENUM) {
        roff_puts(out, field_type_word(field));
        return;
    }
    for (size_t i = 0; field->words[i] != NULL; i++) {
        roff_printf(out, "%s%s", i > 0 ? " | " : "", field->words[i]);
    }
}

static void put_note(struct str *out, const struct field *field)
{
    str_puts(out, " (");
    put_type(out, field);
    if (field->flags & FIELD_REQUIRED) {
        str_puts(out, "; required");
    }
    if (field->flags & FIELD_SECRET) {
        str_puts(out, "; secret");
    }
    if (field->fallback != NULL) {
        roff_printf(out, "; default %s", field->fallback);
    }
    str_puts(out, ")\n");
}

static void put_rows(struct str *out, const char *path,
                     const struct field *fields);

static void put_row(struct str *out, const char *path,
                    const struct field *field)
{
    CLEANUP(str_release) struct str full = STR_INIT(256);

    str_printf(&full, "%s%s%s", path, *path != '\0' ? "." : "", field->key);
    str_puts(out, ".TP\n\\fB");
    roff_puts(out, full.data);
    str_puts(out, "\\fR");
    put_note(out, field);
    roff_puts(out, field->doc);
    str_putc(out, '\n');
    if (field->example != NULL) {
        str_puts(out, ".br\nExample: ");
        roff_puts(out, field->example);
        str_putc(out, '\n');
    }
    if (field->type == FIELD_OBJECT) {
        put_rows(out, full.data, field->fields);
    } else if (field->type == FIELD_LIST) {
        str_puts(&full, "[]");
        put_rows(out, full.data, field->fields);
    }
}

static void put_rows(struct str *out, const char *path,
                     const struct field *fields)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        put_row(out, path, field);
    }
}

static void put_list(struct str *out, const struct field *section,
                     const struct integration_fields *const *integrations)
{
    bool registrations = strcmp(section->key, "registrations") == 0;
    CLEANUP(str_release) struct str path = STR_INIT(64);

    str_printf(&path, "%s[]", section->key);
    put_rows(out, path.data, section->fields);
    for (; *integrations != NULL; integrations++) {
        str_puts(out, ".PP\nWith \\fBintegration: ");
        roff_puts(out, (*integrations)->kind);
        str_puts(out, "\\fR:\n");
        put_rows(out, path.data,
                 registrations ? (*integrations)->registration
                               : (*integrations)->attachment);
    }
}

static void put_description(struct str *out)
{
    str_puts(out, ".SH DESCRIPTION\n");
    roff_puts(out,
              "What waybill(1) reads: the file that --config names, else "
              "WAYBILL_CONFIG,\n./config.yaml or /etc/waybill/config.yaml.\n");
    str_puts(out, ".PP\n");
    roff_puts(out,
              "`${env:NAME}` and `${file:PATH}` may stand anywhere in a value; "
              "`$${` is a literal `${`.\nA relative PATH starts at the file's "
              "own folder.\n");
    str_puts(out, ".PP\n");
    roff_puts(out,
              "The variable WAYBILL_<SECTION>_<KEY> overrides any single value "
              "of a section,\nWAYBILL_<NAME>_<KEY> any of the registration of "
              "that name; an empty one counts as not set.\n");
    str_puts(out, ".PP\n");
    roff_puts(out, "Sizes are bytes or end in KiB, MiB, GiB; durations end in "
                   "ms, s, m, h, d.\n");
}

void config_put_manual(struct str *out,
                       const struct integration_fields *const *integrations)
{
    roff_put_head(out, "WAYBILL.YAML", 5, "waybill.yaml",
                  "configuration of waybill");
    put_description(out);
    for (const struct field *field = settings_fields; field->key; field++) {
        str_puts(out, ".SH ");
        roff_puts(out, field->key);
        str_putc(out, '\n');
        roff_puts(out, field->doc);
        str_putc(out, '\n');
        if (field->type == FIELD_LIST) {
            put_list(out, field, integrations);
        } else if (field_is_scalar(field)) {
            put_row(out, "", field);
        } else {
            put_rows(out, field->key, field->fields);
        }
    }
    str_puts(out, ".SH SEE ALSO\nwaybill(1)\n");
}
