#ifndef WAYBILL_TESTS_DECODED_EVENT_H
#define WAYBILL_TESTS_DECODED_EVENT_H

/* An event as integrations receive it, decoded from the text of a record */

#include "asserts.h"
#include "waybill/base64.h"
#include "waybill/event_content.h"
#include "waybill/event_decode.h"

struct decoded_event {
    struct arena *arena;
    struct input input;
    struct event event;
};

static inline void decoded_event_release(struct decoded_event *decoded)
{
    event_release(&decoded->event);
    arena_free(decoded->arena);
}

/* The text is copied. */
static inline void decoded_event_init(struct decoded_event *decoded,
                                      const char *text)
{
    struct error err;

    *decoded = (struct decoded_event){.arena = arena_new()};
    decoded->input.message.topic = "t";
    decoded->input.message.value = bytes_of(arena_strdup(decoded->arena, text));
    if (event_decode(&decoded->input, (size_t)1 << 30, decoded->arena,
                     &decoded->event, &err) < 0) {
        print_error("not an event: %s\n", err.message);
        fail();
    }
}

/* An event of workflow w with this payload in its envelope. `more` contains
 * further members, each preceded by a comma. */
static inline void decoded_event_of(struct decoded_event *decoded,
                                    const char *payload, const char *more)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_append_text(&text, "{\"workflow\":{\"id\":\"w\"},\"attestation\":{"
                           "\"envelope\":{\"payloadType\":\"application/"
                           "vnd.in-toto+json\",\"payload\":\"");
    base64_encode(&text, payload, strlen(payload));
    str_printf(&text, "\",\"signatures\":[]}}%s}", more);
    decoded_event_init(decoded, text.data);
}

#define STATEMENT                                                              \
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"   \
    "\"a\",\"digest\":{\"sha256\":\"2\"},\"mediaType\":\"m\","                 \
    "\"downloadLocation\":\"d\"}],\"predicateType\":\"p\",\"predicate\":"      \
    "{\"x\":[1,2.5]}}"

#endif
