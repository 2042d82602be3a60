#include "pipeline_internal.h"

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){0};
    TAILQ_INIT(&ledger->entries);
}

bool ledger_add(struct ledger *ledger, struct ledger_entry *entry)
{
    if (entry->offset < ledger->next) {
        return false;
    }
    entry->done = false;
    ledger->next = entry->offset + 1;
    TAILQ_INSERT_TAIL(&ledger->entries, entry, link);
    if (ledger->unclaimed == NULL) {
        ledger->unclaimed = entry;
    }
    return true;
}

bool ledger_is_empty(const struct ledger *ledger)
{
    return TAILQ_EMPTY(&ledger->entries);
}

bool ledger_has_ready(const struct ledger *ledger)
{
    return ledger->unclaimed != NULL && ledger->unclaimed->done;
}

struct ledger_entry *ledger_claim(struct ledger *ledger)
{
    struct ledger_entry *entry = ledger->unclaimed;

    if (!ledger_has_ready(ledger)) {
        return NULL;
    }
    ledger->unclaimed = TAILQ_NEXT(entry, link);
    return entry;
}

static bool has_claimed(const struct ledger *ledger)
{
    return TAILQ_FIRST(&ledger->entries) != ledger->unclaimed;
}

bool ledger_watermark(const struct ledger *ledger, int64_t *ret_offset)
{
    const struct ledger_entry *last;

    if (!has_claimed(ledger)) {
        return false;
    }
    last = ledger->unclaimed != NULL
               ? TAILQ_PREV(ledger->unclaimed, ledger_entries, link)
               : TAILQ_LAST(&ledger->entries, ledger_entries);
    *ret_offset = last->offset + 1;
    return true;
}

struct ledger_entry *ledger_take_claimed(struct ledger *ledger)
{
    return has_claimed(ledger) ? ledger_take(ledger) : NULL;
}

void ledger_unclaim(struct ledger *ledger)
{
    ledger->unclaimed = TAILQ_FIRST(&ledger->entries);
}

static void take(struct ledger *ledger, struct ledger_entry *entry)
{
    if (entry == ledger->unclaimed) {
        ledger->unclaimed = TAILQ_NEXT(entry, link);
    }
    TAILQ_REMOVE(&ledger->entries, entry, link);
}

struct ledger_entry *ledger_take(struct ledger *ledger)
{
    struct ledger_entry *entry = TAILQ_FIRST(&ledger->entries);

    if (entry != NULL) {
        take(ledger, entry);
    }
    return entry;
}

struct ledger_entry *ledger_take_unready(struct ledger *ledger)
{
    struct ledger_entry *entry = ledger->unclaimed;

    while (entry != NULL && entry->done) {
        entry = TAILQ_NEXT(entry, link);
    }
    if (entry != NULL) {
        /* From the end, so that what is behind it does not look ready. */
        entry = TAILQ_LAST(&ledger->entries, ledger_entries);
        take(ledger, entry);
    }
    return entry;
}
