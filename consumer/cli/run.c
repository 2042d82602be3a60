#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli_internal.h"
#include "reload.h"
#include "sandbox_setup.h"
#include "service_manager.h"
#include "waybill/admin.h"
#include "waybill/error.h"
#include "waybill/log.h"
#include "waybill/pipeline.h"

struct running {
    struct pipeline_options options;
    struct reload *reload;
    struct admin *admin;
    struct service *service;
    struct service_manager service_manager;
    struct sandbox_setup sandbox_setup;
    int signals;
    bool stopping;
    int status;
};

static void on_signal(void *payload, int fd, unsigned events)
{
    struct running *running = payload;
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        log_write(LOG_INFO, "cli",
                  "a signal requests a reload of the configuration",
                  LOG_NUMBER("signal", info.ssi_signo));
        reload_request(running->reload);
        return;
    }
    if (running->stopping) {
        /* Uncommitted records are redelivered to another member of the
         * group. */
        log_write(LOG_WARN, "cli", "second signal, leaving at once",
                  LOG_NUMBER("signal", info.ssi_signo));
        _exit(EXIT_FAILED);
    }
    running->stopping = true;
    log_write(LOG_INFO, "cli", "stopping",
              LOG_NUMBER("signal", info.ssi_signo));
    notify_stopping(&running->service_manager.notify);
    service_stop(running->service);
}

/* Signals are blocked before any thread starts, so that all threads inherit
 * the mask and only the signalfd receives them. */
static int block_signals(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        abort();
    }
    return fd;
}

static void on_ended(void *payload, const struct error *err)
{
    struct running *running = payload;

    running->status = err != NULL ? error_exit_code(err->kind) : EXIT_OK;
    loop_stop(running->options.loop);
}

/* --- status and admin port ------------------------------------------------ */

static void get_status(void *payload, struct arena *arena,
                       struct status *ret_status)
{
    const struct running *running = payload;

    service_get_status(running->service, arena, ret_status);
    reload_get_status(running->reload, &ret_status->config);
}

static void get_deliveries(void *payload, const struct position *position,
                           struct arena *arena,
                           struct status_deliveries *ret_deliveries)
{
    const struct running *running = payload;

    service_get_deliveries(running->service, position, arena, ret_deliveries);
}

static void log_listening(const struct admin *admin)
{
    log_write(LOG_INFO, "cli", "listening",
              LOG_TEXT("address", admin_address(admin)));
    if (admin_is_exposed(admin)) {
        log_write(LOG_WARN, "cli",
                  "anyone who can reach the admin port may read it "
                  "(admin.token is not set)",
                  LOG_TEXT("address", admin_address(admin)));
    }
}

/* The default address may already be in use by another instance on this
 * host, which is no reason to refuse to start. An address that was
 * configured must be available. */
static int open_admin(struct running *running, struct admin_options *options,
                      struct error *err)
{
    *options = (struct admin_options){
        .loop = running->options.loop,
        .settings = running->options.settings,
        .get_status = get_status,
        .get_deliveries = get_deliveries,
        .payload = running,
    };
    options->sandbox = &running->sandbox_setup.sandbox;
    options->versions = library_versions(&options->version_count);
    if (admin_open(options, &running->admin, err) == 0) {
        return 0;
    }
    if (options->settings->admin.listen != NULL ||
        options->settings->admin.tls_key != NULL) {
        return -1;
    }
    log_write(LOG_WARN, "cli",
              "no admin port (choose another address with admin.listen, or "
              "none with 'off')",
              LOG_TEXT("err", err->message));
    return 0;
}

/* The certificate is one of the files that are polled for changes, so a
 * renewed one arrives here. */
static void on_reloaded(void *payload)
{
    const struct running *running = payload;
    bool renewed;
    struct error err;

    if (running->admin == NULL) {
        return;
    }
    if (admin_reload_certificate(running->admin, &renewed, &err) < 0) {
        log_write(LOG_ERROR, "cli",
                  "certificate of the admin port refused, the previous one "
                  "stays in use",
                  LOG_TEXT("err", err.message));
    } else if (renewed) {
        log_write(LOG_INFO, "cli", "certificate of the admin port renewed");
    }
}

/* --- start and stop ------------------------------------------------------- */

