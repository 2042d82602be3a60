#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_internal.h"

/* The prefixes that paths may begin with, as the README of
 * tweag/credential-helper defines them ("Prefix Expansion") */

static const char *get_variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *tmp_directory(struct arena *arena)
{
    const char *bazel = get_variable("TEST_TMPDIR");
    const char *configured = get_variable("TMPDIR");

    return arena_strdup(arena, bazel        ? bazel
                               : configured ? configured
                                            : "/tmp");
}

static const char *home_directory(struct arena *arena)
{
    const char *home = get_variable("HOME");

    return home != NULL ? arena_strdup(arena, home) : tmp_directory(arena);
}

static const char *cache_directory(struct arena *arena)
{
    const char *bazel = get_variable("TEST_TMPDIR");
    const char *cache = get_variable("XDG_CACHE_HOME");

    if (bazel != NULL || (cache != NULL && cache[0] == '/')) {
        return arena_strdup(arena, bazel != NULL ? bazel : cache);
    }
    return get_variable("HOME") != NULL
               ? arena_printf(arena, "%s/.cache", get_variable("HOME"))
               : tmp_directory(arena);
}

static const char *workspace_directory(struct arena *arena)
{
    const char *configured =
        get_variable("CREDENTIAL_HELPER_WORKSPACE_DIRECTORY");
    const char *bazel = get_variable("BUILD_WORKSPACE_DIRECTORY");
    const char *directory = configured != NULL ? configured : bazel;
    char current[4096];

    if (directory != NULL) {
        return arena_strdup(arena, directory);
    }
    return getcwd(current, sizeof(current)) != NULL
               ? arena_strdup(arena, current)
               : ".";
}

/* Without the variable, tweag/credential-helper derives the directory from
 * an MD5 sum, for the socket of its daemon. Waybill has no daemon, and so no
 * default. */
static const char *work_directory(struct arena *arena)
{
    return arena_strdup(arena, get_variable("CREDENTIAL_HELPER_WORKDIR"));
}

static const struct {
    const char *prefix;
    const char *(*directory)(struct arena *arena);
} prefixes[] = {
    {"%workdir%", work_directory}, {"%workspace%", workspace_directory},
    {"%tmp%", tmp_directory},      {"%cache%", cache_directory},
    {"~", home_directory},
};

int helper_expand(const char *path, struct arena *arena, const char **ret_path,
                  struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        size_t len = strlen(prefixes[i].prefix);
        const char *directory;

        if (strncmp(path, prefixes[i].prefix, len) != 0) {
            continue;
        }
        directory = prefixes[i].directory(arena);
        if (directory == NULL) {
            return error_set(err, ERROR_CONFIG,
                             "'%s' stands for $CREDENTIAL_HELPER_WORKDIR, "
                             "which is not set",
                             prefixes[i].prefix);
        }
        *ret_path = arena_printf(arena, "%s%s%s", directory,
                                 path[len] == '/' ? "" : "/", path + len);
        return 0;
    }
    *ret_path = arena_strdup(arena, path);
    return 0;
}

int helper_config_path(struct arena *arena, const char **ret_path,
                       struct error *err)
{
    const char *path = get_variable("CREDENTIAL_HELPER_CONFIG_FILE");

    if (helper_expand(path ? path : "%workspace%/.tweag-credential-helper.json",
                      arena, ret_path, err) < 0) {
        return error_prefix(err, "CREDENTIAL_HELPER_CONFIG_FILE");
    }
    return 0;
}
