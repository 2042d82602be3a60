#include "waybill/event_content.h"

#include <string.h>

#include "event_internal.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/event_form.h"
#include "waybill/limits.h"

/* The memory of a parsed tree in relation to its document: cJSON needs 64 bytes
 * for each value in addition to its text. */
#define TREE_FACTOR 4

#define STATEMENT_V01 "https://in-toto.io/Statement/v0.1"
#define STATEMENT_V1 "https://in-toto.io/Statement/v1"

/* --- the statement -----------------------------------------------------------
 */

/* The envelope was written by event_decode(), so that its form is known. */
static int decode_payload(const struct event *event, struct str *payload,
                          struct error *err)
{
    struct json *envelope;
    struct json_at root;
    struct json_at at;
    const char *text = "";
    int result;

    if (json_parse((const char *)event->envelope.data, event->envelope.len,
                   &envelope, err) < 0) {
        return -1;
    }
    root = json_at_root(envelope);
    at = json_at_member(&root, "payload");
    result = json_at_string(&at, STR_UNLIMITED, &text, err);
    /* Events may use either base64 alphabet, but not both in one string. */
    if (result == 0 &&
        !base64_decode(text, strlen(text), BASE64_STANDARD, payload)) {
        str_clear(payload);
        if (!base64_decode(text, strlen(text), BASE64_URL_SAFE, payload)) {
            result = json_at_fault(&at, err, ERROR_SCHEMA, "is not base64");
        }
    }
    json_free(envelope);
    if (result == 0 && payload->overflow) {
        return error_set(err, ERROR_TOO_LARGE,
                         "the statement is larger than %zu bytes",
                         LIMIT_STATEMENT);
    }
    return result;
}

static const char *digest_text(const struct json *digests, struct arena *arena)
{
    const struct json *digest =
        digests != NULL ? json_member(digests, "sha256") : NULL;

    if (digest == NULL && digests != NULL && json_is_object(digests)) {
        digest = json_first(digests);
    }
    return digest != NULL && json_is_string(digest)
               ? arena_printf(arena, "%s:%s", json_name(digest),
                              json_text(digest))
               : NULL;
}

static int read_statement_subjects(const struct json_at *root,
                                   struct arena *arena,
                                   struct statement *statement,
                                   struct error *err)
{
    struct json_at at = json_at_member(root, "subject");
    struct statement_subject *subjects;

    if (json_at_array(&at, LIMIT_EVENT_SUBJECTS, err) < 0) {
        return -1;
    }
    if (at.value == NULL) {
        return 0;
    }
    subjects = arena_alloc(arena, json_count(at.value) * sizeof(*subjects));
    for (const struct json *item = json_first(at.value); item != NULL;
         item = json_next(item)) {
        struct json_at element =
            json_at_element(&at, item, statement->subject_count);
        struct json_at name = json_at_member(&element, "name");
        struct json_at digests = json_at_member(&element, "digest");
        struct statement_subject *subject =
            &subjects[statement->subject_count++];

        if (json_at_object(&element, err) < 0 ||
            json_at_string(&name, LIMIT_EVENT_NAME, &subject->name, err) < 0) {
            return -1;
        }
        subject->digest = digest_text(digests.value, arena);
    }
    statement->subjects = subjects;
    return 0;
}

static int read_statement(const struct json *tree, struct arena *arena,
                          struct statement *statement, struct error *err)
{
    struct json_at root = json_at_root(tree);
    struct json_at type = json_at_member(&root, "_type");
    struct json_at predicate_type = json_at_member(&root, "predicateType");
    struct json_at predicate = json_at_member(&root, "predicate");

