#include <string.h>

#include "config_internal.h"
#include "waybill/alloc.h"

/* Which files a configuration was made of, and how they looked: from then on
 * stat() says whether it would be another one by now. */

/* Nobody can look up later what a name like /dev/stdin meant. */
void files_add(struct config_files *files, const char *path,
               const struct file_stamp *stamp)
{
    struct config_file *file;

    if (files == NULL || strncmp(path, "/dev/", 5) == 0 ||
        strncmp(path, "/proc/", 6) == 0) {
        return;
    }
    files->items = mem_grow(files->items, &files->capacity, files->count + 1,
                            sizeof(files->items[0]));
    file = &files->items[files->count++];
    *file = (struct config_file){.path = mem_strdup(path)};
    if (stamp != NULL) {
        file->stamp = *stamp;
    } else {
        file_stamp_of(path, &file->stamp);
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
