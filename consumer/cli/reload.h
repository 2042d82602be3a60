#ifndef WAYBILL_CLI_RELOAD_H
#define WAYBILL_CLI_RELOAD_H

#include "waybill/config.h"
#include "waybill/pipeline.h"
#include "waybill/status.h"

/*
 * Reloads the configuration of a running service on SIGHUP, and when one of its
 * files has changed. The new configuration is validated as a whole, as at
 * startup. If it is valid, it replaces the current one; otherwise the current
 * one stays in effect. Sections that are only read at startup (FIELD_RESTART)
 * keep their values.
 *
 * Everything runs on the thread of the loop.
 */
struct reload;

struct reload_options {
    const char *path;
    const struct config_rules *rules;
    unsigned access; /* CONFIG_REQUIRES_... */
    /* The options that the service was, or will be, started with; `settings`
     * in them is ignored. */
    const struct pipeline_options *pipeline;
    /* Called after each attempt to reload, whether or not it succeeded. */
    void (*reloaded)(void *payload);
    void *payload;
};

/* Takes ownership of the settings and of the files that they were loaded
 * from. */
struct reload *reload_new(const struct reload_options *options,
                          struct settings *settings,
                          struct config_files *files);
/* The pipeline of the initial settings, for service_start() */
struct pipeline *reload_pipeline(struct reload *reload);
/* Starts polling the files for changes. */
void reload_watch(struct reload *reload, struct service *service);
/* Reloads now, or as soon as the service can take another configuration. */
void reload_request(struct reload *reload);
void reload_get_status(const struct reload *reload,
                       struct status_config *ret_status);
/* Call it after service_free(). */
void reload_free(struct reload *reload);

#endif
