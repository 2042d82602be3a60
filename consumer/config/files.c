#include <string.h>
#include <sys/stat.h>

#include "config_internal.h"
#include "waybill/alloc.h"

/* Which files a configuration was made of, and how they looked: from then on
 * stat() says whether it would be another one by now. */

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

/* The time of the last change says what the other one may hide (cp -p), and
 * tells when a file may be read at last (chmod). */
static void note_look(const struct stat *found, struct config_look *ret_look)
{
    *ret_look = (struct config_look){
        .device = found->st_dev,
        .inode = found->st_ino,
        .size = (uint64_t)found->st_size,
        .written_ns = nanoseconds(&found->st_mtim),
        .changed_ns = nanoseconds(&found->st_ctim),
    };
}

static bool looks_same(const struct config_look *a, const struct config_look *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->written_ns == b->written_ns &&
           a->changed_ns == b->changed_ns;
}

/* What was opened, not what may stand there by the time it has been read; one
 * that is not or cannot be opened (fd -1) is looked at by its name. A pipe's
 * end
 * (/dev/fd/63) is read but once, and /dev/stdin can be looked up by nobody
 * later. */
void files_add(struct config_files *files, const char *path, int fd)
{
    struct config_file *file;
    struct stat found;
    bool there = (fd >= 0 ? fstat(fd, &found) : stat(path, &found)) == 0;

    if (files == NULL || strncmp(path, "/dev/", 5) == 0 ||
        strncmp(path, "/proc/", 6) == 0 || (there && !S_ISREG(found.st_mode))) {
        return;
    }
    files->items = mem_grow(files->items, &files->capacity, files->count + 1,
                            sizeof(files->items[0]));
    file = &files->items[files->count++];
    *file = (struct config_file){.path = mem_strdup(path)};
    if (there) {
        note_look(&found, &file->look);
    }
}

const char *config_files_look(struct config_files *files)
{
    const char *other = NULL;

    for (size_t i = 0; i < files->count; i++) {
        struct config_file *file = &files->items[i];
        struct config_look look = {0};
        struct stat found;

        if (stat(file->path, &found) == 0) {
            note_look(&found, &look);
        }
        if (other == NULL && !looks_same(&look, &file->look)) {
            other = file->path;
        }
        file->look = look;
    }
    return other;
}

void config_files_release(struct config_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        mem_free(files->items[i].path);
    }
    mem_free(files->items);
    *files = (struct config_files){0};
}
