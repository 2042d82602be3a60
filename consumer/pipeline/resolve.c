#include <stdbool.h>
#include <string.h>

#include "waybill/glob.h"
#include "waybill/resolve.h"

static bool pattern_matches(const char *pattern, const char *text)
{
    return glob_matches(pattern != NULL ? pattern : "*",
                        text != NULL ? text : "");
}

static bool matches(const struct workflow_selector *selector,
                    const struct workflow *workflow)
{
    if (selector->id != NULL) {
        return workflow->id != NULL && strcmp(selector->id, workflow->id) == 0;
    }
    return pattern_matches(selector->project, workflow->project) &&
           pattern_matches(selector->name, workflow->name);
}

void resolve(const struct event *event, const struct attachment *attachments,
             size_t count, struct arena *arena, struct plan *ret_plan)
{
    struct plan plan = {arena_alloc(arena, count * sizeof(plan.attachments[0])),
                        0};

    for (size_t i = 0; i < count; i++) {
        if (matches(&attachments[i].workflow, &event->workflow)) {
            plan.attachments[plan.count++] = &attachments[i];
        }
    }
    *ret_plan = plan;
}
