#ifndef WAYBILL_TRACE_H
#define WAYBILL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/compiler.h"

/*
 * W3C Trace Context: `traceparent` is "00-<trace id>-<parent id>-<flags>", in
 * lower case hexadecimal, of 32, 16 and 2 digits; `tracestate` is a list of
 * what vendors want to find again. Both come from outside and go into headers,
 * so only what was read, and written anew, goes on. Pure.
 *
 * What cannot be read is as good as none: a trace never costs a delivery.
 */
#define TRACE_PARENT_SIZE 56
#define TRACE_ID_LEN 32
#define TRACE_SPAN_LEN 16

/* Writes it in version 00, whichever version it came in: those behind 00 begin
 * with the same fields, and their flags but "sampled" are unknown (section
 * "Versioning of traceparent"). False: it cannot be read. */
bool trace_parent_read(const char *text, size_t len,
                       char ret_parent[TRACE_PARENT_SIZE]) NODISCARD;
/* Another parent within the same trace; `id` must not be 0. */
void trace_parent_renew(char parent[TRACE_PARENT_SIZE], uint64_t id);
/* Where its parts begin, which have no end of their own */
const char *trace_id_of(const char *parent);
const char *trace_span_of(const char *parent);

/* At most 32 members and 1 KiB; not empty */
bool trace_state_is_valid(const char *text, size_t len);

#endif
