#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox_internal.h"
#include "waybill/compiler.h"
#include "waybill/str.h"

/* Paths that every service reads, whatever its configuration */
static const char *const common_paths[] = {
    /* name resolution: getaddrinfo() and the modules of nsswitch.conf */
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
    /* TLS: certificate authorities, and the targets of their links */
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
    /* SASL; its modules are in the library directories */
    "/etc/sasl2",
    /* time zones */
    "/etc/localtime",
    "/usr/share/zoneinfo",
    /* libraries that are loaded late, from these directories and those of the
     * libraries that are loaded already */
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    /* process metrics of /metrics, and what allocators read */
    "/proc/self",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
#if SANDBOX_SANITIZED
    "/proc/self/exe",
#endif
};

/* Directories with so much other content that a single file does not justify
 * access to them */
static const char *const broad_directories[] = {
    "/",          "/bin",       "/boot",    "/dev",     "/etc",
    "/etc/ssl",   "/home",      "/lib",     "/media",   "/mnt",
    "/opt",       "/proc",      "/root",    "/run",     "/run/user",
    "/sbin",      "/srv",       "/sys",     "/tmp",     "/usr",
    "/usr/local", "/usr/share", "/var",     "/var/lib", "/var/tmp",
    "/var/log",   "/var/cache", "/usr/bin", "/dev/shm", "/run/secrets",
};

/* A user's home or runtime directory: /home/anna, /run/user/1000 */
static bool is_home(const char *directory)
{
    static const char *const parents[] = {"/home/", "/run/user/"};

    for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
        size_t len = strlen(parents[i]);

        if (strncmp(directory, parents[i], len) == 0 &&
            strchr(directory + len, '/') == NULL) {
            return true;
        }
    }
    return false;
}

static bool is_broad(const char *directory)
{
    for (size_t i = 0; i < ARRAY_SIZE(broad_directories); i++) {
        if (strcmp(directory, broad_directories[i]) == 0) {
            return true;
        }
    }
    return is_home(directory);
}

static bool is_directory(const char *path)
{
    struct stat stat_;

    return stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
}

/* The parent directory of a path, with symbolic links resolved */
static bool parent_of(const char *path, char ret_folder[PATH_MAX])
{
    CLEANUP(str_release) struct str directory = STR_INIT(STR_UNLIMITED);
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        str_append_char(&directory, '.');
    } else {
        str_append(&directory, path, (size_t)(slash - path) + 1);
    }
    return realpath(directory.data, ret_folder) != NULL;
}

/* Includes the directory of a file, in which the file may be replaced. */
static void visit_file(const char *path, sandbox_path_fn *fn, void *payload)
{
    char directory[PATH_MAX];

    if (parent_of(path, directory) && !is_broad(directory)) {
        fn(payload, directory);
    }
    fn(payload, path);
}

/* Includes both the name and its target: a symbolic link may point into another
 * directory. If the path itself is a directory, that directory is meant. */
static void visit_path(const char *path, sandbox_path_fn *fn, void *payload)
{
    char real[PATH_MAX];

    if (is_directory(path)) {
        fn(payload, path);
        return;
    }
    visit_file(path, fn, payload);
    if (realpath(path, real) != NULL) {
        visit_file(real, fn, payload);
    }
}

struct visitor {
    sandbox_path_fn *fn;
    void *payload;
};

static int visit_library(struct dl_phdr_info *info, size_t size, void *data)
{
    const struct visitor *visitor = data;
    char directory[PATH_MAX];

    (void)size;
    if (info->dlpi_name[0] == '/' && parent_of(info->dlpi_name, directory)) {
        visitor->fn(visitor->payload, directory);
    }
    return 0;
}

/* OpenSSL accepts several directories, separated by colons. */
static void visit_directories(const char *list, sandbox_path_fn *fn,
                              void *payload)
{
    char directory[PATH_MAX];

    while (*list != '\0') {
        size_t len = strcspn(list, ":");

        if (len > 0 && len < sizeof(directory)) {
            memcpy(directory, list, len);
            directory[len] = '\0';
            visit_path(directory, fn, payload);
        }
        list += len + (list[len] == ':');
    }
}

void sandbox_paths_each(const struct access_entry *files, sandbox_path_fn *fn,
                        void *payload)
{
    struct visitor visitor = {fn, payload};
    const char *cert_file = getenv("SSL_CERT_FILE");
    const char *directories = getenv("SSL_CERT_DIR");

    for (size_t i = 0; i < ARRAY_SIZE(common_paths); i++) {
        fn(payload, common_paths[i]);
    }
    dl_iterate_phdr(visit_library, &visitor);
    if (cert_file != NULL) {
        visit_path(cert_file, fn, payload);
    }
    if (directories != NULL) {
        visit_directories(directories, fn, payload);
    }
    for (; files != NULL; files = files->next) {
        visit_path(files->text, fn, payload);
    }
}
