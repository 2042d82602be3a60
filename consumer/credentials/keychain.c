#include <string.h>

#include "credentials_internal.h"
#include "waybill/alloc.h"

/*
 * A chain of sources and its cached result. At most one resolution is in
 * progress, and all waiters share it; each source completes through a deferred
 * task, whether it completed synchronously or not.
 *
 *     keychain_wait -> resolution -> (source) -> (source) -> finish -> waiters
 *
 * The username and password of the registration precede the first source. If
 * they suffice, no source is queried and nobody waits.
 */

/* Querying a source starts a process or sends a request that counts against a
 * quota. This bounds how often a credential that is rejected over and over
 * causes another resolution. */
#define MIN_RESOLVE_INTERVAL_MS 10000
/* How long a failure that an operator has to correct is cached */
#define FAILURE_TTL_MS 5000
/* How long a transient failure is cached. A command that pushes one event
 * retries within a second, and only a few times. */
#define TRANSIENT_FAILURE_TTL_MS 1000

struct keychain {
    const struct network *network;
    const struct keychain_options *options;
    /* the sources that were added implicitly */
    struct credential_source *defaults;
    const struct credential_source **chain;
    size_t chain_len;

    struct credential current;
    /* As the sources supplied it, before a token server rotated the refresh
     * token. An identical result of the next resolution is not a new
     * credential. */
    struct credential original;
    struct source_files files;
    bool has_current;
    bool is_rejected;
    uint64_t acquired_ms;
    uint64_t resolved_ms; /* when the last resolution ended */
    bool has_resolved;

    struct error failure; /* of the last resolution; kind ERROR_NONE: none */
    struct task fail_task;

    bool is_resolving;
    unsigned round; /* the number of resolutions that have ended */
    struct task start_task;
    size_t index; /* in `chain`, of the source being queried */
    struct source_job job;
    struct credential found;
    struct source_files found_files;
    struct error first_failure; /* the first failure of a source */
    struct str report;
    char *last_report;
    TAILQ_HEAD(, keychain_waiter) waiters;
};

/* --- the chain --------------------------------------------------------------
 */

static void add(struct keychain *keychain, const struct credential_source *row)
{
    keychain->chain[keychain->chain_len++] = row;
}

static void build_chain(struct keychain *keychain)
{
    const struct keychain_options *options = keychain->options;
    const char *const *names = options->provider_sources;
    size_t max = options->source_count + 1;
    size_t count = 0;

    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
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
    for (size_t i = 0; options->with_defaults && names && names[i]; i++) {
        keychain->defaults[count].source = names[i];
        add(keychain, &keychain->defaults[count++]);
    }
}

static void run_fail_task(void *payload);

struct keychain *keychain_new(const struct network *network,
                              const struct keychain_options *options)
{
    struct keychain *keychain = mem_zalloc(sizeof(*keychain));

    keychain->network = network;
    keychain->options = options;
    TAILQ_INIT(&keychain->waiters);
    str_init(&keychain->report, STR_UNLIMITED);
    task_init(&keychain->fail_task, run_fail_task, keychain);
    secret_remember(options->password);
    build_chain(keychain);
    return keychain;
}

/* --- notifying waiters ------------------------------------------------------
 */

void keychain_cancel_wait(struct keychain_waiter *waiter)
{
    if (waiter->keychain != NULL) {
        TAILQ_REMOVE(&waiter->keychain->waiters, waiter, link);
        waiter->keychain = NULL;
    }
}

/* Wakes the waiters of this resolution only: a callback may start to wait for
 * the next one. */
static void wake(struct keychain *keychain, const struct error *err)
{
    unsigned round = keychain->round++;
    struct keychain_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&keychain->waiters)) != NULL &&
           waiter->round == round) {
        keychain_cancel_wait(waiter);
        waiter->ready(waiter->payload, err ? NULL : &keychain->current, err);
    }
}

static void run_fail_task(void *payload)
{
    struct keychain *keychain = payload;
    struct error failure = keychain->failure;

    wake(keychain, &failure);
}

