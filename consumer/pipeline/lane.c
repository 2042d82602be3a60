#include "pipeline_internal.h"

/* One refusal may be this record's (a repository of its own, a rule of the
 * registry's); so many in a row are the credentials'. */
#define MOST_REFUSALS 3

void lane_init(struct lane *lane, const struct registration *registration,
               size_t most)
{
    *lane = (struct lane){.registration = registration, .most = most};
    TAILQ_INIT(&lane->waiting);
    registration_counts_init(&lane->counts);
}

void lane_enter(struct lane *lane)
{
    lane->load++;
    lane->host->load++;
}

void lane_leave(struct lane *lane)
{
    for (struct host *host = lane->host; host != NULL; host = host->heir) {
        host->load--;
    }
    for (; lane != NULL; lane = lane->heir) {
        lane->load--;
    }
}

void lane_push(struct lane *lane, struct delivery *delivery)
{
    TAILQ_INSERT_TAIL(&lane->waiting, delivery, link);
    lane->waiting_count++;
}

void lane_remove(struct lane *lane, struct delivery *delivery)
{
    TAILQ_REMOVE(&lane->waiting, delivery, link);
    lane->waiting_count--;
}

/* While it is held, one at a time tries whether somebody has mended it. */
static bool may_run(const struct lane *lane, uint64_t now_ms)
{
    if (lane->held) {
        return lane->running == 0 && now_ms >= lane->hold_until_ms;
    }
    return lane->running < lane->most;
}

struct delivery *lane_next(struct lane *lane, uint64_t now_ms)
{
    struct delivery *delivery = TAILQ_FIRST(&lane->waiting);

    if (delivery == NULL || !may_run(lane, now_ms)) {
        return NULL;
    }
    lane_remove(lane, delivery);
    lane->running++;
    return delivery;
}

struct delivery *lane_next_aged(struct lane *lane)
{
    struct delivery *delivery;

    TAILQ_FOREACH(delivery, &lane->waiting, link)
    {
        if (delivery_is_aged(delivery)) {
            lane_remove(lane, delivery);
            lane->running++;
            return delivery;
        }
    }
    return NULL;
}

bool lane_refused(struct lane *lane, uint64_t until_ms)
{
    bool was_held = lane->held;

    lane->held = ++lane->refusals >= MOST_REFUSALS;
    lane->hold_until_ms = until_ms;
    return lane->held && !was_held;
}

bool lane_accepted(struct lane *lane)
{
    bool was_held = lane->held;

    lane->refusals = 0;
    lane->held = false;
    return was_held;
}

static bool is_stuck(const struct lane *lane)
{
    return lane->held || host_is_stuck(lane->host);
}

struct lane *lane_newest(struct lane *lane)
{
    while (lane->heir != NULL) {
        lane = lane->heir;
    }
    return lane;
}

bool lane_is_retired(const struct lane *lane)
{
    return lane->host->pipeline->retired;
}

static size_t share_of(const struct lane *lane, size_t part)
{
    return lane->host->pipeline->options.settings->delivery.max_records / part;
}

/* So many seconds others may have to wait for it */
#define PATIENCE_S 2

static bool needs_long(const struct lane *lane)
{
    return (double)lane->load > lane->rate * PATIENCE_S;
}

bool lane_is_slow(const struct lane *lane)
{
    return needs_long(lane) && lane->load > share_of(lane, 16);
}

/* Half of the room is for those that are slow, all of them together. */
static size_t share_of_slow(const struct lane *lane)
{
    size_t slow = lane->host->pipeline->slow;

    return share_of(lane, 2 * (slow > 1 ? slow : 1));
}

bool lane_is_crowding(const struct lane *lane)
{
    return is_stuck(lane) ||
           (needs_long(lane) && lane->load > share_of_slow(lane));
}

/* With nothing of it left nobody would find out that it goes on again. */
bool lane_wants_parked(const struct lane *lane)
{
    return lane->parked &&
           (lane->load == 0 ||
            (!is_stuck(lane) && lane->load <= share_of_slow(lane) / 2));
}

void lane_tick(struct lane *lane)
{
    lane->rate = (lane->rate + (double)lane->ended) / 2;
    lane->ended = 0;
}
