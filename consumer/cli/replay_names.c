#include "replay_internal.h"
#include "waybill/integration.h"

static struct name_list integrations_of(struct arena *arena)
{
    size_t count = 0;
    const char **names;

    while (integration_table[count] != NULL) {
        count++;
    }
    names = arena_alloc(arena, count * sizeof(names[0]));
    for (size_t i = 0; i < count; i++) {
        names[i] = integration_table[i]->kind;
    }
    return (struct name_list){names, count};
}

static struct name_list registrations_of(const struct settings *settings,
                                         struct arena *arena)
{
    const char **names =
        arena_alloc(arena, settings->registration_count * sizeof(names[0]));

    for (size_t i = 0; i < settings->registration_count; i++) {
        names[i] = settings->registrations[i].name;
    }
    return (struct name_list){names, settings->registration_count};
}

static struct name_list attachments_of(const struct settings *settings,
                                       struct arena *arena)
{
    const char **names =
        arena_alloc(arena, settings->attachment_count * sizeof(names[0]));

    for (size_t i = 0; i < settings->attachment_count; i++) {
        names[i] = settings->attachments[i].name;
    }
    return (struct name_list){names, settings->attachment_count};
}

static struct name_list topics_of(const struct kafka_settings *kafka,
                                  struct arena *arena)
{
    const char **names = arena_alloc(arena, 2 * sizeof(names[0]));

    names[0] = kafka->topics.attestations;
    names[1] = kafka->topics.replays;
    return (struct name_list){names, 2};
}

void replay_set_names(const struct settings *settings, struct arena *arena,
                      struct filter_names *ret_names)
{
    *ret_names = (struct filter_names){
        .integrations = integrations_of(arena),
        .registrations = registrations_of(settings, arena),
        .attachments = attachments_of(settings, arena),
        .topics = topics_of(&settings->kafka, arena),
    };
}
