#include "anchor.h"

/* FNV-1a: it distinguishes records, and defends against nobody. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001B3U;
    }
    return hash;
}

/* Long records are distinguished by their length and their ends. */
static uint64_t hash_record(const struct anchor_record *record)
{
    const size_t max = 512;
    struct bytes value = record->value;
    size_t head = value.len < max ? value.len : max;
    uint64_t hash = 0xCBF29CE484222325U;

    hash = hash_bytes(hash, &value.len, sizeof(value.len));
    hash = hash_bytes(hash, record->key.data, record->key.len);
    hash = hash_bytes(hash, value.data, head);
    return value.data != NULL
               ? hash_bytes(hash, value.data + value.len - head, head)
               : hash;
}

static bool is_same(const struct anchor *anchor,
                    const struct anchor_record *record)
{
    return anchor->timestamp_ms == record->timestamp_ms &&
           anchor->hash == hash_record(record);
}

static void remember(struct anchor *anchor, const struct anchor_record *record)
{
    anchor->offset = record->offset;
    anchor->timestamp_ms = record->timestamp_ms;
    anchor->hash = hash_record(record);
}

void anchor_reset(struct anchor *anchor)
{
    *anchor = (struct anchor){.start = -1, .last = -1, .offset = -1};
}

void anchor_assign(struct anchor *anchor, int64_t start)
{
    anchor->verifying = false;
    anchor->asking = false;
    /* Uncommitted records come again, and the anchor among them. */
    anchor->last = start > anchor->offset ? anchor->offset : -1;
    anchor->start = start;
    if (start < 0) {
        anchor->offset = -1; /* read from the beginning anyway */
        anchor->missing = false;
    }
    anchor->doubtful = anchor->offset < 0 && start > 0;
}

enum anchor_check anchor_suspect(struct anchor *anchor)
{
    if (anchor->verifying || anchor->replaced) {
        return ANCHOR_NO_CHECK;
    }
    if (anchor->offset >= 0) {
        anchor->verifying = true;
        /* Shed records that are being read again come before the anchor. */
        return anchor->last == anchor->offset ? ANCHOR_READ_AGAIN
                                              : ANCHOR_READ_ON;
    }
    anchor->doubtful = anchor->start > 0;
    return anchor->doubtful ? ANCHOR_ASK_COMMITTED : ANCHOR_NO_CHECK;
}

bool anchor_on_record(struct anchor *anchor, const struct anchor_record *record)
{
    bool is_repeated = record->offset == anchor->last;

    if (anchor->replaced) {
        return false;
    }
    if (anchor->doubtful) {
        anchor->asking = true;
        return false;
    }
    if (anchor->offset < 0) {
        anchor->missing = false; /* it exists, and this is its first record */
    }
    if (record->offset == anchor->offset) {
        anchor->replaced = !is_same(anchor, record);
        anchor->missing = anchor->missing && anchor->replaced;
    } else if (anchor->verifying && record->offset > anchor->offset) {
        /* The record is gone. That alone is no evidence, because compaction and
         * retention delete records, too. */
        anchor->replaced = anchor->missing;
    }
    if (record->offset >= anchor->offset && !anchor->replaced) {
        anchor->verifying = false;
        remember(anchor, record);
    }
    anchor->last = record->offset;
    /* The anchor that was only read to be compared was passed on before. */
    return !anchor->replaced && !is_repeated;
}

bool anchor_on_out_of_range(struct anchor *anchor)
{
    if (!anchor->missing) {
        return false;
    }
    anchor->replaced = true;
    return true;
}

bool anchor_on_committed(struct anchor *anchor, int64_t offset)
{
    bool was_asking = anchor->asking;

    if (!anchor->doubtful) {
        return false;
    }
    anchor->asking = false;
    anchor->doubtful = false;
    if (offset < 0) {
        anchor->replaced = true;
        return false;
    }
    anchor->missing = false;
    return was_asking;
}
