#ifndef WAYBILL_EVENT_DECODE_H
#define WAYBILL_EVENT_DECODE_H

#include "waybill/arena.h"
#include "waybill/error.h"
#include "waybill/event.h"
#include "waybill/message.h"

/*
 * A record's bytes into an event (wire format, section 1): CloudEvents in
 * binary or structured mode, told apart as the CloudEvents Kafka binding says
 * (section 3), or plain JSON.
 *
 * Plain JSON that looks like a CloudEvent (it has `specversion`) is read as
 * one: a file has no headers, and not every producer sets them.
 *
 * Every documented field's type is checked, whether it is used or not; unknown
 * fields are ignored. A fault names its place: `$` is the record's value.
 */

/* Fails with ERROR_SCHEMA, ERROR_TOO_LARGE, ERROR_DIGEST_MISMATCH, or
 * ERROR_REJECTED (a form that is not supported). ret_event has an id in any
 * case, and its other fields as far as they could be read. Everything is
 * copied into the arena. */
int event_decode(const struct input *input, size_t max_bytes,
                 struct arena *arena, struct event *ret_event,
                 struct error *err) NODISCARD;

/* The CloudEvents type of what comes in */
#define EVENT_TYPE "dev.waybill.attestation.created.v1"

#endif
