#include "sealing.h"

#include "waybill/http.h"
#include "waybill/integration.h"
#include "waybill/log.h"
#include "waybill/subprocess.h"

static void gather(struct sealing *sealing, const struct settings *settings)
{
    struct needs *needs = &sealing->needs;

    *needs = settings->needs;
    needs->arena = arena_new();
    http_needs(needs);
    for (size_t i = 0; i < settings->registration_count; i++) {
        integration_needs(&settings->registrations[i], needs);
    }
}

void sealing_begin(struct sealing *sealing, const struct settings *settings)
{
    *sealing = (struct sealing){.sandbox = {.proc = -1}};
    if (settings->sandbox == SANDBOX_ON) {
        gather(sealing, settings);
        sealing->runner = runner_start(sealing->needs.programs);
    }
}

void sealing_attach(const struct sealing *sealing, struct loop *loop)
{
    if (sealing->runner != NULL) {
        runner_attach(sealing->runner, loop);
    }
}

static void log_missing(const char *why)
{
    if (why[0] != '\0') {
        log_write(LOG_WARN, "cli", "a part of the sandbox is missing",
                  LOG_TEXT("err", why));
    }
}

void sealing_close(struct sealing *sealing)
{
    struct sandbox *sandbox = &sealing->sandbox;

    if (sealing->runner == NULL) {
        log_write(LOG_WARN, "cli",
                  "no sandbox: whoever breaks in may read any file and run any "
                  "program (sandbox: off)",
                  LOG_TEXT("sandbox", "off"));
        return;
    }
    sandbox_close(&sealing->needs, sandbox);
    log_write(
        LOG_INFO, "cli", "sandbox closed",
        LOG_TEXT("seccomp", sandbox->seccomp ? "on" : "none"),
        LOG_NUMBER("landlock_abi", sandbox->landlock),
        LOG_NUMBER("files", sandbox->files),
        LOG_NUMBER("written", sandbox->written),
        LOG_TEXT("runner", runner_is_there(sealing->runner) ? "on" : "none"));
    log_missing(sandbox->no_seccomp);
    log_missing(sandbox->no_landlock);
    if (sandbox->landlock == 0 && sealing->needs.written != NULL) {
        log_write(LOG_WARN, "cli",
                  "the sandbox does not limit which files are written: that "
                  "takes Landlock",
                  LOG_TEXT("err", sandbox->no_landlock));
    }
}

void sealing_end(struct sealing *sealing)
{
    runner_stop(sealing->runner);
    sandbox_release(&sealing->sandbox);
    arena_free(sealing->needs.arena);
}
