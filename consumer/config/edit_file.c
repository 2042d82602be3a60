#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waybill/alloc.h"
#include "waybill/config_edit.h"

/* The file that is changed: its lock, its replacement, its backup, and the
 * secrets beside it */

#define SECRETS "secrets"
#define MAX_SECRETS 16

struct config_edit {
    char *target;    /* the file without symbolic links */
    char *directory; /* that it is in */
    bool is_linked;  /* `path` is in another directory */
    bool is_volume;
    int lock;
    struct stat found;
    struct file_stamp stamp;
    struct secret content;
    const char *read_only;
    struct str paths[MAX_SECRETS]; /* of the secrets, as they are referred to */
    char *written[MAX_SECRETS];    /* the same, as they are removed */
    size_t count;
    bool is_committed;
};

static int fail(struct error *err, const char *path, const char *what)
{
    return error_set(err, ERROR_CONFIG, "'%s' cannot be %s: %s", path, what,
                     strerror(errno));
}

/* --- opening ----------------------------------------------------------------
 */

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash != NULL ? mem_strdup(path) : mem_strdup(".");

    if (slash != NULL) {
        directory[slash == path ? 1 : slash - path] = '\0';
    }
    return directory;
}

/* The kubelet mounts config.yaml as a link to ..data/config.yaml, and ..data as
 * a link to the current version. */
static bool is_volume(const char *target)
{
    return strstr(target, "/..") != NULL;
}

static int resolve(struct config_edit *edit, const char *path,
                   struct error *err)
{
    char resolved[PATH_MAX];
    char *given = directory_of(path);

    if (realpath(path, resolved) == NULL) {
        mem_free(given);
        return fail(err, path, "read");
    }
    edit->target = mem_strdup(resolved);
    edit->directory = directory_of(resolved);
    edit->is_volume = is_volume(resolved);
    edit->is_linked = realpath(given, resolved) == NULL ||
                      strcmp(resolved, edit->directory) != 0;
    mem_free(given);
    return 0;
}

