#include <string.h>

#include "config_internal.h"
#include "waybill/config_documents.h"
#include "waybill/roff.h"

/* `waybill config man-yaml`: the field tables as waybill.yaml(5). The output is
 * committed, and a test compares the two. */

static void append_type(struct str *out, const struct field *field)
{
    if (field->type != FIELD_ENUM) {
        roff_append_text(out, field_type_name(field));
        return;
    }
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        roff_printf(out, "%s%s", i > 0 ? " | " : "", field->choices[i]);
    }
}

static void append_note(struct str *out, const struct field *field)
{
    str_append_text(out, " (");
    append_type(out, field);
    if (field->flags & FIELD_REQUIRED) {
        str_append_text(out, "; required");
    }
    if (field->flags & FIELD_SECRET) {
        str_append_text(out, "; secret");
    }
    if (field->fallback != NULL) {
        roff_printf(out, "; default %s", field->fallback);
    }
    str_append_text(out, ")\n");
}

static void append_rows(struct str *out, const char *path,
                        const struct field *fields);

static void append_row(struct str *out, const char *path,
                       const struct field *field)
{
    CLEANUP(str_release) struct str full = STR_INIT(256);

    if (field->removed != NULL) {
        return;
    }
    str_printf(&full, "%s%s%s", path, *path != '\0' ? "." : "", field->key);
    str_append_text(out, ".TP\n\\fB");
    roff_append_text(out, full.data);
    str_append_text(out, "\\fR");
    append_note(out, field);
    roff_append_text(out, field->doc);
    str_append_char(out, '\n');
    if (field->example != NULL) {
        str_append_text(out, ".br\nExample: ");
        roff_append_text(out, field->example);
        str_append_char(out, '\n');
    }
    if (field->type == FIELD_OBJECT) {
        append_rows(out, full.data, field->fields);
    } else if (field->type == FIELD_LIST) {
        str_append_text(&full, "[]");
        append_rows(out, full.data, field->fields);
    }
}

static void append_rows(struct str *out, const char *path,
                        const struct field *fields)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        append_row(out, path, field);
    }
}

static void append_list(struct str *out, const struct field *section,
                        const struct integration_fields *const *integrations)
{
    bool registrations = strcmp(section->key, "registrations") == 0;
    CLEANUP(str_release) struct str path = STR_INIT(64);

    str_printf(&path, "%s[]", section->key);
    append_rows(out, path.data, section->fields);
    for (; *integrations != NULL; integrations++) {
        str_append_text(out, ".PP\nWith \\fBintegration: ");
        roff_append_text(out, (*integrations)->kind);
        str_append_text(out, "\\fR:\n");
        append_rows(out, path.data,
                    registrations ? (*integrations)->registration
                                  : (*integrations)->attachment);
    }
}

static void append_description(struct str *out)
{
    str_append_text(out, ".SH DESCRIPTION\n");
    roff_append_text(
        out, "waybill(1) reads the file that --config or WAYBILL_CONFIG names, "
             "or else\n./config.yaml or /etc/waybill/config.yaml.\n");
    str_append_text(out, ".PP\n");
    roff_append_text(
        out, "`${env:NAME}` and `${file:PATH}` may appear anywhere in a value; "
             "`$${` is a literal `${`.\nA relative PATH starts at the "
             "directory of the file.\n");
    str_append_text(out, ".PP\n");
    roff_append_text(
        out, "The variable WAYBILL_<SECTION>_<KEY> overrides any single value "
             "of a section,\nWAYBILL_<NAME>_<KEY> any value of the "
             "registration of that name; an empty one is ignored.\n");
    str_append_text(out, ".PP\n");
    roff_append_text(out, "A size is a number of bytes, or ends in KiB, MiB or "
                          "GiB. A duration ends in ms, s, m, h or d.\n");
}

void config_append_manual(struct str *out,
                          const struct integration_fields *const *integrations)
{
    roff_append_head(out, "WAYBILL.YAML", 5, "waybill.yaml",
                     "configuration of waybill");
    append_description(out);
    for (const struct field *field = settings_fields; field->key; field++) {
        str_append_text(out, ".SH ");
        roff_append_text(out, field->key);
        str_append_char(out, '\n');
        roff_append_text(out, field->doc);
        str_append_char(out, '\n');
        if (field->type == FIELD_LIST) {
            append_list(out, field, integrations);
        } else if (field_is_scalar(field)) {
            append_row(out, "", field);
        } else {
            append_rows(out, field->key, field->fields);
        }
    }
    str_append_text(out, ".SH SEE ALSO\nwaybill(1)\n");
}
