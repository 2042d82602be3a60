#include "waybill/event_decode.h"

#include <stddef.h>
#include <string.h>

#include "event_internal.h"
#include "waybill/base64.h"
#include "waybill/event_form.h"
#include "waybill/limits.h"

/* An optional string member, and the offset at which it is stored */
struct string_field {
    const char *name;
    size_t offset;
};

static const struct string_field workflow_fields[] = {
    {"id", offsetof(struct workflow, id)},
    {"name", offsetof(struct workflow, name)},
    {"project", offsetof(struct workflow, project)},
    {"team", offsetof(struct workflow, team)},
};

static const struct string_field run_fields[] = {
    {"state", offsetof(struct run, state)},
    {"started_at", offsetof(struct run, started_at)},
    {"finished_at", offsetof(struct run, finished_at)},
    {"runner_type", offsetof(struct run, runner_type)},
    {"run_url", offsetof(struct run, url)},
};

static const struct string_field subject_fields[] = {
    {"ref", offsetof(struct subject, ref)},
    {"digest", offsetof(struct subject, digest)},
    {"media_type", offsetof(struct subject, media_type)},
};

static const struct string_field material_fields[] = {
    {"name", offsetof(struct material, name)},
    {"type", offsetof(struct material, type)},
    {"digest", offsetof(struct material, digest)},
    {"filename", offsetof(struct material, filename)},
};

