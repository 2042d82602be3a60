#ifndef WAYBILL_CONFIG_DOCUMENTS_H
#define WAYBILL_CONFIG_DOCUMENTS_H

#include <stdbool.h>

#include "waybill/field.h"
#include "waybill/str.h"

/* Documents that are generated from the field tables: Markdown, and JSON Schema
 * 2020-12 */
void config_append_reference(
    struct str *out, const struct integration_fields *const *integrations);
void config_append_schema(struct str *out,
                          const struct integration_fields *const *integrations);
/* The JSON Schema of the inputs of a registration or of an attachment, as in
 * Chainloop's plugins */
void config_append_registration_schema(struct str *out,
                                       const struct integration_fields *kind);
void config_append_attachment_schema(struct str *out,
                                     const struct integration_fields *kind);
/* Appends the value of an option as it is written in the file; `options` is the
 * struct that the table of the field fills. False if it has none, or the
 * default. The values of lists are separated by commas; those of nested
 * mappings are omitted. */
bool config_append_option(struct str *out, const struct field *field,
                          const void *options);
/* The manual page waybill.yaml(5) */
void config_append_manual(struct str *out,
                          const struct integration_fields *const *integrations);

#endif
