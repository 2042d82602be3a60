#include <string.h>

#include "fuzz.h"
#include "waybill/event_decode.h"
#include "waybill/event_form.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/*
 * The first byte selects the headers of the record; the rest is its value.
 *
 * - An event has an id, whatever else is wrong with it.
 * - A stored envelope that is parsed again gives the same bytes: the digest of
 *   an attestation does not depend on how often it was processed.
 * - An event of another type is never an attestation event as well.
 * - A wrapped value is parsed as an event; only its content may be invalid.
 */
#define MAX_BYTES (256 * 1024)

static const struct header structured_headers[] = {
    {"Content-Type",
     {(const unsigned char *)"application/CloudEvents+json", 28}},
};

#define HEADER(name, text)                                                     \
    {                                                                          \
        name,                                                                  \
        {                                                                      \
            (const unsigned char *)(text), sizeof(text) - 1                    \
        }                                                                      \
    }

static const struct header binary_headers[] = {
    HEADER("ce_specversion", "1.0"),
    HEADER("ce_id", "one"),
    HEADER("ce_type", EVENT_TYPE),
    HEADER("ce_source", "/fuzz"),
    HEADER("content-type", "application/json"),
};

/* Every row of the table, without a value or with the bytes of the record */
static const char *const odd_names[] = {
    "ce_id",         "ce_type",   "ce_time",        "ce_traceparent",
    "ce_tracestate", "ce_source", "ce_specversion", "content-type",
};

static void check_failure(const struct error *err)
{
    CHECK(err->kind == ERROR_SCHEMA || err->kind == ERROR_TOO_LARGE ||
          err->kind == ERROR_DIGEST_MISMATCH || err->kind == ERROR_REJECTED);
    CHECK(err->message[0] == '$');
    CHECK(utf8_valid(err->message, strlen(err->message)));
    for (const char *at = err->message; *at != '\0'; at++) {
        CHECK((unsigned char)*at >= ' ');
    }
}

static void decode_again(const struct event *event, struct arena *arena)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct input input = {.message = {.topic = "again"}};
    struct event same;
    struct error err;

    str_append_text(
        &text, "{\"workflow\":{\"id\":\"w\"},\"attestation\":{\"digest\":\"");
    str_append_text(&text, event->envelope_digest.text);
    str_append_text(&text, "\",\"envelope\":");
    str_append(&text, event->envelope.data, event->envelope.len);
    str_append_text(&text, "}}");
    input.message.value = str_bytes(&text);
    CHECK(event_decode(&input, text.len, arena, &same, &err) == 0);
    CHECK(bytes_equal(event->envelope, same.envelope));
    CHECK(strcmp(event->envelope_digest.text, same.envelope_digest.text) == 0);
}

static void check_event(const struct event *event, struct arena *arena)
{
    struct digest digest;

    CHECK(event->envelope.data != NULL && event->envelope.len > 0);
    CHECK(utf8_valid(event->envelope.data, event->envelope.len));
    digest_of(event->envelope.data, event->envelope.len, &digest);
    CHECK(strcmp(digest.text, event->envelope_digest.text) == 0);
    CHECK(event->workflow.id != NULL ||
          (event->workflow.project != NULL && event->workflow.name != NULL));
    decode_again(event, arena);
}

static size_t choose_headers(uint8_t kind, struct bytes value,
                             struct header headers[2],
                             const struct header **ret_headers)
{
    switch (kind % 5) {
    case 1:
        *ret_headers = structured_headers;
        return ARRAY_SIZE(structured_headers);
    case 2:
        *ret_headers = binary_headers;
        return ARRAY_SIZE(binary_headers);
    case 3:
    case 4:
        headers[0] = binary_headers[2];
        headers[1].name = odd_names[(kind / 5) % ARRAY_SIZE(odd_names)];
        headers[1].value = kind % 5 == 3 ? value : (struct bytes){NULL, 0};
        *ret_headers = headers;
        return 2;
    default:
        *ret_headers = NULL;
        return 0;
    }
}

static void check_wrapping(struct bytes value, struct arena *arena)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const struct workflow workflow = {.project = "p", .name = "n"};
    struct input input = {.message = {.topic = "wrapped"}};
    struct event event;
    struct error err;

    if (!event_wrap(value, &workflow, &text)) {
        CHECK(text.len == 0);
        return;
    }
    input.message.value = str_bytes(&text);
    if (event_decode(&input, text.len, arena, &event, &err) < 0) {
        CHECK(strncmp(err.message, "$.attestation.", 14) == 0 ||
              strncmp(err.message, "$: not JSON: ", 13) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.message = {.topic = "topic"}, .partition = 1};
    struct arena *arena = arena_new();
    struct header headers[2];
    struct event event;
    struct error err;

    if (size > 0) {
        input.message.value = (struct bytes){data + 1, size - 1};
        input.message.header_count = choose_headers(
            data[0], input.message.value, headers, &input.message.headers);
    }
    if (event_decode(&input, MAX_BYTES, arena, &event, &err) < 0) {
        check_failure(&err);
    } else {
        CHECK(event.other_type == NULL);
        check_event(&event, arena);
    }
    CHECK(event.id != NULL && event.id[0] != '\0');
    CHECK(utf8_valid(event.id, strlen(event.id)));
    check_wrapping(input.message.value, arena);
    arena_free(arena);
    return 0;
}
