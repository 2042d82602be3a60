#ifndef WAYBILL_KAFKA_ANCHOR_H
#define WAYBILL_KAFKA_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waybill/str.h"

/*
 * Decides whether a partition still belongs to the topic that was read before,
 * or to another one that was created under its name. The evidence is the
 * highest record that was read, the anchor, and what is at its offset now.
 * identity.c says when that is looked at. Pure.
 */

struct anchor_record {
    int64_t offset;
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value;
};

struct anchor {
    bool missing;   /* the topic did not exist at some time */
    bool verifying; /* the anchor is being read again */
    bool doubtful;  /* nothing was read before, and only a new answer about the
                       committed offset shows that the topic is the same one */
    bool replaced;  /* the topic is another one; anchor_reset() ends that */
    int64_t start;  /* the committed offset at the assignment; < 0: none */
    /* of the record that was delivered last; -1: none since the last rewind or
     * assignment */
    int64_t last;
    /* of the anchor; offset -1: none */
    int64_t offset;
    int64_t timestamp_ms;
    uint64_t hash;
};

/* How to find out */
enum anchor_check {
    ANCHOR_NO_CHECK,      /* nothing can tell, or the check is under way */
    ANCHOR_READ_ON,       /* the records that come next tell */
    ANCHOR_READ_AGAIN,    /* read again from anchor->offset */
    ANCHOR_ASK_COMMITTED, /* ask for the committed offset */
};

/* No evidence, as before the first assignment or after a replacement */
void anchor_reset(struct anchor *anchor);
/* The partition is read from `start` on. If there is no record to compare with,
 * the topic may be replaced unnoticed before the first fetch, so `doubtful` is
 * set. */
void anchor_assign(struct anchor *anchor, int64_t start);
/* The topic may have been replaced. */
enum anchor_check anchor_suspect(struct anchor *anchor);
/* Returns false if the record is not to be delivered: it, or the one before it,
 * shows that the topic was replaced, or it was delivered before and is read
 * again only to be compared. */
bool anchor_on_record(struct anchor *anchor,
                      const struct anchor_record *record);
/* The offset to read from does not exist. Returns true if the reason is that
 * the topic was replaced. */
bool anchor_on_out_of_range(struct anchor *anchor);
/* Reports the committed offset (< 0: none). It must have been requested after
 * `doubtful` was set: the group coordinator deletes the offsets of a deleted
 * topic only some time after the deletion. */
void anchor_on_committed(struct anchor *anchor, int64_t offset);

#endif
