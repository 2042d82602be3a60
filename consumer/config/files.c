#include <string.h>

#include "config_internal.h"
#include "waybill/alloc.h"

/* The files that a configuration consists of and their stamps, by which later
 * changes are detected */

/* /dev and /proc are excluded: a name like /dev/stdin cannot be read again
 * later. */
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

const char *config_files_find_changed(struct config_files *files)
{
    const char *changed = NULL;

    for (size_t i = 0; i < files->count; i++) {
        struct config_file *file = &files->items[i];
        struct file_stamp now;

        file_stamp_of(file->path, &now);
        if (changed == NULL && !file_stamp_same(&now, &file->stamp)) {
            changed = file->path;
        }
        file->stamp = now;
    }
    return changed;
}

void config_files_release(struct config_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        mem_free(files->items[i].path);
    }
    mem_free(files->items);
    *files = (struct config_files){0};
}
