#include <dirent.h>

#include "decoding.h"
#include "waybill/json.h"
#include "waybill/limits.h"

#define NO_CAP ((size_t)1 << 30)

/* --- fixtures ------------------------------------------------------------- */

struct good_event {
    const char *file;
    const char *event_id; /* NULL: it has none of its own */
    const char *workflow_id;
    const char *project;
    const char *name;
    const char *team;
    const char *run_id;
};

static const struct good_event good_events[] = {
    {"bundle.json", NULL, "2782bf51-457f-420b-a788-53742f3286c2", "shop",
     "build-api", "core", "3885c98e-c801-4b8b-a762-2bc5f9e4d830"},
    {"cloudevent.json", "5f0c7d7e-4a1b-4a83-9d0e-2f6b6c1d0006",
     "2782bf51-457f-420b-a788-53742f3286c2", "shop", "build-api", "core",
     "46dec18a-0fd3-4307-a60b-ed397fb33fa6"},
    {"payments-release.json", NULL, "5965c925-588c-4d54-aae4-c36d6170933d",
     "payments", "release", "payments", "dd6b58dc-b6b6-4e89-aa0f-22b46736cd09"},
    {"shop-build-web.json", NULL, "00a62e15-2209-46ea-a689-6d9088bd0cc2",
     "shop", "build-web", "web", "5009378b-2cae-485a-a499-9b17a7922860"},
    {"shop-build.json", NULL, "2782bf51-457f-420b-a788-53742f3286c2", "shop",
     "build-api", "core", "741bf7e2-fa13-4384-ae55-42de03d68b99"},
    {"unattached.json", NULL, "b7d07281-98e2-4d2b-a5fd-9b042dadc73e", "lab",
     "scratch", NULL, "386a25e0-a993-4385-a5f5-de2c357cace9"},
    {"with-materials.json", NULL, "2782bf51-457f-420b-a788-53742f3286c2",
     "shop", "build-api", "core", "79d1f69e-ed43-4679-a10e-8cf31fc61261"},
};

static const struct good_event *find_good(const char *file)
{
    for (size_t i = 0; i < ARRAY_SIZE(good_events); i++) {
        if (strcmp(good_events[i].file, file) == 0) {
            return &good_events[i];
        }
    }
    return NULL;
}

static void check_good(struct arena *arena, const struct good_event *row,
                       const struct event *event)
{
    struct digest digest;

    check_text(row->file, event->id, row->event_id ? row->event_id : "t/2/7");
    check_text(row->file, event->organization, "acme");
    check_text(row->file, event->workflow.id, row->workflow_id);
    check_text(row->file, event->workflow.project, row->project);
    check_text(row->file, event->workflow.name, row->name);
    check_text(row->file, event->workflow.team, row->team);
    check_text(row->file, event->run.id, row->run_id);
    check(row->file, event->envelope.len > 1000);
    digest_of(event->envelope.data, event->envelope.len, &digest);
    check_text(row->file, event->envelope_digest.text, digest.text);
}

/* Not in the table: a file that was added, or one of these two */
static void check_other(const char *name, const struct event *event,
                        const struct error *err)
{
    if (strcmp(name, "malformed.json") == 0) {
        check_kind(name, err, ERROR_SCHEMA);
        check_contains(name, err->message, "$.attestation.envelope.payload: ");
        return;
    }
    check_text("every event is in the table", name, "ref.json");
    check_kind(name, err, ERROR_REJECTED);
    check_contains(name, err->message, "$.attestation.ref: ");
    check_text(name, event->workflow.id,
               "5965c925-588c-4d54-aae4-c36d6170933d");
}

static void decode__reads_every_event_of_the_fixtures(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    DIR *folder = opendir(fixture_path(arena, "events"));
    const struct dirent *entry;
    size_t good = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        const struct good_event *row = find_good(entry->d_name);
        struct error err = ERROR_UNTOUCHED;
        struct event event;
        int result;

        if (entry->d_name[0] == '.') {
            continue;
        }
        result = decode_record(
            fixture(arena, arena_printf(arena, "events/%s", entry->d_name)),
            NULL, 0, arena, &event, &err);
        check_number(entry->d_name, result, row != NULL ? 0 : -1);
        if (row == NULL) {
            check_other(entry->d_name, &event, &err);
            continue;
        }
        good++;
        check_untouched(entry->d_name, &err);
        check_good(arena, row, &event);
    }
    closedir(folder);
    assert_int_equal(good, ARRAY_SIZE(good_events));
}

