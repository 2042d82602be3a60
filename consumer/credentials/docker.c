#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "credentials_internal.h"
#include "docker_config.h"
#include "docker_helper.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/*
 * Finds the Docker config. With `path` only that file is read, and it must
 * exist; `path` may be a directory, where a Kubernetes secret is mounted.
 * Without it, the existing ones of the following are searched in this order
 * until one has an entry for the registry:
 *
 *     $DOCKER_AUTH_CONFIG                 the config itself
 *     $DOCKER_CONFIG/config.json          or ~/.docker/config.json
 *     $REGISTRY_AUTH_FILE                 podman, skopeo, buildah
 *     $XDG_RUNTIME_DIR/containers/auth.json
 *
 * A config that cannot be read ends the search with an error, because it might
 * have contained the entry.
 */

struct search {
    struct source_job *job;
    size_t next_location; /* index of the next location */
    unsigned configs_read;
    struct str file; /* the config being read; empty: the variable */
    struct file_stamp stamp;
    struct docker_entry entry;
    struct docker_helper *helper; /* while it runs */
};

static void search_free(struct search *search)
{
    str_release(&search->file);
    docker_entry_release(&search->entry);
    mem_free(search);
}

/* --- locations --------------------------------------------------------------
 */

static bool append_variable(struct str *out, const char *variable,
                            const char *below)
{
    const char *value = getenv(variable);

    if (value == NULL || *value == '\0') {
        return false;
    }
    str_printf(out, "%s%s", value, below);
    return true;
}

static bool append_docker(struct str *out)
{
    return append_variable(out, "DOCKER_CONFIG", "/config.json") ||
           append_variable(out, "HOME", "/.docker/config.json");
}

static bool append_auth_file(struct str *out)
{
    return append_variable(out, "REGISTRY_AUTH_FILE", "");
}

static bool append_runtime(struct str *out)
{
    return append_variable(out, "XDG_RUNTIME_DIR", "/containers/auth.json");
}

static bool (*const locations[])(struct str *) = {
    append_docker, append_auth_file, append_runtime};

/* A path from the configuration, which may be the directory of a mounted secret
 */
static int append_explicit(struct str *out, const char *path, struct error *err)
{
    static const char *const names[] = {"config.json", ".dockerconfigjson"};
    struct file_stamp stamp;
    struct stat stat_;

    str_append_text(out, path);
    if (stat(path, &stat_) < 0 || !S_ISDIR(stat_.st_mode)) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        str_clear(out);
        str_printf(out, "%s/%s", path, names[i]);
        if (file_stamp_of(out->data, &stamp)) {
            return 0;
        }
    }
    return error_set(err, ERROR_AUTH, "'%s' contains neither %s nor %s", path,
                     names[0], names[1]);
}

/* --- reading a config -------------------------------------------------------
 */

static void search_next(struct search *search);

static void append_origin(const struct search *search, struct str *out)
{
    const struct docker_entry *entry = &search->entry;

    if (search->file.len > 0) {
        str_printf(out, "docker config '%s'", search->file.data);
    } else {
        str_append_text(out, "docker config in DOCKER_AUTH_CONFIG");
    }
    if (entry->helper != NULL) {
        str_printf(out, " (%s %s)", entry->via, entry->helper);
    }
}

static void finish_failed(struct search *search, struct error *err)
{
    struct source_job *job = search->job;
    CLEANUP(str_release) struct str origin = STR_INIT(LIMIT_MESSAGE / 2);

    append_origin(search, &origin);
    error_prepend(err, "%s", origin.data);
    search_free(search);
    source_failed(job, err);
}

static void finish_found(struct search *search, struct credential *found)
{
    struct source_job *job = search->job;
    CLEANUP(str_release) struct str origin = STR_INIT(STR_UNLIMITED);

    append_origin(search, &origin);
    found->origin = str_take(&origin);
    if (search->file.len > 0) {
        found->file = mem_strdup(search->file.data);
        found->stamp = search->stamp;
    }
    source_found(job, found);
    search_free(search);
}

