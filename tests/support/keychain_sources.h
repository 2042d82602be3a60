#ifndef WAYBILL_TESTS_KEYCHAIN_SOURCES_H
#define WAYBILL_TESTS_KEYCHAIN_SOURCES_H

#include "credentials/source.h"
#include "keychain_world.h"

/* Sources whose results the test determines: values, the program of a helper,
 * and one that replaces that of the keyring */

#define USERNAME(text)                                                         \
    {                                                                          \
        .source = "static", .binding = BINDING_USERNAME, .value = (text)       \
    }
#define PASSWORD(text)                                                         \
    {                                                                          \
        .source = "static", .value = (text)                                    \
    }
#define BOUND(to, text)                                                        \
    {                                                                          \
        .source = "static", .binding = (to), .value = (text)                   \
    }
#define VARIABLE                                                               \
    {                                                                          \
        .source = "env", .name = "WAYBILL_UNIT"                                \
    }

static const struct credential_source variable = VARIABLE;

/* A helper whose credentials expire after an hour, and which counts its runs */
static const struct credential_source helper = {.source = "docker-helper",
                                                .name = "fake"};

static inline void helper_says(const struct world *world, const char *secret)
{
    char script[512];

    snprintf(script, sizeof(script),
             "echo x >>\"$HOME/calls\"\n"
             "echo '{\"Username\":\"u\",\"Secret\":\"%s\"}'",
             secret);
    write_program(world, "docker-credential-fake", script);
}

static inline size_t runs(const struct world *world)
{
    return strlen(read_file(world, "calls")) / 2;
}

static inline void pass(struct world *world, uint64_t ms)
{
    world->time.monotonic += ms;
}

/* Replaces the source of the keyring; the test determines the result. */
static struct {
    const char *password; /* NULL: it fails */
    enum error_kind kind; /* the kind of the failure; ERROR_NONE: temporary */
    const char *why;      /* NULL: "not now" */
    bool late;            /* completes when the test calls for it */
    uint64_t lifetime_ms;
    uint64_t renew_ms;
    struct source_job *job; /* while it is queried */
    unsigned started;
    unsigned cancelled;
} script;

static inline void script_answer(void)
{
    struct source_job *job = script.job;
    struct credential credential = {.lifetime_ms = script.lifetime_ms,
                                    .renew_ms = script.renew_ms};
    struct error err;

    script.job = NULL;
    if (script.password != NULL) {
        secret_assign(&credential.password, script.password);
        source_found(job, &credential);
    } else {
        error_fill(&err,
                   script.kind != ERROR_NONE ? script.kind : ERROR_UNAVAILABLE,
                   "%s", script.why != NULL ? script.why : "not now");
        source_failed(job, &err);
    }
}

static inline void script_start(struct source_job *job)
{
    assert_null(script.job);
    script.job = job;
    script.started++;
    if (!script.late) {
        script_answer();
    }
}

static inline void script_cancel(struct source_job *job)
{
    assert_ptr_equal(job, script.job);
    script.job = NULL;
    script.cancelled++;
}

const struct source_class keyring_source = {
    .name = "keyring",
    .accepted_keys = KEY_SERVICE,
    .start = script_start,
    .cancel = script_cancel,
};

static const struct credential_source scripted = {.source = "keyring"};

static inline int scripted_begin(void **state)
{
    memset(&script, 0, sizeof(script));
    return world_begin(state);
}

#define SCRIPTED_TEST(name)                                                    \
    cmocka_unit_test_setup_teardown(name, scripted_begin, world_finish)

#endif