static void check_bad(struct arena *arena, const char *file, const char *class,
                      const char *path)
{
    struct bytes value =
        fixture(arena, arena_printf(arena, "bad-events/%s", file));
    size_t len = strlen(path);
    struct error err;
    struct event event;

    check_number(file, decode_record(value, NULL, 0, arena, &event, &err), -1);
    check_text(file, error_class(err.kind), class);
    check_number(file, disposition_of(&err), DISPOSITION_DEAD_LETTER);
    /* The path of a missing member is the one that it should have. */
    check_contains(file, err.message, path);
    check(file, strncmp(err.message, path, len) == 0);
    check(file,
          err.message[len] == ':' || (len > 1 && err.message[len] == '.'));
    check(file, event.id != NULL);
}

static void decode__says_what_the_index_says_of_every_bad_event(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char *index = fixture_text(arena, "bad-events/INDEX");
    char *rest;
    size_t count = 0;

    for (char *line = strtok_r(index, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *class = strchr(line, '\t');
        char *path = class != NULL ? strchr(class + 1, '\t') : NULL;

        check(line, path != NULL);
        *class ++ = '\0';
        *path++ = '\0';
        check_bad(arena, line, class, path);
        count++;
    }
    assert_true(count >= 74);
}

static void decode__knows_every_file_of_the_bad_events(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const char *index = fixture_text(arena, "bad-events/INDEX");
    DIR *folder = opendir(fixture_path(arena, "bad-events"));
    const struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (strstr(entry->d_name, ".json") != NULL) {
            check_contains(entry->d_name, index,
                           arena_printf(arena, "%s\t", entry->d_name));
        }
    }
    closedir(folder);
}

/* --- rules ---------------------------------------------------------------- */

static void decode__gives_an_id_to_a_record_that_has_none(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {
        .message = {.topic = "topic", .value = bytes_of(EVENT)},
        .partition = 3,
        .offset = 1LL << 40};
    struct event event;
    struct error err;

    assert_int_equal(event_decode(&input, NO_CAP, arena, &event, &err), 0);
    assert_string_equal(event.id, "topic/3/1099511627776");
    input = (struct input){
        .message = {.value = bytes_of(EVENT)}, .file = "a/b.json", .index = 4};
    assert_int_equal(event_decode(&input, NO_CAP, arena, &event, &err), 0);
    assert_string_equal(event.id, "a/b.json/4");
}

static void decode__refuses_a_tombstone(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct event event;
    struct error err;

    assert_int_equal(decode(NULL, arena, &event, &err), -1);
    assert_error_kind(&err, ERROR_SCHEMA);
    assert_string_equal(err.message,
                        "$: no value (a tombstone), so no attestation");
    assert_string_equal(event.id, "t/2/7");
    assert_null(event.workflow.id);
}

static void decode__refuses_what_is_larger_than_the_cap(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const struct input input = {
        .message = {.topic = "t", .value = bytes_of(EVENT)},
        .partition = 2,
        .offset = 7};
    size_t len = strlen(EVENT);
    struct event event;
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(event_decode(&input, len, arena, &event, &err), 0);
    assert_untouched(&err);
    assert_int_equal(event_decode(&input, len - 1, arena, &event, &err), -1);
    assert_error_kind(&err, ERROR_TOO_LARGE);
    assert_message_contains(&err, "delivery.max_event_size");
    assert_string_equal(event.id, "t/2/7");
}

static void decode__refuses_more_headers_than_anyone_sends(void **state)
{
    /* "x" and "y" take two bytes more each. */
    enum { MAX = LIMIT_RECORD_HEADERS / (LIMIT_HEADER_COST + 2) };
    CLEANUP(release_arena) struct arena *arena = arena_new();
    static struct header headers[MAX + 1];
    struct input input = {.message = {.topic = "t",
                                      .value = bytes_of(EVENT),
                                      .headers = headers,
                                      .header_count = MAX}};
    struct event event;
    struct error err;

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        headers[i] = (struct header){"x", bytes_of("y")};
    }
    assert_int_equal(event_decode(&input, NO_CAP, arena, &event, &err), 0);
    input.message.header_count++;
    assert_int_equal(event_decode(&input, NO_CAP, arena, &event, &err), -1);
    assert_error_kind(&err, ERROR_SCHEMA);
    assert_string_equal(
        err.message, "$: 7711 headers, which are larger than 262144 bytes in "
                     "total");
}