/* The directory itself is locked, so that no lock file is left behind. */
static int lock(struct config_edit *edit, struct error *err)
{
    edit->lock = open(edit->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (edit->lock < 0) {
        return fail(err, edit->directory, "opened");
    }
    while (flock(edit->lock, LOCK_EX) < 0) {
        if (errno != EINTR) {
            return fail(err, edit->directory, "locked");
        }
    }
    return 0;
}

static int read_content(struct config_edit *edit, struct error *err)
{
    secret_init(&edit->content, LIMIT_CONFIG_BYTES);
    if (file_read(edit->target, 0, &edit->content.text, &edit->stamp, err) <
        0) {
        return error_prefix(err, "'%s' cannot be read", edit->target);
    }
    return stat(edit->target, &edit->found) < 0
               ? fail(err, edit->target, "read")
               : 0;
}

static const char *find_obstacle(const struct config_edit *edit)
{
    if (edit->is_volume) {
        return "it is part of a Kubernetes volume";
    }
    if (geteuid() != 0 && geteuid() != edit->found.st_uid) {
        return "it belongs to another user, to whom the new file could not be "
               "given";
    }
    if (access(edit->directory, W_OK | X_OK) < 0 ||
        access(edit->target, W_OK) < 0) {
        return errno == EROFS ? "the file system is read-only"
                              : "this user has no permission to write it";
    }
    return NULL;
}

int config_edit_begin(const char *path, struct config_edit **ret_edit,
                      struct error *err)
{
    struct config_edit *edit = mem_zalloc(sizeof(*edit));

    edit->lock = -1;
    edit->is_committed = true;
    if (resolve(edit, path, err) < 0 || lock(edit, err) < 0 ||
        read_content(edit, err) < 0) {
        config_edit_end(edit);
        return -1;
    }
    edit->read_only = find_obstacle(edit);
    *ret_edit = edit;
    return 0;
}

void config_edit_end(struct config_edit *edit)
{
    if (edit == NULL) {
        return;
    }
    for (size_t i = 0; i < edit->count; i++) {
        if (!edit->is_committed) {
            unlink(edit->written[i]);
        }
        mem_free(edit->written[i]);
        str_release(&edit->paths[i]);
    }
    if (edit->lock >= 0) {
        close(edit->lock);
    }
    secret_release(&edit->content);
    mem_free(edit->target);
    mem_free(edit->directory);
    mem_free(edit);
}

struct bytes config_edit_content(const struct config_edit *edit)
{
    return str_bytes(&edit->content.text);
}

const char *config_edit_read_only(const struct config_edit *edit)
{
    return edit->read_only;
}

bool config_edit_is_volume(const struct config_edit *edit)
{
    return edit->is_volume;
}

/* --- writing ----------------------------------------------------------------
 */

static int write_all(int fd, struct bytes content)
{
    size_t done = 0;

    while (done < content.len) {
        ssize_t wrote = write(fd, content.data + done, content.len - done);

        if (wrote < 0 && errno != EINTR) {
            return -1;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

/* Gives the file the owner, group and mode. A user other than root may keep
 * only what is the same anyway. */
static int apply_owner(int fd, const struct stat *from, mode_t mode)
{
    struct stat now;

    if (fstat(fd, &now) < 0) {
        return -1;
    }
    if ((now.st_uid != from->st_uid || now.st_gid != from->st_gid) &&
        fchown(fd, from->st_uid, from->st_gid) < 0) {
        return -1;
    }
    return fchmod(fd, mode);
}

/* Writes a new file completely, or leaves none. */
static int write_new(const char *path, struct bytes content,
                     const struct stat *from, mode_t mode)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int number;

    if (fd < 0) {
        return -1;
    }
    if (apply_owner(fd, from, mode) == 0 && write_all(fd, content) == 0 &&
        fsync(fd) == 0) {
        return close(fd);
    }
    number = errno;
    close(fd);
    unlink(path);
    errno = number;
    return -1;
}

/* The content appears under the name completely, or not at all. Whatever an
 * earlier command left when it was killed is removed: the lock excludes others
 * that are still writing. */
static int replace(struct config_edit *edit, const char *path,
                   struct bytes content, struct error *err)
{
    CLEANUP(str_release) struct str temporary = STR_INIT(STR_UNLIMITED);
    int result;

    str_printf(&temporary, "%s.new", path);
    unlink(temporary.data);
    if (write_new(temporary.data, content, &edit->found,
                  edit->found.st_mode & 07777) < 0) {
        return fail(err, temporary.data, "written");
    }
    if (rename(temporary.data, path) == 0) {
        return 0;
    }
    if (errno == EBUSY) {
        edit->read_only = "it is mounted as a single file";
    }
    result = fail(err, path, "replaced");
    unlink(temporary.data);
    return result;
}

static int check_unchanged(const struct config_edit *edit, struct error *err)
{
    struct file_stamp now;

    file_stamp_of(edit->target, &now);
    return file_stamp_same(&now, &edit->stamp)
               ? 0
               : error_set(err, ERROR_CONFIG,
                           "'%s' was changed by another program meanwhile; run "
                           "the command again",
                           edit->target);
}

int config_edit_commit(struct config_edit *edit, struct bytes text,
                       struct error *err)
{
    CLEANUP(str_release) struct str backup = STR_INIT(STR_UNLIMITED);

    str_printf(&backup, "%s.bak", edit->target);
    if (replace(edit, backup.data, config_edit_content(edit), err) < 0 ||
        check_unchanged(edit, err) < 0 ||
        replace(edit, edit->target, text, err) < 0) {
        return -1;
    }
    edit->is_committed = true;
    /* The rename is durable once the directory is. */
    return fsync(edit->lock) < 0 ? fail(err, edit->directory, "written") : 0;
}

/* --- secrets ----------------------------------------------------------------
 */

/* A configuration that its group may read, and others not, as of root and the
 * service's group, is meant for that group. */
static bool is_for_group(const struct config_edit *edit)
{
    return (edit->found.st_mode & (S_IRGRP | S_IROTH)) == S_IRGRP;
}

static int make_directory(const struct config_edit *edit, const char *path,
                          struct error *err)
{
    mode_t mode = is_for_group(edit) ? 0750 : 0700;
    int fd;
    int result;

    if (mkdir(path, 0700) < 0) {
        return errno == EEXIST ? 0 : fail(err, path, "created");
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    result = fd < 0 || apply_owner(fd, &edit->found, mode) < 0
                 ? fail(err, path, "created")
                 : 0;
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* The entry of a new file is durable once its directory is. */
static void sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* A relative path starts at the directory of the path that the configuration
 * was loaded from, and links lead there from anywhere. */
static void refer(struct config_edit *edit, const char *name,
                  const char *absolute)
{
    struct str *path = &edit->paths[edit->count];

    str_init(path, STR_UNLIMITED);
    str_printf(path, "%s", edit->is_linked ? absolute : SECRETS "/");
    str_append_text(path, edit->is_linked ? "" : name);
    edit->written[edit->count++] = mem_strdup(absolute);
    edit->is_committed = false;
}

int config_edit_write_secret(struct config_edit *edit, const char *name,
                             const char *value, const char **ret_path,
                             struct error *err)
{
    CLEANUP(str_release) struct str directory = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);

    if (edit->count == MAX_SECRETS) {
        return error_set(err, ERROR_CONFIG, "the entry has too many secrets");
    }
    str_printf(&directory, "%s/" SECRETS, edit->directory);
    if (make_directory(edit, directory.data, err) < 0) {
        return -1;
    }
    str_printf(&path, "%s/%s", directory.data, name);
    if (write_new(path.data, bytes_of(value), &edit->found,
                  is_for_group(edit) ? 0640 : 0600) < 0) {
        return errno == EEXIST
                   ? error_set(err, ERROR_CONFIG,
                               "the file '%s' exists already; remove it if "
                               "nothing refers to it",
                               path.data)
                   : fail(err, path.data, "written");
    }
    sync_directory(directory.data);
    refer(edit, name, path.data);
    *ret_path = edit->paths[edit->count - 1].data;
    return 0;
}

void config_edit_remove_secrets(const struct config_edit *edit,
                                struct bytes text, const char *prefix)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    const struct dirent *entry;
    size_t len = prefix != NULL ? strlen(prefix) : 0;
    DIR *directory;

    str_printf(&path, "%s/" SECRETS, edit->directory);
    directory = prefix != NULL ? opendir(path.data) : NULL;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name;

        if (strncmp(name, prefix, len) == 0 && name[len] == '.' &&
            memmem(text.data, text.len, name, strlen(name)) == NULL) {
            unlinkat(dirfd(directory), name, 0);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}
