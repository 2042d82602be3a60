#ifndef WAYBILL_TESTS_SUMMARY_CASE_H
#define WAYBILL_TESTS_SUMMARY_CASE_H

/* The cases of fixtures/summary_table: each is an event without its envelope,
 * and the predicate of the statement that the envelope signs. */

#include "decoded_event.h"
#include "waybill/json.h"

static inline void append_member(struct str *out, const struct json *object,
                                 const char *name)
{
    struct json_writer json = {.out = out};

    json_append_value(&json, NULL, json_member(object, name));
}

static inline void summary_case_open(struct decoded_event *decoded,
                                     const char *name)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    CLEANUP(str_release) struct str statement = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str more = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct bytes content = fixture(
        arena, arena_printf(arena, "summary_table/cases/%s.json", name));
    struct json *document;
    struct error err;

    check_number(
        name,
        json_parse((const char *)content.data, content.len, &document, &err),
        0);
    str_append_text(&statement, "{\"_type\":\"https://in-toto.io/Statement/v1\""
                                ",\"subject\":[],\"predicateType\":"
                                "\"chainloop.dev/attestation/v0.2\","
                                "\"predicate\":");
    append_member(&statement, document, "predicate");
    str_append_char(&statement, '}');
    append_member(&more, json_member(document, "event"), "workflow");
    str_append_text(&text, "{\"workflow\":");
    str_append(&text, more.data, more.len);
    if (json_member(json_member(document, "event"), "run") != NULL) {
        str_append_text(&text, ",\"run\":");
        append_member(&text, json_member(document, "event"), "run");
    }
    str_append_text(&text, ",\"attestation\":{\"envelope\":{\"payloadType\":"
                           "\"application/vnd.in-toto+json\",\"payload\":\"");
    base64_encode(&text, statement.data, statement.len);
    str_append_text(&text, "\",\"signatures\":[]}}}");
    decoded_event_init(decoded, text.data);
    snprintf(decoded->event.envelope_digest.text,
             sizeof(decoded->event.envelope_digest.text), "%s",
             json_text(json_member(document, "digest")));
    json_free(document);
}

#endif
