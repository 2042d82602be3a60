#include <string.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"

/*
 * A chain of sources and what it gave. One walk at a time, for all who wait;
 * each source in turn answers through a deferred task, whether it knew at once
 * or not.
 *
 *     waiting -> walk -> (source) -> (source) -> finish -> waiters
 *
 * The registration's own values are there before the first source is asked.
 * Where they are all that is needed, no source is asked, and nobody waits.
 */

/* A source costs a process, or a request that a cloud counts: so a credential
 * that is refused over and over brings no more walks than this, and a chain
 * that fails is not walked again sooner. */
#define REWALK_MS 10000
/* What was found wrong may have been mended */
#define FAILURE_MS 5000
/* What passes by itself may have passed. Who pushes one event tries again
 * within a second, and not often. */
#define PASSING_MS 1000

struct keychain {
    const struct network *network;
    const struct keychain_options *options;
    struct credential_source *defaults; /* rows that nobody had to write */
    const struct credential_source **chain;
    size_t length;

    struct credential current;
    /* As the sources gave it, before a token server rotated anything: the same
     * again is no news. */
    struct credential as_found;
    struct source_files files;
    bool has_current;
    bool refused;
    uint64_t got_ms;
    uint64_t walked_ms; /* when the last walk ended */
    bool walked;

    struct error failure; /* of the last walk; kind ERROR_NONE: none */
    struct task failing;

    bool walking;
    unsigned round;
    struct task starting;
    size_t at;
    struct source_job job;
    struct credential found;
    struct source_files found_files;
    struct error worst; /* the first source that should have worked */
    struct str report;
    char *last_report;
    TAILQ_HEAD(, keychain_waiter) waiters;
};

/* --- the chain ---------------------------------------------------------------
 */

static void add(struct keychain *keychain, const struct credential_source *row)
{
    keychain->chain[keychain->length++] = row;
}

static void build_chain(struct keychain *keychain)
{
    const struct keychain_options *options = keychain->options;
    const char *const *more = options->provider_sources;
    size_t max = options->source_count + 1;
    size_t count = 0;

    for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
        max++;
    }
    keychain->defaults = mem_zalloc(max * sizeof(*keychain->defaults));
    keychain->chain = mem_zalloc(max * sizeof(const void *));
    for (size_t i = 0; i < options->source_count; i++) {
        add(keychain, &options->sources[i]);
    }
    if (options->with_defaults) {
        keychain->defaults[count].source = "docker";
        add(keychain, &keychain->defaults[count++]);
    }
    for (size_t i = 0; options->with_defaults && more && more[i]; i++) {
        keychain->defaults[count].source = more[i];
        add(keychain, &keychain->defaults[count++]);
    }
}

static void run_failing(void *payload);

struct keychain *keychain_new(const struct network *network,
                              const struct keychain_options *options)
{
    struct keychain *keychain = mem_zalloc(sizeof(*keychain));

    keychain->network = network;
    keychain->options = options;
    TAILQ_INIT(&keychain->waiters);
    str_init(&keychain->report, STR_UNLIMITED);
    task_init(&keychain->failing, run_failing, keychain);
    build_chain(keychain);
    return keychain;
}

/* --- telling those who wait
 * ---------------------------------------------------
 */

void keychain_forget_waiter(struct keychain_waiter *waiter)
{
    if (waiter->keychain != NULL) {
        TAILQ_REMOVE(&waiter->keychain->waiters, waiter, link);
        waiter->keychain = NULL;
    }
}

/* Those of this walk; one that is woken may begin to wait for the next. */
static void wake(struct keychain *keychain, const struct error *err)
{
    unsigned round = keychain->round++;
    struct keychain_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&keychain->waiters)) != NULL &&
           waiter->round == round) {
        keychain_forget_waiter(waiter);
        waiter->ready(waiter->payload, err ? NULL : &keychain->current, err);
    }
}

static void run_failing(void *payload)
{
    struct keychain *keychain = payload;
    struct error failure = keychain->failure;

    wake(keychain, &failure);
}

/* --- walking
 * ------------------------------------------------------------------
 */

/* With a password only its user name is still of interest, and only where that
 * is all a source has. */
