#ifndef WAYBILL_REPLAY_INTERNAL_H
#define WAYBILL_REPLAY_INTERNAL_H

#include "track.h"
#include "waybill/replay.h"
#include "waybill/replay_producer.h"
#include "waybill/snapshot.h"

/* What Waybill itself writes into a header or an outcome is shorter. All dead
 * letters are in memory at once, so what somebody else wrote is not kept. */
#define REPLAY_MAX_TEXT 4096

/* --- letter.c
 * ------------------------------------------------------------------- */

/* Where the headers begin that the dead letter was given: behind are Waybill's
 * own, in front the record's, whatever their names are. header_count: nowhere.
 */
size_t dead_letter_headers(const struct message *message);

/* --- outcomes.c
 * ------------------------------------------------------------------- */

/* By its content type: CloudEvents structured mode, else binary */
bool outcome_is_structured(const struct message *message);

/* --- replay.c
 * ------------------------------------------------------------------- */

struct replay {
    struct replay_options options;
    struct arena *arena;
    const char *group; /* whose offsets are the progress */
    const char *transactional_id;
    struct dead_letter_list *dead_letter_list;
    struct track *tracks; /* one for each span of the dead letters */
    size_t track_count;
    struct snapshot *dead_letters;
    struct snapshot *outcomes;               /* NULL: not looked at */
    struct replay_producer *replay_producer; /* only when it writes */
    const char *source; /* what our outcomes say they come from */
};

int replay_open_producer(struct replay *replay, struct error *err) NODISCARD;
/* What is committed, into the tracks and the letters */
int replay_read_progress(struct replay *replay, struct error *err) NODISCARD;

#endif
