#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_internal.h"
#include "waybill/compiler.h"

/* The Landlock system calls, used directly: glibc has no wrappers, and Debian's
 * kernel header describes ABI 2. */

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13) /* ABI 2 */
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* ABI 3 */
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1) /* ABI 6 */
#endif

/* struct landlock_ruleset_attr as of ABI 6. Older kernels accept it as long as
 * the members that they do not know are 0. */
struct ruleset_attributes {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

/* Handles every access right that the kernel knows: a right that is handled and
 * not allowed by a rule is denied. The rights of ABI 1 are all bits below
 * REFER. */
static struct ruleset_attributes attributes_of(int abi)
{
    struct ruleset_attributes attributes = {.files =
                                                LANDLOCK_ACCESS_FS_REFER - 1};

    if (abi >= 2) {
        attributes.files |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (abi >= 3) {
        attributes.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (abi >= 5) {
        attributes.files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    }
    if (abi >= 6) {
        attributes.scoped = LANDLOCK_SCOPE_SIGNAL;
    }
    return attributes;
}

/* A path of access_allow_writing() may be changed in these ways. No devices,
 * sockets, FIFOs or symbolic links are created, and nothing there is executed.
 */
#define WRITING                                                                \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |          \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |             \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER |                  \
     LANDLOCK_ACCESS_FS_TRUNCATE)
/* The rights that apply to a path that is not a directory */
#define FILE_ACCESS                                                            \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |            \
     LANDLOCK_ACCESS_FS_TRUNCATE)

struct rules {
    int ruleset;
    uint64_t
        handled;  /* rights of this kernel, which rejects rules with others */
    size_t count; /* number of distinct paths */
    struct {
        dev_t device;
        ino_t inode;
    } added[128];
};

/* Several libraries and files share a directory. */
static bool is_new(struct rules *rules, const struct stat *stat_)
{
    for (size_t i = 0; i < rules->count && i < ARRAY_SIZE(rules->added); i++) {
        if (rules->added[i].device == stat_->st_dev &&
            rules->added[i].inode == stat_->st_ino) {
            return false;
        }
    }
    if (rules->count < ARRAY_SIZE(rules->added)) {
        rules->added[rules->count].device = stat_->st_dev;
        rules->added[rules->count].inode = stat_->st_ino;
    }
    return true;
}

static void allow(struct rules *rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = access & rules->handled,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    struct stat stat_ = {0};

    if (rule.parent_fd < 0) {
        return; /* it does not exist */
    }
    if (fstat(rule.parent_fd, &stat_) < 0 || !S_ISDIR(stat_.st_mode)) {
        rule.allowed_access &= FILE_ACCESS;
    }
    if (is_new(rules, &stat_) &&
        syscall(SYS_landlock_add_rule, rules->ruleset,
                LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) {
        rules->count++;
    }
    close(rule.parent_fd);
}

static void allow_reading(void *payload, const char *path)
{
    allow(payload, path,
          LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
}

/* This must precede the readable paths: of two rules for the same path only the
 * first is added. */
static size_t allow_writing(struct rules *rules,
                            const struct access_entry *writable)
{
    for (; writable != NULL; writable = writable->next) {
        allow(rules, writable->text,
              WRITING | LANDLOCK_ACCESS_FS_READ_FILE |
                  LANDLOCK_ACCESS_FS_READ_DIR);
    }
    return rules->count;
}

static void report_missing(struct sandbox *sandbox, const char *what)
{
    snprintf(sandbox->no_landlock, sizeof(sandbox->no_landlock), "%s: %s", what,
             errno == EOPNOTSUPP ? "switched off (lsm= of the kernel)"
             : errno == ENOSYS   ? "not in this kernel"
                                 : strerror(errno));
}

void landlock_close(const struct access *access, struct sandbox *sandbox)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset_attributes attributes = attributes_of(abi);
    struct rules rules = {.ruleset = -1, .handled = attributes.files};

    if (SANDBOX_COVERAGE) {
        snprintf(sandbox->no_landlock, sizeof(sandbox->no_landlock),
                 "this build measures coverage");
        return;
    }
    if (abi > 0) {
        rules.ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes,
                                     sizeof(attributes), 0);
    }
    if (rules.ruleset < 0) {
        report_missing(sandbox, "landlock");
        return;
    }
    sandbox->writable = allow_writing(&rules, access->writable);
    sandbox_paths_each(access->files, allow_reading, &rules);
    if (syscall(SYS_landlock_restrict_self, rules.ruleset, 0) == 0) {
        sandbox->landlock = abi;
        sandbox->files = rules.count;
    } else {
        report_missing(sandbox, "landlock_restrict_self");
    }
    close(rules.ruleset);
}
