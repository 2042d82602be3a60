#include "reloads.h"

#include <string.h>

#include "integration/oci_options.h"
#include "waybill/alloc.h"
#include "waybill/integration.h"
#include "workload.h"

#define MAX_RELOADS 24
/* The time within which the records of a run without faults are written. */
#define QUIET_MS 10000

/* The differences of the next configuration, one bit each */
enum change {
    CHANGE_ORDER = 1,  /* the order of registrations and attachments */
    CHANGE_LIMITS = 2, /* delivery.* */
    CHANGE_MORE = 4,   /* an additional attachment that matches no event */
    CHANGE_PASSWORD =
        8, /* a wrong password in the registration of the first registry */
};

struct reload {
    struct item *item;
    unsigned slot; /* the maximum of all possible ones */
    unsigned changes;
};

struct reloads {
    struct sim *sim;
    struct reload all[MAX_RELOADS];
    size_t count;
    size_t next;
    struct timer timer;
    struct timer mending;
    bool mended[MAX_SLOTS];
};

/* --- another configuration --------------------------------------------------
 * It shares nothing with the previous one, so the sanitizer detects references
 * to what belonged to that. */

static void *copy_options(struct arena *arena, const void *from, size_t size,
                          const struct field *fields)
{
    char *to = arena_copy(arena, from, size);

    for (const struct field *field = fields; field->key != NULL; field++) {
        if (field->type == FIELD_STRING) {
            char **text = (char **)(void *)(to + field->offset);

            *text = arena_strdup(arena, *text);
        }
    }
    return to;
}

static struct registration copy_registration(struct arena *arena,
                                             const struct registration *from)
{
    const struct integration_fields *kind =
        &integration_class_for(from)->fields;
    void *options = copy_options(arena, from->options, kind->registration_size,
                                 kind->registration);

    return (struct registration){
        .name = arena_strdup(arena, from->name),
        .integration = arena_strdup(arena, from->integration),
        .options = options,
    };
}

static const struct registration *named(const struct settings *settings,
                                        const char *name)
{
    const struct registration *registration = settings->registrations;

    while (strcmp(registration->name, name) != 0) {
        registration++;
    }
    return registration;
}

static struct attachment copy_attachment(const struct settings *settings,
                                         const struct attachment *from)
{
    const struct integration_fields *kind =
        &integration_class_for(from->registration)->fields;
    struct arena *arena = settings->arena;
    struct attachment to = *from;

    to.options = copy_options(arena, from->options, kind->attachment_size,
                              kind->attachment);
    to.name = arena_strdup(arena, from->name);
    to.registration_name = arena_strdup(arena, from->registration_name);
    to.registration = named(settings, to.registration_name);
    return to;
}

static size_t place_in(size_t index, size_t count, unsigned changes)
{
    return changes & CHANGE_ORDER ? count - 1 - index : index;
}

static void copy_lists(struct settings *to, const struct settings *from,
                       unsigned changes)
{
    size_t count = from->registration_count;

    to->registrations =
        arena_alloc(to->arena, count * sizeof(to->registrations[0]));
    for (size_t i = 0; i < count; i++) {
        to->registrations[place_in(i, count, changes)] =
            copy_registration(to->arena, &from->registrations[i]);
    }
    count = from->attachment_count;
    to->attachments =
        arena_alloc(to->arena, (count + 1) * sizeof(to->attachments[0]));
    for (size_t i = 0; i < count; i++) {
        to->attachments[place_in(i, count, changes)] =
            copy_attachment(to, &from->attachments[i]);
    }
    if (changes & CHANGE_MORE) {
        to->attachments[count] = copy_attachment(to, &from->attachments[0]);
        to->attachments[count].name = "more";
        to->attachments[count].workflow =
            (struct workflow_selector){.id = "nobody's"};
        to->attachment_count++;
    }
}

static void change_limits(struct delivery_settings *delivery,
                          struct random *random)
{
    delivery->concurrency = draw(random, 1, 6);
    delivery->max_records = draw(random, 1, 30);
    delivery->hold_retry_ms += draw(random, 0, 30) * 1000;
    delivery->backoff_initial_ms = draw(random, 100, 1000);
}

static void spoil_password(struct settings *settings)
{
    const struct registration *registration = settings->registrations;
    struct registry_options *options;

    while (strcmp(registration->integration, "oci-registry") != 0) {
        registration++;
    }
    options = registration->options;
    if (options->password != NULL) {
        options->password = FORMER_PASSWORD;
    }
}

static struct settings *change(const struct settings *from, unsigned changes,
                               struct random *random)
{
    struct arena *arena = arena_new();
    struct settings *to = arena_copy(arena, from, sizeof(*to));

    to->arena = arena;
    copy_lists(to, from, changes);
    if (changes & CHANGE_LIMITS) {
        change_limits(&to->delivery, random);
    }
    if (changes & CHANGE_PASSWORD) {
        spoil_password(to);
    }
    return to;
}