static int read_strings(const struct json_at *at,
                        const struct string_field *fields, size_t count,
                        void *base, struct arena *arena, struct error *err)
{
    if (json_at_object(at, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json_at member = json_at_member(at, fields[i].name);
        const char *text = NULL;

        if (json_at_string(&member, LIMIT_EVENT_NAME, &text, err) < 0) {
            return -1;
        }
        *(const char **)(void *)((char *)base + fields[i].offset) =
            arena_strdup(arena, text);
    }
    return 0;
}

static bool is_nonempty(const char *text)
{
    return text != NULL && *text != '\0';
}

static int read_workflow(const struct json_at *data, struct arena *arena,
                         struct event *event, struct error *err)
{
    struct json_at at = json_at_member(data, "workflow");
    struct workflow workflow = {0};

    if (json_at_require(&at, err) < 0 ||
        read_strings(&at, workflow_fields, ARRAY_SIZE(workflow_fields),
                     &workflow, arena, err) < 0) {
        return -1;
    }
    if (!is_nonempty(workflow.id) &&
        !(is_nonempty(workflow.project) && is_nonempty(workflow.name))) {
        return json_at_fault(&at, err, ERROR_SCHEMA,
                             "needs an id, or a project and a name");
    }
    event->workflow = workflow;
    return 0;
}

static int read_context(const struct json_at *data, struct arena *arena,
                        struct event *event, struct error *err)
{
    struct json_at organization = json_at_member(data, "organization");
    struct json_at run = json_at_member(data, "run");
    struct json_at run_id = json_at_member(&run, "id");
    const char *text = NULL;

    if (json_at_string(&organization, LIMIT_EVENT_NAME, &text, err) < 0 ||
        read_strings(&run, run_fields, ARRAY_SIZE(run_fields), &event->run,
                     arena, err) < 0 ||
        read_id(&run_id, LIMIT_EVENT_NAME, arena, &event->run.id, err) < 0) {
        return -1;
    }
    event->organization = arena_strdup(arena, text);
    return 0;
}

/* Checks a digest that is not verified here. */
static int check_digest(const struct json_at *parent, struct error *err)
{
    struct json_at at = json_at_member(parent, "digest");
    const char *text = NULL;

    if (json_at_string(&at, LIMIT_EVENT_NAME, &text, err) < 0) {
        return -1;
    }
    if (text != NULL && !digest_is_plausible(text)) {
        return json_at_fault(&at, err, ERROR_SCHEMA,
                             "is not a digest (sha256:...)");
    }
    return 0;
}

/* Decodes one element into `item`. */
typedef int read_item_fn(const struct json_at *at, struct arena *arena,
                         void *item, struct error *err);

static int read_items(const struct json_at *at, size_t max_count,
                      size_t item_size, read_item_fn *read, struct arena *arena,
                      void *ret_items, size_t *ret_count, struct error *err)
{
    size_t count = 0;
    char *items;

    if (json_at_array(at, max_count, err) < 0) {
        return -1;
    }
    items = arena_alloc(arena, (at->value != NULL ? json_count(at->value) : 0) *
                                   item_size);
    for (const struct json *item = at->value ? json_first(at->value) : NULL;
         item; item = json_next(item)) {
        struct json_at element = json_at_element(at, item, count);

        if (read(&element, arena, items + count++ * item_size, err) < 0) {
            return -1;
        }
    }
    memcpy(ret_items, &items, sizeof(items));
    *ret_count = count;
    return 0;
}

static int read_subject(const struct json_at *at, struct arena *arena,
                        void *subject, struct error *err)
{
    if (read_strings(at, subject_fields, ARRAY_SIZE(subject_fields), subject,
                     arena, err) < 0) {
        return -1;
    }
    return check_digest(at, err);
}

static int read_subjects(const struct json_at *data, struct arena *arena,
                         struct event *event, struct error *err)
{
    struct json_at at = json_at_member(data, "subjects");

    return read_items(&at, LIMIT_EVENT_SUBJECTS, sizeof(struct subject),
                      read_subject, arena, &event->subjects,
                      &event->subject_count, err);
}

/* Only annotations with string values are kept; Chainloop has no others. */
static void read_annotations(const struct json *annotations,
                             struct arena *arena, struct material *material)
{
    struct annotation *list;

    if (annotations == NULL || json_first(annotations) == NULL) {
        return;
    }
    list = arena_alloc(arena, LIMIT_MATERIAL_ANNOTATIONS * sizeof(*list));
    for (const struct json *item = json_first(annotations);
         item != NULL &&
         material->annotation_count < LIMIT_MATERIAL_ANNOTATIONS;
         item = json_next(item)) {
        if (json_is_string(item)) {
            list[material->annotation_count++] =
                (struct annotation){arena_strdup(arena, json_name(item)),
                                    arena_strdup(arena, json_text(item))};
        }
    }
    material->annotations = list;
}

static int read_material(const struct json_at *at, struct arena *arena,
                         void *item, struct error *err)
{
    struct material *material = item;
    struct json_at content = json_at_member(at, "content");
    struct json_at ref = json_at_member(at, "ref");
    struct json_at url = json_at_member(&ref, "url");
    struct json_at annotations = json_at_member(at, "annotations");
    const char *text = NULL;
    const char *url_text = NULL;

    if (read_strings(at, material_fields, ARRAY_SIZE(material_fields), material,
                     arena, err) < 0 ||
        check_digest(at, err) < 0 ||
        json_at_string(&content, STR_UNLIMITED, &text, err) < 0 ||
        json_at_object(&ref, err) < 0 ||
        json_at_string(&url, LIMIT_URL, &url_text, err) < 0 ||
        json_at_object(&annotations, err) < 0) {
        return -1;
    }
    if (text != NULL &&
        !base64_decode(text, strlen(text), BASE64_STANDARD, NULL)) {
        return json_at_fault(&content, err, ERROR_SCHEMA, "is not base64");
    }
    material->has_content = text != NULL;
    material->url = arena_strdup(arena, url_text);
    read_annotations(annotations.value, arena, material);
    return 0;
}

static int read_materials(const struct json_at *data, struct arena *arena,
                          struct event *event, struct error *err)
{
    struct json_at at = json_at_member(data, "materials");

    return read_items(&at, LIMIT_EVENT_MATERIALS, sizeof(struct material),
                      read_material, arena, &event->materials,
                      &event->material_count, err);
}

static int check_ref(const struct json_at *at, struct error *err)
{
    struct json_at url = json_at_member(at, "url");
    struct json_at digest = json_at_member(at, "digest");
    struct json_at size = json_at_member(at, "size");
    struct json_at media_type = json_at_member(at, "media_type");
    const char *text = NULL;
    double number = 0;

    if (json_at_object(at, err) < 0 || json_at_require(&url, err) < 0 ||
        json_at_string(&url, LIMIT_URL, &text, err) < 0) {
        return -1;
    }
    if (strncmp(text, "https://", 8) != 0 && strncmp(text, "oci://", 6) != 0) {
        return json_at_fault(&url, err, ERROR_SCHEMA,
                             "is neither https:// nor oci://");
    }
    if (json_at_require(&digest, err) < 0 || check_digest(at, err) < 0 ||
        json_at_string(&media_type, LIMIT_EVENT_NAME, &text, err) < 0) {
        return -1;
    }
    if (size.value != NULL &&
        (!json_number(size.value, &number) || number < 0)) {
        return json_at_fault(&size, err, ERROR_SCHEMA,
                             "expected a number of bytes");
    }
    return 0;
}

static int store_envelope(const struct json_at *at, struct arena *arena,
                          struct event *event, struct error *err)
{
    CLEANUP(str_release) struct str stored = STR_INIT(STR_UNLIMITED);

    if (envelope_read(at, &stored, err) < 0) {
        return -1;
    }
    event->envelope = arena_bytes(arena, str_bytes(&stored));
    digest_of(stored.data, stored.len, &event->envelope_digest);
    return 0;
}

static int check_stated_digest(const struct json_at *attestation,
                               const struct event *event, struct error *err)
{
    struct json_at at = json_at_member(attestation, "digest");
    const char *text = NULL;
    struct digest stated;

    if (json_at_string(&at, LIMIT_EVENT_NAME, &text, err) < 0) {
        return -1;
    }
    if (text == NULL) {
        return 0;
    }
    if (!digest_parse(text, &stated)) {
        return json_at_fault(&at, err, ERROR_SCHEMA,
                             "is not sha256: and 64 hexadecimal digits");
    }
    if (event->envelope.data != NULL &&
        strcmp(stated.text, event->envelope_digest.text) != 0) {
        return json_at_fault(&at, err, ERROR_DIGEST_MISMATCH,
                             "the envelope as stored has %s",
                             event->envelope_digest.text);
    }
    return 0;
}

/* The error of a record without an attestation names the member that was put
 * one level too high. */
static int refuse_missing_attestation(const struct json_at *data,
                                      const struct json_at *at,
                                      struct error *err)
{
    static const char *const members[] = {"envelope", "bundle", "ref"};

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (json_member(data->value, members[i]) != NULL) {
            return json_at_fault(at, err, ERROR_SCHEMA,
                                 "is missing; '%s' belongs in it", members[i]);
        }
    }
    return json_at_require(at, err);
}

