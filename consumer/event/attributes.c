#include <stdio.h>
#include <string.h>

#include "event_internal.h"
#include "waybill/base64.h"
#include "waybill/event_decode.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/* CloudEvents Kafka protocol binding 1.0, section 3; JSON event format 1.0 */

#define STRUCTURED "application/cloudevents"
#define BATCH "application/cloudevents-batch"

/* How much of another type an error message shows, in bytes */
#define MAX_SHOWN_TYPE 256

/* The largest whole number that a double represents exactly, like all below */
#define MAX_EXACT 9007199254740992.0

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
    size_t max;
    size_t offset; /* in struct attributes; NOT_STORED if it is only checked */
};

#define NOT_STORED ((size_t)-1)

static const struct attribute type_attribute = {
    "type", LIMIT_EVENT_NAME, offsetof(struct attributes, type)};

static const struct attribute attribute_table[] = {
    {"id", LIMIT_EVENT_ID, offsetof(struct attributes, id)},
    {"time", 64, offsetof(struct attributes, time)},
    {"source", LIMIT_EVENT_NAME, NOT_STORED},
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
                         "only CloudEvents 1.0 is supported");
}

/* --- in headers ----------------------------------------------------------- */

static int read_header(const struct message *message,
                       const struct json_at *root, const struct attribute *row,
                       struct arena *arena, struct attributes *attributes,
                       struct error *err)
{
    const char *name = message_attribute(message, row->name);
    const struct header *header;

    if (name == NULL) {
        return 0;
    }
    header = message_header(message, name);
    if (check_attribute(root, row->name, (const char *)header->value.data,
                        header->value.len, row->max, err) < 0) {
        return -1;
    }
    set_attribute(attributes, row,
                  message_header_text(message, name, row->max, arena));
    return 0;
}

static int read_headers(const struct message *message,
                        const struct json_at *root, struct arena *arena,
                        struct attributes *attributes, struct error *err)
{
    const char *name = message_attribute(message, "specversion");