/* --- resolution -------------------------------------------------------------
 */

/* Once there is a password only its username may be missing, and only sources
 * that supply nothing but a username are queried for it. */
static bool should_query(const struct keychain *keychain,
                         const struct credential_source *spec)
{
    const struct credential *found = &keychain->found;

    if (!credential_has_secret(found)) {
        return true;
    }
    return secret_text(&found->password) != NULL && found->username == NULL &&
           spec->binding == BINDING_USERNAME;
}

static void move_if_unset(struct secret *to, struct secret *from)
{
    if (secret_text(to) == NULL) {
        secret_move(to, from);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0) {
        return a + b;
    }
    return a < b ? a : b;
}

/* Secrets of different sources are never combined: after a password has been
 * found, only a username is added. */
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
    move_if_unset(&into->password, &from->password);
    move_if_unset(&into->identity_token, &from->identity_token);
    move_if_unset(&into->registry_token, &from->registry_token);
    into->lifetime_ms = earlier(into->lifetime_ms, from->lifetime_ms);
    into->renew_ms = earlier(into->renew_ms, from->renew_ms);
    credential_release(from);
}

/* "env GHCR_TOKEN" */
static void append_label(struct str *out, const struct keychain *keychain)
{
    const struct credential_source *spec = keychain->chain[keychain->index];
    const char *detail = spec->name      ? spec->name
                         : spec->path    ? spec->path
                         : spec->service ? spec->service
                                         : NULL;

    str_printf(out, "%s%s%s", spec->source, detail ? " " : "",
               detail ? detail : "");
}

static void append_report(struct keychain *keychain, const char *label,
                          const char *what)
{
    struct str *report = &keychain->report;

    str_printf(report, "%s%s: %s", report->len > 0 ? "; " : "", label, what);
}

/* Docker uses the username <token> to mark the password as a refresh token. */
static void convert_token_username(struct credential *found)
{
    if (found->username == NULL || secret_text(&found->password) == NULL ||
        strcmp(found->username, "<token>") != 0) {
        return;
    }
    move_if_unset(&found->identity_token, &found->password);
    mem_free(found->username);
    found->username = NULL;
}

