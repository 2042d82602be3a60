#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/log.h"
#include "waybill/pipeline.h"

struct running {
    struct pipeline_options options;
    struct service *service;
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
    if (running->stopping) {
        /* Whatever is not committed is done again by somebody else. */
        log_write(LOG_WARN, "cli", "second signal, leaving at once",
                  LOG_NUMBER("signal", info.ssi_signo));
        _exit(EXIT_FAILED);
    }
    running->stopping = true;
    log_write(LOG_INFO, "cli", "stopping",
              LOG_NUMBER("signal", info.ssi_signo));
    service_stop(running->service);
}

/* Blocked before any thread starts, so that none of them takes the signal. */
static int block_signals(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
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

static void serve(struct running *running, struct pipeline *pipeline)
{
    const struct settings *settings = running->options.settings;
    struct error err;

    if (service_start(pipeline, &running->options, on_ended, running,
                      &running->service, &err) < 0) {
        log_write(LOG_ERROR, "cli", "cannot start",
                  LOG_TEXT("err", err.message));
        running->status = error_exit_code(err.kind);
        return;
    }
    log_write(LOG_INFO, "cli", "started", LOG_TEXT("version", WAYBILL_VERSION),
              LOG_TEXT("brokers", settings->kafka.brokers),
              LOG_TEXT("group", settings->kafka.group),
              LOG_TEXT("topic", settings->kafka.topics.attestations),
              LOG_NUMBER("registrations", settings->registration_count),
              LOG_NUMBER("attachments", settings->attachment_count));
    loop_watch(running->options.loop, running->signals, LOOP_IN, on_signal,
               running);
    loop_run(running->options.loop);
    loop_unwatch(running->options.loop, running->signals);
    service_free(running->service);
    log_write(LOG_INFO, "cli", "stopped",
              LOG_NUMBER("status", running->status));
}

static int run_run(const struct cli_args *args)
{
    struct running running = {0};
    struct settings *settings =
        load_settings(args, CONFIG_NEEDS_KAFKA | CONFIG_NEEDS_REGISTRATIONS);
    struct pipeline *pipeline;
    struct random random;

    if (settings == NULL) {
        return EXIT_CONFIG;
    }
    running.signals = block_signals();
    random_seed_from_system(&random);
    running.options = (struct pipeline_options){
        .loop = loop_new(clock_system()),
        .random = &random,
        .settings = settings,
        .patience = PIPELINE_SERVICE,
    };
    running.options.http = http_new(running.options.loop);
    pipeline = pipeline_new(&running.options);
    serve(&running, pipeline);
    pipeline_free(pipeline);
    http_free(running.options.http);
    loop_free(running.options.loop);
    close(running.signals);
    settings_free(settings);
    return running.status;
}

const struct command run_command = {
    .name = "run",
    .summary = "Consume attestations from Kafka until told to stop",
    .text = "Reads kafka.topics.attestations, delivers, and writes outcomes "
            "and dead letters in\nthe transaction that commits the offsets. "
            "SIGTERM or SIGINT stops it: what is in\nflight is finished within "
            "delivery.drain; a second one stops it at once. Nothing is\nlost "
            "either way.\n",
    .examples = "  waybill run\n"
                "  WAYBILL_KAFKA_BROKERS=kafka:9092 waybill run --config "
                "/etc/waybill/config.yaml\n",
    .exits = "  0   stopped as told\n"
             "  1   something happened that it cannot go on from\n"
             "  2   the command line is wrong\n"
             "  78  the configuration is wrong\n",
    .run = run_run,
};