static int refuse_attestation(const struct json_at *at, struct error *err)
{
    if (recognize_member(at, "", err) < 0 || json_at_object(at, err) < 0) {
        return -1;
    }
    return json_at_fault(at, err, ERROR_SCHEMA,
                         "needs exactly one of envelope, bundle and ref");
}

static int read_attestation(const struct json_at *data, struct arena *arena,
                            struct event *event, struct error *err)
{
    struct json_at at = json_at_member(data, "attestation");
    struct json_at envelope = json_at_member(&at, "envelope");
    struct json_at bundle = json_at_member(&at, "bundle");
    struct json_at ref = json_at_member(&at, "ref");
    int forms =
        (envelope.value != NULL) + (bundle.value != NULL) + (ref.value != NULL);

    if (at.value == NULL) {
        return refuse_missing_attestation(data, &at, err);
    }
    if (!json_is_object(at.value) || forms != 1) {
        return refuse_attestation(&at, err);
    }
    if (ref.value != NULL) {
        return check_ref(&ref, err);
    }
    if (bundle.value != NULL && bundle_open(&bundle, &envelope, err) < 0) {
        return recognize_member(&bundle, "bundle", err), -1;
    }
    if (store_envelope(&envelope, arena, event, err) < 0) {
        return recognize_member(&envelope, "envelope", err), -1;
    }
    return 0;
}

static int read_event(const struct json_at *data, const struct message *message,
                      struct arena *arena, struct event *event,
                      struct error *err)
{
    struct json_at attestation = json_at_member(data, "attestation");
    struct json_at ref = json_at_member(&attestation, "ref");
    struct event read = *event;

    if (recognize_root(data, message, err) < 0) {
        return -1;
    }
    if (!json_is_object(data->value)) {
        return json_at_fault(data, err, ERROR_SCHEMA,
                             "expected an object, not %s",
                             json_type_name(data->value));
    }
    if (read_context(data, arena, &read, err) < 0 ||
        read_workflow(data, arena, &read, err) < 0 ||
        read_attestation(data, arena, &read, err) < 0 ||
        read_subjects(data, arena, &read, err) < 0 ||
        read_materials(data, arena, &read, err) < 0) {
        return -1;
    }
    /* From here on the event is complete, although it may still be
     * undeliverable. */
    *event = read;
    if (check_stated_digest(&attestation, event, err) < 0) {
        return -1;
    }
    if (ref.value != NULL) {
        return json_at_fault(&ref, err, ERROR_REJECTED,
                             "attestations by reference are not supported by "
                             "this version; send the envelope or the bundle");
    }
    return 0;
}

