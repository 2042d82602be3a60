#ifndef WAYBILL_TESTS_DECODING_H
#define WAYBILL_TESTS_DECODING_H

#include "asserts.h"
#include "event_text.h"
#include "waybill/event_decode.h"

/* Decodes a record at t/2/7. */
static inline int decode_record(struct bytes value,
                                const struct header *headers, size_t count,
                                struct arena *arena, struct event *event,
                                struct error *err)
{
    const struct input input = {.message = {.topic = "t",
                                            .value = value,
                                            .headers = headers,
                                            .header_count = count},
                                .partition = 2,
                                .offset = 7};

    return event_decode(&input, (size_t)1 << 30, arena, event, err);
}

static inline int decode_with(const char *value, const struct header *headers,
                              size_t count, struct arena *arena,
                              struct event *event, struct error *err)
{
    return decode_record(bytes_of(value), headers, count, arena, event, err);
}

static inline int decode(const char *value, struct arena *arena,
                         struct event *event, struct error *err)
{
    return decode_with(value, NULL, 0, arena, event, err);
}

static inline struct header text_header(const char *name, const char *value)
{
    return (struct header){name, bytes_of(value)};
}

/* Decodes an event whose attestation is in `member`: "envelope" or "bundle". */
static inline int decode_attestation(const char *member, struct bytes text,
                                     struct arena *arena, struct event *event,
                                     struct error *err)
{
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);

    str_printf(&value, "{" WORKFLOW ",\"attestation\":{\"%s\":", member);
    str_append(&value, text.data, text.len);
    str_append_text(&value, "}}");
    return decode_record(str_bytes(&value), NULL, 0, arena, event, err);
}

#endif
