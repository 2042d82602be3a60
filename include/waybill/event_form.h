#ifndef WAYBILL_EVENT_FORM_H
#define WAYBILL_EVENT_FORM_H

#include <stdbool.h>

#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/str.h"

/*
 * The forms in which attestations arrive that are not attestation events, or
 * are not JSON. Producers make the same few mistakes: they send a bare
 * envelope or bundle, the response of an API, or an event that a serializer has
 * encoded. event_decode() names these mistakes in its error message.
 */

/* Finds the JSON text in the value of a record. The frame of a schema registry
 * (a zero byte and the id of a schema) is removed if JSON follows it; the
 * result points into the value. Fails with ERROR_SCHEMA, and names what it is,
 * if the value is recognizably something else: UTF-16, a byte order mark, gzip,
 * Avro, ... Otherwise the result is not known to be valid JSON. */
int event_text(struct bytes value, struct bytes *ret_text,
               struct error *err) NODISCARD;

/* Appends an event of that workflow (its project and name) which holds the
 * value byte for byte. Returns false and appends nothing if the value is
 * neither a bare DSSE envelope nor a bare Sigstore bundle. */
bool event_wrap(struct bytes value, const struct workflow *workflow,
                struct str *out);

#endif