struct decoded {
    const char *text;
    enum error_kind kind; /* ERROR_NONE: good */
    const char *message;
};

#define SHA "\"sha256:"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static const struct decoded cases[] = {
    {EVENT, ERROR_NONE, NULL},
    {"{\"workflow\":{\"project\":\"p\",\"name\":\"n\"}," ATTESTATION "}",
     ERROR_NONE, NULL},
    {"{\"workflow\":{\"id\":\"\",\"project\":\"p\",\"name\":\"n\"}," ATTESTATION
     "}",
     ERROR_NONE, NULL},
    {"{\"workflow\":{\"id\":\"\",\"project\":\"p\"}," ATTESTATION "}",
     ERROR_SCHEMA, "$.workflow: needs an id, or a project and a name"},
    {"{\"workflow\":{\"project\":\"\",\"name\":\"n\"}," ATTESTATION "}",
     ERROR_SCHEMA, "$.workflow: needs"},
    {"{\"workflow\":null," ATTESTATION "}", ERROR_SCHEMA,
     "$.workflow: is missing"},
    /* unknown fields are ignored, and null equals a missing optional member */
    {"{\"x\":[{}],\"organization\":null,\"run\":null,\"subjects\":null,"
     "\"materials\":null," WORKFLOW "," ATTESTATION "}",
     ERROR_NONE, NULL},
    {"{\"run\":{\"id\":null,\"state\":\"s\",\"x\":1}," WORKFLOW "," ATTESTATION
     "}",
     ERROR_NONE, NULL},
    {"{\"run\":{\"started_at\":1}," WORKFLOW "," ATTESTATION "}", ERROR_SCHEMA,
     "$.run.started_at: expected a string"},
    {"{\"run\":{\"run_url\":{}}," WORKFLOW "," ATTESTATION "}", ERROR_SCHEMA,
     "$.run.run_url: expected a string"},
    {"{\"organization\":\"a\\u0000\"," WORKFLOW "," ATTESTATION "}",
     ERROR_SCHEMA, "$.organization: holds U+0000"},
    /* exactly one form is allowed */
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":" ENVELOPE
     ",\"bundle\":null,\"ref\":null}}",
     ERROR_NONE, NULL},
    {"{" WORKFLOW ",\"attestation\":{\"bundle\":{\"dsseEnvelope\":" ENVELOPE
     "}}}",
     ERROR_NONE, NULL},
    {"{" WORKFLOW ",\"attestation\":{\"bundle\":{\"dsseEnvelope\":{}}}}",
     ERROR_SCHEMA, "$.attestation.bundle.dsseEnvelope.payload: is missing"},
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":null}}", ERROR_SCHEMA,
     "$.attestation: needs exactly one of envelope, bundle and ref"},
    {"{" WORKFLOW ",\"attestation\":{\"bundle\":{},\"ref\":{}}}", ERROR_SCHEMA,
     "$.attestation: needs exactly one"},
    /* references are validated, and then rejected as unsupported */
    {"{" WORKFLOW ",\"attestation\":{\"ref\":{\"url\":\"oci://h/r\","
     "\"digest\":" SHA ZEROS "\"}}}",
     ERROR_REJECTED, "$.attestation.ref: "},
    {"{" WORKFLOW ",\"attestation\":{\"ref\":{\"url\":\"http://h/\","
     "\"digest\":" SHA ZEROS "\"}}}",
     ERROR_SCHEMA, "$.attestation.ref.url: is neither https:// nor oci://"},
    {"{" WORKFLOW ",\"attestation\":{\"ref\":{\"url\":\"https://h/\","
     "\"digest\":" SHA ZEROS "\",\"media_type\":1}}}",
     ERROR_SCHEMA, "$.attestation.ref.media_type: expected a string"},
    {"{" WORKFLOW ",\"attestation\":{\"ref\":{\"url\":\"https://h/\","
     "\"digest\":" SHA ZEROS "\",\"size\":0}}}",
     ERROR_REJECTED, "$.attestation.ref: "},
    {"{" WORKFLOW ",\"attestation\":{\"ref\":{\"url\":\"https://h/\","
     "\"digest\":" SHA ZEROS "\",\"size\":-1}}}",
     ERROR_SCHEMA, "$.attestation.ref.size: expected a number of bytes"},
    /* the digest is that of the stored form */
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":" ENVELOPE
     ",\"digest\":null}}",
     ERROR_NONE, NULL},
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":" ENVELOPE ",\"digest\":" SHA
     "9c5dff9e8fe3e2eb67c4d16c4c25b57bd3a2b53f3e0a05da6b6a6b29d3b7c6c0\"}}",
     ERROR_DIGEST_MISMATCH,
     "$.attestation.digest: the envelope as stored has sha256:"},
    {"{" WORKFLOW ",\"attestation\":{\"envelope\":" ENVELOPE
     ",\"digest\":\"sha512:00\"}}",
     ERROR_SCHEMA, "$.attestation.digest: is not sha256: and 64"},
    /* subjects and materials are only validated */
    {"{\"subjects\":[{\"ref\":\"r\",\"digest\":\"sha384:ab\",\"media_type\":"
     "\"m\"},{}]," WORKFLOW "," ATTESTATION "}",
     ERROR_NONE, NULL},
    {"{\"subjects\":[{},{\"digest\":\"sha512\"}]," WORKFLOW "," ATTESTATION "}",
     ERROR_SCHEMA, "$.subjects[1].digest: is not a digest"},
    {"{\"subjects\":[null]," WORKFLOW "," ATTESTATION "}", ERROR_SCHEMA,
     "$.subjects[0]: expected an object, not null"},
    {"{\"materials\":[{\"name\":\"n\",\"content\":\"e30=\",\"annotations\":{}},"
     "{\"ref\":{}}]," WORKFLOW "," ATTESTATION "}",
     ERROR_NONE, NULL},
    {"{\"materials\":[{\"content\":\"e3\"}]," WORKFLOW "," ATTESTATION "}",
     ERROR_SCHEMA, "$.materials[0].content: is not base64"},
    {"{\"materials\":[{\"ref\":\"x\"}]," WORKFLOW "," ATTESTATION "}",
     ERROR_SCHEMA, "$.materials[0].ref: expected an object"},
    /* not JSON */
    {"", ERROR_SCHEMA, "$: not JSON: ends early, at byte 0"},
    {EVENT "x", ERROR_SCHEMA, "$: not JSON: more text after the value"},
    {"7", ERROR_SCHEMA, "$: expected an object, not a number"},
};

