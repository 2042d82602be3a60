#include <inttypes.h>
#include <string.h>

#include "ledger_internal.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"
#include "waybill/compiler.h"

/* Encodes a progress as metadata (see progress.h for the format). */

void progress_sum(int64_t watermark, const void *data, size_t len,
                  unsigned char ret_sum[PROGRESS_SUM])
{
    CLEANUP(str_release) struct str all = STR_INIT(STR_UNLIMITED);
    uint64_t hash;

    str_printf(&all, "%" PRId64 ":", watermark);
    str_append(&all, data, len);
    hash = progress_hash(all.data, all.len);
    for (size_t i = 0; i < PROGRESS_SUM; i++) {
        ret_sum[i] = (unsigned char)(hash >> (56 - 8 * i));
    }
}

static void append_varint(struct str *out, uint64_t value)
{
    while (value >= 0x80) {
        str_append_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    str_append_char(out, (char)value);
}

static void append_id(struct str *out, uint64_t id)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        str_append_char(out, (char)(id >> shift));
    }
}

/* --- sets --- */

/* A set to encode. Offsets in `any` may be encoded either way, and repeat the
 * previous bit so that a run continues through them. Otherwise the encoding
 * would grow while records become complete one by one. */
struct bits {
    const struct offset_set *set;
    const struct offset_set *any; /* NULL: every bit matters */
    int64_t from;
    int64_t end; /* the offset after the last member that matters */
};

static void append_bitmap(struct str *out, const struct bits *bits)
{
    for (int64_t at = bits->from; at < bits->end; at += 8) {
        str_append_char(out, (char)(offset_set_bits(bits->set, at) & 0xFF));
    }
}

/* Returns the offset at which the run that includes `at` ends. */
static int64_t end_of_run(const struct bits *bits, int64_t at, bool inside)
{
    while (at < bits->end) {
        at = inside ? offset_set_next_absent(bits->set, at)
                    : offset_set_next(bits->set, at);
        if (bits->any == NULL || !offset_set_has(bits->any, at)) {
            break;
        }
        at = offset_set_next_absent(bits->any, at);
    }
    return at < bits->end ? at : bits->end;
}

static void append_runs(struct str *out, const struct bits *bits)
{
    bool inside = false;
    int64_t at = bits->from;

    while (at < bits->end) {
        int64_t next = end_of_run(bits, at, inside);

        append_varint(out, (uint64_t)(next - at));
        inside = !inside;
        at = next;
    }
}

static size_t bitmap_size(int64_t span)
{
    return (size_t)(span + 7) / 8;
}

static void append_set(struct str *out, const struct bits *bits)
{
    CLEANUP(str_release) struct str runs = STR_INIT(STR_UNLIMITED);
    size_t bitmap_len = bitmap_size(bits->end - bits->from);

    append_runs(&runs, bits);
    if (runs.len < bitmap_len) {
        str_append_char(out, SET_RUNS);
        append_varint(out, runs.len);
        str_append(out, runs.data, runs.len);
    } else {
        str_append_char(out, SET_BITMAP);
        append_varint(out, bitmap_len);
        append_bitmap(out, bits);
    }
}

static struct bits bits_of(const struct progress *progress,
                           const struct offset_set *set,
                           const struct offset_set *any)
{
    int64_t end =
        any != NULL ? offset_set_end_except(set, any) : offset_set_end(set);

    return (struct bits){
        .set = set,
        .any = any,
        .from = progress->watermark,
        .end = end > progress->watermark ? end : progress->watermark,
    };
}

/* Whether any delivery needs to be encoded; deliveries of complete records do
 * not. */
static bool is_delivery_encoded(const struct progress *progress,
                                const struct progress_delivery *delivery)
{
    struct bits bits = bits_of(progress, &delivery->done, &progress->done);

    return bits.end > bits.from;
}

/* --- the complete text --- */

#define MAX_ID_SIZE 10 /* the maximum size of an id with an empty set */

/* The ids in the order in which they are encoded: first those of records of
 * which some deliveries are finished, then those that only have attempts */
struct ids {
    uint64_t *all;
    size_t count;
};

static size_t index_of(const struct ids *ids, uint64_t id)
{
    size_t index = 0;

    while (index < ids->count && ids->all[index] != id) {
        index++;
    }
    return index;
}

static void add_id(struct ids *ids, uint64_t id)
{
    if (index_of(ids, id) == ids->count) {
        ids->all[ids->count++] = id;
    }
}

static void collect_ids(const struct progress *progress, size_t attempts,
                        struct ids *ids)
{
    for (size_t i = 0; i < progress->delivery_count; i++) {
        if (is_delivery_encoded(progress, &progress->deliveries[i])) {
            add_id(ids, progress->deliveries[i].id);
        }
    }
    for (size_t i = 0; i < attempts; i++) {
        add_id(ids, progress->attempts[i].id);
    }
}

static void append_deliveries(const struct progress *progress,
                              const struct ids *ids, struct str *out)
{
    static const struct offset_set none = {0};

    append_varint(out, ids->count);
    for (size_t i = 0; i < ids->count; i++) {
        append_id(out, ids->all[i]);
    }
    for (size_t i = 0; i < ids->count; i++) {
        const struct offset_set *done = &none;
        struct bits bits;

        for (size_t j = 0; j < progress->delivery_count; j++) {
            if (progress->deliveries[j].id == ids->all[i]) {
                done = &progress->deliveries[j].done;
            }
        }
        bits = bits_of(progress, done, &progress->done);
        append_set(out, &bits);
    }
}

