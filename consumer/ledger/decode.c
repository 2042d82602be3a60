#include <string.h>

#include "ledger_internal.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"

/* Decodes a progress. Anything that encode.c would not write is rejected,
 * because a wrong guess would deliver again or not at all. */

#define MAX_IDS 4096
#define MAX_NUMBER ((uint64_t)PROGRESS_MAX_SPAN)

struct reader {
    const unsigned char *at;
    const unsigned char *end;
    bool bad;
};

static unsigned get_byte(struct reader *reader)
{
    if (reader->at == reader->end) {
        reader->bad = true;
        return 0;
    }
    return *reader->at++;
}

static uint64_t get_varint(struct reader *reader, uint64_t max)
{
    uint64_t value = 0;
    unsigned byte = 0x80;

    for (unsigned shift = 0; shift < 49 && (byte & 0x80) != 0; shift += 7) {
        byte = get_byte(reader);
        value |= (uint64_t)(byte & 0x7F) << shift;
    }
    if ((byte & 0x80) != 0 || value > max) {
        reader->bad = true;
        return 0;
    }
    return value;
}

static uint64_t get_id(struct reader *reader)
{
    uint64_t id = 0;

    for (int i = 0; i < 8; i++) {
        id = id << 8 | get_byte(reader);
    }
    return id;
}

static void get_bitmap(struct reader *bytes, int64_t from,
                       struct offset_set *set)
{
    for (; bytes->at < bytes->end; from += 8) {
        unsigned byte = get_byte(bytes);

        for (int i = 0; i < 8; i++) {
            if ((byte >> i & 1U) != 0) {
                offset_set_add(set, from + i);
            }
        }
    }
}

static void get_runs(struct reader *bytes, int64_t from, struct offset_set *set)
{
    uint64_t room = PROGRESS_MAX_SPAN;
    bool inside = false;

    while (bytes->at < bytes->end && !bytes->bad) {
        uint64_t length = get_varint(bytes, room);

        if (inside) {
            offset_set_add_range(set, from, from + (int64_t)length);
        }
        from += (int64_t)length;
        room -= length;
        inside = !inside;
    }
}

static void get_set(struct reader *reader, int64_t from, struct offset_set *set)
{
    unsigned form = get_byte(reader);
    uint64_t length = get_varint(reader, MAX_NUMBER);
    struct reader bytes = {.at = reader->at};

    if (length > (uint64_t)(reader->end - reader->at) || form > SET_RUNS) {
        reader->bad = true;
        return;
    }
    bytes.end = bytes.at + length;
    reader->at = bytes.end;
    if (form == SET_BITMAP) {
        get_bitmap(&bytes, from, set);
    } else {
        get_runs(&bytes, from, set);
    }
    reader->bad |= bytes.bad;
}

static bool has_id_twice(const struct progress *progress)
{
    for (size_t i = 0; i < progress->delivery_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (progress->deliveries[i].id == progress->deliveries[j].id) {
                return true;
            }
        }
    }
    return false;
}

static void get_deliveries(struct reader *reader, struct progress *progress)
{
    uint64_t count = get_varint(reader, MAX_IDS);

    if (count * 8 > (uint64_t)(reader->end - reader->at)) {
        reader->bad = true;
        return;
    }
    progress->deliveries =
        mem_zalloc((size_t)count * sizeof(progress->deliveries[0]));
    progress->delivery_count = (size_t)count;
    progress->delivery_capacity = (size_t)count;
    for (size_t i = 0; i < count; i++) {
        progress->deliveries[i].id = get_id(reader);
    }
    if (has_id_twice(progress)) {
        reader->bad = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        get_set(reader, progress->watermark, &progress->deliveries[i].done);
    }
}

static void get_attempts(struct reader *reader, struct progress *progress)
{
    uint64_t count = get_varint(reader, PROGRESS_MAX_ATTEMPTS);
    uint64_t room = PROGRESS_MAX_SPAN;

    for (uint64_t i = 0; i < count && !reader->bad; i++) {
        struct progress_attempts attempts = {0};
        size_t index;

        room -= get_varint(reader, room);
        index = (size_t)get_varint(reader, MAX_IDS);
        attempts.offset =
            progress->watermark + (int64_t)(PROGRESS_MAX_SPAN - room);
        attempts.attempts = (unsigned)get_varint(reader, UINT32_MAX);
        attempts.first_failed_ms =
            (int64_t)get_varint(reader, MAX_NUMBER) * 1000;
        if (index >= progress->delivery_count) {
            reader->bad = true;
        } else {
            attempts.id = progress->deliveries[index].id;
            progress_add_attempts(progress, &attempts);
        }
    }
}

static bool read_all(struct reader *reader, struct progress *progress)
{
    progress->dispatched =
        progress->watermark + (int64_t)get_varint(reader, MAX_NUMBER);
    get_set(reader, progress->watermark, &progress->done);
    get_deliveries(reader, progress);
    if (!reader->bad) {
        get_attempts(reader, progress);
    }
    return !reader->bad && reader->at == reader->end;
}

static bool is_sum_valid(int64_t watermark, const struct str *bytes)
{
    unsigned char sum[PROGRESS_SUM];
    size_t len = bytes->len - PROGRESS_SUM;

    progress_sum(watermark, bytes->data, len, sum);
    return memcmp(bytes->data + len, sum, sizeof(sum)) == 0;
}

static const char *check_frame(int64_t watermark, const struct str *bytes)
{
    if (bytes->len < 2 + PROGRESS_SUM || bytes->data[0] != PROGRESS_MAGIC) {
        return "Waybill has not written it";
    }
    if (bytes->data[1] != PROGRESS_VERSION &&
        bytes->data[1] != PROGRESS_VERSION_1) {
        return "another version of Waybill has written it";
    }
    if (!is_sum_valid(watermark, bytes)) {
        return "its checksum does not match it and this offset";
    }
    return NULL;
}

int progress_decode(int64_t watermark, const char *text,
                    struct progress *ret_progress, struct error *err)
{
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    struct progress progress = {.watermark = watermark,
                                .dispatched = watermark};
    struct reader reader = {0};
    const char *reason;

    if (watermark < 0 || watermark > INT64_MAX - 2 * (int64_t)MAX_NUMBER) {
        return error_set(err, ERROR_FATAL, "the offset is not valid");
    }
    if (*text == '\0') {
        *ret_progress = progress;
        return 0;
    }
    if (!base64_decode(text, strlen(text), BASE64_STANDARD, &bytes)) {
        return error_set(err, ERROR_FATAL, "Waybill has not written it");
    }
    reason = check_frame(watermark, &bytes);
    if (reason != NULL) {
        return error_set(err, ERROR_FATAL, "%s", reason);
    }
    reader.at = (const unsigned char *)bytes.data + 2;
    reader.end = (const unsigned char *)bytes.data + bytes.len - PROGRESS_SUM;
    if (!read_all(&reader, &progress)) {
        progress_release(&progress);
        return error_set(err, ERROR_FATAL, "it cannot be read");
    }
    *ret_progress = progress;
    return 0;
}
