#include <string.h>

#include "waybill/base64.h"
#include "waybill/event_form.h"

/*
 * What surrounds or replaces the JSON text of an event when another program
 * has encoded it. The frames of schema registries are removed if JSON follows;
 * everything else is an error that names what it is, because "not JSON at byte
 * 0" does not tell anybody which setting of the producer to change.
 */

/* Confluent's frame: 0 and a 4-byte id; Apicurio's older one has 8 bytes. */
#define FRAME 5
#define LONG_FRAME 9
/* AWS Glue's frame: a version, a compression and a 16-byte UUID */
#define GLUE_FRAME 18
#define GLUE_VERSION 3
#define GLUE_ZLIB 5

static const struct {
    const char *start;
    size_t len;
    const char *name;
} encodings[] = {
    {"\xEF\xBB\xBF", 3,
     "begins with a byte order mark (EF BB BF), which JSON does not have; "
     "write the event without it"},
    {"\xFF\xFE\0\0", 4, "is UTF-32; write the event as UTF-8"},
    {"\0\0\xFE\xFF", 4, "is UTF-32; write the event as UTF-8"},
    {"\xFF\xFE", 2, "is UTF-16; write the event as UTF-8"},
    {"\xFE\xFF", 2, "is UTF-16; write the event as UTF-8"},
    {"{\0\0\0", 4, "is UTF-32; write the event as UTF-8"},
    {"{\0", 2, "is UTF-16; write the event as UTF-8"},
    {"\0{\0", 3, "is UTF-16; write the event as UTF-8"},
    {"\x1F\x8B", 2,
     "is compressed with gzip; write the event uncompressed, and let Kafka "
     "compress it (compression.type of the producer)"},
    {"\x28\xB5\x2F\xFD", 4,
     "is compressed with zstd; write the event uncompressed, and let Kafka "
     "compress it (compression.type of the producer)"},
    {"\xAC\xED\0\x05", 4,
     "is a serialized Java object; use a serializer that writes JSON"},
    {"Obj\x01", 4, "is an Avro file; write the event as JSON"},
};

static bool begins(struct bytes value, const char *start, size_t len)
{
    return value.len >= len && memcmp(value.data, start, len) == 0;
}

static bool json_follows(struct bytes value, size_t at)
{
    while (at < value.len && value.data[at] != '\0' &&
           strchr(" \t\r\n", value.data[at]) != NULL) {
        at++;
    }
    return at < value.len && (value.data[at] == '{' || value.data[at] == '[');
}

static bool read_varint(struct bytes value, size_t *at, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && *at < value.len; shift += 7) {
        unsigned char byte = value.data[(*at)++];

        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

/* Skips one field of a message in Protobuf's wire format. */
static bool skip_field(struct bytes value, size_t *at)
{
    uint64_t tag;
    uint64_t len = 0;

    if (!read_varint(value, at, &tag) || tag < 8) {
        return false;
    }
    switch (tag & 7) {
    case 0:
        return read_varint(value, at, &len);
    case 1:
        len = 8;
        break;
    case 2:
        if (!read_varint(value, at, &len)) {
            return false;
        }
        break;
    case 5:
        len = 4;
        break;
    default:
        return false;
    }
    if (len > value.len - *at) {
        return false;
    }
    *at += (size_t)len;
    return true;
}

/* After the id Confluent's Protobuf serializer writes which message of the
 * schema it is, as a list of indexes; the list [0] is written as one zero. */
static bool is_protobuf(struct bytes value)
{
    uint64_t count;
    uint64_t index;
    size_t at = FRAME;

    if (!read_varint(value, &at, &count) || count > 32) {
        return false;
    }
    for (uint64_t i = 0; i < count / 2; i++) {
        if (!read_varint(value, &at, &index)) {
            return false;
        }
    }
    while (at < value.len) {
        if (!skip_field(value, &at)) {
            return false;
        }
    }
    return true;
}

static int refuse_frame(struct bytes value, struct error *err)
{
    const unsigned char *id = value.data + 1;

    return error_set(
        err, ERROR_SCHEMA,
        "$: is in the frame of a schema registry (schema id %lu) and holds %s "
        "rather than JSON; use the registry's JSON Schema serializer, or none",
        (unsigned long)id[0] << 24 | (unsigned long)id[1] << 16 |
            (unsigned long)id[2] << 8 | (unsigned long)id[3],
        is_protobuf(value) ? "Protobuf" : "Avro");
}

static bool is_glue(struct bytes value)
{
    return value.len > GLUE_FRAME && value.data[0] == GLUE_VERSION &&
           (value.data[1] == 0 || value.data[1] == GLUE_ZLIB);
}

static int strip_frame(struct bytes value, size_t len, struct bytes *ret_text)
{
    *ret_text = (struct bytes){value.data + len, value.len - len};
    return 0;
}

static bool is_base64_json(struct bytes value)
{
    CLEANUP(str_release) struct str decoded = STR_INIT(STR_UNLIMITED);

    return value.len >= 4 && value.data[0] == 'e' &&
           (value.data[1] == 'y' || value.data[1] == 'w') &&
           base64_decode((const char *)value.data, value.len, BASE64_STANDARD,
                         &decoded) &&
           json_follows(str_bytes(&decoded), 0);
}

int event_text(struct bytes value, struct bytes *ret_text, struct error *err)
{
    *ret_text = value;
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        if (begins(value, encodings[i].start, encodings[i].len)) {
            return error_set(err, ERROR_SCHEMA, "$: %s", encodings[i].name);
        }
    }
    if (value.len > FRAME && value.data[0] == 0) {
        if (json_follows(value, FRAME)) {
            return strip_frame(value, FRAME, ret_text);
        }
        if (json_follows(value, LONG_FRAME)) {
            return strip_frame(value, LONG_FRAME, ret_text);
        }
        return refuse_frame(value, err);
    }
    if (is_glue(value)) {
        if (value.data[1] == 0 && json_follows(value, GLUE_FRAME)) {
            return strip_frame(value, GLUE_FRAME, ret_text);
        }
        return error_set(err, ERROR_SCHEMA,
                         "$: is in the frame of AWS Glue's schema registry and "
                         "is compressed or holds something else than JSON");
    }
    if (is_base64_json(value)) {
        return error_set(err, ERROR_SCHEMA,
                         "$: is base64; write the JSON text itself");
    }
    return 0;
}
