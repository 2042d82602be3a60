#include "credentials_internal.h"
#include "waybill/alloc.h"

void source_files_add(struct source_files *files, struct credential *from)
{
    if (from->file == NULL) {
        return;
    }
    files->items = mem_grow(files->items, &files->capacity, files->count + 1,
                            sizeof(files->items[0]));
    files->items[files->count++] =
        (struct source_file){from->file, from->stamp};
    from->file = NULL;
}

bool source_files_changed(const struct source_files *files)
{
    struct file_stamp now;

    for (size_t i = 0; i < files->count; i++) {
        const struct source_file *file = &files->items[i];

        if (!file_stamp_of(file->path, &now) ||
            !file_stamp_same(&now, &file->stamp)) {
            return true;
        }
    }
    return false;
}

void source_files_release(struct source_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        mem_free(files->items[i].path);
    }
    mem_free(files->items);
    *files = (struct source_files){0};
}
