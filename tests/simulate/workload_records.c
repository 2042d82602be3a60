#include <string.h>

#include "waybill/base64.h"
#include "workload.h"

/* Events: each has an envelope of its own or, occasionally, one that has
 * occurred before. */

static char *make_envelope(struct item *item, struct arena *arena,
                           size_t number)
{
    CLEANUP(str_release) struct str payload = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_printf(&text,
               "{\"_type\":\"https://in-toto.io/Statement/v1\","
               "\"number\":%zu}",
               draw_chance(&item->random, 100) ? 0 : number);
    str_append_text(
        &payload,
        "{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"");
    base64_encode(&payload, text.data, text.len);
    str_append_text(
        &payload, "\",\"signatures\":[{\"keyid\":\"key\",\"sig\":\"c2ln\"}]}");
    return arena_strdup(arena, payload.data);
}

static void add_route(struct expected *record, const char *attachment)
{
    if (attachment != NULL) {
        record->routes[record->route_count++] = workload_route(attachment);
    }
}

/* Attachments to the directory are last, because some worlds have none. */
#define DIRECTORY_CHOICES 5

/* Half of the valid events go to two registries, or twice to one. */
static const char *draw_workflow(const struct sim *sim, struct expected *record,
                                 struct random *random)
{
    static const struct {
        const char *json;
        const char *attachments[MAX_DELIVERIES];
    } choices[] = {
        {"{\"project\":\"shop\",\"name\":\"build-api\"}", {"one"}},
        {"{\"project\":\"shop\",\"name\":\"once-twice\"}", {"other"}},
        {"{\"project\":\"shop\",\"name\":\"lab-api\"}", {"third"}},
        {"{\"project\":\"shop\",\"name\":\"once-tenant\"}", {"tenant"}},
        {"{\"project\":\"shop\",\"name\":\"build-twice\"}", {"one", "other"}},
        {"{\"project\":\"shop\",\"name\":\"lab-twice\"}", {"other", "third"}},
        {"{\"project\":\"shop\",\"name\":\"build-tenant\"}", {"one", "tenant"}},
        {"{\"project\":\"shop\",\"name\":\"lab-tenant\"}", {"third", "tenant"}},
        {"{\"project\":\"shop\",\"name\":\"once-files\"}", {"files"}},
        {"{\"project\":\"shop\",\"name\":\"copy-api\"}", {"copies"}},
        {"{\"project\":\"shop\",\"name\":\"build-files\"}", {"one", "files"}},
        {"{\"project\":\"shop\",\"name\":\"lab-files\"}", {"third", "files"}},
        {"{\"project\":\"shop\",\"name\":\"copy-files\"}", {"files", "copies"}},
    };
    size_t count =
        ARRAY_SIZE(choices) - (sim->directory == NULL ? DIRECTORY_CHOICES : 0);
    size_t choice = draw(random, 0, count - 1);

    for (size_t i = 0; i < MAX_DELIVERIES; i++) {
        add_route(record, choices[choice].attachments[i]);
    }
    return choices[choice].json;
}

static const char *workflow_of(const struct sim *sim, struct expected *record,
                               struct random *random)
{
    switch (record->kind) {
    case RECORD_GOOD:
        return draw_workflow(sim, record, random);
    case RECORD_REFUSED:
        add_route(record, "never");
        return "{\"id\":\"cursed\"}";
    case RECORD_UNATTACHED:
        return "{\"project\":\"lab\",\"name\":\"scratch\"}";
    case RECORD_MALFORMED:
    case RECORD_MISMATCH:
    case RECORD_OTHER:
        break;
    }
    return "{\"project\":\"shop\",\"name\":\"build-api\"}";
}

static const char *make_value(const struct sim *sim, struct item *item,
                              size_t number, struct expected *record)
{
    static const char *const bad[] = {"", "{", "[1,2]", "{\"workflow\":7}",
                                      "not json"};
    struct arena *arena = sim->arena;
    const char *workflow = workflow_of(sim, record, &item->random);
    char *envelope = make_envelope(item, arena, number);
    struct digest given;

    if (record->kind == RECORD_MALFORMED) {
        return bad[draw(&item->random, 0, 4)];
    }
    digest_of(envelope, strlen(envelope), &record->digest);
    given = record->digest;
    if (record->kind == RECORD_MISMATCH) {
        given.text[DIGEST_TEXT - 1] =
            given.text[DIGEST_TEXT - 1] == '0' ? '1' : '0';
    }
    return arena_printf(arena,
                        "{\"organization\":\"acme\",\"workflow\":%s,"
                        "\"run\":{\"id\":\"run-%zu\"},"
                        "\"attestation\":{\"envelope\":%s,\"digest\":\"%s\"}}",
                        workflow, number, envelope, given.text);
}

static void add_headers(struct arena *arena, size_t number,
                        struct message *message)
{
    struct header headers[] = {
        {"ce_specversion", bytes_of("1.0")},
        {"ce_id", bytes_of(arena_printf(arena, "event-%zu", number))},
        {"ce_source", bytes_of("https://chainloop.example")},
        {"ce_type", bytes_of("dev.waybill.attestation.created.v1")},
        {"content-type", bytes_of("application/json")},
        {"x-nothing", {NULL, 0}},
    };

    message->headers = arena_copy(arena, headers, sizeof(headers));
    message->header_count = ARRAY_SIZE(headers);
}

/* All headers of Waybill about replays and dead letters, as a producer could
 * write them: for another attachment, and of another record. */
static void add_hostile_headers(struct arena *arena, struct random *random,
                                struct message *message)
{
    static const char *const attachments[] = {"one", "other", "never", "gone"};
    const char *number = arena_printf(arena, "%d", (int)draw(random, 0, 9));
    const struct header hostile[] = {
        {"waybill-error-class", bytes_of("rejected")},
        {"waybill-replays", bytes_of(number)},
        {"waybill-attachment", bytes_of(attachments[draw(random, 0, 3)])},
        {"waybill-event-id", bytes_of(arena_printf(arena, "event-%s", number))},
        {"waybill-topic", bytes_of("attestations")},
        {"waybill-partition", bytes_of("0")},
        {"waybill-offset", bytes_of(number)},
        {"waybill-group", bytes_of("another")},
        {"waybill-dead-letter", bytes_of("attestation-dead-letters/0/1")},
    };
    struct header *all = arena_alloc(
        arena, (message->header_count + ARRAY_SIZE(hostile)) * sizeof(*all));

    for (size_t i = 0; i < message->header_count; i++) {
        all[i] = message->headers[i];
    }
    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
        all[message->header_count + i] = hostile[i];
    }
    message->headers = all;
    message->header_count += ARRAY_SIZE(hostile);
}