    statement->type = "";
    statement->predicate_type = "";
    if (json_at_object(&root, err) < 0 ||
        json_at_string(&type, LIMIT_EVENT_NAME, &statement->type, err) < 0 ||
        json_at_string(&predicate_type, LIMIT_EVENT_NAME,
                       &statement->predicate_type, err) < 0) {
        return -1;
    }
    if (strcmp(statement->type, STATEMENT_V01) != 0 &&
        strcmp(statement->type, STATEMENT_V1) != 0) {
        return json_at_fault(&type, err, ERROR_SCHEMA,
                             "is not that of an in-toto statement (%s)",
                             STATEMENT_V1);
    }
    statement->document = tree;
    statement->predicate = predicate.value;
    return read_statement_subjects(&root, arena, statement, err);
}

static int decode_statement(const struct event *event,
                            struct event_content *content, struct error *err)
{
    CLEANUP(str_release) struct str payload = STR_INIT(LIMIT_STATEMENT);
    struct statement *statement = &content->statement;

    if (decode_payload(event, &payload, err) < 0 ||
        json_parse(payload.data, payload.len, &content->tree, err) < 0) {
        return -1;
    }
    statement->bytes = arena_bytes(content->arena, str_bytes(&payload));
    return read_statement(content->tree, content->arena, statement, err);
}

const struct statement *event_statement(const struct event *event,
                                        struct error *err)
{
    struct event_content *content = event->content;

    if (!content->decoded) {
        content->decoded = true;
        content->arena = arena_new();
        content->failure.kind = ERROR_NONE;
        if (decode_statement(event, content, &content->failure) < 0) {
            error_prefix(&content->failure, "statement");
        }
    }
    if (content->failure.kind != ERROR_NONE) {
        *err = content->failure;
        return NULL;
    }
    return &content->statement;
}

/* --- materials ---------------------------------------------------------------
 */

static const struct json *array_element(const struct json *array, size_t index)
{
    const struct json *item = array != NULL ? json_first(array) : NULL;

    while (item != NULL && index-- > 0) {
        item = json_next(item);
    }
    return item;
}

static int copy_content(const struct json_at *data, size_t index,
                        struct arena *arena, struct bytes *ret_content,
                        struct error *err)
{
    CLEANUP(str_release) struct str decoded = STR_INIT(STR_UNLIMITED);
    struct json_at materials = json_at_member(data, "materials");
    struct json_at material = json_at_element(
        &materials, array_element(materials.value, index), index);
    struct json_at content = json_at_member(&material, "content");
    const char *text = NULL;

    if (json_at_require(&content, err) < 0 ||
        json_at_string(&content, STR_UNLIMITED, &text, err) < 0) {
        return -1;
    }
    if (!base64_decode(text, strlen(text), BASE64_STANDARD, &decoded)) {
        return json_at_fault(&content, err, ERROR_SCHEMA, "is not base64");
    }
    *ret_content = arena_bytes(arena, str_bytes(&decoded));
    return 0;
}

/* Parses the record again. Contents are large and few deliveries need them,
 * while a copy would occupy memory for as long as the record does. */
int event_material_content(const struct event *event, size_t index,
                           struct arena *arena, struct bytes *ret_content,
                           struct error *err)
{
    const struct message *message = event->content->message;
    struct attributes attributes = {0};
    struct bytes text;
    struct json *document;
    struct json_at root;
    struct json_at data;
    int result;

    if (event_text(message->value, &text, err) < 0 ||
        json_parse((const char *)text.data, text.len, &document, err) < 0) {
        return -1;
    }
    root = data = json_at_root(document);
    result = attributes_read(message, &root, arena, &attributes, &data, err);
    if (result == 0) {
        result = copy_content(&data, index, arena, ret_content, err);
    }
    json_free(attributes.data_document);
    json_free(document);
    return result;
}

/* --- memory ------------------------------------------------------------------
 */

size_t event_content_size(const struct event *event)
{
    const struct event_content *content = event->content;

    return content != NULL && content->arena != NULL
               ? arena_size(content->arena) +
                     TREE_FACTOR * content->statement.bytes.len
               : 0;
}

void event_release(struct event *event)
{
    struct event_content *content = event->content;

    if (content != NULL) {
        json_free(content->tree);
        arena_free(content->arena);
        *content = (struct event_content){.message = content->message};
    }
}
