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

void progress_add_attempts(struct progress *progress,
                           const struct progress_attempts *attempts)
{
    progress->attempts =
        mem_grow(progress->attempts, &progress->attempts_capacity,
                 progress->attempts_count + 1, sizeof(progress->attempts[0]));
    progress->attempts[progress->attempts_count++] = *attempts;
}
