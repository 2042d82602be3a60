#include <ctype.h>
#include <string.h>

#include "event_internal.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/limits.h"

/*
 * Chainloop does not store the envelope as the producer wrote it but as Go
 * decoded and encoded it, and its code looks for the digest of that form. These
 * rules of Go's encoding/json affect the result:
 *
 * - Keys are matched case-insensitively, with U+017F as s and U+212A as k.
 * - If a key is repeated, the last value counts, except that null leaves a
 *   string unchanged.
 * - A repeated array is decoded over the previous one, element by element. Only
 *   null and [] discard the previous elements.
 * - Unknown keys are ignored. A known key with a wrong type is an error even if
 *   a valid one follows.
 */
struct signature {
    const char *keyid;
    const char *sig;
};

struct envelope {
    const char *payload_type;
    const char *payload;
    struct signature *signatures;
    size_t count;
    size_t initialized; /* elements from here on start empty */
    size_t capacity;
    bool signatures_null;
};

static void envelope_release(struct envelope *envelope)
{
    mem_free(envelope->signatures);
}

/* Returns the case-folded character at the start of a key, and its length in
 * *len. Other non-ASCII characters match none of the keys. */
static char fold(const char *key, size_t *len)
{
    *len = 1;
    if (strncmp(key, "\xC5\xBF", 2) == 0) {
        *len = 2;
        return 's';
    }
    if (strncmp(key, "\xE2\x84\xAA", 3) == 0) {
        *len = 3;
        return 'k';
    }
    return (char)tolower((unsigned char)*key);
}

static bool key_matches(const char *key, const char *lower)
{
    size_t len;

    for (; *key != '\0' && *lower != '\0'; key += len, lower++) {
        if (fold(key, &len) != *lower) {
            return false;
        }
    }
    return *key == *lower;
}

static struct json_at member_at(const struct json_at *at,
                                const struct json *item, const char *name)
{
    return (struct json_at){.value = item, .parent = at, .name = name};
}

static int read_string(const struct json_at *at, const char **text,
                       struct error *err)
{
    if (json_is_null(at->value)) {
        return 0;
    }
    if (!json_is_string(at->value)) {
        return json_at_fault(at, err, ERROR_SCHEMA, "expected a string, not %s",
                             json_type_name(at->value));
    }
    *text = json_text(at->value);
    return 0;
}

static int read_signature(const struct json_at *at, struct signature *signature,
                          struct error *err)
{
    if (json_is_null(at->value)) {
        return 0;
    }
    if (json_at_object(at, err) < 0) {
        return -1;
    }
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item)) {
        struct json_at keyid = member_at(at, item, "keyid");
        struct json_at sig = member_at(at, item, "sig");

        if (key_matches(json_name(item), "keyid") &&
            read_string(&keyid, &signature->keyid, err) < 0) {
            return -1;
        }
        if (key_matches(json_name(item), "sig") &&
            read_string(&sig, &signature->sig, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static void clear_signatures(struct envelope *envelope, bool null)
{
    envelope->count = 0;
    envelope->initialized = 0;
    envelope->signatures_null = null;
}

static struct signature *signature_at(struct envelope *envelope, size_t index)
{
    envelope->signatures = mem_grow(envelope->signatures, &envelope->capacity,
                                    index + 1, sizeof(envelope->signatures[0]));
    if (index >= envelope->initialized) {
        envelope->signatures[index] = (struct signature){"", ""};
        envelope->initialized = index + 1;
    }
    return &envelope->signatures[index];
}

static int read_signatures(const struct json_at *at, struct envelope *envelope,
                           struct error *err)
{
    size_t index = 0;

    if (json_is_null(at->value)) {
        clear_signatures(envelope, true);
        return 0;
    }
    if (json_at_array(at, LIMIT_ENVELOPE_SIGNATURES, err) < 0) {
        return -1;
    }
    if (json_first(at->value) == NULL) {
        clear_signatures(envelope, false);
        return 0;
    }
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item)) {
        struct json_at element = json_at_element(at, item, index);

        if (read_signature(&element, signature_at(envelope, index), err) < 0) {
            return -1;
        }
        index++;
    }
    envelope->count = index;
    envelope->signatures_null = false;
    return 0;
}

static int read_member(const struct json_at *at, const struct json *item,
                       struct envelope *envelope, struct error *err)
{
    const char *key = json_name(item);
    struct json_at member;

    if (key_matches(key, "payloadtype")) {
        member = member_at(at, item, "payloadType");
        return read_string(&member, &envelope->payload_type, err);
    }
    if (key_matches(key, "payload")) {
        member = member_at(at, item, "payload");
        return read_string(&member, &envelope->payload, err);
    }
    if (key_matches(key, "signatures")) {
        member = member_at(at, item, "signatures");
        return read_signatures(&member, envelope, err);
    }
    return 0;
}

/* Go accepts an envelope without a payload and stores an empty one. There is
 * nothing to attest in it, and DSSE requires both fields, so we reject it. */
static int check(const struct json_at *at, const struct envelope *envelope,
                 struct error *err)
{
    struct json_at payload = {.parent = at, .name = "payload"};
    struct json_at type = {.parent = at, .name = "payloadType"};
    const char *text = envelope->payload;

    if (text == NULL) {
        return json_at_require(&payload, err);
    }
    if (envelope->payload_type == NULL) {
        return json_at_require(&type, err);
    }
    if (!base64_decode(text, strlen(text), BASE64_STANDARD | BASE64_URL_SAFE,
                       NULL)) {
        return json_at_fault(&payload, err, ERROR_SCHEMA, "is not base64");
    }
    return 0;
}

static void write_envelope(const struct envelope *envelope, struct str *out)
{
    str_append_text(out, "{\"payloadType\":");
    json_append_go_string(out, envelope->payload_type);
    str_append_text(out, ",\"payload\":");
    json_append_go_string(out, envelope->payload);
    str_append_text(out, ",\"signatures\":");
    if (envelope->signatures_null) {
        str_append_text(out, "null}");
        return;
    }
    str_append_char(out, '[');
    for (size_t i = 0; i < envelope->count; i++) {
        str_append_text(out, i > 0 ? ",{\"keyid\":" : "{\"keyid\":");
        json_append_go_string(out, envelope->signatures[i].keyid);
        str_append_text(out, ",\"sig\":");
        json_append_go_string(out, envelope->signatures[i].sig);
        str_append_char(out, '}');
    }
    str_append_text(out, "]}");
}

int envelope_read(const struct json_at *at, struct str *stored,
                  struct error *err)
{
    CLEANUP(envelope_release)
    struct envelope envelope = {.signatures_null = true};

    if (json_at_object(at, err) < 0) {
        return -1;
    }
    for (const struct json *item = json_first(at->value); item != NULL;
         item = json_next(item)) {
        if (read_member(at, item, &envelope, err) < 0) {
            return -1;
        }
    }
    if (check(at, &envelope, err) < 0) {
        return -1;
    }
    write_envelope(&envelope, stored);
    return 0;
}
