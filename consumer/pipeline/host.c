#include "pipeline_internal.h"
#include "waybill/alloc.h"
#include "waybill/log.h"

/*
 * When something is sent to a host, and when not: not while it is down, not
 * while it has asked for a pause, not more at a time than it bears. Lanes take
 * turns.
 */

static const struct pipeline_options *options_of(const struct host *host)
{
    return &host->pipeline->options;
}

static uint64_t now_of(const struct host *host)
{
    return loop_now(options_of(host)->loop);
}

static void get_pauses(const struct host *host, uint64_t ret_pauses[2])
{
    const struct delivery_settings *settings =
        &options_of(host)->settings->delivery;

    ret_pauses[0] = settings->backoff_initial_ms;
    ret_pauses[1] = settings->backoff_max_ms;
}

/* --- probing ----------------------------------------------------------------
 */

static void on_probed(void *payload, const struct error *err)
{
    struct host *host = payload;
    uint64_t pauses[2];

    host->probe = NULL;
    if (!host->breaker.open) {
        return; /* a delivery that was under way has found out before */
    }
    get_pauses(host, pauses);
    breaker_probed(&host->breaker, err == NULL, now_of(host), pauses,
                   options_of(host)->random);
    if (err == NULL) {
        log_write(LOG_INFO, "pipeline", "registry answers again",
                  LOG_TEXT("host", host->name));
    } else {
        log_write(LOG_WARN, "pipeline", "registry is still down",
                  LOG_TEXT("host", host->name), LOG_TEXT("err", err->message));
    }
    host_pump(host);
}

/* False: its class has no probe. */
static bool ask_whether_alive(struct host *host)
{
    host->probe = integration_probe(
        integration_of(host->pipeline->integrations, host->registration),
        host->registration, on_probed, host);
    return host->probe != NULL;
}

/* --- starting ---------------------------------------------------------------
 */

static struct delivery *next_delivery(struct host *host)
{
    for (size_t i = 0; i < host->lane_count; i++) {
        struct lane *lane = host->lanes[host->next];
        struct delivery *delivery = lane_next(lane, now_of(host));

        host->next = (host->next + 1) % host->lane_count;
        if (delivery != NULL) {
            return delivery;
        }
    }
    return NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When something that is waited for is due; 0: it is not for time to tell */
static uint64_t next_due(const struct host *host)
{
    uint64_t now = now_of(host);
    uint64_t due = UINT64_MAX;

    if (host->breaker.open) {
        return host->probe == NULL && host->running == 0
                   ? host->breaker.probe_ms
                   : 0;
    }
    for (size_t i = 0; i < host->lane_count; i++) {
        const struct lane *lane = host->lanes[i];

        if (lane->waiting_count == 0) {
            continue;
        }
        if (host->not_before_ms > now) {
            due = earlier(due, host->not_before_ms);
        } else if (lane->held && lane->running == 0 &&
                   lane->hold_until_ms > now) {
            due = earlier(due, lane->hold_until_ms);
        }
    }
    return due == UINT64_MAX ? 0 : due;
}

static void wake_later(struct host *host)
{
    uint64_t due = next_due(host);
    uint64_t now = now_of(host);

    if (due > 0) {
        loop_arm(options_of(host)->loop, &host->wake,
                 due > now ? due - now : 0);
    }
}

static bool has_waiting(const struct host *host)
{
    for (size_t i = 0; i < host->lane_count; i++) {
        if (host->lanes[i]->waiting_count > 0) {
            return true;
        }
    }
    return false;
}

static void run(struct host *host, struct delivery *delivery)
{
    host->running++;
    if (delivery->outcome->attempts == 0) {
        budget_earn(&host->budget);
    }
    pipeline_attempt_began(host->pipeline);
    delivery_run(delivery);
}

static struct delivery *next_aged(struct host *host)
{
    struct delivery *delivery = NULL;

