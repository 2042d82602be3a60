#include "waybill/integration.h"

#include <stdlib.h>
#include <string.h>

#include "waybill/alloc.h"

/* Finds and opens the integrations, and implements the defaults of their
 * optional callbacks. */

/* NULL if there is no such kind */
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
        abort(); /* config/ rejects unknown kinds */
    }
    return class;
}

/* --- the integrations of one configuration -----------------------------------
 */

struct integration_set {
    const struct integration_context *context;
    /* Indexed as integration_classes; NULL if not opened */
    struct integration **opened;
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

static struct integration *open_integration(
    const struct integration_class *class,
    const struct integration_context *context)
{
    struct integration *integration = class->open != NULL
                                          ? class->open(context)
                                          : mem_zalloc(sizeof(*integration));

    integration->class = class;
    integration->context = context;
    return integration;
}

static void close_integration(struct integration *integration)
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
        close_integration(set->opened[i]);
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
        set->opened[index] = open_integration(class, set->context);
    }
    return set->opened[index];
}

/* --- optional callbacks ------------------------------------------------------
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

size_t integration_concurrency(const struct integration_class *class,
                               size_t configured)
{
    size_t max = class->max_concurrency;

    return max > 0 && max < configured ? max : configured;
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

const char *integration_destination(const struct attachment *attachment,
                                    struct arena *arena)
{
    const struct integration_class *class =
        integration_class_for(attachment->registration);

    return class->destination != NULL ? class->destination(attachment, arena)
                                      : NULL;
}

/* The inspection of a class without inspect() */
struct substitute {
    struct loop *loop;
    struct task task;
    integration_inspected_fn *done;
    void *payload;
};

static void finish_substitute(struct substitute *substitute,
                              const struct integration_finding *finding)
{
    substitute->done(substitute->payload, finding, 1);
    mem_free(substitute);
}

static void on_probed(void *payload, const struct error *err)
{
    const struct integration_finding finding = {
        .step = "connection",
        .text = err != NULL ? err->message : "the endpoint answers",
        .verdict = err != NULL ? FINDING_BAD : FINDING_GOOD,
        .kind = err != NULL ? err->kind : ERROR_NONE,
    };

    finish_substitute(payload, &finding);
}

static void report_not_tried(void *payload)
{
    static const struct integration_finding finding = {
        .step = "delivery",
        .text = "not tried: this kind of endpoint cannot be asked without "
                "delivering something",
        .verdict = FINDING_SKIPPED,
    };

    finish_substitute(payload, &finding);
}

void integration_inspect(struct integration *integration,
                         const struct registration *registration,
                         const struct attachment *attachment,
                         integration_inspected_fn *done, void *payload)
{
    const struct integration_class *class = integration->class;
    struct substitute *substitute;

    if (class->inspect != NULL) {
        class->inspect(integration, registration, attachment, done, payload);
        return;
    }
    substitute = mem_zalloc(sizeof(*substitute));
    substitute->loop = integration->context->network.loop;
    substitute->done = done;
    substitute->payload = payload;
    if (class->probe != NULL) {
        class->probe(integration, registration, on_probed, substitute);
    } else {
        task_init(&substitute->task, report_not_tried, substitute);
        loop_defer(substitute->loop, &substitute->task);
    }
}
