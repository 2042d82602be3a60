#include "service_internal.h"
#include "service_measures.h"

/* How much of delivery.max_records and delivery.max_bytes is in use */

size_t service_bytes(const struct service *service)
{
    const struct pipeline *predecessor;
    size_t bytes = service->pipeline->bytes;

    STAILQ_FOREACH(predecessor, &service->predecessors, link)
    {
        bytes += predecessor->bytes;
    }
    return bytes;
}

struct load {
    size_t records;
    size_t bytes;
};

static size_t minus(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* What counts towards the limits. A broker that accepts less metadata than
 * usual is recognized when records that were read are finished and do not fit.
 * These are not counted, because they wait for records before them, which may
 * have been shed and need room to be read again. After that less is read, so
 * that there are no more of them. */
static struct load measure(const struct service *service)
{
    struct load load = {service->records, service_bytes(service)};
    const struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        load.records = minus(load.records, assignment->unfit_records);
        load.bytes = minus(load.bytes, assignment->unfit_bytes);
    }
    return load;
}

bool service_is_over(const struct service *service, size_t share)
{
    const struct delivery_settings *limits = &service->settings->delivery;
    struct load load = measure(service);

    return load.records > limits->max_records / share ||
           load.bytes > limits->max_bytes / share;
}

bool service_has_reached_limits(const struct service *service)
{
    const struct delivery_settings *limits = &service->settings->delivery;
    struct load load = measure(service);

    return load.records >= limits->max_records ||
           load.bytes >= limits->max_bytes;
}