static void record_result(struct keychain *keychain)
{
    CLEANUP(str_release) struct str label = STR_INIT(STR_UNLIMITED);
    struct source_job *job = &keychain->job;
    struct credential *found = &keychain->found;
    bool first = !credential_has_secret(found);

    append_label(&label, keychain);
    /* Before the merge, which may replace this source's username */
    convert_token_username(&job->credential);
    if (!credential_is_empty(&job->credential)) {
        append_report(keychain, label.data, "found");
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
    append_report(keychain, label.data, job->reason);
    if (job->failure.kind != ERROR_NONE &&
        keychain->first_failure.kind == ERROR_NONE) {
        keychain->first_failure = job->failure;
        error_prefix(&keychain->first_failure, "credentials from %s",
                     label.data);
    }
}

static int validate_found(struct keychain *keychain, struct error *err)
{
    struct credential *found = &keychain->found;
    const char *username = keychain->options->provider_username;
    const char *registry_token = secret_text(&found->registry_token);

    convert_token_username(found);
    if (registry_token != NULL && !http_value_is_plain(registry_token)) {
        return error_set(err, ERROR_AUTH,
                         "the registry token from %s contains characters that "
                         "a token may not have",
                         found->origin);
    }
    if (secret_text(&found->password) != NULL && found->username == NULL) {
        found->username = mem_strdup(username ? username : "unset");
    }
    if (credential_has_secret(found)) {
        return 0;
    }
    if (keychain->first_failure.kind != ERROR_NONE) {
        *err = keychain->first_failure;
        return -1;
    }
    if (found->username != NULL) {
        return error_set(err, ERROR_AUTH,
                         "there is a username but no password (%s)",
                         keychain->report.data);
    }
    return 0;
}

static bool has_same_secrets(const struct credential *a,
                             const struct credential *b)
{
    return text_equal(a->username, b->username) &&
           secret_equal(&a->password, &b->password) &&
           secret_equal(&a->identity_token, &b->identity_token) &&
           secret_equal(&a->registry_token, &b->registry_token);
}

static void publish(struct keychain *keychain)
{
    static uint64_t last_id;
    struct credential *found = &keychain->found;
    /* If a rotated refresh token is rejected, fall back to the original one. */
    bool rotation_was_rejected =
        keychain->is_rejected &&
        !has_same_secrets(&keychain->current, &keychain->original);
    bool same = keychain->has_current && !rotation_was_rejected &&
                has_same_secrets(found, &keychain->original);

    if (!same) {
        credential_release(&keychain->original);
        credential_copy(&keychain->original, found);
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
    keychain->is_rejected = false;
    keychain->acquired_ms = loop_now(keychain->network->loop);
}

/* Ends a resolution: publishes the credential, or records the failure. */
static int end_resolution(struct keychain *keychain, struct error *err)
{
    int result = validate_found(keychain, err);

    keychain->is_resolving = false;
    keychain->has_resolved = true;
    keychain->resolved_ms = loop_now(keychain->network->loop);
    mem_free(keychain->last_report);
    keychain->last_report = str_take(&keychain->report);
    keychain->failure = (struct error){0};
    if (result == 0) {
        publish(keychain);
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
    bool failed = end_resolution(keychain, &err) < 0;

    wake(keychain, failed ? &err : NULL);
}

static void query_next(struct keychain *keychain);

static void on_source_complete(void *payload)
{
    struct keychain *keychain = payload;

    record_result(keychain);
    keychain->index++;
    query_next(keychain);
}

static void defer_completion(struct source_job *job)
{
    loop_defer(job->network->loop, &job->task);
}

static void query_next(struct keychain *keychain)
{
    const struct credential_source *spec;

    while (keychain->index < keychain->chain_len &&
           !should_query(keychain, keychain->chain[keychain->index])) {
        keychain->index++;
    }
    if (keychain->index == keychain->chain_len) {
        finish(keychain);
        return;
    }
    spec = keychain->chain[keychain->index];
    keychain->job = (struct source_job){
        .network = keychain->network,
        .spec = spec,
        .registry = keychain->options->registry,
        .path = keychain->options->path,
        .on_complete = defer_completion,
    };
    task_init(&keychain->job.task, on_source_complete, keychain);
    source_class_of(spec->source)->start(&keychain->job);
}

static void run_start(void *payload)
{
    query_next(payload);
}

static bool is_set(const char *value)
{
    return value != NULL && *value != '\0';
}

static void report_option(struct keychain *keychain, const char *label,
                          const char *value)
{
    if (value != NULL) {
        append_report(keychain, label, is_set(value) ? "found" : "empty");
    }
}

static void reset_resolution(struct keychain *keychain)
{
    static const char username[] = "the registration's username";
    static const char password[] = "the registration's password";
    const struct keychain_options *options = keychain->options;
    struct credential *found = &keychain->found;

    keychain->index = 0;
    keychain->first_failure = (struct error){0};
    str_clear(&keychain->report);
    report_option(keychain, username, options->username);
    report_option(keychain, password, options->password);
    if (is_set(options->username)) {
        found->username = mem_strdup(options->username);
    }
    if (is_set(options->password)) {
        secret_assign(&found->password, options->password);
        found->origin = mem_strdup(password);
    }
}

static void start_resolution(struct keychain *keychain)
{
    if (keychain->is_resolving) {
        return;
    }
    keychain->is_resolving = true;
    reset_resolution(keychain);
    task_init(&keychain->start_task, run_start, keychain);
    loop_defer(keychain->network->loop, &keychain->start_task);
}

void keychain_free(struct keychain *keychain)
{
    if (keychain == NULL) {
        return;
    }
    if (keychain->is_resolving && keychain->index < keychain->chain_len &&
        !keychain->start_task.queued) {
        const struct credential_source *spec = keychain->chain[keychain->index];
        const struct source_class *class = source_class_of(spec->source);

        if (!keychain->job.is_complete && class->cancel != NULL) {
            class->cancel(&keychain->job);
        }
        loop_cancel(keychain->network->loop, &keychain->job.task);
        credential_release(&keychain->job.credential);
    }
    loop_cancel(keychain->network->loop, &keychain->start_task);
    loop_cancel(keychain->network->loop, &keychain->fail_task);
    source_files_release(&keychain->found_files);
    source_files_release(&keychain->files);
    credential_release(&keychain->found);
    credential_release(&keychain->original);
    credential_release(&keychain->current);
    str_release(&keychain->report);
    mem_free(keychain->last_report);
    mem_free(keychain->defaults);
    mem_free(keychain->chain);
    mem_free(keychain);
}

/* --- requests ---------------------------------------------------------------
 */

static uint64_t age_ms(const struct keychain *keychain)
{
    return loop_now(keychain->network->loop) - keychain->acquired_ms;
}

static bool has_resolved_within(const struct keychain *keychain, uint64_t ms)
{
    return keychain->has_resolved &&
           loop_now(keychain->network->loop) - keychain->resolved_ms < ms;
}

static bool is_due(uint64_t age, uint64_t max_age)
{
    return max_age > 0 && age >= max_age;
}

static bool is_usable(const struct keychain *keychain)
{
    return keychain->has_current &&
           !is_due(age_ms(keychain), keychain->current.lifetime_ms) &&
           !source_files_changed(&keychain->files) &&
           (!keychain->is_rejected ||
            has_resolved_within(keychain, MIN_RESOLVE_INTERVAL_MS));
}

/* True if the registration's own options suffice and no source is needed. */
static bool options_suffice(const struct keychain *keychain)
{
    const struct keychain_options *options = keychain->options;

    if (!is_set(options->password)) {
        return false;
    }
    for (size_t i = 0; i < keychain->chain_len; i++) {
        if (!is_set(options->username) &&
            keychain->chain[i]->binding == BINDING_USERNAME) {
            return false;
        }
    }
    return true;
}

static const struct credential *resolve_from_options(struct keychain *keychain)
{
    struct error err;

    if (keychain->is_resolving || !options_suffice(keychain)) {
        return NULL;
    }
    reset_resolution(keychain);
    return end_resolution(keychain, &err) == 0 ? &keychain->current : NULL;
}

const struct credential *keychain_cached(struct keychain *keychain)
{
    const struct credential *current = &keychain->current;

    if (!is_usable(keychain)) {
        return resolve_from_options(keychain);
    }
    if (is_due(age_ms(keychain), current->renew_ms) &&
        !has_resolved_within(keychain, MIN_RESOLVE_INTERVAL_MS)) {
        start_resolution(keychain);
    }
    return current;
}

static bool has_failed_recently(const struct keychain *keychain)
{
    enum error_kind kind = keychain->failure.kind;
    bool is_transient = kind == ERROR_UNREACHABLE || kind == ERROR_UNAVAILABLE;

    return kind != ERROR_NONE &&
           has_resolved_within(keychain, is_transient ? TRANSIENT_FAILURE_TTL_MS
                                                      : FAILURE_TTL_MS);
}

void keychain_wait(struct keychain *keychain, struct keychain_waiter *waiter)
{
    waiter->keychain = keychain;
    waiter->round = keychain->round;
    TAILQ_INSERT_TAIL(&keychain->waiters, waiter, link);
    if (!keychain->is_resolving && has_failed_recently(keychain)) {
        loop_defer(keychain->network->loop, &keychain->fail_task);
    } else {
        start_resolution(keychain);
    }
}

bool keychain_reject(struct keychain *keychain, uint64_t id)
{
    if (keychain->current.id != id) {
        return true; /* it has been replaced already */
    }
    keychain->is_rejected = true;
    return keychain->is_resolving ||
           !has_resolved_within(keychain, MIN_RESOLVE_INTERVAL_MS);
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
