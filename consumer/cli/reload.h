#ifndef WAYBILL_CLI_RELOAD_H
#define WAYBILL_CLI_RELOAD_H

#include "waybill/config.h"
#include "waybill/pipeline.h"
#include "waybill/status.h"

/*
 * The configuration of a service that runs: read again on SIGHUP, and when one
 * of its files has changed. It is checked as a whole, as at the start; then it
 * replaces the old one, or, if anything is wrong with it, does not. Only what
 * has a meaning at the start alone (FIELD_RESTART) stays as it was.
 */
struct reload;

struct reload_options {
    const char *path;
    const struct config_rules *rules;
    unsigned access; /* CONFIG_NEEDS_... */
    /* With what the service was, or will be, started; `settings` are not looked
     * at. */
    const struct pipeline_options *pipeline;
    /* Whenever files have been read again, whatever came of it */
    void (*done)(void *payload);
    void *payload;
};

/* Takes the settings and the files, with which they were loaded. */
struct reload *reload_new(const struct reload_options *options,
                          struct settings *settings,
                          struct config_files *files);
/* Of these settings, for service_start() */
struct pipeline *reload_pipeline(struct reload *reload);
/* From now on files are looked at. */
void reload_watch(struct reload *reload, struct service *service);
/* Now, or as soon as it can be */
void reload_request(struct reload *reload);
void reload_get_status(const struct reload *reload,
                       struct status_config *ret_status);
/* Ends watching; after service_free() */
void reload_free(struct reload *reload);

#endif
