#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "directory.h"
#include "waybill/alloc.h"
#include "waybill/integration.h"
#include "workload.h"

/* A configuration file, as a person would write it, parsed by the real parser.
 */

static const struct route routes[] = {
    {"one", "chainloop", "{project: shop, name: \"build-*\"}", "first", 0, ""},
    {"other", "acme", "{project: shop, name: \"*-twice\"}", "second", 1, ""},
    {"third", "lab", "{project: shop, name: \"lab-*\"}", "third", 2, ""},
    {"tenant", "tenant", "{project: shop, name: \"*-tenant\"}", "tenant", 0,
     ""},
    {"never", "refused", "{id: cursed}", "first", 0, ""},
    /* For worlds with a directory */
    {"files", "", "{project: shop, name: \"*-files\"}", "files", THE_DIRECTORY,
     ""},
    {"copies", "", "{project: shop, name: \"copy-*\"}", "files", THE_DIRECTORY,
     "-copy"},
};

const struct route *workload_route(const char *attachment)
{
    const struct route *route = routes;

    while (strcmp(route->attachment, attachment) != 0) {
        route++;
    }
    return route;
}

/* Two of them are at one registry, which distinguishes them by their accounts.
 */
static const struct {
    const char *name;
    size_t registry;
    size_t account;
} registrations[] = {
    {"first", 0, 0}, {"second", 1, 0}, {"third", 2, 0}, {"tenant", 0, 1}};

static void append_registrations(struct sim *sim, struct str *yaml)
{
    str_append_text(yaml, "registrations:\n");
    for (size_t i = 0; i < ARRAY_SIZE(registrations); i++) {
        const struct registry *registry =
            &sim->registries->all[registrations[i].registry];
        const struct account *account =
            &registry->accounts[registrations[i].account];

        str_printf(yaml, "  - name: %s\n    repository: %s/acme/att\n",
                   registrations[i].name, registry->host);
        if (account->username != NULL) {
            str_printf(yaml, "    username: %s\n    password: %s\n",
                       account->username, account->password);
        }
        if (registry->speaks_oauth2) {
            str_append_text(yaml, "    token_exchange_method: oauth2\n");
        }
    }
    if (sim->directory != NULL) {
        str_printf(yaml,
                   "  - name: files\n    integration: directory\n"
                   "    path: %s\n",
                   directory_path(sim->directory));
    }
}

static void append_attachment(const struct route *route, struct str *yaml)
{
    str_printf(yaml, "  - name: %s\n    registration: %s\n    workflow: %s\n",
               route->attachment, route->registration, route->workflow);
    if (*route->prefix != '\0') {
        str_printf(yaml, "    prefix: %s\n", route->prefix);
    }
    if (*route->suffix != '\0') {
        str_printf(yaml, "    suffix: %s\n", route->suffix);
    }
}

static void append_attachments(struct sim *sim, struct str *yaml)
{
    str_append_text(yaml, "attachments:\n");
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (routes[i].registry != THE_DIRECTORY || sim->directory != NULL) {
            append_attachment(&routes[i], yaml);
        }
    }
}

static void append_delivery(struct sim *sim, struct str *yaml)
{
    static const char *const ages[] = {"0s", "20s", "10m", "24h"};
    static const char *const holds[] = {"1s", "15s", "60s"};

    str_printf(yaml, "delivery:\n  concurrency: %llu\n",
               (unsigned long long)sim_pick(sim, 1, 6));
    str_printf(yaml, "  max_records: %llu\n",
               (unsigned long long)(sim->registries_only
                                        ? sim_pick(sim, 10, 60)
                                        : sim_pick(sim, 1, 30)));
    str_printf(yaml, "  max_attempts: %llu\n",
               (unsigned long long)sim_pick(sim, 1, 6));
    str_printf(yaml, "  max_age: %s\n", ages[sim_pick(sim, 0, 3)]);
    str_printf(yaml, "  backoff_initial: %llums\n",
               (unsigned long long)sim_pick(sim, 100, 1000));
    str_printf(yaml, "  backoff_max: %llus\n",
               (unsigned long long)sim_pick(sim, 2, 30));
    str_printf(yaml, "  hold_retry: %s\n", holds[sim_pick(sim, 0, 2)]);
    str_printf(yaml, "  answer_timeout: %llus\n",
               (unsigned long long)sim_pick(sim, 5, 120));
    str_printf(yaml, "  drain: %llus\n",
               (unsigned long long)sim_pick(sim, 0, 10));
}

static void append_all(struct sim *sim, struct str *yaml)
{
    append_registrations(sim, yaml);
    append_attachments(sim, yaml);
    append_delivery(sim, yaml);
    str_printf(yaml,
               "kafka:\n  brokers: model:9092\n  group: sim\n"
               "  outcome_mode: %s\n  other_types: skip\n",
               sim_chance(sim, 300) ? "structured" : "binary");
    if (sim_chance(sim, 500)) {
        str_append_text(yaml, "  transactional_id: waybill\n");
    }
}

static int check_property(const char *key, const char *value, struct error *err)
{
    return 0;
}

static void give_up(const char *faults, const char *yaml)
{
    fprintf(stderr, "simulate: the configuration is wrong:\n%s%s", faults,
            yaml);
    abort();
}

struct settings *workload_load(struct sim *sim)
{
    CLEANUP(str_release) struct str yaml = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str faults = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str warnings = STR_INIT(STR_UNLIMITED);
    CLEANUP(config_files_release) struct config_files files;
    struct config_rules rules = {
        .integrations = integration_table,
        .check_property = check_property,
    };
    struct settings *settings;
    char path[64];
    int fd = memfd_create("config.yaml", MFD_CLOEXEC);

    append_all(sim, &yaml);
    dprintf(fd, "%s", yaml.data);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (config_load(path, &rules,
                    CONFIG_REQUIRES_KAFKA | CONFIG_REQUIRES_REGISTRATIONS,
                    &settings, &faults, &warnings, &files) < 0) {
        give_up(faults.data, yaml.data);
    }
    close(fd);
    return settings;
}

/* Parsing the file again for this one value would take most of the time of a
 * short run. */
void workload_personalize(struct settings *settings, unsigned slot)
{
    if (settings->kafka.transactional_id != NULL) {
        settings->kafka.transactional_id = arena_printf(
            settings->arena, "%s-%u", settings->kafka.transactional_id, slot);
    }
}
