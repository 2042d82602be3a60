#ifndef WAYBILL_TESTS_VECTORS_H
#define WAYBILL_TESTS_VECTORS_H

#include <dirent.h>

#include "asserts.h"
#include "waybill/json.h"

/* The golden vectors, generated with the original
 * implementation: one directory each, with envelope.json, expected.json and,
 * unless it is large, layer.bin. */

typedef void vector_fn(struct arena *arena, const char *name,
                       const struct json *expected);

static inline struct bytes vector_file(struct arena *arena, const char *name,
                                       const char *file)
{
    return fixture_if_there(arena,
                            arena_printf(arena, "vectors/%s/%s", name, file));
}

static inline void collect_vector(const char *name, vector_fn *look)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct bytes says = vector_file(arena, name, "expected.json");
    struct json *expected;
    struct error err;

    check_number(name,
                 json_parse((const char *)says.data, says.len, &expected, &err),
                 0);
    look(arena, name, expected);
    json_free(expected);
}

/* Calls `look` for each vector with the prefix, and returns their number. */
static inline size_t for_each_vector(const char *prefix, vector_fn *look)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    DIR *folder = opendir(fixture_path(arena, "vectors"));
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.' &&
            strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            collect_vector(entry->d_name, look);
            count++;
        }
    }
    closedir(folder);
    return count;
}

#endif
