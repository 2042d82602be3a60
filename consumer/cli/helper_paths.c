#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_internal.h"

/* The places that tweag/credential-helper's file names may begin with, as its
 * README has them ("Prefix Expansion"). */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *tmp_folder(struct arena *arena)
{
    const char *bazel = variable("TEST_TMPDIR");
    const char *own = variable("TMPDIR");

    return arena_strdup(arena, bazel ? bazel : own ? own : "/tmp");
}

static const char *home_folder(struct arena *arena)
{
    const char *home = variable("HOME");

    return home != NULL ? arena_strdup(arena, home) : tmp_folder(arena);
}

static const char *cache_folder(struct arena *arena)
{
    const char *bazel = variable("TEST_TMPDIR");
    const char *cache = variable("XDG_CACHE_HOME");

    if (bazel != NULL || (cache != NULL && cache[0] == '/')) {
        return arena_strdup(arena, bazel != NULL ? bazel : cache);
    }
    return variable("HOME") != NULL
               ? arena_printf(arena, "%s/.cache", variable("HOME"))
               : tmp_folder(arena);
}

static const char *workspace_folder(struct arena *arena)
{
    const char *own = variable("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY");
    const char *bazel = variable("BUILD_WORKSPACE_DIRECTORY");
    const char *folder = own != NULL ? own : bazel;
    char here[4096];

    if (folder != NULL) {
        return arena_strdup(arena, folder);
    }
    return getcwd(here, sizeof(here)) != NULL ? arena_strdup(arena, here) : ".";
}

/* Without the variable it would be named after an MD5, for the sake of a
 * daemon's socket; there is none here. */
static const char *work_folder(struct arena *arena)
{
    return arena_strdup(arena, variable("CREDENTIAL_HELPER_WORKDIR"));
}

static const struct {
    const char *prefix;
    const char *(*folder)(struct arena *arena);
} places[] = {
    {"%workdir%", work_folder}, {"%workspace%", workspace_folder},
    {"%tmp%", tmp_folder},      {"%cache%", cache_folder},
    {"~", home_folder},
};

int helper_expand(const char *path, struct arena *arena, const char **ret_path,
                  struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        size_t len = strlen(places[i].prefix);
        const char *folder;

        if (strncmp(path, places[i].prefix, len) != 0) {
            continue;
        }
        folder = places[i].folder(arena);
        if (folder == NULL) {
            return error_set(err, ERROR_CONFIG,
                             "'%s' stands for $CREDENTIAL_HELPER_WORKDIR, "
                             "which is not set",
                             places[i].prefix);
        }
        *ret_path = arena_printf(arena, "%s%s%s", folder,
                                 path[len] == '/' ? "" : "/", path + len);
        return 0;
    }
    *ret_path = arena_strdup(arena, path);
    return 0;
}

int helper_config_path(struct arena *arena, const char **ret_path,
                       struct error *err)
{
    const char *path = variable("CREDENTIAL_HELPER_CONFIG_FILE");

    if (helper_expand(path ? path : "%workspace%/.tweag-credential-helper.json",
                      arena, ret_path, err) < 0) {
        return error_prefix(err, "CREDENTIAL_HELPER_CONFIG_FILE");
    }
    return 0;
}