    if (name != NULL) {
        struct bytes version = message_header(message, name)->value;

        if (check_specversion(root, (const char *)version.data, version.len,
                              err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(attribute_table); i++) {
        if (read_header(message, root, &attribute_table[i], arena, attributes,
                        err) < 0) {
            return -1;
        }
    }
    return 0;
}

void attributes_read_headers(const struct message *message, struct arena *arena,
                             struct attributes *attributes)
{
    const struct json_at root = {.name = "$"};
    struct error ignored;

    if (read_headers(message, &root, arena, attributes, &ignored) < 0) {
        *attributes = (struct attributes){0};
    }
}

/* --- in the value --------------------------------------------------------- */

int read_id(const struct json_at *at, size_t max, struct arena *arena,
            const char **ret_text, struct error *err)
{
    double number;
    const char *text = *ret_text;

    if (json_number(at->value, &number)) {
        if (number < -MAX_EXACT || number > MAX_EXACT ||
            number != (double)(int64_t)number) {
            return json_at_fault(at, err, ERROR_SCHEMA,
                                 "expected a string or a whole number of at "
                                 "most 2^53");
        }
        *ret_text = arena_printf(arena, "%lld", (long long)number);
        return 0;
    }
    if (json_at_string(at, max, &text, err) < 0) {
        return -1;
    }
    *ret_text = arena_strdup(arena, text);
    return 0;
}

static int read_member(const struct json_at *root, const struct attribute *row,
                       struct arena *arena, struct attributes *attributes,
                       struct error *err)
{
    struct json_at at = json_at_member(root, row->name);
    bool is_id = row->offset == offsetof(struct attributes, id);
    const char *text = NULL;
    int result = is_id && attributes->is_plain
                     ? read_id(&at, row->max, arena, &text, err)
                     : json_at_string(&at, row->max, &text, err);

    if (result < 0 || text == NULL) {
        return result;
    }
    if (check_attribute(root, row->name, text, strlen(text), row->max, err) <
        0) {
        return -1;
    }
    set_attribute(attributes, row, arena_strdup(arena, text));
    return 0;
}

static int read_members(const struct json_at *root, struct arena *arena,
                        struct attributes *attributes, struct error *err)
{
    trace_of_members(root, arena, &attributes->trace);
    for (size_t i = 0; i < ARRAY_SIZE(attribute_table); i++) {
        if (read_member(root, &attribute_table[i], arena, attributes, err) <
            0) {
            return -1;
        }
    }
    return 0;
}

/* --- the type ------------------------------------------------------------- */

int attributes_check_type(const char *type, struct error *err)
{
    const struct json_at root = {.name = "$"};
    const struct json_at at = {.parent = &root, .name = "type"};
    CLEANUP(str_release) struct str shown = STR_INIT(STR_UNLIMITED);

    if (type == NULL) {
        return json_at_require(&at, err);
    }
    if (strcmp(type, EVENT_TYPE) != 0) {
        utf8_append_printable(&shown, type, strlen(type), MAX_SHOWN_TYPE);
        return json_at_fault(&at, err, ERROR_SCHEMA,
                             "'%s' is not '%s' (kafka.other_types: skip is for "
                             "topics that other events share)",
                             shown.data, EVENT_TYPE);
    }
    return 0;
}

const char *attributes_header_type(const struct message *message,
                                   struct arena *arena)
{
    return message_header_begins(message, "content-type", STRUCTURED)
               ? NULL
               : message_header_text(message,
                                     message_attribute(message, "type"),
                                     LIMIT_EVENT_NAME, arena);
}

int attributes_check_format(const struct message *message, struct error *err)
{
    static const char *const others[] = {"avro", "protobuf", "xml"};

    if (message_header_begins(message, "content-type", BATCH)) {
        return error_set(err, ERROR_SCHEMA,
                         "$: a batch of CloudEvents: Kafka's binding has no "
                         "batched mode; send each event as a record");
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        char type[64];

        snprintf(type, sizeof(type), "%s+%s", STRUCTURED, others[i]);
        if (message_header_begins(message, "content-type", type)) {
            return error_set(err, ERROR_SCHEMA,
                             "$: a CloudEvent in the %s format; only the JSON "
                             "format is read",
                             others[i]);
        }
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

/* The other attributes of an event of another type are read as far as
 * possible, for its outcome. */
static int read_type(const struct json_at *root, bool is_optional,
                     struct arena *arena, struct attributes *attributes,
                     struct error *err)
{
    struct error ignored;

    if (read_member(root, &type_attribute, arena, attributes, err) < 0) {
        return -1;
    }
    if (attributes->type == NULL && is_optional) {
        return 0;
    }
    if (attributes_check_type(attributes->type, err) < 0) {
        (void)read_members(root, arena, attributes, &ignored);
        return -1;
    }
    return 0;
}

static int read_structured(const struct json_at *root, struct arena *arena,
                           struct attributes *attributes,
                           struct json_at *ret_data, struct error *err)
{
    struct json_at version = json_at_member(root, "specversion");
    const char *text = "";

    if (read_type(root, false, arena, attributes, err) < 0 ||
        read_members(root, arena, attributes, err) < 0 ||
        json_at_string(&version, 64, &text, err) < 0 ||
        check_specversion(root, text, strlen(text), err) < 0) {
        return -1;
    }
    return find_data(root, attributes, ret_data, err);
}

int attributes_read(const struct message *message, const struct json_at *root,
                    struct arena *arena, struct attributes *ret_attributes,
                    struct json_at *ret_data, struct error *err)
{
    if (message_header_begins(message, "content-type", STRUCTURED)) {
        return read_structured(root, arena, ret_attributes, ret_data, err);
    }
    *ret_data = *root;
    if (message_has_attributes(message)) {
        return read_header(message, root, &type_attribute, arena,
                           ret_attributes, err) < 0 ||
                       attributes_check_type(ret_attributes->type, err) < 0
                   ? -1
                   : read_headers(message, root, arena, ret_attributes, err);
    }
    if (json_member(root->value, "specversion") != NULL) {
        return read_structured(root, arena, ret_attributes, ret_data, err);
    }
    ret_attributes->is_plain = true;
    return read_type(root, true, arena, ret_attributes, err) < 0
               ? -1
               : read_members(root, arena, ret_attributes, err);
}
