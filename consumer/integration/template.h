#ifndef WAYBILL_INTEGRATION_TEMPLATE_H
#define WAYBILL_INTEGRATION_TEMPLATE_H

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/plan.h"
#include "waybill/str.h"

/*
 * Templates: the text of a message in the words of its receiver. Everything is
 * literal but
 *
 *     {{ .workflow.name }}         the value, escaped as inside a JSON string
 *     {{ .workflow.name | json }}  a whole JSON value, with its quotation
 * marks; null where the event has none
 *     {{ .workflow.name | raw }}   as it is, for what is not JSON
 *     {{ "{{" }}                   what stands between the quotation marks
 *
 * template_values.def lists the values.
 *
 * A subset of Go's text/template as far as its form goes. There are neither
 * conditions nor loops nor functions, and what is not known is a fault before
 * anything is delivered. The same message always gives the same text. Pure.
 */

/* What one text is made of. All of it is borrowed. */
struct template_message {
    const struct event *event;
    const struct attachment *attachment;
    const struct material *material; /* NULL: it is about the attestation */
    const char *id;
    const char *kind;     /* "ATTESTATION", or the material's type */
    struct bytes content; /* what `.data` is in base64; see template_uses() */
};

/* The fault says where it is, and quotes nothing: the text may come from a file
 * that nobody is to see. */
int template_check(const char *text, struct error *err) NODISCARD;
/* Whether it makes JSON, whatever the event says. It must have been checked. */
bool template_makes_json(const char *text);
/* Whether it has that placeholder. It must have been checked. */
bool template_uses(const char *text, const char *name);
/* Appends; what is longer than the string's cap sets its overflow. It must have
 * been checked. */
void template_render(const char *text, const struct template_message *message,
                     struct str *out);

#endif