static void serve(struct running *running, struct pipeline *pipeline)
{
    const struct settings *settings = running->options.settings;
    struct admin_options options;
    struct error err;
    int opened = open_admin(running, &options, &err);

    if (opened == 0) {
        sandbox_setup_close(&running->sandbox_setup);
    }
    if (opened < 0 || service_start(pipeline, &running->options, on_ended,
                                    running, &running->service, &err) < 0) {
        log_write(LOG_ERROR, "cli", "cannot start",
                  LOG_TEXT("err", err.message));
        running->status = error_exit_code(err.kind);
        admin_free(running->admin);
        return;
    }
    if (running->admin != NULL) {
        log_listening(running->admin);
    }
    log_write(LOG_INFO, "cli", "started", LOG_TEXT("version", WAYBILL_VERSION),
              LOG_TEXT("brokers", settings->kafka.brokers),
              LOG_TEXT("group", settings->kafka.group),
              LOG_TEXT("topic", settings->kafka.topics.attestations),
              LOG_NUMBER("registrations", settings->registration_count),
              LOG_NUMBER("attachments", settings->attachment_count));
    loop_watch(running->options.loop, running->signals, LOOP_IN, on_signal,
               running);
    service_manager_start(&running->service_manager, running->options.loop,
                          get_status, running);
    reload_watch(running->reload, running->service);
    loop_run(running->options.loop);
    service_manager_stop(&running->service_manager);
    loop_unwatch(running->options.loop, running->signals);
    admin_free(running->admin);
    service_free(running->service);
    log_write(LOG_INFO, "cli", "stopped",
              LOG_NUMBER("status", running->status));
}

static int run_run(const struct cli_args *args)
{
    const unsigned access =
        CONFIG_REQUIRES_KAFKA | CONFIG_REQUIRES_REGISTRATIONS;
    struct running running = {0};
    struct config_files files;
    struct settings *settings = load_reloadable_settings(args, access, &files);
    struct random random;

    if (settings == NULL) {
        config_files_release(&files);
        return EXIT_CONFIG;
    }
    running.signals = block_signals();
    log_never_block();
    sandbox_setup_begin(&running.sandbox_setup, settings);
    random_seed_from_system(&random);
    running.options = (struct pipeline_options){
        .loop = loop_new(clock_system()),
        .random = &random,
        .settings = settings,
        .mode = PIPELINE_SERVICE,
        .skip_other_types = settings->kafka.other_types == OTHER_TYPES_SKIP,
    };
    sandbox_setup_attach(&running.sandbox_setup, running.options.loop);
    service_manager_open(&running.service_manager);
    running.options.http = http_new(running.options.loop);
    running.reload = reload_new(
        &(struct reload_options){config_path(args_option(args, "--config")),
                                 &config_rules, access, &running.options,
                                 on_reloaded, &running},
        settings, &files);
    serve(&running, reload_pipeline(running.reload));
    service_manager_close(&running.service_manager);
    reload_free(running.reload);
    http_free(running.options.http);
    sandbox_setup_end(&running.sandbox_setup);
    loop_free(running.options.loop);
    close(running.signals);
    return running.status;
}

const struct command run_command = {
    .name = "run",
    .summary = "Deliver attestations from Kafka until SIGTERM",
    .text =
        "Waybill reads kafka.topics.attestations, delivers each attestation, "
        "and writes\n"
        "outcomes and dead letters in the transaction that commits the "
        "offsets.\n"
        "\n"
        "SIGTERM and SIGINT stop it: attempts in flight may finish within "
        "delivery.drain. A\n"
        "second signal stops it at once. Nothing is lost in either case, "
        "because the next\n"
        "start continues from what was committed.\n"
        "\n"
        "SIGHUP, and a change of the configuration's files, reload the "
        "configuration. If the\n"
        "new configuration is wrong, it is rejected as a whole and the "
        "previous "
        "one stays\n"
        "in use.\n",
    .examples = "  waybill run\n"
                "  WAYBILL_KAFKA_BROKERS=kafka:9092 waybill run \\\n"
                "      --config /etc/waybill/config.yaml\n",
    .exit_statuses = "  0   it was stopped by a signal\n"
                     "  1   an error occurred after which it cannot continue\n"
                     "  2   the command line is wrong\n"
                     "  78  the configuration is wrong\n",
    .run = run_run,
};
