#ifndef WAYBILL_TRACE_H
#define WAYBILL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/compiler.h"

/*
 * W3C Trace Context. `traceparent` is "00-<trace id>-<parent id>-<flags>" in
 * lower-case hexadecimal with 32, 16 and 2 digits; `tracestate` is a list of
 * vendor data. Both are external input that is copied into headers, so they are
 * parsed and serialized again. Pure; any thread.
 *
 * An invalid value is treated as missing: tracing never makes a delivery fail.
 */
#define TRACE_PARENT_SIZE 56
#define TRACE_ID_LEN 32
#define TRACE_SPAN_LEN 16

/* Parses a traceparent of any version and writes it in version 00: later
 * versions begin with the same fields, and all their flags but "sampled" are
 * unknown (section "Versioning of traceparent"). Returns false if it is
 * invalid. */
bool trace_parent_read(const char *text, size_t len,
                       char ret_parent[TRACE_PARENT_SIZE]) NODISCARD;
/* Replaces the parent id within the same trace; `id` must not be 0. */
void trace_parent_renew(char parent[TRACE_PARENT_SIZE], uint64_t id);
/* Pointers to the parts, which are not NUL-terminated. */
const char *trace_id_of(const char *parent);
const char *trace_span_of(const char *parent);

/* Valid if it has 1 to 32 members and at most 1 KiB. */
bool trace_state_is_valid(const char *text, size_t len);

#endif
