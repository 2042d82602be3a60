#include "registry.h"
#include "waybill/alloc.h"

/* Plans the registries of a world and their faults. */

const char *fault_name(enum fault fault)
{
    static const char *const names[FAULT_COUNT] = {
        [FAULT_NONE] = "nothing",
        [FAULT_REFUSED] = "connections refused",
        [FAULT_ERRORS] = "errors",
        [FAULT_THROTTLE] = "throttled",
        [FAULT_SLOW] = "slow",
        [FAULT_COMMITS] = "slow to commit",
        [FAULT_HANG] = "hanging",
        [FAULT_RESET] = "connections reset",
        [FAULT_LOST] = "answers lost",
        [FAULT_CUT] = "bodies cut off",
        [FAULT_SESSIONS] = "uploads forgotten",
        [FAULT_TOKENS] = "tokens good for once",
        [FAULT_REDIRECT] = "redirects",
        [FAULT_LIES] = "lies about digests",
        [FAULT_DENIED] = "credentials refused",
        [FAULT_RESTART] = "restarted",
        [FAULT_INGRESS] = "an ingress without a backend",
        [FAULT_LOGIN] = "a login page",
        [FAULT_READ_ONLY] = "read-only",
        [FAULT_QUOTA] = "over quota",
    };

    return names[fault];
}

static void on_restart(void *payload)
{
    struct registry *registry = payload;

    sim_trace(registry->registries->sim, "registry %s restarts",
              registry->host);
    registry->upload_count = 0;
    registry->token_count = 0;
}

/* --- windows ----------------------------------------------------------------
 */

static void report_window(const struct registry *registry, struct item *item,
                          const struct window *window)
{
    bool denied = window->fault == FAULT_DENIED;

    item_says(item, window->from_ms, "%s: %s%s for %llu ms", registry->host,
              fault_name(window->fault),
              !denied                 ? ""
              : window->accounts == 1 ? " of the first account"
              : window->accounts == 2 ? " of the second account"
                                      : " of both accounts",
              (unsigned long long)(window->until_ms - window->from_ms));
}

static void add_window(struct registry *registry, struct item *item,
                       struct window *window)
{
    struct sim *sim = registry->registries->sim;
    uint64_t calm = chaos_calm_ms(sim->chaos);

    window->until_ms = window->until_ms < calm ? window->until_ms : calm;
    window->accounts = (unsigned)draw(&item->random, 1, 3);
    window->forbids = draw_chance(&item->random, 500);
    /* Chosen last, so that the worlds of older seeds remain the same otherwise.
     */
    if (draw_chance(&item->random, 250)) {
        window->fault =
            (enum fault)draw(&item->random, FAULT_DRAWN, FAULT_COUNT - 1);
    }
    report_window(registry, item, window);
    if (item->skipped) {
        return;
    }
    if (window->fault == FAULT_RESTART) {
        loop_arm(sim->loop, &registry->restart, window->from_ms - sim->now_ms);
    }
    registry->faulty_ms += window->until_ms - window->from_ms;
    registry->windows[registry->window_count++] = *window;
}

static void plan_window(struct registry *registry)
{
    struct sim *sim = registry->registries->sim;
    uint64_t left_ms = chaos_calm_ms(sim->chaos) - sim->now_ms;
    struct item *item = schedule_add(sim);
    struct random *random = &item->random;
    struct window window = {0};

    window.fault = (enum fault)draw(random, FAULT_REFUSED, FAULT_DRAWN - 1);
    window.from_ms = sim->now_ms + draw(random, 0, left_ms);
    window.until_ms = window.from_ms + draw(random, 100, 20000);
    if (draw_chance(random, 200)) {
        window.until_ms += draw(random, 20000, 900000);
    }
    add_window(registry, item, &window);
}

/* For most of the time, while the others continue */
static void plan_outage(struct registry *registry)
{
    static const enum fault faults[] = {FAULT_REFUSED, FAULT_ERRORS, FAULT_HANG,
                                        FAULT_THROTTLE, FAULT_DENIED};
    struct sim *sim = registry->registries->sim;
    uint64_t left_ms = chaos_calm_ms(sim->chaos) - sim->now_ms;
    struct item *item = schedule_add(sim);
    struct random *random = &item->random;
    struct window window = {0};

    window.fault = faults[draw(random, 0, ARRAY_SIZE(faults) - 1)];
    window.from_ms = sim->now_ms + draw(random, 0, left_ms / 4);
    window.until_ms = window.from_ms + draw(random, left_ms / 2, left_ms);
    add_window(registry, item, &window);
}

