#include <string.h>

#include "../support/progress_bytes.h"
#include "fuzz.h"
#include "waybill/base64.h"
#include "waybill/progress.h"

/*
 * Eight bytes are the watermark. The rest is used twice: as the text, and as
 * the bytes of one with the magic and a valid checksum, so that not every input
 * is rejected early.
 *
 * - A progress that can be decoded can be encoded, and is decoded as the same:
 *   nothing is lost when the next owner of a partition passes it on.
 * - The encoded text does not exceed its limit.
 * - A text that cannot be decoded gives a reason.
 */

/* The deliveries that remain: those of records that are done are omitted. */
static bool same_part(const struct progress *a, const struct progress *b,
                      uint64_t id, int64_t offset)
{
    return offset_set_has(&a->done, offset) ||
           progress_has_delivery(a, id, offset) ==
               progress_has_delivery(b, id, offset);
}

static void check_at(const struct progress *a, const struct progress *b,
                     int64_t at)
{
    CHECK(offset_set_has(&a->done, at) == offset_set_has(&b->done, at));
    for (size_t i = 0; i < a->delivery_count && i < 8; i++) {
        CHECK(same_part(a, b, a->deliveries[i].id, at));
    }
}

/* A set changes only where a run begins or ends. */
static void check_along(const struct progress *a, const struct progress *b,
                        const struct offset_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        CHECK(set->runs[i].from < set->runs[i].end);
        CHECK(set->runs[i].end <= a->watermark + PROGRESS_MAX_SPAN);
        check_at(a, b, set->runs[i].from);
        check_at(a, b, set->runs[i].end);
    }
}

static void check_sets(const struct progress *a, const struct progress *b)
{
    check_along(a, b, &a->done);
    check_along(a, b, &b->done);
    for (size_t i = 0; i < a->delivery_count && i < 8; i++) {
        check_along(a, b, &a->deliveries[i].done);
    }
    for (size_t i = 0; i < b->delivery_count && i < 8; i++) {
        check_along(a, b, &b->deliveries[i].done);
    }
}

static void check_same(const struct progress *a, const struct progress *b)
{
    CHECK(a->watermark == b->watermark && a->dispatched == b->dispatched);
    check_sets(a, b);
    CHECK(a->attempts_count == b->attempts_count);
    for (size_t i = 0; i < a->attempts_count; i++) {
        const struct progress_attempts *x = &a->attempts[i];
        const struct progress_attempts *y = &b->attempts[i];

        CHECK(x->offset == y->offset && x->id == y->id);
        CHECK(x->attempts == y->attempts);
        CHECK(x->first_failed_ms == y->first_failed_ms);
    }
}

static void check_written(const struct progress *progress)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str again = STR_INIT(STR_UNLIMITED);
    CLEANUP(progress_release) struct progress back = {0};
    struct error err;

    CHECK(progress_encode(progress, SIZE_MAX, &text));
    CHECK(progress_decode(progress->watermark, text.data, &back, &err) == 0);
    check_same(progress, &back);
    CHECK(progress_encode(&back, SIZE_MAX, &again));
    CHECK(strcmp(text.data, again.data) == 0);
}

static void check_cut(const struct progress *progress, size_t max)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(progress_release) struct progress back = {0};
    struct error err;

    if (!progress_encode(progress, max, &text)) {
        CHECK(text.len == 0);
        return;
    }
    CHECK(text.len <= max);
    CHECK(progress_decode(progress->watermark, text.data, &back, &err) == 0);
    check_sets(progress, &back);
    CHECK(back.attempts_count <= progress->attempts_count);
}

static void check_text(int64_t watermark, const char *text)
{
    CLEANUP(progress_release) struct progress progress = {.watermark = -77};
    struct error err = {0};

    if (progress_decode(watermark, text, &progress, &err) < 0) {
        CHECK(err.kind == ERROR_FATAL && err.message[0] != '\0');
        CHECK(progress.watermark == -77);
        return;
    }
    CHECK(progress.watermark == watermark);
    CHECK(progress.dispatched >= watermark);
    check_written(&progress);
    check_cut(&progress, strlen(text) / 2);
    check_cut(&progress, PROGRESS_MAX_TEXT);
}

static void check_bytes(int64_t watermark, const void *data, size_t len)
{
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    str_append_text(&bytes, "W\x01");
    str_append(&bytes, data, len);
    append_progress_sum(watermark, &bytes);
    base64_encode(&text, bytes.data, bytes.len);
    check_text(watermark, text.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    uint64_t watermark = 0;

    if (size < 8) {
        return 0;
    }
    for (size_t i = 0; i < 8; i++) {
        watermark = watermark << 8 | data[i];
    }
    str_append(&text, data + 8, size - 8);
    check_text((int64_t)watermark, text.data);
    check_bytes((int64_t)watermark, data + 8, size - 8);
    return 0;
}