static bool is_wanted(const struct keychain *keychain,
                      const struct credential_source *spec)
{
    const struct credential *found = &keychain->found;

    if (!credential_has_secret(found)) {
        return true;
    }
    return secret_text(&found->password) != NULL && found->username == NULL &&
           spec->binding == BINDING_USERNAME;
}

static void take(struct secret *to, struct secret *from)
{
    if (secret_text(to) == NULL) {
        secret_move(to, from);
    }
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}

/* Secrets of two sources are not mixed: behind a password only a user name is
 * still taken. */
static void merge(struct credential *into, struct credential *from)
{
    if (into->username == NULL) {
        into->username = from->username;
        from->username = NULL;
    }
    if (credential_has_secret(into)) {
        credential_release(from);
        return;
    }
    take(&into->password, &from->password);
    take(&into->identity_token, &from->identity_token);
    take(&into->registry_token, &from->registry_token);
    into->lifetime_ms = sooner(into->lifetime_ms, from->lifetime_ms);
    into->renew_ms = sooner(into->renew_ms, from->renew_ms);
    credential_release(from);
}

/* "env GHCR_TOKEN" */
static void append_label(struct str *out, const struct keychain *keychain)
{
    const struct credential_source *spec = keychain->chain[keychain->at];
    const char *detail = spec->name      ? spec->name
                         : spec->path    ? spec->path
                         : spec->service ? spec->service
                                         : NULL;

    str_printf(out, "%s%s%s", spec->source, detail ? " " : "",
               detail ? detail : "");
}

static void tell(struct keychain *keychain, const char *label, const char *what)
{
    struct str *report = &keychain->report;

    str_printf(report, "%s%s: %s", report->len > 0 ? "; " : "", label, what);
}

/* A user name of <token> is docker's way to say that the password is a refresh
 * token. */
static void see_token(struct credential *found)
{
    if (found->username == NULL || secret_text(&found->password) == NULL ||
        strcmp(found->username, "<token>") != 0) {
        return;
    }
    take(&found->identity_token, &found->password);
    mem_free(found->username);
    found->username = NULL;
}

static void keep_answer(struct keychain *keychain)
{
    CLEANUP(str_release) struct str label = STR_INIT(STR_UNLIMITED);
    struct source_job *job = &keychain->job;
    struct credential *found = &keychain->found;
    bool first = !credential_has_secret(found);

    append_label(&label, keychain);
    /* Before another source's user name takes the place of this one's */
    see_token(&job->credential);
    if (!credential_is_empty(&job->credential)) {
        tell(keychain, label.data, "found");
        if (first && credential_has_secret(&job->credential)) {
            mem_free(found->origin);
            found->origin = job->credential.origin
                                ? mem_strdup(job->credential.origin)
                                : str_take(&label);
        }
        source_files_add(&keychain->found_files, &job->credential);
        merge(found, &job->credential);
        return;
    }
    tell(keychain, label.data, job->why);
    if (job->failure.kind != ERROR_NONE && keychain->worst.kind == ERROR_NONE) {
        keychain->worst = job->failure;
        error_prefix(&keychain->worst, "credentials from %s", label.data);
    }
}

static int complete(struct keychain *keychain, struct error *err)
{
    struct credential *found = &keychain->found;
    const char *username = keychain->options->provider_username;
    const char *registry_token = secret_text(&found->registry_token);

    see_token(found);
    if (registry_token != NULL && !http_value_is_plain(registry_token)) {
        return error_set(err, ERROR_AUTH,
                         "the registry token from %s holds characters that "
                         "no token has",
                         found->origin);
    }
    if (secret_text(&found->password) != NULL && found->username == NULL) {
        found->username = mem_strdup(username ? username : "unset");
    }
    if (credential_has_secret(found)) {
        return 0;
    }
    if (keychain->worst.kind != ERROR_NONE) {
        *err = keychain->worst;
        return -1;
    }
    if (found->username != NULL) {
        return error_set(err, ERROR_AUTH,
                         "there is a username and no password (%s)",
                         keychain->report.data);
    }
    return 0;
}

static bool same_secrets(const struct credential *a, const struct credential *b)
{
    return text_equal(a->username, b->username) &&
           secret_equal(&a->password, &b->password) &&
           secret_equal(&a->identity_token, &b->identity_token) &&
           secret_equal(&a->registry_token, &b->registry_token);
}