/* Some of the malformed events state another type. That is chosen last, so that
 * all other records of a seed remain the same. */
static void draw_other_type(struct arena *arena, struct item *item,
                            struct expected *record)
{
    const struct header header = {"ce-type", bytes_of("com.example.order")};
    struct message *message = &record->message;

    if (record->kind != RECORD_MALFORMED || !draw_chance(&item->random, 400)) {
        return;
    }
    record->kind = RECORD_OTHER;
    if (draw_chance(&item->random, 500)) {
        message->headers = arena_copy(arena, &header, sizeof(header));
        message->header_count = 1;
    } else {
        message->value = bytes_of("{\"specversion\":\"1.0\",\"id\":\"o\","
                                  "\"type\":\"com.example.order\"}");
        message->header_count = 0;
    }
}

const char *record_kind_name(enum record_kind kind)
{
    static const char *const names[] = {
        [RECORD_GOOD] = "good",
        [RECORD_REFUSED] = "one that the registry refuses",
        [RECORD_UNATTACHED] = "one that nothing is attached to",
        [RECORD_MALFORMED] = "malformed",
        [RECORD_MISMATCH] = "one of another digest than it says",
        [RECORD_OTHER] = "an event of another type",
    };

    return names[kind];
}

static enum record_kind draw_kind(struct random *random)
{
    uint64_t dice = draw(random, 0, 99);

    if (dice < 74) {
        return RECORD_GOOD;
    }
    if (dice < 82) {
        return RECORD_REFUSED;
    }
    if (dice < 90) {
        return RECORD_UNATTACHED;
    }
    return dice < 96 ? RECORD_MALFORMED : RECORD_MISMATCH;
}

void workload_make(struct sim *sim, struct item *item, size_t number,
                   struct expected *record)
{
    struct random *random = &item->random;
    struct message *message = &record->message;
    bool tombstone;

    *record = (struct expected){.kind = draw_kind(random)};
    tombstone = record->kind == RECORD_MALFORMED && draw_chance(random, 200);
    *message = (struct message){
        .topic = "attestations",
        .value = bytes_of(make_value(sim, item, number, record)),
    };
    if (tombstone) {
        message->value = bytes_of(NULL);
    }
    if (draw_chance(random, 500)) {
        message->key = bytes_of(arena_printf(sim->arena, "key-%zu", number));
    }
    if (draw_chance(random, 400)) {
        add_headers(sim->arena, number, message);
    }
    draw_other_type(sim->arena, item, record);
    if (draw_chance(random, 300)) {
        add_hostile_headers(sim->arena, random, message);
    }
    record->own_headers = message->header_count;
}
