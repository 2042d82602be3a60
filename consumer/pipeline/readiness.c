#include "service_internal.h"
#include "service_measures.h"
#include "waybill/kafka_check.h"

/* Why the service is not ready, and since when */

/* Reasons that are not conditions of Kafka */
#define MAX_REASONS 5

/* Those that block come first among the reasons, because they explain the
 * others. */
static void collect_conditions(const struct service *service,
                               struct arena *arena, struct status *status)
{
    const struct kafka_condition *condition;
    size_t count = 0;

    while (kafka_get_condition(service->kafka, count) != NULL) {
        count++;
    }
    status->reasons =
        arena_alloc(arena, (count + MAX_REASONS) * sizeof(status->reasons[0]));
    status->warnings = arena_alloc(arena, count * sizeof(status->warnings[0]));
    status->warnings_since_ms =
        arena_alloc(arena, count * sizeof(status->warnings_since_ms[0]));
    for (size_t i = 0; i < count; i++) {
        condition = kafka_get_condition(service->kafka, i);
        if (condition->blocks) {
            status->reasons[status->reason_count++] = condition->text;
        } else {
            status->warnings_since_ms[status->warning_count] =
                condition->since_ms;
            status->warnings[status->warning_count++] = condition->text;
        }
    }
}

static void add_reason(struct status *status, const char *reason)
{
    status->reasons[status->reason_count++] = reason;
}

void readiness_get(const struct service *service, struct arena *arena,
                   struct status *status)
{
    struct kafka_state state;

    kafka_get_state(service->kafka, &state);
    collect_conditions(service, arena, status);
    if (service->failure.kind != ERROR_NONE) {
        add_reason(status, arena_printf(arena, "cannot go on: %s",
                                        service->failure.message));
    }
    if (service->state != SERVICE_RUNNING) {
        add_reason(status, "stopping: no more records are read");
    } else if (!state.member) {
        add_reason(status,
                   "no assignment: the group has assigned no partitions yet, "
                   "or has revoked them, or their offsets are not known yet");
    }
    for (size_t i = 0; i < STATUS_OUTPUTS; i++) {
        const struct withheld_output *output = &service->withholding.outputs[i];

        if (output->is_blocked) {
            add_reason(status,
                       arena_printf(
                           arena, "topic '%s' accepts no messages (%s: %s): %s",
                           withheld_topic(service, (enum status_output)i),
                           output->code, output->reason,
                           withheld_remedy(output->code)));
        }
    }
    if (!state.producer) {
        add_reason(status, "no producer: the brokers have not accepted it yet");
    }
}

void readiness_note(struct service *service)
{
    struct arena *arena = arena_new();
    struct status status = {0};

    readiness_get(service, arena, &status);
    if (status.reason_count == 0) {
        service->not_ready_since_ms = 0;
    } else if (service->not_ready_since_ms == 0) {
        service->not_ready_since_ms =
            clock_wall_ms(loop_clock(service->options->loop));
    }
    arena_free(arena);
}
