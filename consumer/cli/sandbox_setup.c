#include "sandbox_setup.h"

#include "waybill/http.h"
#include "waybill/integration.h"
#include "waybill/log.h"
#include "waybill/subprocess.h"

static void collect_access(struct sandbox_setup *sandbox_setup,
                           const struct settings *settings)
{
    struct access *access = &sandbox_setup->access;

    *access = settings->access;
    access->arena = arena_new();
    http_access(access);
    for (size_t i = 0; i < settings->registration_count; i++) {
        integration_access(&settings->registrations[i], access);
    }
}

void sandbox_setup_begin(struct sandbox_setup *sandbox_setup,
                         const struct settings *settings)
{
    *sandbox_setup = (struct sandbox_setup){.sandbox = {.proc = -1}};
    if (settings->sandbox == SANDBOX_ON) {
        collect_access(sandbox_setup, settings);
        sandbox_setup->runner = runner_start(sandbox_setup->access.programs);
    }
}

void sandbox_setup_attach(const struct sandbox_setup *sandbox_setup,
                          struct loop *loop)
{
    if (sandbox_setup->runner != NULL) {
        runner_attach(sandbox_setup->runner, loop);
    }
}

static void log_missing(const char *why)
{
    if (why[0] != '\0') {
        log_write(LOG_WARN, "cli", "a part of the sandbox is missing",
                  LOG_TEXT("err", why));
    }
}

void sandbox_setup_close(struct sandbox_setup *sandbox_setup)
{
    struct sandbox *sandbox = &sandbox_setup->sandbox;

    if (sandbox_setup->runner == NULL) {
        log_write(LOG_WARN, "cli",
                  "no sandbox: a compromised process can read any file and run "
                  "any program (sandbox: off)",
                  LOG_TEXT("sandbox", "off"));
        return;
    }
    sandbox_close(&sandbox_setup->access, sandbox);
    log_write(LOG_INFO, "cli", "sandbox closed",
              LOG_TEXT("seccomp", sandbox->seccomp ? "on" : "none"),
              LOG_NUMBER("landlock_abi", sandbox->landlock),
              LOG_NUMBER("files", sandbox->files),
              LOG_NUMBER("written", sandbox->writable),
              LOG_TEXT("runner", runner_is_running(sandbox_setup->runner)
                                     ? "on"
                                     : "none"));
    log_missing(sandbox->no_seccomp);
    log_missing(sandbox->no_landlock);
    if (sandbox->landlock == 0 && sandbox_setup->access.writable != NULL) {
        log_write(LOG_WARN, "cli",
                  "the sandbox does not limit which files are written: that "
                  "requires Landlock",
                  LOG_TEXT("err", sandbox->no_landlock));
    }
}

void sandbox_setup_end(struct sandbox_setup *sandbox_setup)
{
    runner_stop(sandbox_setup->runner);
    sandbox_release(&sandbox_setup->sandbox);
    arena_free(sandbox_setup->access.arena);
}
