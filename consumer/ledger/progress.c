#include "ledger_internal.h"

#include <string.h>

#include "waybill/alloc.h"
#include "waybill/digest.h"

void progress_release(struct progress *progress)
{
    for (size_t i = 0; i < progress->part_count; i++) {
        offset_set_release(&progress->parts[i].done);
    }
    offset_set_release(&progress->done);
    mem_free(progress->parts);
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

/* Among the attachments of one configuration two never meet. */
uint64_t progress_id(const char *attachment)
{
    return progress_hash(attachment, strlen(attachment));
}

static struct progress_part *find_part(const struct progress *progress,
                                       uint64_t id)
{
    for (size_t i = 0; i < progress->part_count; i++) {
        if (progress->parts[i].id == id) {
            return &progress->parts[i];
        }
    }
    return NULL;
}

void progress_add_part(struct progress *progress, uint64_t id, int64_t offset)
{
    struct progress_part *part = find_part(progress, id);

    if (part == NULL) {
        progress->parts =
            mem_grow(progress->parts, &progress->part_capacity,
                     progress->part_count + 1, sizeof(progress->parts[0]));
        part = &progress->parts[progress->part_count++];
        *part = (struct progress_part){.id = id};
    }
    offset_set_add(&part->done, offset);
}

bool progress_has_part(const struct progress *progress, uint64_t id,
                       int64_t offset)
{
    const struct progress_part *part = find_part(progress, id);

    return part != NULL && offset_set_has(&part->done, offset);
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