static void decode__takes_what_the_wire_format_says(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct decoded *row = &cases[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct error err = ERROR_UNTOUCHED;
        struct event event;
        int result = decode(row->text, arena, &event, &err);

        check_number(row->text, result, row->kind == ERROR_NONE ? 0 : -1);
        if (row->kind == ERROR_NONE) {
            check_untouched(row->text, &err);
            check_bytes(row->text, event.envelope.data, event.envelope.len,
                        ENVELOPE, strlen(ENVELOPE));
        } else {
            check_kind(row->text, &err, row->kind);
            check_contains(row->text, err.message, row->message);
        }
    }
}

static void decode__accepts_the_right_digest(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct digest digest;
    struct event event;
    struct error err = ERROR_UNTOUCHED;

    digest_of(ENVELOPE, strlen(ENVELOPE), &digest);
    assert_int_equal(
        decode(arena_printf(arena,
                            "{" WORKFLOW ",\"attestation\":{\"digest\":\"%s\","
                            "\"envelope\": {\"signatures\": [],\n"
                            "\"payload\":\"e30=\",\"payloadType\":\"t\"}}}",
                            digest.text),
               arena, &event, &err),
        0);
    assert_untouched(&err);
    assert_string_equal(event.envelope_digest.text, digest.text);
}

/* Its outcome names the workflow, which could be parsed. */
static void decode__keeps_the_event_when_only_its_digest_is_wrong(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct event event;
    struct error err;

    assert_int_equal(
        decode("{" WORKFLOW ",\"organization\":\"o\",\"attestation\":{"
               "\"envelope\":" ENVELOPE ",\"digest\":" SHA ZEROS "\"}}",
               arena, &event, &err),
        -1);
    assert_error_kind(&err, ERROR_DIGEST_MISMATCH);
    assert_string_equal(event.workflow.id, "w1");
    assert_string_equal(event.organization, "o");
}

static void decode__copies_everything_out_of_the_record(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char value[] = "{\"organization\":\"acme\"," WORKFLOW "," ATTESTATION "}";
    struct event event;
    struct error err;

    assert_int_equal(decode(value, arena, &event, &err), 0);
    memset(value, 'x', sizeof(value) - 1);
    assert_string_equal(event.organization, "acme");
    assert_string_equal(event.workflow.id, "w1");
    check_bytes("envelope", event.envelope.data, event.envelope.len, ENVELOPE,
                strlen(ENVELOPE));
}

