#include "pipeline_internal.h"

void lane_init(struct lane *lane, const struct registration *registration,
               size_t most)
{
    *lane = (struct lane){.registration = registration, .most = most};
    TAILQ_INIT(&lane->waiting);
}

struct delivery *lane_next(struct lane *lane)
{
    struct delivery *delivery = TAILQ_FIRST(&lane->waiting);

    if (delivery == NULL || lane->running >= lane->most) {
        return NULL;
    }
    TAILQ_REMOVE(&lane->waiting, delivery, link);
    lane->running++;
    return delivery;
}