/* --- when -------------------------------------------------------------------
 */

/* Returns false if it has to wait. */
static bool reload(struct sim *sim, unsigned slot, unsigned changes,
                   struct random *random)
{
    struct instance *instance = sim->slots[slot];

    if (changes & CHANGE_PASSWORD) {
        /* Its registry counts as failing until that is corrected. */
        struct registry *registry = &sim->registries->all[0];

        registry->spoiled_until_ms = chaos_calm_ms(sim->chaos);
        registry->faulty_ms += registry->spoiled_until_ms - sim->now_ms;
    }
    if (instance == NULL || instance->dead || instance->ended ||
        instance->stopping) {
        return true; /* the next instance starts with the right one */
    }
    return instance_reload(
        instance,
        change(workload_settings(sim->workload, slot), changes, random));
}

static void wait_for_next(struct reloads *reloads)
{
    if (reloads->next < reloads->count) {
        uint64_t at_ms = reloads->all[reloads->next].item->at_ms;

        loop_arm(reloads->sim->loop, &reloads->timer,
                 at_ms - reloads->sim->now_ms);
    }
}

static void on_time(void *payload)
{
    struct reloads *reloads = payload;
    struct reload *next = &reloads->all[reloads->next++];

    wait_for_next(reloads);
    if (!next->item->skipped) {
        sim_trace(reloads->sim, "[%zu] %s", next->item->number,
                  next->item->text);
        reload(reloads->sim, next->slot % reloads->sim->slot_count,
               next->changes, &next->item->random);
    }
}

/* As long as a reload has to wait, as in cli/reload.c */
#define AGAIN_MS 1000

static void mend(void *payload)
{
    struct reloads *reloads = payload;
    struct sim *sim = reloads->sim;
    struct random random = random_of(sim->options.seed, 0);
    bool left = false;

    for (unsigned slot = 0; slot < MAX_SLOTS; slot++) {
        if (!reloads->mended[slot]) {
            reloads->mended[slot] = reload(sim, slot, 0, &random);
            left |= !reloads->mended[slot];
        }
    }
    if (left) {
        loop_arm(sim->loop, &reloads->mending, AGAIN_MS);
    }
}

static void plan_one(struct reloads *reloads, uint64_t at_ms)
{
    struct sim *sim = reloads->sim;
    struct reload *next = &reloads->all[reloads->count++];
    struct random *random;

    next->item = schedule_add(sim);
    random = &next->item->random;
    next->slot = (unsigned)draw(random, 0, MAX_SLOTS - 1);
    next->changes = (unsigned)draw(random, 0, 7);
    if (!sim->options.quiet && draw_chance(random, 150)) {
        next->changes |= CHANGE_PASSWORD;
    }
    item_says(next->item, at_ms, "slot %u: another configuration%s%s%s%s",
              next->slot % sim->slot_count,
              next->changes & CHANGE_ORDER ? ", in another order" : "",
              next->changes & CHANGE_LIMITS ? ", other limits" : "",
              next->changes & CHANGE_MORE ? ", one attachment more" : "",
              next->changes & CHANGE_PASSWORD ? ", a wrong password" : "");
}

/* After all others, so that these keep their numbers; some worlds have none,
 * others have some in quick succession. */
static void plan_all(struct reloads *reloads)
{
    struct sim *sim = reloads->sim;
    struct item *item = schedule_add(sim);
    uint64_t end_ms =
        sim->options.quiet ? sim->now_ms + QUIET_MS : chaos_calm_ms(sim->chaos);
    uint64_t at_ms = sim->now_ms;
    size_t count = (size_t)draw(&item->random, 0, MAX_RELOADS / 2 - 1) * 2;

    item_says(item, at_ms, "%zu times another configuration comes", count);
    for (size_t i = 0; i < count && !item->skipped; i++) {
        at_ms +=
            draw_chance(&item->random, 400)
                ? draw(&item->random, 0, 30)
                : draw(&item->random, 1, 2 * (end_ms - sim->now_ms) / count);
        if (at_ms < end_ms) {
            plan_one(reloads, at_ms);
        }
    }
}

struct reloads *reloads_new(struct sim *sim)
{
    struct reloads *reloads = mem_zalloc(sizeof(*reloads));

    reloads->sim = sim;
    timer_init(&reloads->timer, on_time, reloads);
    timer_init(&reloads->mending, mend, reloads);
    plan_all(reloads);
    wait_for_next(reloads);
    return reloads;
}

void reloads_free(struct reloads *reloads)
{
    loop_disarm(reloads->sim->loop, &reloads->timer);
    loop_disarm(reloads->sim->loop, &reloads->mending);
    mem_free(reloads);
}

void reloads_mend(struct sim *sim)
{
    mend(sim->reloads);
}