static int decode_name(size_t len, struct arena *arena, struct error *err)
{
    char *name = arena_alloc(arena, len + 1);
    struct event event;

    memset(name, 'n', len);
    return decode(arena_printf(arena,
                               "{\"workflow\":{\"id\":\"%s\"}," ATTESTATION "}",
                               name),
                  arena, &event, err);
}

static void decode__holds_names_to_their_cap(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(decode_name(LIMIT_EVENT_NAME, arena, &err), 0);
    assert_untouched(&err);
    assert_int_equal(decode_name(LIMIT_EVENT_NAME + 1, arena, &err), -1);
    assert_string_equal(err.message, "$.workflow.id: longer than 1024 bytes");
}

static int decode_list(const char *name, size_t count, struct arena *arena,
                       struct error *err)
{
    CLEANUP(str_release) struct str value = STR_INIT(STR_UNLIMITED);
    struct event event;

    str_printf(&value, "{" WORKFLOW "," ATTESTATION ",\"%s\":[{}", name);
    for (size_t i = 1; i < count; i++) {
        str_append_text(&value, ",{}");
    }
    str_append_text(&value, "]}");
    return decode(value.data, arena, &event, err);
}

static void decode__holds_lists_to_their_cap(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(decode_list("subjects", LIMIT_EVENT_SUBJECTS, arena, &err),
                     0);
    assert_int_equal(
        decode_list("materials", LIMIT_EVENT_MATERIALS, arena, &err), 0);
    assert_untouched(&err);
    assert_int_equal(
        decode_list("subjects", LIMIT_EVENT_SUBJECTS + 1, arena, &err), -1);
    assert_message_contains(&err, "$.subjects: more than 1024");
    assert_int_equal(
        decode_list("materials", LIMIT_EVENT_MATERIALS + 1, arena, &err), -1);
    assert_message_contains(&err, "$.materials: more than 4096");
}

/* --- replays -------------------------------------------------------------- */

#define HEADER(name, value)                                                    \
    {                                                                          \
        name,                                                                  \
        {                                                                      \
            (const unsigned char *)(value), sizeof(value) - 1                  \
        }                                                                      \
    }
#define NO_VALUE(name)                                                         \
    {                                                                          \
        name,                                                                  \
        {                                                                      \
            NULL, 0                                                            \
        }                                                                      \
    }
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONGEST                                                                \
    FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY TEN "ab"

_Static_assert(sizeof(LONGEST) - 1 == LIMIT_EVENT_ID, "no byte more");

struct replay {
    const char *label;
    struct header headers[6];
    const char *id;
    const char *attachment;
};

static const struct replay replays[] = {
    {"none", {{0}}, "t/0/0", NULL},
    {"all of them",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "e1"),
      HEADER("waybill-attachment", "ghcr:w1")},
     "e1",
     "ghcr:w1"},
    {"in any case",
     {HEADER("waybill-replays", "7"), HEADER("Waybill-Attachment", "ghcr:w1"),
      HEADER("WAYBILL-EVENT-ID", "e1")},
     "e1",
     "ghcr:w1"},
    {"the producer's own headers, before those of the replay",
     {HEADER("waybill-replays", "9"), HEADER("waybill-event-id", "another"),
      HEADER("waybill-attachment", "another"), HEADER("waybill-replays", "1")},
     "t/0/0",
     NULL},
    {"the producer's own headers alone",
     {HEADER("waybill-event-id", "e1"), HEADER("waybill-attachment", "a")},
     "t/0/0",
     NULL},
    {"replayed, and no more is known",
     {HEADER("waybill-replays", "1")},
     "t/0/0",
     NULL},
    {"how often does not matter",
     {HEADER("waybill-replays", "often"), HEADER("waybill-event-id", "e1")},
     "e1",
     NULL},
    {"nor whether it is said",
     {NO_VALUE("waybill-replays"), HEADER("waybill-attachment", "a")},
     "t/0/0",
     "a"},
    {"a record that failed before there was a plan",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "e1")},
     "e1",
     NULL},
    {"twice: the last counts",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "old"),
      HEADER("waybill-attachment", "old"), HEADER("waybill-event-id", "new"),
      HEADER("waybill-attachment", "new")},
     "new",
     "new"},
    {"an id without a value",
     {HEADER("waybill-replays", "1"), NO_VALUE("waybill-event-id")},
     "t/0/0",
     NULL},
    {"an id that is empty",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "")},
     "t/0/0",
     NULL},
    {"an id of another's language",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "\xC3\xA9")},
     "\xC3\xA9",
     NULL},
    {"an id that is no text",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "\xC3(")},
     "t/0/0",
     NULL},
    {"an id with a NUL",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", "e\0"
                                                                 "1")},
     "t/0/0",
     NULL},
    {"the longest id",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", LONGEST)},
     LONGEST,
     NULL},
    {"an id that is too long",
     {HEADER("waybill-replays", "1"), HEADER("waybill-event-id", LONGEST "c")},
     "t/0/0",
     NULL},
    {"the longest attachment",
     {HEADER("waybill-replays", "1"), HEADER("waybill-attachment", LONGEST)},
     "t/0/0",
     LONGEST},
    {"the event's own id counts more",
     {HEADER("ce_specversion", "1.0"), HEADER("ce_id", "own"),
      HEADER("ce_type", EVENT_TYPE), HEADER("waybill-replays", "1"),
      HEADER("waybill-event-id", "e1"), HEADER("waybill-attachment", "a")},
     "own",
     "a"},
};