static void append_attempt(const struct progress *progress, size_t index,
                           const struct ids *ids, struct str *out)
{
    const struct progress_attempts *attempts = &progress->attempts[index];
    int64_t before =
        index > 0 ? progress->attempts[index - 1].offset : progress->watermark;
    int64_t seconds = attempts->first_failed_ms / 1000;

    append_varint(out, (uint64_t)(attempts->offset - before));
    append_varint(out, index_of(ids, attempts->id));
    append_varint(out, attempts->attempts);
    append_varint(out, (uint64_t)(seconds > 0 ? seconds : 0));
}

/* Progress that version 1 can express is written in it, so that an earlier
 * release can continue from it. */
static char version_of(const struct progress *progress)
{
    int64_t end = offset_set_end(&progress->done);

    for (size_t i = 0; i < progress->delivery_count; i++) {
        int64_t last = offset_set_end(&progress->deliveries[i].done);

        end = last > end ? last : end;
    }
    if (progress->attempts_count > 0) {
        int64_t last =
            progress->attempts[progress->attempts_count - 1].offset + 1;

        end = last > end ? last : end;
    }
    return end - progress->watermark > PROGRESS_MAX_SPAN_1 ? PROGRESS_VERSION
                                                           : PROGRESS_VERSION_1;
}

static void append_all(const struct progress *progress, size_t attempts,
                       struct str *out)
{
    struct bits done = bits_of(progress, &progress->done, NULL);
    struct ids ids = {0};
    unsigned char sum[PROGRESS_SUM];

    ids.all =
        mem_alloc((progress->delivery_count + attempts) * sizeof(ids.all[0]));
    collect_ids(progress, attempts, &ids);
    str_append_char(out, PROGRESS_MAGIC);
    str_append_char(out, version_of(progress));
    append_varint(out, (uint64_t)(progress->dispatched - progress->watermark));
    append_set(out, &done);
    append_deliveries(progress, &ids, out);
    append_varint(out, attempts);
    for (size_t i = 0; i < attempts; i++) {
        append_attempt(progress, i, &ids, out);
    }
    progress_sum(progress->watermark, out->data, out->len, sum);
    str_append(out, sum, sizeof(sum));
    mem_free(ids.all);
}

static bool has_deliveries(const struct progress *progress)
{
    for (size_t i = 0; i < progress->delivery_count; i++) {
        if (is_delivery_encoded(progress, &progress->deliveries[i])) {
            return true;
        }
    }
    return false;
}

/* Whether the text may be omitted without a loss of correctness */
static bool is_omissible(const struct progress *progress)
{
    return offset_set_end(&progress->done) <= progress->watermark &&
           !has_deliveries(progress);
}

size_t progress_deliveries_size(const struct progress *progress)
{
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    struct ids ids = {0};

    ids.all = mem_alloc(progress->delivery_count * sizeof(ids.all[0]));
    collect_ids(progress, 0, &ids);
    append_deliveries(progress, &ids, &bytes);
    mem_free(ids.all);
    return bytes.len;
}

size_t progress_done_size(const struct progress *progress)
{
    CLEANUP(str_release) struct str runs = STR_INIT(STR_UNLIMITED);
    struct bits bits = bits_of(progress, &progress->done, NULL);
    size_t bitmap_len = bitmap_size(bits.end - bits.from);

    append_runs(&runs, &bits);
    return runs.len < bitmap_len ? runs.len : bitmap_len;
}

/* Counts the attempts that decode.c accepts: an entry above a gap of compaction
 * may be arbitrarily far from the watermark. */
static size_t count_encodable_attempts(const struct progress *progress)
{
    size_t count = 0;

    while (count < progress->attempts_count && count < PROGRESS_MAX_ATTEMPTS &&
           progress->attempts[count].offset <=
               progress->watermark + PROGRESS_MAX_SPAN) {
        count++;
    }
    return count;
}

/* Returns how many of the first `count` attempts fit into `room` bytes. */
static size_t count_fitting_attempts(const struct progress *progress,
                                     size_t count, size_t room)
{
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    /* The two counts take at most two bytes each, of which one each is
     * accounted for. */
    size_t needed = 2;
    struct ids ids = {0};
    size_t fit = 0;

    ids.all =
        mem_alloc((progress->delivery_count + count) * sizeof(ids.all[0]));
    collect_ids(progress, 0, &ids);
    while (fit < count) {
        size_t before = ids.count;

        add_id(&ids, progress->attempts[fit].id);
        needed += (ids.count - before) * MAX_ID_SIZE;
        append_attempt(progress, fit, &ids, &bytes);
        if (needed + bytes.len > room) {
            break;
        }
        fit++;
    }
    mem_free(ids.all);
    return fit;
}

bool progress_encode(const struct progress *progress, size_t max,
                     struct str *out)
{
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    size_t attempts = count_encodable_attempts(progress);
    size_t room = max / 4 * 3;
    bool omissible = is_omissible(progress);

    if (omissible && attempts == 0 &&
        progress->dispatched <= progress->watermark) {
        return true;
    }
    append_all(progress, 0, &bytes);
    if (bytes.len > room) {
        return omissible;
    }
    attempts = count_fitting_attempts(progress, attempts, room - bytes.len);
    if (attempts > 0) {
        str_clear(&bytes);
        append_all(progress, attempts, &bytes);
    }
    base64_encode(out, bytes.data, bytes.len);
    return true;
}
