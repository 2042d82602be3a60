#include "ledger_internal.h"

#include <string.h>

#include "waybill/alloc.h"
#include "waybill/digest.h"

void progress_release(struct progress *progress)
{
    for (size_t i = 0; i < progress->delivery_count; i++) {
        offset_set_release(&progress->deliveries[i].done);
    }
    offset_set_release(&progress->done);
    mem_free(progress->deliveries);
    mem_free(progress->attempts);
    *progress = (struct progress){0};
}

uint64_t progress_hash(const void *data, size_t len)
{
    struct digest digest;
    uint64_t hash = 0;

    digest_of(data, len, &digest);
    for (size_t i = 0; i < 16; i++) {
        char digit = digest_hex(&digest)[i];

        hash = hash << 4 |
               (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return hash;
}

/* 64 bits make a collision among the attachments of one configuration
 * negligible. */
uint64_t progress_id(const char *attachment)
{
    return progress_hash(attachment, strlen(attachment));
}

static struct progress_delivery *find_delivery(const struct progress *progress,
                                               uint64_t id)
{
    for (size_t i = 0; i < progress->delivery_count; i++) {
        if (progress->deliveries[i].id == id) {
            return &progress->deliveries[i];
        }
    }
    return NULL;
}

void progress_add_delivery(struct progress *progress, uint64_t id,
                           int64_t offset)
{
    struct progress_delivery *delivery = find_delivery(progress, id);

    if (delivery == NULL) {
        progress->deliveries = mem_grow(
            progress->deliveries, &progress->delivery_capacity,
            progress->delivery_count + 1, sizeof(progress->deliveries[0]));
        delivery = &progress->deliveries[progress->delivery_count++];
        *delivery = (struct progress_delivery){.id = id};
    }
    offset_set_add(&delivery->done, offset);
}

void progress_forget_deliveries(struct progress *progress, int64_t offset)
{
    for (size_t i = 0; i < progress->delivery_count; i++) {
        offset_set_remove(&progress->deliveries[i].done, offset);
    }
}

bool progress_has_delivery(const struct progress *progress, uint64_t id,
                           int64_t offset)
{
    const struct progress_delivery *delivery = find_delivery(progress, id);

    return delivery != NULL && offset_set_has(&delivery->done, offset);
}

size_t progress_attempts_from(const struct progress *progress, int64_t offset)
{
    size_t low = 0;
    size_t high = progress->attempts_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (progress->attempts[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void progress_add_attempts(struct progress *progress,
                           const struct progress_attempts *attempts)
{
    size_t index = progress_attempts_from(progress, attempts->offset + 1);

    progress->attempts =
        mem_grow(progress->attempts, &progress->attempts_capacity,
                 progress->attempts_count + 1, sizeof(progress->attempts[0]));
    memmove(&progress->attempts[index + 1], &progress->attempts[index],
            (progress->attempts_count - index) * sizeof(progress->attempts[0]));
    progress->attempts[index] = *attempts;
    progress->attempts_count++;
}

void progress_add_mark(struct progress *progress, int64_t offset, uint64_t id)
{
    progress_add_attempts(
        progress, &(struct progress_attempts){.offset = offset, .id = id});
}

static void remove_attempts(struct progress *progress, size_t from, size_t to)
{
    if (from < to) {
        memmove(&progress->attempts[from], &progress->attempts[to],
                (progress->attempts_count - to) *
                    sizeof(progress->attempts[0]));
        progress->attempts_count -= to - from;
    }
}

void progress_forget_attempts(struct progress *progress, int64_t offset)
{
    remove_attempts(progress, progress_attempts_from(progress, offset),
                    progress_attempts_from(progress, offset + 1));
}

void progress_forget_attempts_below(struct progress *progress, int64_t offset)
{
    remove_attempts(progress, 0, progress_attempts_from(progress, offset));
}