static size_t count_of(const struct header headers[6])
{
    size_t count = 0;

    while (count < 6 && headers[count].name != NULL) {
        count++;
    }
    return count;
}

/* A record that cannot be parsed has the same information: the failure may be
 * the one that is replayed. */
static void check_replay(const struct replay *row, const char *value)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct input input = {.message = {.topic = "t",
                                      .value = bytes_of(value),
                                      .headers = row->headers,
                                      .header_count = count_of(row->headers)},
                          .is_replay = true};
    struct event event;
    struct error err;
    int result = event_decode(&input, NO_CAP, arena, &event, &err);

    check(row->label, (result == 0) == (*value == '{'));
    check_text(row->label, event.id, row->id);
    check_text(row->label, event.replay_attachment, row->attachment);
    /* In the attestations topic the same headers have no meaning. */
    input.is_replay = false;
    result = event_decode(&input, NO_CAP, arena, &event, &err);
    check(row->label, (result == 0) == (*value == '{'));
    check(row->label,
          strcmp(event.id, "t/0/0") == 0 || strcmp(event.id, "own") == 0);
    check_text(row->label, event.replay_attachment, NULL);
    check_text(row->label, event.replay_of.topic, NULL);
}

static void decode__believes_the_headers_of_a_replay_where_it_is_one(
    void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(replays); i++) {
        check_replay(&replays[i], EVENT);
        check_replay(&replays[i], "nonsense");
    }
}

static void decode__copies_what_a_replay_says(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    char id[] = "e1";
    char attachment[] = "ghcr";
    struct header headers[] = {
        {"waybill-replays", bytes_of("1")},
        {"waybill-event-id", {(unsigned char *)id, 2}},
        {"waybill-attachment", {(unsigned char *)attachment, 4}},
    };
    struct input input = {.message = {.topic = "t",
                                      .value = bytes_of(EVENT),
                                      .headers = headers,
                                      .header_count = 3},
                          .is_replay = true};
    struct event event;
    struct error err;

    assert_int_equal(event_decode(&input, NO_CAP, arena, &event, &err), 0);
    memset(id, 'x', sizeof(id));
    memset(attachment, 'x', sizeof(attachment));
    assert_string_equal(event.id, "e1");
    assert_string_equal(event.replay_attachment, "ghcr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode__reads_every_event_of_the_fixtures),
        cmocka_unit_test(decode__says_what_the_index_says_of_every_bad_event),
        cmocka_unit_test(decode__knows_every_file_of_the_bad_events),
        cmocka_unit_test(decode__gives_an_id_to_a_record_that_has_none),
        cmocka_unit_test(decode__refuses_a_tombstone),
        cmocka_unit_test(decode__refuses_what_is_larger_than_the_cap),
        cmocka_unit_test(decode__refuses_more_headers_than_anyone_sends),
        cmocka_unit_test(decode__takes_what_the_wire_format_says),
        cmocka_unit_test(decode__accepts_the_right_digest),
        cmocka_unit_test(decode__keeps_the_event_when_only_its_digest_is_wrong),
        cmocka_unit_test(decode__copies_everything_out_of_the_record),
        cmocka_unit_test(decode__holds_names_to_their_cap),
        cmocka_unit_test(decode__holds_lists_to_their_cap),
        cmocka_unit_test(
            decode__believes_the_headers_of_a_replay_where_it_is_one),
        cmocka_unit_test(decode__copies_what_a_replay_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