static const char *fallback_id(const struct input *input, struct arena *arena)
{
    if (input->file != NULL) {
        return arena_printf(arena, "%s/%lld", input->file,
                            (long long)input->index);
    }
    return arena_printf(arena, "%s/%d/%lld", input->message.topic,
                        input->partition, (long long)input->offset);
}

/* The headers of a replay hold the id of the event and the attachment that is
 * to receive it. */
static void read_replay(const struct input *input, struct arena *arena,
                        struct event *event)
{
    struct message own =
        message_with_own_headers(&input->message, REPLAY_FIRST_HEADER);
    struct position origin;
    const char *id;

    if (!input->is_replay) {
        return;
    }
    if (input_origin(input, arena, &origin)) {
        event->replay_of = origin;
    }
    id = message_header_text(&own, "waybill-event-id", LIMIT_EVENT_ID, arena);
    event->id = id != NULL ? id : event->id;
    event->replay_attachment =
        message_header_text(&own, "waybill-attachment", LIMIT_EVENT_ID, arena);
    if (event->replay_attachment == NULL &&
        message_header(&own, "waybill-attachment") != NULL) {
        event->replay_attachment =
            ""; /* invalid: no attachment has this name */
    }
}

static void apply_attributes(const struct attributes *attributes,
                             struct event *event)
{
    event->id = attributes->id != NULL ? attributes->id : event->id;
    event->time = attributes->time;
    if (attributes->trace.parent != NULL) {
        event->trace = attributes->trace;
    }
}

static int decode_document(const struct message *message,
                           const struct json *document, struct arena *arena,
                           struct event *event, struct error *err)
{
    struct json_at root = json_at_root(document);
    struct json_at data = root;
    struct attributes attributes = {0};
    int result =
        attributes_read(message, &root, arena, &attributes, &data, err);

    apply_attributes(&attributes, event);
    if (attributes.type != NULL && strcmp(attributes.type, EVENT_TYPE) != 0) {
        event->other_type = attributes.type;
    }
    if (result == 0) {
        result = read_event(&data, message, arena, event, err);
    }
    json_free(attributes.data_document);
    return result;
}

/* What is known before the value is parsed. An event of another type is told
 * by its header, whatever its value is. */
static int check_record(const struct message *message, size_t max_bytes,
                        struct arena *arena, struct event *event,
                        struct error *err)
{
    const char *type = attributes_header_type(message, arena);

    if (type != NULL && attributes_check_type(type, err) < 0) {
        event->other_type = type;
        return -1;
    }
    if (message->value.data == NULL) {
        return error_set(err, ERROR_SCHEMA,
                         "$: no value (a tombstone), so no attestation");
    }
    if (message->value.len > max_bytes) {
        return error_set(err, ERROR_TOO_LARGE,
                         "$: %zu byte%s; delivery.max_event_size is %zu",
                         message->value.len, plural_s(message->value.len),
                         max_bytes);
    }
    if (message_headers_size(message) > LIMIT_RECORD_HEADERS) {
        return error_set(err, ERROR_SCHEMA,
                         "$: %zu headers, which are larger than %zu bytes in "
                         "total",
                         message->header_count, LIMIT_RECORD_HEADERS);
    }
    return attributes_check_format(message, err);
}

int event_decode(const struct input *input, size_t max_bytes,
                 struct arena *arena, struct event *ret_event,
                 struct error *err)
{
    const struct message *message = &input->message;
    struct attributes from_headers = {0};
    struct bytes text;
    struct json *document;
    int result;

    *ret_event = (struct event){
        .id = fallback_id(input, arena),
        .content = arena_alloc(arena, sizeof(struct event_content)),
    };
    ret_event->content->message = message;
    trace_of_headers(message, arena, &ret_event->trace);
    read_replay(input, arena, ret_event);
    attributes_read_headers(message, arena, &from_headers);
    apply_attributes(&from_headers, ret_event);
    if (check_record(message, max_bytes, arena, ret_event, err) < 0 ||
        event_text(message->value, &text, err) < 0) {
        return -1;
    }
    if (json_parse((const char *)text.data, text.len, &document, err) < 0) {
        return error_prefix(err, "$");
    }
    result = decode_document(message, document, arena, ret_event, err);
    json_free(document);
    return result;
}
