#include <string.h>

#include "fuzz.h"
#include "integration/template.h"
#include "waybill/arena.h"
#include "waybill/event_content.h"
#include "waybill/event_decode.h"
#include "waybill/json.h"

/*
 * The first line is the name of a workflow, the rest is a template.
 *
 * - A template that is accepted is always rendered to the same text; without a
 *   placeholder, that is the template itself.
 * - An error quotes nothing of the template: the message has constant text
 *   only.
 * - A template that is declared to produce JSON does so, whatever the name is.
 */

#define MAX_OUTPUT ((size_t)1 << 20)

/* It is decoded once, and so is its statement. */
static const struct event *sample(void)
{
    static const char text[] =
        "{\"workflow\":{\"id\":\"w\"},\"attestation\":{\"envelope\":"
        "{\"payloadType\":\"t\",\"payload\":\"eyJfdHlwZSI6Imh0dHBzOi8vaW4t"
        "dG90by5pby9TdGF0ZW1lbnQvdjEiLCJwcmVkaWNhdGVUeXBlIjoicCIsInN1YmplY3Qi"
        "Olt7Im5hbWUiOiJhIn1dfQ==\",\"signatures\":[]}}}";
    static struct arena *arena;
    static struct input input;
    static struct event event;
    struct error err;

    if (arena == NULL) {
        arena = arena_new();
        input.message = (struct message){.topic = "t", .value = bytes_of(text)};
        CHECK(event_decode(&input, sizeof(text), arena, &event, &err) == 0);
        CHECK(event_statement(&event, &err) != NULL);
    }
    return &event;
}

static void render(const char *text, const char *name, struct str *out)
{
    static const struct registration registration = {.name = "hook"};
    static const struct attachment attachment = {.name = "hook:w",
                                                 .registration = &registration};
    struct event event = *sample();
    const struct template_message message = {
        .event = &event,
        .attachment = &attachment,
        .id = "msg_1",
        .kind = "ATTESTATION",
        .content = bytes_of("content"),
    };

    event.workflow.name = name;
    template_render(text, &message, out);
}

static void check_rendering(const char *text, const char *name)
{
    CLEANUP(str_release) struct str out = STR_INIT(MAX_OUTPUT);
    CLEANUP(str_release) struct str again = STR_INIT(MAX_OUTPUT);
    struct error err;
    struct json *json;

    render(text, name, &out);
    render(text, name, &again);
    CHECK(strcmp(out.data, again.data) == 0);
    if (strstr(text, "{{") == NULL) {
        CHECK(out.overflow || strcmp(out.data, text) == 0);
    }
    if (template_makes_json(text) && !out.overflow) {
        CHECK(strstr(text, "raw") != NULL ||
              json_parse(out.data, out.len, &json, &err) == 0);
        if (strstr(text, "raw") == NULL) {
            json_free(json);
        }
    }
}

static void check_fault(const char *message)
{
    CHECK(strncmp(message, "line ", 5) == 0);
    for (; *message != '\0'; message++) {
        CHECK(*message >= ' ' && *message < 0x7F);
    }
    CHECK(strlen(message) < 200);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const uint8_t *end = memchr(data, '\n', size);
    struct error err;

    if (end == NULL || memchr(data, '\0', size) != NULL) {
        return 0; /* neither is in a configuration or in an event */
    }
    str_append(&name, data, (size_t)(end - data));
    str_append(&text, end + 1, size - (size_t)(end - data) - 1);
    if (template_check(text.data, &err) == 0) {
        check_rendering(text.data, name.data);
    } else {
        check_fault(err.message);
    }
    return 0;
}