/* --- life cycle -------------------------------------------------------------
 */

static void init_accounts(struct registry *registry, size_t index)
{
    static const char *const names[MAX_ACCOUNTS] = {"robot", "tenant"};
    struct arena *arena = registry->registries->sim->arena;

    for (size_t i = 0; i < MAX_ACCOUNTS; i++) {
        registry->accounts[i] = (struct account){
            names[i], arena_printf(arena, "not-so-secret-%zu-%zu", index, i)};
    }
}

/* Some report a longer lifetime of a token than it has. */
static void init_tokens(struct registry *registry)
{
    struct sim *sim = registry->registries->sim;

    registry->token_ms =
        sim_pick(sim, 1, sim_chance(sim, 300) ? 4 : 300) * 1000;
    registry->said_token_ms =
        registry->token_ms * (sim_chance(sim, 200) ? sim_pick(sim, 1, 9) : 1);
}

static void init_registry(struct registries *registries, size_t index)
{
    struct sim *sim = registries->sim;
    struct registry *registry = &registries->all[index];

    registry->registries = registries;
    registry->host =
        arena_printf(sim->arena, "registry%zu.model.example:5000", index);
    registry->auth = (enum registry_auth)sim_pick(sim, 0, REGISTRY_BEARER);
    if (registry->auth != REGISTRY_OPEN) {
        init_accounts(registry, index);
    }
    registry->location = (enum location)sim_pick(sim, 0, LOCATION_DOWNGRADED);
    init_tokens(registry);
    /* This is not random, so that the worlds of older seeds remain the same. */
    registry->single_post = (enum single_post)((sim->options.seed + index) % 3);
    registry->speaks_oauth2 = (sim->options.seed / 3 + index) % 3 == 0;
    timer_init(&registry->restart, on_restart, registry);
}

/* In a third of the worlds the first registry denies one path for a while. */
static void plan_denial(struct registry *registry)
{
    struct sim *sim = registry->registries->sim;
    struct item *item;

    if (sim->options.seed % 3 != 0) {
        return;
    }
    item = schedule_add(sim);
    item_says(item, sim->now_ms, "%s: denies what begins with 'refused'",
              registry->host);
    if (!item->skipped) {
        registry->denies_until_ms = chaos_calm_ms(sim->chaos);
        registry->faulty_ms += registry->denies_until_ms - sim->now_ms;
    }
}

/* The first window that applies counts: an outage precedes the others. */
static void plan(struct registries *registries)
{
    struct sim *sim = registries->sim;

    if (sim->registries_only || sim_chance(sim, 120)) {
        plan_outage(&registries->all[sim_pick(sim, 0, registries->count - 1)]);
    }
    plan_denial(&registries->all[0]);
    for (size_t i = 0; i < registries->count; i++) {
        uint64_t windows = sim_pick(sim, 0, MAX_WINDOWS - 1);

        for (uint64_t j = 0; j < windows; j++) {
            plan_window(&registries->all[i]);
        }
    }
}

struct registries *registries_new(struct sim *sim, size_t count)
{
    struct registries *registries = mem_zalloc(sizeof(*registries));

    registries->sim = sim;
    registries->count = count;
    TAILQ_INIT(&registries->wires);
    for (size_t i = 0; i < count; i++) {
        init_registry(registries, i);
    }
    plan(registries);
    return registries;
}

void registries_free(struct registries *registries)
{
    wires_free(registries);
    for (size_t i = 0; i < registries->count; i++) {
        struct registry *registry = &registries->all[i];

        loop_disarm(registries->sim->loop, &registry->restart);
        mem_free(registry->blobs);
        mem_free(registry->manifests);
        mem_free(registry->uploads);
        mem_free(registry->tokens);
        mem_free(registry->lies);
    }
    mem_free(registries);
}
