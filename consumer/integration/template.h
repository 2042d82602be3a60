#ifndef WAYBILL_INTEGRATION_TEMPLATE_H
#define WAYBILL_INTEGRATION_TEMPLATE_H

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/plan.h"
#include "waybill/str.h"

/*
 * Templates of message bodies. Everything is literal except
 *
 *     {{ .workflow.name }}         the value, escaped as inside a JSON string
 *     {{ .workflow.name | json }}  a complete JSON value, with its quotation
 *                                  marks; null if the event does not have it
 *     {{ .workflow.name | raw }}   the value without escaping, for other text
 *     {{ "{{" }}                   the text between the quotation marks
 *
 * template_values.def lists the values.
 *
 * The syntax is a subset of Go's text/template without conditions, loops and
 * functions. Unknown names are reported when the configuration is checked. All
 * functions are pure.
 */

/* The data of one message; everything is borrowed. */
struct template_message {
    const struct event *event;
    const struct attachment *attachment;
    const struct material *material; /* NULL for the attestation */
    const char *id;
    const char *kind;     /* "ATTESTATION", or the material's type */
    struct bytes content; /* `.data` before base64; see template_uses() */
};

/* Checks the syntax. The error names line and column, but quotes nothing: the
 * text may come from a file with confidential content. */
int template_check(const char *text, struct error *err) NODISCARD;
/* True if the result is JSON whatever the event contains. The text must have
 * been checked. */
bool template_makes_json(const char *text);
/* True if the text uses that placeholder. The text must have been checked. */
bool template_uses(const char *text, const char *name);
/* Appends the rendered text. If it exceeds the cap of the string, out->overflow
 * is set. The text must have been checked. */
void template_render(const char *text, const struct template_message *message,
                     struct str *out);

#endif