static void install(struct keychain *keychain)
{
    static uint64_t last_id;
    struct credential *found = &keychain->found;
    /* A rotated token that was refused gives way to what it grew from. */
    bool rotted = keychain->refused &&
                  !same_secrets(&keychain->current, &keychain->as_found);
    bool same = keychain->has_current && !rotted &&
                same_secrets(found, &keychain->as_found);

    if (!same) {
        credential_release(&keychain->as_found);
        credential_copy(&keychain->as_found, found);
        credential_release(&keychain->current);
        keychain->current = *found;
        keychain->current.id = ++last_id;
    } else {
        keychain->current.lifetime_ms = found->lifetime_ms;
        keychain->current.renew_ms = found->renew_ms;
        credential_release(found);
    }
    source_files_release(&keychain->files);
    keychain->files = keychain->found_files;
    keychain->found_files = (struct source_files){0};
    *found = (struct credential){0};
    keychain->has_current = true;
    keychain->refused = false;
    keychain->got_ms = loop_now(keychain->network->loop);
}

/* Of a walk: what was found is what there is, or it is said why there is
 * nothing. */
static int conclude(struct keychain *keychain, struct error *err)
{
    int result = complete(keychain, err);

    keychain->walking = false;
    keychain->walked = true;
    keychain->walked_ms = loop_now(keychain->network->loop);
    mem_free(keychain->last_report);
    keychain->last_report = str_take(&keychain->report);
    keychain->failure = (struct error){0};
    if (result == 0) {
        install(keychain);
    } else {
        credential_release(&keychain->found);
        source_files_release(&keychain->found_files);
        keychain->failure = *err;
    }
    return result;
}

static void finish(struct keychain *keychain)
{
    struct error err;
    bool failed = conclude(keychain, &err) < 0;

    wake(keychain, failed ? &err : NULL);
}

static void step(struct keychain *keychain);

static void on_answer(void *payload)
{
    struct keychain *keychain = payload;

    keep_answer(keychain);
    keychain->at++;
    step(keychain);
}

static void on_answered(struct source_job *job)
{
    loop_defer(job->network->loop, &job->task);
}

static void step(struct keychain *keychain)
{
    const struct credential_source *spec;

    while (keychain->at < keychain->length &&
           !is_wanted(keychain, keychain->chain[keychain->at])) {
        keychain->at++;
    }
    if (keychain->at == keychain->length) {
        finish(keychain);
        return;
    }
    spec = keychain->chain[keychain->at];
    keychain->job = (struct source_job){
        .network = keychain->network,
        .spec = spec,
        .registry = keychain->options->registry,
        .path = keychain->options->path,
        .answered = on_answered,
    };
    task_init(&keychain->job.task, on_answer, keychain);
    source_class_of(spec->source)->start(&keychain->job);
}

static void run_start(void *payload)
{
    step(payload);
}

static bool is_given(const char *value)
{
    return value != NULL && *value != '\0';
}

static void report_own(struct keychain *keychain, const char *label,
                       const char *value)
{
    if (value != NULL) {
        tell(keychain, label, is_given(value) ? "found" : "empty");
    }
}

static void begin(struct keychain *keychain)
{
    static const char username[] = "the registration's username";
    static const char password[] = "the registration's password";
    const struct keychain_options *options = keychain->options;
    struct credential *found = &keychain->found;

    keychain->at = 0;
    keychain->worst = (struct error){0};
    str_clear(&keychain->report);
    report_own(keychain, username, options->username);
    report_own(keychain, password, options->password);
    if (is_given(options->username)) {
        found->username = mem_strdup(options->username);
    }
    if (is_given(options->password)) {
        secret_assign(&found->password, options->password);
        found->origin = mem_strdup(password);
    }
}

static void walk(struct keychain *keychain)
{
    if (keychain->walking) {
        return;
    }
    keychain->walking = true;
    begin(keychain);
    task_init(&keychain->starting, run_start, keychain);
    loop_defer(keychain->network->loop, &keychain->starting);
}

