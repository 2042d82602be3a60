#ifndef WAYBILL_CONFIG_DOCUMENTS_H
#define WAYBILL_CONFIG_DOCUMENTS_H

#include "waybill/field.h"
#include "waybill/str.h"

/* Documents that are generated from the field tables: Markdown, and JSON Schema
 * 2020-12 */
void config_append_reference(
    struct str *out, const struct integration_fields *const *integrations);
void config_append_schema(struct str *out,
                          const struct integration_fields *const *integrations);
/* The manual page waybill.yaml(5) */
void config_append_manual(struct str *out,
                          const struct integration_fields *const *integrations);

#endif
