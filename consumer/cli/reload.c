#include "reload.h"

#include <string.h>
#include <sys/queue.h>

#include "waybill/alloc.h"
#include "waybill/log.h"

/* How often the files are polled. A change is applied when the files are the
 * same in two consecutive polls, because a file may be half written. inotify
 * is not used: it does not see changes on NFS, and Kubernetes updates a
 * Secret by replacing a symbolic link to a directory. */
#define POLL_INTERVAL_MS 1000

/* A configuration and its pipeline. There are several while attempts in
 * flight finish under an old configuration. */
struct generation {
    STAILQ_ENTRY(generation) link;
    struct settings *settings;
    struct pipeline *pipeline;
};

struct reload {
    struct reload_options options;
    struct service *service;
    STAILQ_HEAD(, generation) generations; /* oldest first */
    struct config_files files;
    struct timer poll;
    const char *changed_file; /* changed at the last poll, or NULL */
    bool is_requested;
    bool is_postponed;        /* and this has been logged */
    struct str startup_marks; /* config_append_restart_digests() at startup */
    struct str last_marks;    /* ... of the settings that were read last */
    struct str restart_keys;  /* changed keys that need a restart */
    struct str first_fault;   /* first fault of the last reload */
    struct status_config status;
};

/* --- generations ---------------------------------------------------------- */

static struct pipeline *add_generation(struct reload *reload,
                                       struct settings *settings)
{
    struct generation *generation = mem_zalloc(sizeof(*generation));
    struct pipeline_options options = *reload->options.pipeline;

    options.settings = settings;
    generation->settings = settings;
    generation->pipeline = pipeline_new(&options);
    STAILQ_INSERT_TAIL(&reload->generations, generation, link);
    return generation->pipeline;
}

static void free_oldest(struct reload *reload)
{
    struct generation *oldest = STAILQ_FIRST(&reload->generations);

    STAILQ_REMOVE_HEAD(&reload->generations, link);
    pipeline_free(oldest->pipeline);
    settings_free(oldest->settings);
    mem_free(oldest);
}

static void free_retired(struct reload *reload)
{
    while (service_take_retired(reload->service) != NULL) {
        free_oldest(reload);
    }
}

/* --- result of a reload --------------------------------------------------- */