static void use_auths(struct search *search)
{
    if (credential_is_empty(&search->entry.credential)) {
        search_next(search);
        return;
    }
    /* The credential does not come from the helper, so the origin omits it. */
    mem_free(search->entry.helper);
    search->entry.helper = NULL;
    finish_found(search, &search->entry.credential);
}

static void on_helper(void *payload, struct credential *found,
                      const struct error *err)
{
    struct search *search = payload;
    struct error failure;

    search->helper = NULL;
    /* A failing helper, such as one for a desktop, does not hide an entry in
     * the file itself. */
    if (err != NULL && credential_is_empty(&search->entry.credential)) {
        failure = *err;
        finish_failed(search, &failure);
    } else if (found != NULL) {
        finish_found(search, found);
    } else {
        use_auths(search);
    }
}

static int use_entry(struct search *search, struct error *err)
{
    const struct source_job *job = search->job;

    if (search->entry.helper == NULL) {
        use_auths(search);
        return 0;
    }
    if (docker_helper_start(job->network->loop, search->entry.helper,
                            job->registry, on_helper, search, &search->helper,
                            err) == 0) {
        return 0;
    }
    if (credential_is_empty(&search->entry.credential)) {
        return -1;
    }
    use_auths(search);
    return 0;
}

static void read_config(struct search *search, const char *text, size_t len)
{
    const struct source_job *job = search->job;
    struct error err;

    search->configs_read++;
    docker_entry_release(&search->entry);
    if (docker_config_lookup(text, len, job->registry, job->path,
                             &search->entry, &err) < 0 ||
        use_entry(search, &err) < 0) {
        finish_failed(search, &err);
    }
}

/* Reads the config named by search->file. */
static void read_config_file(struct search *search)
{
    CLEANUP(secret_release)
    struct secret text = SECRET_INIT(LIMIT_DOCKER_CONFIG);
    struct source_job *job = search->job;
    struct error err;

    if (secret_file_read(search->file.data, &text.text, &search->stamp, &err) <
        0) {
        search_free(search);
        source_failed(job, &err);
        return;
    }
    read_config(search, text.text.data, text.text.len);
}

/* --- the search -------------------------------------------------------------
 */

static void finish_nothing(struct search *search)
{
    struct source_job *job = search->job;
    unsigned configs_read = search->configs_read;

    search_free(search);
    if (configs_read == 0) {
        source_nothing(job, "there is no docker config");
    } else {
        source_nothing(job, "no entry for '%s'", job->registry);
    }
}

static void search_next(struct search *search)
{
    struct file_stamp stamp;

    while (search->job->spec->path == NULL &&
           search->next_location < ARRAY_SIZE(locations)) {
        str_clear(&search->file);
        if (locations[search->next_location++](&search->file) &&
            file_stamp_of(search->file.data, &stamp)) {
            read_config_file(search);
            return;
        }
    }
    finish_nothing(search);
}

static void start(struct source_job *job)
{
    const char *variable = getenv("DOCKER_AUTH_CONFIG");
    struct search *search = mem_zalloc(sizeof(*search));
    struct error err;

    search->job = job;
    str_init(&search->file, STR_UNLIMITED);
    job->state = search;
    if (job->spec->path != NULL) {
        if (append_explicit(&search->file, job->spec->path, &err) < 0) {
            search_free(search);
            source_failed(job, &err);
        } else {
            read_config_file(search);
        }
    } else if (variable != NULL && *variable != '\0') {
        read_config(search, variable, strlen(variable));
    } else {
        search_next(search);
    }
}

/* Only a helper completes asynchronously. */
static void cancel(struct source_job *job)
{
    struct search *search = job->state;

    docker_helper_cancel(search->helper);
    search_free(search);
}

const struct source_class docker_source = {
    .name = "docker",
    .accepted_keys = KEY_PATH,
    .start = start,
    .cancel = cancel,
};
