#include <string.h>
#include <sys/stat.h>

#include "config_internal.h"
#include "waybill/alloc.h"

/* Which files a configuration was made of, and how they looked: from then on
 * stat() says whether it would be another one by now. */

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
        file->stamp = file_stamp_from(&found);
    }
}

const char *config_files_look(struct config_files *files)
{
    const char *other = NULL;

    for (size_t i = 0; i < files->count; i++) {
        struct config_file *file = &files->items[i];
        struct file_stamp now;

        file_stamp_of(file->path, &now);
        if (other == NULL && !file_stamp_same(&now, &file->stamp)) {
            other = file->path;
        }
        file->stamp = now;
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
