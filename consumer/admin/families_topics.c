#include "families.h"

/* The metrics of the topics that outcomes and dead letters are written to */

static void append(const struct exposition *to, int output, double value)
{
    const struct metric_label label = {"topic",
                                       to->status->outputs[output].name};

    append_sample(to, &label, 1, value);
}

void append_topic_rejected(const struct exposition *to)
{
    for (int i = 0; i < STATUS_OUTPUTS; i++) {
        append(to, i, (double)to->status->counts->rejected[i]);
    }
}

void append_topic_withheld(const struct exposition *to)
{
    for (int i = 0; i < STATUS_OUTPUTS; i++) {
        append(to, i, (double)to->status->outputs[i].withheld);
    }
}

void append_topic_blocked(const struct exposition *to)
{
    for (int i = 0; i < STATUS_OUTPUTS; i++) {
        append(to, i, to->status->outputs[i].is_blocked ? 1 : 0);
    }
}