void keychain_free(struct keychain *keychain)
{
    if (keychain == NULL) {
        return;
    }
    if (keychain->walking && keychain->at < keychain->length &&
        !keychain->starting.queued) {
        const struct credential_source *spec = keychain->chain[keychain->at];
        const struct source_class *class = source_class_of(spec->source);

        if (!keychain->job.is_answered && class->cancel != NULL) {
            class->cancel(&keychain->job);
        }
        loop_cancel(keychain->network->loop, &keychain->job.task);
        credential_release(&keychain->job.credential);
    }
    loop_cancel(keychain->network->loop, &keychain->starting);
    loop_cancel(keychain->network->loop, &keychain->failing);
    source_files_release(&keychain->found_files);
    source_files_release(&keychain->files);
    credential_release(&keychain->found);
    credential_release(&keychain->as_found);
    credential_release(&keychain->current);
    str_release(&keychain->report);
    mem_free(keychain->last_report);
    mem_free(keychain->defaults);
    mem_free(keychain->chain);
    mem_free(keychain);
}

/* --- asking
 * -------------------------------------------------------------------
 */

static uint64_t age_ms(const struct keychain *keychain)
{
    return loop_now(keychain->network->loop) - keychain->got_ms;
}

static bool just_walked(const struct keychain *keychain, uint64_t ms)
{
    return keychain->walked &&
           loop_now(keychain->network->loop) - keychain->walked_ms < ms;
}

static bool is_due(uint64_t age, uint64_t bound)
{
    return bound > 0 && age >= bound;
}

static bool can_be_used(const struct keychain *keychain)
{
    return keychain->has_current &&
           !is_due(age_ms(keychain), keychain->current.lifetime_ms) &&
           !source_files_changed(&keychain->files) &&
           (!keychain->refused || just_walked(keychain, REWALK_MS));
}

/* No source would be asked. */
static bool knows_by_itself(const struct keychain *keychain)
{
    const struct keychain_options *options = keychain->options;

    if (!is_given(options->password)) {
        return false;
    }
    for (size_t i = 0; i < keychain->length; i++) {
        if (!is_given(options->username) &&
            keychain->chain[i]->binding == BINDING_USERNAME) {
            return false;
        }
    }
    return true;
}

static const struct credential *answer_at_once(struct keychain *keychain)
{
    struct error err;

    if (keychain->walking || !knows_by_itself(keychain)) {
        return NULL;
    }
    begin(keychain);
    return conclude(keychain, &err) == 0 ? &keychain->current : NULL;
}

const struct credential *keychain_cached(struct keychain *keychain)
{
    const struct credential *current = &keychain->current;

    if (!can_be_used(keychain)) {
        return answer_at_once(keychain);
    }
    if (is_due(age_ms(keychain), current->renew_ms) &&
        !just_walked(keychain, REWALK_MS)) {
        walk(keychain);
    }
    return current;
}

static bool has_failed_lately(const struct keychain *keychain)
{
    enum error_kind kind = keychain->failure.kind;
    bool passes = kind == ERROR_UNREACHABLE || kind == ERROR_UNAVAILABLE;

    return kind != ERROR_NONE &&
           just_walked(keychain, passes ? PASSING_MS : FAILURE_MS);
}

void keychain_wait(struct keychain *keychain, struct keychain_waiter *waiter)
{
    waiter->keychain = keychain;
    waiter->round = keychain->round;
    TAILQ_INSERT_TAIL(&keychain->waiters, waiter, link);
    if (!keychain->walking && has_failed_lately(keychain)) {
        loop_defer(keychain->network->loop, &keychain->failing);
    } else {
        walk(keychain);
    }
}

bool keychain_refuse(struct keychain *keychain, uint64_t id)
{
    if (keychain->current.id != id) {
        return true; /* there is another by now */
    }
    keychain->refused = true;
    return keychain->walking || !just_walked(keychain, REWALK_MS);
}

void keychain_rotate(struct keychain *keychain, uint64_t id,
                     const char *identity_token)
{
    if (keychain->current.id == id) {
        secret_assign(&keychain->current.identity_token, identity_token);
    }
}

const struct credential *keychain_last(const struct keychain *keychain)
{
    return &keychain->current;
}

const char *keychain_report(const struct keychain *keychain)
{
    return keychain->last_report != NULL ? keychain->last_report : "";
}
