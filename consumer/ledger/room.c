#include "ledger_internal.h"

/* How much fits into the metadata, and how far a partition may be read so that
 * it does. */

/* Space for magic, version, checksum, lengths and counts, and some reserve */
#define FRAME 64
/* The capacity of the metadata in bytes before base64, and the share of it for
 * the set of finished offsets */
static size_t max_bytes(const struct ledger *ledger)
{
    size_t bytes = ledger->max_text / 4 * 3;

    return bytes > FRAME ? bytes - FRAME : 0;
}

size_t ledger_max_done_size(const struct ledger *ledger)
{
    return max_bytes(ledger) / 10 * 7;
}

size_t ledger_max_deliveries_size(const struct ledger *ledger)
{
    return max_bytes(ledger) - max_bytes(ledger) / 10 * 7;
}

/* What has been committed once is encoded again, even if the limit is lower by
 * now: to omit it would be to deliver it again. */
bool ledger_done_fits(const struct ledger *ledger,
                      const struct progress *progress)
{
    size_t size = progress_done_size(progress);

    return size <= ledger_max_done_size(ledger) || size <= ledger->done_size;
}

/* A partition is always read as far as this above its watermark, so that a
 * broker that accepts next to no metadata does not serialize all deliveries.
 * The bits of as many offsets fit if the broker accepts 128 bytes. */
#define MIN_WINDOW 128

/* The set of finished offsets takes no more than this, in whatever order the
 * records in memory and the shed ones finish: either the bits of all offsets
 * fit, or what is committed and two run lengths for every second of them, which
 * take one byte each as long as they are below 128. */
static bool fits_within(const struct ledger *ledger, size_t max)
{
    size_t open = ledger->entry_count + (size_t)ledger->to_refetch.members;

    return ledger_span(ledger) <= MIN_WINDOW ||
           ledger_span(ledger) <= (int64_t)max * 8 ||
           ledger->done_size + open + open / 32 + 16 <= max;
}

bool ledger_is_full(const struct ledger *ledger)
{
    return !fits_within(ledger, ledger_max_done_size(ledger));
}

bool ledger_has_room(const struct ledger *ledger)
{
    return fits_within(ledger, ledger_max_done_size(ledger) / 4 * 3);
}
