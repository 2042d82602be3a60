#include "certs.h"

#include <curl/curl.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "waybill/alloc.h"
#include "waybill/file.h"
#include "waybill/http.h"

/* Only the first directory that exists is read. Of several client certificates
 * the first by name is used, because libcurl accepts only one. */

/* In bytes; about four times the size of the system's bundle. */
#define MAX_AUTHORITIES ((size_t)1024 * 1024)

static void fail(struct certs *certs, const char *path, const char *why)
{
    CLEANUP(str_release) struct str text = STR_INIT(LIMIT_MESSAGE);

    if (certs->error == NULL) {
        str_printf(&text, "certs.d: '%s': %s", path, why);
        certs->error = str_take(&text);
    }
}

static void add_authority(struct certs *certs, const char *path)
{
    const char *system_bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
    struct str *all = &certs->authorities;
    struct error err;
    size_t before;

    if (all->len == 0 && system_bundle != NULL &&
        file_read(system_bundle, 0, all, NULL, &err) < 0) {
        str_clear(all); /* the system has none, so use only ours */
    }
    if (all->len == 0 || all->data[all->len - 1] != '\n') {
        str_append_char(all, '\n');
    }
    before = all->len;
    if (file_read(path, 0, all, NULL, &err) < 0) {
        fail(certs, path, err.message);
        return;
    }
    str_trim_file(all, before); /* a byte order mark would hide the first */
    str_append_char(all, '\n');
    if (strstr(all->data + before, "-----BEGIN ") == NULL) {
        fail(certs, path, "contains no certificate in PEM format");
    }
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name);

    return len > strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

/* The path with another suffix */
static char *replace_suffix(const char *path, const char *end,
                            const char *other)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    str_append(&text, path, strlen(path) - strlen(end));
    str_append_text(&text, other);
    return str_take(&text);
}

static void add_certificate(struct certs *certs, const char *path)
{
    char *key = replace_suffix(path, ".cert", ".key");

    if (access(key, R_OK) < 0) {
        fail(certs, path,
             "its key is missing or cannot be read: the key must have the same "
             "name and end with .key (a file that ends with .crt is an "
             "authority)");
    }
    if (certs->certificate == NULL) {
        certs->certificate = mem_strdup(path);
        certs->key = key;
    } else {
        mem_free(key);
    }
}

static void check_key(struct certs *certs, const char *path)
{
    char *certificate = replace_suffix(path, ".key", ".cert");

    if (access(certificate, F_OK) < 0) {
        fail(certs, path, "no certificate of the same name, ending with .cert");
    }
    mem_free(certificate);
}

static void add_file(struct certs *certs, const char *directory,
                     const char *name)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);

    str_printf(&path, "%s/%s", directory, name);
    if (ends_with(name, ".crt")) {
        add_authority(certs, path.data);
    } else if (ends_with(name, ".cert")) {
        add_certificate(certs, path.data);
    } else if (ends_with(name, ".key")) {
        check_key(certs, path.data);
    }
}

static bool add_directory(struct certs *certs, const char *root,
                          const char *host)
{
    CLEANUP(str_release) struct str directory = STR_INIT(STR_UNLIMITED);
    struct dirent **files;
    int count;

    str_printf(&directory, "%s/%s", root, host);
    count = scandir(directory.data, &files, NULL, alphasort);
    if (count < 0) {
        return false; /* missing or not readable: try the next one */
    }
    for (int i = 0; i < count; i++) {
        add_file(certs, directory.data, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    return true;
}

/* Used by http_access() and certs_load(). */
#define PODMAN_CERTS_DIR "/etc/containers/certs.d"
#define DOCKER_CERTS_DIR "/etc/docker/certs.d"

void http_access(struct access *access)
{
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);

    access_allow_file(access, version->cainfo);
    access_allow_file(access, version->capath);
    if (!access_allow_variable(access, "XDG_CONFIG_HOME",
                               "/containers/certs.d")) {
        access_allow_variable(access, "HOME", "/.config/containers/certs.d");
    }
    access_allow_file(access, PODMAN_CERTS_DIR);
    access_allow_file(access, DOCKER_CERTS_DIR);
}

static bool add_user_directory(struct certs *certs, const char *host)
{
    CLEANUP(str_release) struct str root = STR_INIT(STR_UNLIMITED);
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (config != NULL && config[0] == '/') {
        str_printf(&root, "%s/containers/certs.d", config);
    } else if (home != NULL && home[0] == '/') {
        str_printf(&root, "%s/.config/containers/certs.d", home);
    } else {
        return false;
    }
    return add_directory(certs, root.data, host);
}

struct certs *certs_load(const char *host, const char *certs_dir)
{
    struct certs *certs = mem_zalloc(sizeof(*certs));

    certs->users = 1;
    str_init(&certs->authorities, MAX_AUTHORITIES);
    if (certs_dir == NULL) {
        if (!add_user_directory(certs, host) &&
            !add_directory(certs, PODMAN_CERTS_DIR, host)) {
            add_directory(certs, DOCKER_CERTS_DIR, host);
        }
    } else if (certs_dir[0] != '\0') {
        add_directory(certs, certs_dir, host);
    }
    return certs;
}

void certs_release(struct certs *certs)
{
    if (certs != NULL && --certs->users == 0) {
        str_release(&certs->authorities);
        mem_free(certs->certificate);
        mem_free(certs->key);
        mem_free(certs->error);
        mem_free(certs);
    }
}
