#include <string.h>

#include "event_internal.h"
#include "waybill/base64.h"
#include "waybill/event_decode.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/* CloudEvents Kafka protocol binding 1.0, section 3; JSON event format 1.0 */

#define STRUCTURED "application/cloudevents"
#define BATCH "application/cloudevents-batch"

static bool has_attribute_headers(const struct message *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strncmp(message->headers[i].name, "ce_", 3) == 0) {
            return true;
        }
    }
    return false;
}

/* `root` is used only for the path in the message, which is $.id and the like
 * in both modes. */
static int check_attribute(const struct json_at *root, const char *name,
                           const char *text, size_t len, size_t max,
                           struct error *err)
{
    struct json_at at = {.parent = root, .name = name};

    if (len > max) {
        return json_at_fault(&at, err, ERROR_SCHEMA, "longer than %zu bytes",
                             max);
    }
    if (len == 0 || !utf8_is_text(text, len)) {
        return json_at_fault(&at, err, ERROR_SCHEMA,
                             "must be text that is not empty");
    }
    return 0;
}

struct attribute {
    const char *name;
    const char *header;
    size_t max;
    size_t offset; /* in struct attributes; NOT_STORED if it is only checked */
};

#define NOT_STORED ((size_t)-1)

static const struct attribute attribute_table[] = {
    {"id", "ce_id", LIMIT_EVENT_ID, offsetof(struct attributes, id)},
    {"type", "ce_type", LIMIT_EVENT_NAME, offsetof(struct attributes, type)},
    {"time", "ce_time", 64, offsetof(struct attributes, time)},
    {"source", "ce_source", LIMIT_EVENT_NAME, NOT_STORED},
};

static void set_attribute(struct attributes *attributes,
                          const struct attribute *row, const char *text)
{
    if (row->offset != NOT_STORED) {
        void *member = (char *)attributes + row->offset;

        *(const char **)member = text;
    }
}

static int check_specversion(const struct json_at *root, const char *text,
                             size_t len, struct error *err)
{
    struct json_at at = {.parent = root, .name = "specversion"};

    if (len >= 2 && memcmp(text, "1.", 2) == 0) {
        return 0;
    }
    return json_at_fault(&at, err, ERROR_SCHEMA,
                         "only CloudEvents 1.0 is read");
}

static int read_headers(const struct message *message,
                        const struct json_at *root, struct arena *arena,
                        struct attributes *attributes, struct error *err)
{
    const struct header *version = message_header(message, "ce_specversion");

    if (version != NULL &&
        check_specversion(root, (const char *)version->value.data,
                          version->value.len, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(attribute_table); i++) {
        const struct attribute *row = &attribute_table[i];
        const struct header *header = message_header(message, row->header);

        if (header == NULL) {
            continue;
        }
        if (check_attribute(root, row->name, (const char *)header->value.data,
                            header->value.len, row->max, err) < 0) {
            return -1;
        }
        set_attribute(
            attributes, row,
            message_header_text(message, row->header, row->max, arena));
    }
    return 0;
}

void attributes_read_headers(const struct message *message, struct arena *arena,
                             struct attributes *attributes)
{
    const struct json_at root = {.name = "$"};
    struct error ignored;

    if (has_attribute_headers(message) &&
        read_headers(message, &root, arena, attributes, &ignored) < 0) {
        *attributes = (struct attributes){0};
    }
}

static int read_members(const struct json_at *root, struct arena *arena,
                        struct attributes *attributes, struct error *err)
{
    trace_of_members(root, arena, &attributes->trace);
    for (size_t i = 0; i < ARRAY_SIZE(attribute_table); i++) {
        const struct attribute *row = &attribute_table[i];
        struct json_at at = json_at_member(root, row->name);
        const char *text = NULL;

        if (json_at_string(&at, row->max, &text, err) < 0) {
            return -1;
        }
        if (text == NULL) {
            continue;
        }
        if (check_attribute(root, row->name, text, strlen(text), row->max,
                            err) < 0) {
            return -1;
        }
        set_attribute(attributes, row, arena_strdup(arena, text));
    }
    return 0;
}

static int check_type(const struct json_at *root, const char *type,
                      bool is_optional, struct error *err)
{
    struct json_at at = {.parent = root, .name = "type"};

    if (type == NULL) {
        return is_optional ? 0 : json_at_require(&at, err);
    }
    if (strcmp(type, EVENT_TYPE) != 0) {
        return json_at_fault(&at, err, ERROR_SCHEMA, "is not '%s'", EVENT_TYPE);
    }
    return 0;
}

/* data_base64 is the alternative to data in the JSON event format, used by
 * gateways that treat the data as opaque bytes. */
static int decode_data_base64(const struct json_at *at,
                              struct json **ret_document, struct error *err)
{
    CLEANUP(str_release) struct str data = STR_INIT(STR_UNLIMITED);
    const char *text = NULL;

    if (json_at_string(at, STR_UNLIMITED, &text, err) < 0) {
        return -1;
    }
    if (!base64_decode(text, strlen(text), BASE64_STANDARD, &data)) {
        return json_at_fault(at, err, ERROR_SCHEMA, "is not base64");
    }
    if (json_parse(data.data, data.len, ret_document, err) < 0) {
        return json_at_fault(at, err, ERROR_SCHEMA, "%s", err->message);
    }
    return 0;
}

static int find_data(const struct json_at *root, struct attributes *attributes,
                     struct json_at *ret_data, struct error *err)
{
    struct json_at encoded = json_at_member(root, "data_base64");

    *ret_data = json_at_member(root, "data");
    if (ret_data->value == NULL && encoded.value != NULL) {
        if (decode_data_base64(&encoded, &attributes->data_document, err) < 0) {
            return -1;
        }
        ret_data->value = attributes->data_document;
    }
    return json_at_require(ret_data, err);
}

static int read_structured(const struct json_at *root, struct arena *arena,
                           struct attributes *attributes,
                           struct json_at *ret_data, struct error *err)
{
    struct json_at version = json_at_member(root, "specversion");
    const char *text = "";

    if (read_members(root, arena, attributes, err) < 0 ||
        json_at_string(&version, 64, &text, err) < 0 ||
        check_specversion(root, text, strlen(text), err) < 0 ||
        check_type(root, attributes->type, false, err) < 0) {
        return -1;
    }
    return find_data(root, attributes, ret_data, err);
}

int attributes_read(const struct message *message, const struct json_at *root,
                    struct arena *arena, struct attributes *ret_attributes,
                    struct json_at *ret_data, struct error *err)
{
    if (message_header_begins(message, "content-type", BATCH)) {
        return json_at_fault(root, err, ERROR_SCHEMA,
                             "a batch of CloudEvents: Kafka's binding has no "
                             "batched mode");
    }
    if (message_header_begins(message, "content-type", STRUCTURED)) {
        return read_structured(root, arena, ret_attributes, ret_data, err);
    }
    *ret_data = *root;
    if (has_attribute_headers(message)) {
        return read_headers(message, root, arena, ret_attributes, err) < 0
                   ? -1
                   : check_type(root, ret_attributes->type, false, err);
    }
    if (json_member(root->value, "specversion") != NULL) {
        return read_structured(root, arena, ret_attributes, ret_data, err);
    }
    return read_members(root, arena, ret_attributes, err) < 0
               ? -1
               : check_type(root, ret_attributes->type, true, err);
}
