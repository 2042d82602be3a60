#ifndef WAYBILL_EVENT_DECODE_H
#define WAYBILL_EVENT_DECODE_H

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/message.h"

/*
 * Decodes the bytes of a record into an event (wire format, section 1):
 * CloudEvents in binary or structured mode, distinguished as in the Kafka
 * protocol binding for CloudEvents 1.0 (section 3), or plain JSON.
 *
 * Plain JSON that has a `specversion` is read as a structured CloudEvent,
 * because files have no headers and not every producer sets them.
 *
 * The frame of a schema registry around JSON is removed, and the attributes of
 * binary mode may be spelled ce_id, ce-id or CE_ID. What is not an event but a
 * bare envelope, the response of an API, UTF-16, ... is named in the error
 * message (event_form.h).
 *
 * The types of all documented fields are checked, whether the fields are used
 * or not. Unknown fields are ignored. Error messages contain the path of the
 * value at fault, where `$` is the value of the record.
 */

/* Fails with ERROR_SCHEMA, ERROR_TOO_LARGE, ERROR_DIGEST_MISMATCH or
 * ERROR_REJECTED (an unsupported form). Even then *ret_event has an id, and
 * its other fields as far as they could be read; other_type says that it is an
 * event of another type. Everything is copied into
 * the arena, except that the event refers to *input for
 * event_material_content(). */
int event_decode(const struct input *input, size_t max_bytes,
                 struct arena *arena, struct event *ret_event,
                 struct error *err) NODISCARD;

/* The CloudEvents type of attestation events */
#define EVENT_TYPE "dev.waybill.attestation.created.v1"

#endif