static size_t log_lines(enum log_level level, const char *msg, char *lines)
{
    size_t count = 0;
    char *save;

    for (char *line = strtok_r(lines, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        log_write(level, "cli", msg, LOG_TEXT("err", line));
        count++;
    }
    return count;
}

static void reject(struct reload *reload, struct str *faults)
{
    struct status_config *status = &reload->status;

    str_clear(&reload->first_fault);
    str_append(&reload->first_fault, faults->data, strcspn(faults->data, "\n"));
    status->refused++;
    status->fault_count =
        log_lines(LOG_ERROR, "fault in the configuration", faults->data);
    log_write(LOG_ERROR, "cli",
              "configuration refused, the previous one stays in use",
              LOG_TEXT("config", reload->options.path),
              LOG_NUMBER("faults", status->fault_count),
              LOG_TEXT("err", reload->first_fault.data));
}

/* Each change is logged once; the gauge shows that a restart is still
 * pending. */
static void report_restart_keys(struct reload *reload,
                                const struct settings *settings)
{
    CLEANUP(str_release) struct str last_marks = STR_INIT(STR_UNLIMITED);
    bool is_new;

    config_append_restart_digests(settings, &last_marks);
    is_new = strcmp(last_marks.data, reload->last_marks.data) != 0;
    str_clear(&reload->last_marks);
    str_append_text(&reload->last_marks, last_marks.data);
    str_clear(&reload->restart_keys);
    config_append_changed_keys(last_marks.data, reload->startup_marks.data,
                               &reload->restart_keys);
    if (is_new && reload->restart_keys.len > 0) {
        log_write(LOG_WARN, "cli",
                  "changed in the configuration, but read at startup only: "
                  "restart to apply it",
                  LOG_TEXT("keys", reload->restart_keys.data));
    }
}

static void apply(struct reload *reload, struct settings *settings)
{
    struct status_config *status = &reload->status;

    log_setup((enum log_level)settings->log.level,
              (enum log_format)settings->log.format);
    status->applied++;
    status->fault_count = 0;
    service_reload(reload->service, add_generation(reload, settings));
    log_write(LOG_INFO, "cli", "configuration applied",
              LOG_TEXT("config", reload->options.path),
              LOG_TEXT("revision", settings->revision.text),
              LOG_NUMBER("registrations", settings->registration_count),
              LOG_NUMBER("attachments", settings->attachment_count));
    report_restart_keys(reload, settings);
}

static void read_files(struct reload *reload)
{
    const struct reload_options *options = &reload->options;
    const struct loop *loop = options->pipeline->loop;
    CLEANUP(str_release) struct str faults = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str warnings = STR_INIT(STR_UNLIMITED);
    struct settings *settings;
    int result;

    config_files_release(&reload->files);
    result = config_load(options->path, options->rules, options->access,
                         &settings, &faults, &warnings, &reload->files);
    reload->changed_file = NULL;
    reload->status.reloaded_ms = clock_wall_ms(loop_clock(loop));
    log_lines(LOG_WARN, "warning about the configuration", warnings.data);
    if (result < 0) {
        reject(reload, &faults);
    } else {
        apply(reload, settings);
    }
    options->reloaded(options->payload);
}

/* --- when to reload ------------------------------------------------------- */

/* Logged once for each request, so that an operator knows why nothing
 * happens yet. */
static void postpone(struct reload *reload)
{
    if (!reload->is_postponed && !service_is_stopping(reload->service)) {
        log_write(LOG_WARN, "cli",
                  "too many earlier configurations are still in use, the new "
                  "one waits",
                  LOG_TEXT("config", reload->options.path));
    }
    reload->is_postponed = true;
}

static void read_if_requested(struct reload *reload)
{
    free_retired(reload);
    if (!reload->is_requested) {
        return;
    }
    if (service_may_reload(reload->service)) {
        reload->is_requested = false;
        reload->is_postponed = false;
        read_files(reload);
    } else {
        postpone(reload);
    }
}

static void on_poll(void *payload)
{
    struct reload *reload = payload;
    const char *changed_file = config_files_find_changed(&reload->files);

    loop_arm(reload->options.pipeline->loop, &reload->poll, POLL_INTERVAL_MS);
    if (reload->changed_file != NULL && changed_file == NULL) {
        log_write(LOG_INFO, "cli", "a file of the configuration has changed",
                  LOG_TEXT("file", reload->changed_file));
        reload->is_requested = true;
    }
    reload->changed_file = changed_file;
    read_if_requested(reload);
}

void reload_watch(struct reload *reload, struct service *service)
{
    reload->service = service;
    loop_arm(reload->options.pipeline->loop, &reload->poll, POLL_INTERVAL_MS);
}

void reload_request(struct reload *reload)
{
    reload->is_requested = true;
    read_if_requested(reload);
}

static void reload_stop(struct reload *reload)
{
    loop_disarm(reload->options.pipeline->loop, &reload->poll);
}

/* --- life cycle ----------------------------------------------------------- */

struct reload *reload_new(const struct reload_options *options,
                          struct settings *settings, struct config_files *files)
{
    struct reload *reload = mem_zalloc(sizeof(*reload));

    reload->options = *options;
    reload->files = *files;
    *files = (struct config_files){0};
    STAILQ_INIT(&reload->generations);
    timer_init(&reload->poll, on_poll, reload);
    str_init(&reload->startup_marks, STR_UNLIMITED);
    str_init(&reload->last_marks, STR_UNLIMITED);
    str_init(&reload->restart_keys, STR_UNLIMITED);
    str_init(&reload->first_fault, STR_UNLIMITED);
    config_append_restart_digests(settings, &reload->startup_marks);
    str_append_text(&reload->last_marks, reload->startup_marks.data);
    add_generation(reload, settings);
    return reload;
}

struct pipeline *reload_pipeline(struct reload *reload)
{
    return STAILQ_FIRST(&reload->generations)->pipeline;
}

void reload_get_status(const struct reload *reload,
                       struct status_config *ret_status)
{
    const struct digest *revision = ret_status->revision;

    *ret_status = reload->status;
    ret_status->revision = revision;
    ret_status->fault =
        reload->status.fault_count > 0 ? reload->first_fault.data : NULL;
    ret_status->restart =
        reload->restart_keys.len > 0 ? reload->restart_keys.data : NULL;
}

void reload_free(struct reload *reload)
{
    reload_stop(reload);
    while (!STAILQ_EMPTY(&reload->generations)) {
        free_oldest(reload);
    }
    config_files_release(&reload->files);
    str_release(&reload->startup_marks);
    str_release(&reload->last_marks);
    str_release(&reload->restart_keys);
    str_release(&reload->first_fault);
    mem_free(reload);
}