    for (size_t i = 0; i < host->lane_count && delivery == NULL; i++) {
        delivery = lane_next_aged(host->lanes[i]);
    }
    return delivery;
}

/* While no delivery may be tried */
#define PROBE_AGAIN_MS 1000

/* A delivery that is past its age uses up its attempts, one probe each, so that
 * every record ends; no other is spent on a host that is down, unless there is
 * no way to ask it. */
static void probe(struct host *host)
{
    struct delivery *delivery;

    if (host->running > 0 || host->probe != NULL) {
        return; /* what is under way will tell */
    }
    delivery = next_aged(host);
    if (delivery == NULL && ask_whether_alive(host)) {
        return;
    }
    if (delivery == NULL) {
        delivery = next_delivery(host);
    }
    if (delivery == NULL) {
        host->breaker.probe_ms = now_of(host) + PROBE_AGAIN_MS;
        return;
    }
    host->probing = true;
    run(host, delivery);
}

static bool is_open(const struct host *host)
{
    return !host->breaker.open && now_of(host) >= host->not_before_ms;
}

void host_pump(struct host *host)
{
    struct delivery *delivery;

    if (host->pipeline->draining || !has_waiting(host)) {
        return;
    }
    if (host->breaker.open && now_of(host) >= host->breaker.probe_ms) {
        probe(host);
    }
    while (is_open(host) && limiter_admits(&host->limiter, host->running) &&
           (delivery = next_delivery(host)) != NULL) {
        run(host, delivery);
    }
    wake_later(host);
}

static void on_wake(void *payload)
{
    host_pump(payload);
}

/* A pause that others would notice */
#define LONG_PAUSE_MS 2000

bool host_is_stuck(const struct host *host)
{
    return host->breaker.open ||
           host->not_before_ms > now_of(host) + LONG_PAUSE_MS;
}

struct host *host_newest(struct host *host)
{
    while (host->heir != NULL) {
        host = host->heir;
    }
    return host;
}

bool host_takes_retry(struct host *host)
{
    return !pipeline_is_service(host->pipeline) ||
           budget_take(&host->budget, now_of(host));
}

/* --- learning ---------------------------------------------------------------
 */

void host_succeeded(struct host *host)
{
    host->probing = false;
    limiter_succeeded(&host->limiter, host->running);
    breaker_succeeded(&host->breaker);
}

static void back_off(struct host *host, uint32_t pause_ms)
{
    uint64_t until = now_of(host) + pause_ms;

    if (until > host->not_before_ms) {
        host->not_before_ms = until;
    }
}

/* Somebody waits for `waybill push`: it tries what it was told to. */
void host_failed(struct host *host, const struct error *err)
{
    uint64_t pauses[2];

    limiter_overloaded(&host->limiter, now_of(host));
    if (!pipeline_is_service(host->pipeline)) {
        return;
    }
    back_off(host, err->retry_after_ms);
    if (err->kind == ERROR_RATE_LIMITED) {
        return; /* it is there, and says when to come again */
    }
    get_pauses(host, pauses);
    if (host->probing) {
        host->probing = false;
        breaker_probed(&host->breaker, false, now_of(host), pauses,
                       options_of(host)->random);
    } else if (breaker_failed(&host->breaker, now_of(host), pauses,
                              options_of(host)->random)) {
        host->down_since_ms = clock_wall_ms(loop_clock(options_of(host)->loop));
        log_write(LOG_ERROR, "pipeline",
                  "registry is down, deliveries to it wait",
                  LOG_TEXT("host", host->name), LOG_TEXT("err", err->message),
                  LOG_TEXT("err_kind", "retriable"));
    }
}

/* --- life cycle -------------------------------------------------------------
 */

struct host *host_new(struct pipeline *pipeline, const char *name,
                      const struct registration *registration)
{
    struct host *host = mem_zalloc(sizeof(*host));

    host->pipeline = pipeline;
    host->name = name;
    host->registration = registration;
    limiter_init(&host->limiter,
                 pipeline->options.settings->delivery.concurrency);
    budget_init(&host->budget, now_of(host));
    timer_init(&host->wake, on_wake, host);
    STAILQ_INSERT_TAIL(&pipeline->hosts, host, link);
    return host;
}

void host_add_lane(struct host *host, struct lane *lane)
{
    size_t capacity = host->lane_count;

    host->lanes = mem_grow(host->lanes, &capacity, host->lane_count + 1,
                           sizeof(struct lane *));
    host->lanes[host->lane_count++] = lane;
    lane->host = host;
    /* Each registration may use as much as it is configured to. */
    host->limiter.most = (double)(lane->most * host->lane_count);
}

void host_rest(struct host *host)
{
    if (host->probe != NULL) {
        integration_cancel(host->probe);
        host->probe = NULL;
    }
    loop_disarm(host->pipeline->options.loop, &host->wake);
}

void host_free(struct host *host)
{
    host_rest(host);
    mem_free(host->lanes);
    mem_free(host);
}
