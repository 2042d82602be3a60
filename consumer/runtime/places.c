#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox_internal.h"
#include "waybill/compiler.h"
#include "waybill/str.h"

/* What every service reads, whatever it is configured to do */
static const char *const always[] = {
    /* names: getaddrinfo() and the modules of nsswitch.conf */
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/networks",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    /* TLS: the authorities, and what their links lead to */
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/crypto-policies",
    "/etc/gnutls",
    /* SASL's modules are in a folder of the libraries */
    "/etc/sasl2",
    /* the clock's words */
    "/etc/localtime",
    "/usr/share/zoneinfo",
    /* libraries that are loaded late: these folders and those of the libraries
     * that are loaded already */
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    /* what /metrics says of the process, and allocators ask */
    "/proc/self",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
#if SANDBOX_SANITIZED
    "/proc/self/exe",
#endif
};

/* They hold so much else that a single file is no reason to open them. */
static const char *const broad[] = {
    "/",          "/bin",       "/boot",    "/dev",     "/etc",
    "/etc/ssl",   "/home",      "/lib",     "/media",   "/mnt",
    "/opt",       "/proc",      "/root",    "/run",     "/run/user",
    "/sbin",      "/srv",       "/sys",     "/tmp",     "/usr",
    "/usr/local", "/usr/share", "/var",     "/var/lib", "/var/tmp",
    "/var/log",   "/var/cache", "/usr/bin", "/dev/shm", "/run/secrets",
};

/* A user's home: /home/anna, /run/user/1000 */
static bool is_home(const char *folder)
{
    static const char *const parents[] = {"/home/", "/run/user/"};

    for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
        size_t len = strlen(parents[i]);

        if (strncmp(folder, parents[i], len) == 0 &&
            strchr(folder + len, '/') == NULL) {
            return true;
        }
    }
    return false;
}

static bool is_broad(const char *folder)
{
    for (size_t i = 0; i < ARRAY_SIZE(broad); i++) {
        if (strcmp(folder, broad[i]) == 0) {
            return true;
        }
    }
    return is_home(folder);
}

static bool is_folder(const char *path)
{
    struct stat stat_;

    return stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
}

/* The folder that a path is in, as the kernel knows it */
static bool folder_of(const char *path, char ret_folder[PATH_MAX])
{
    CLEANUP(str_release) struct str folder = STR_INIT(STR_UNLIMITED);
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        str_append_char(&folder, '.');
    } else {
        str_append(&folder, path, (size_t)(slash - path) + 1);
    }
    return realpath(folder.data, ret_folder) != NULL;
}

/* A file with its folder: another one may be put in its place. */
static void give_file(const char *path, place_fn *fn, void *payload)
{
    char folder[PATH_MAX];

    if (folder_of(path, folder) && !is_broad(folder)) {
        fn(payload, folder);
    }
    fn(payload, path);
}

/* By its name, and by what that name leads to now: a link may point into
 * another folder. A folder that was named is meant. */
static void give_named(const char *path, place_fn *fn, void *payload)
{
    char real[PATH_MAX];

    if (is_folder(path)) {
        fn(payload, path);
        return;
    }
    give_file(path, fn, payload);
    if (realpath(path, real) != NULL) {
        give_file(real, fn, payload);
    }
}

struct giving {
    place_fn *fn;
    void *payload;
};

static int give_library(struct dl_phdr_info *info, size_t size, void *data)
{
    const struct giving *giving = data;
    char folder[PATH_MAX];

    (void)size;
    if (info->dlpi_name[0] == '/' && folder_of(info->dlpi_name, folder)) {
        giving->fn(giving->payload, folder);
    }
    return 0;
}

/* OpenSSL takes several folders, with colons between them. */
static void give_folders(const char *list, place_fn *fn, void *payload)
{
    char folder[PATH_MAX];

    while (*list != '\0') {
        size_t len = strcspn(list, ":");

        if (len > 0 && len < sizeof(folder)) {
            memcpy(folder, list, len);
            folder[len] = '\0';
            give_named(folder, fn, payload);
        }
        list += len + (list[len] == ':');
    }
}

void places_each(const struct access_entry *files, place_fn *fn, void *payload)
{
    struct giving giving = {fn, payload};
    const char *file = getenv("SSL_CERT_FILE");
    const char *folders = getenv("SSL_CERT_DIR");

    for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
        fn(payload, always[i]);
    }
    dl_iterate_phdr(give_library, &giving);
    if (file != NULL) {
        give_named(file, fn, payload);
    }
    if (folders != NULL) {
        give_folders(folders, fn, payload);
    }
    for (; files != NULL; files = files->next) {
        give_named(files->text, fn, payload);
    }
}
