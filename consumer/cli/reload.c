#include "reload.h"

#include <string.h>
#include <sys/queue.h>

#include "waybill/alloc.h"
#include "waybill/log.h"

/* How often files are looked at. What has changed is taken when it has stayed
 * the same from one look to the next: a file may be half written. Not inotify:
 * it is blind on NFS, and a secret of Kubernetes is a link to a link that is
 * bent elsewhere. */
#define LOOK_MS 1000

/* A configuration, and what works by it; several while one still ends */
struct generation {
    STAILQ_ENTRY(generation) link;
    struct settings *settings;
    struct pipeline *pipeline;
};

struct reload {
    struct reload_options options;
    struct service *service;
    STAILQ_HEAD(, generation) generations; /* the oldest first */
    struct config_files files;
    struct timer look;
    const char *changing; /* what had changed at the last look, or NULL */
    bool wanted;
    bool postpone;      /* and it was said */
    struct str started; /* config_append_marks(), as it counts */
    struct str marks;   /* ... as it was read last */
    struct str restart; /* keys that wait for one */
    struct str fault;   /* the first of the last try */
    struct status_config status;
};

/* --- one after the other ----------------------------------------------------
 */

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

/* --- what came of it --------------------------------------------------------
 */

static size_t log_lines(enum log_level level, const char *msg, char *lines)
{
    size_t count = 0;
    char *rest;

    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        log_write(level, "cli", msg, LOG_TEXT("err", line));
        count++;
    }
    return count;
}

static void refuse(struct reload *reload, struct str *faults)
{
    struct status_config *status = &reload->status;

    str_clear(&reload->fault);
    str_append(&reload->fault, faults->data, strcspn(faults->data, "\n"));
    status->refused++;
    status->fault_count =
        log_lines(LOG_ERROR, "fault in the configuration", faults->data);
    log_write(LOG_ERROR, "cli",
              "configuration refused, the one before it stays",
              LOG_TEXT("config", reload->options.path),
              LOG_NUMBER("faults", status->fault_count),
              LOG_TEXT("err", reload->fault.data));
}

/* Each change is said once; that one waits is told by the gauge. */
static void note_restart(struct reload *reload, const struct settings *settings)
{
    CLEANUP(str_release) struct str marks = STR_INIT(STR_UNLIMITED);
    bool news;

    config_append_marks(settings, &marks);
    news = strcmp(marks.data, reload->marks.data) != 0;
    str_clear(&reload->marks);
    str_append_text(&reload->marks, marks.data);
    str_clear(&reload->restart);
    config_append_changed(marks.data, reload->started.data, &reload->restart);
    if (news && reload->restart.len > 0) {
        log_write(LOG_WARN, "cli",
                  "changed in the configuration, but only read at the start: "
                  "restart to apply it",
                  LOG_TEXT("keys", reload->restart.data));
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
    note_restart(reload, settings);
}

static void read_again(struct reload *reload)
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
    reload->changing = NULL;
    reload->status.reloaded_ms = clock_wall_ms(loop_clock(loop));
    log_lines(LOG_WARN, "doubtful in the configuration", warnings.data);
    if (result < 0) {
        refuse(reload, &faults);
    } else {
        apply(reload, settings);
    }
    options->done(options->payload);
}

/* --- when -------------------------------------------------------------------
 */

/* Said once for each wish: nobody should wonder what became of it. */
static void postpone(struct reload *reload)
{
    if (!reload->postpone && !service_is_stopping(reload->service)) {
        log_write(LOG_WARN, "cli",
                  "too many configurations have not come to their end, the new "
                  "one waits",
                  LOG_TEXT("config", reload->options.path));
    }
    reload->postpone = true;
}

static void read_if_wanted(struct reload *reload)
{
    free_retired(reload);
    if (!reload->wanted) {
        return;
    }
    if (service_may_reload(reload->service)) {
        reload->wanted = false;
        reload->postpone = false;
        read_again(reload);
    } else {
        postpone(reload);
    }
}

static void on_look(void *payload)
{
    struct reload *reload = payload;
    const char *other = config_files_look(&reload->files);

    loop_arm(reload->options.pipeline->loop, &reload->look, LOOK_MS);
    if (reload->changing != NULL && other == NULL) {
        log_write(LOG_INFO, "cli", "a file of the configuration has changed",
                  LOG_TEXT("file", reload->changing));
        reload->wanted = true;
    }
    reload->changing = other;
    read_if_wanted(reload);
}

void reload_watch(struct reload *reload, struct service *service)
{
    reload->service = service;
    loop_arm(reload->options.pipeline->loop, &reload->look, LOOK_MS);
}

void reload_request(struct reload *reload)
{
    reload->wanted = true;
    read_if_wanted(reload);
}

static void reload_stop(struct reload *reload)
{
    loop_disarm(reload->options.pipeline->loop, &reload->look);
}

/* --- life cycle -------------------------------------------------------------
 */

struct reload *reload_new(const struct reload_options *options,
                          struct settings *settings, struct config_files *files)
{
    struct reload *reload = mem_zalloc(sizeof(*reload));

    reload->options = *options;
    reload->files = *files;
    *files = (struct config_files){0};
    STAILQ_INIT(&reload->generations);
    timer_init(&reload->look, on_look, reload);
    str_init(&reload->started, STR_UNLIMITED);
    str_init(&reload->marks, STR_UNLIMITED);
    str_init(&reload->restart, STR_UNLIMITED);
    str_init(&reload->fault, STR_UNLIMITED);
    config_append_marks(settings, &reload->started);
    str_append_text(&reload->marks, reload->started.data);
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
        reload->status.fault_count > 0 ? reload->fault.data : NULL;
    ret_status->restart = reload->restart.len > 0 ? reload->restart.data : NULL;
}

void reload_free(struct reload *reload)
{
    reload_stop(reload);
    while (!STAILQ_EMPTY(&reload->generations)) {
        free_oldest(reload);
    }
    config_files_release(&reload->files);
    str_release(&reload->started);
    str_release(&reload->marks);
    str_release(&reload->restart);
    str_release(&reload->fault);
    mem_free(reload);
}
