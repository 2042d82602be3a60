#include "waybill/integration.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

/* What the descriptors have in common: how one is found and opened, and the
 * defaults of the callbacks that they may leave out. */

/* NULL: there is none of that kind. */
static const struct integration_class *class_of(const char *kind)
{
    for (size_t i = 0; integration_classes[i] != NULL; i++) {
        if (strcmp(integration_classes[i]->fields.kind, kind) == 0) {
            return integration_classes[i];
        }
    }
    return NULL;
}

const struct integration_class *integration_class_for(
    const struct registration *registration)
{
    const struct integration_class *class = class_of(registration->integration);

    if (class == NULL) {
        abort(); /* config/ lets no other kind pass */
    }
    return class;
}

/* --- the integrations of one configuration
 * -----------------------------------
 */

struct integration_set {
    const struct integration_context *context;
    struct integration **opened; /* as integration_classes; NULL: not yet */
    size_t count;
};

struct integration_set *integration_set_new(
    const struct integration_context *context)
{
    struct integration_set *set = mem_zalloc(sizeof(*set));

    set->context = context;
    while (integration_classes[set->count] != NULL) {
        set->count++;
    }
    set->opened = mem_zalloc(set->count * sizeof(struct integration *));
    return set;
}

static struct integration *open_one(const struct integration_class *class,
                                    const struct integration_context *context)
{
    struct integration *integration = class->open != NULL
                                          ? class->open(context)
                                          : mem_zalloc(sizeof(*integration));

    integration->class = class;
    integration->context = context;
    return integration;
}

static void close_one(struct integration *integration)
{
    if (integration != NULL && integration->class->close != NULL) {
        integration->class->close(integration);
    } else {
        mem_free(integration);
    }
}

void integration_set_free(struct integration_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        close_one(set->opened[i]);
    }
    mem_free(set->opened);
    mem_free(set);
}

struct integration *integration_of(struct integration_set *set,
                                   const struct registration *registration)
{
    const struct integration_class *class = integration_class_for(registration);
    size_t index = 0;

    while (integration_classes[index] != class) {
        index++;
    }
    if (set->opened[index] == NULL) {
        set->opened[index] = open_one(class, set->context);
    }
    return set->opened[index];
}

/* --- what a class may leave out ----------------------------------------------
 */

struct integration_operation *integration_probe(
    struct integration *integration, const struct registration *registration,
    integration_probed_fn *done, void *payload)
{
    return integration->class->probe != NULL
               ? integration->class->probe(integration, registration, done,
                                           payload)
               : NULL;
}

void integration_cancel(struct integration_operation *operation)
{
    operation->cancel(operation);
}

void integration_access(const struct registration *registration,
                        struct access *access)
{
    const struct integration_class *class = integration_class_for(registration);

    if (class->access != NULL) {
        class->access(registration, access);
    }
}

/* An inspection by a class that has none of its own */
struct stand_in {
    struct loop *loop;
    struct task task;
    integration_inspected_fn *done;
    void *payload;
};

static void end_stand_in(struct stand_in *stand_in,
                         const struct integration_finding *finding)
{
    stand_in->done(stand_in->payload, finding, 1);
    mem_free(stand_in);
}

static void on_probed(void *payload, const struct error *err)
{
    const struct integration_finding finding = {
        .step = "connection",
        .text = err != NULL ? err->message : "the endpoint answers",
        .verdict = err != NULL ? FINDING_BAD : FINDING_GOOD,
        .kind = err != NULL ? err->kind : ERROR_NONE,
    };

    end_stand_in(payload, &finding);
}

static void report_untried(void *payload)
{
    static const struct integration_finding finding = {
        .step = "delivery",
        .text = "not tried: this kind of endpoint cannot be asked without "
                "delivering something",
        .verdict = FINDING_SKIPPED,
    };

    end_stand_in(payload, &finding);
}

void integration_inspect(struct integration *integration,
                         const struct registration *registration,
                         integration_inspected_fn *done, void *payload)
{
    const struct integration_class *class = integration->class;
    struct stand_in *stand_in;

    if (class->inspect != NULL) {
        class->inspect(integration, registration, done, payload);
        return;
    }
    stand_in = mem_zalloc(sizeof(*stand_in));
    stand_in->loop = integration->context->network.loop;
    stand_in->done = done;
    stand_in->payload = payload;
    if (class->probe != NULL) {
        class->probe(integration, registration, on_probed, stand_in);
    } else {
        task_init(&stand_in->task, report_untried, stand_in);
        loop_defer(stand_in->loop, &stand_in->task);
    }
}
