#include <string.h>

#include "fuzz.h"
#include "waybill/http.h"
#include "waybill/limits.h"
#include "waybill/oci.h"
#include "waybill/url.h"

/*
 * - A name that is accepted is parsed as the same when it is written in full.
 * - It can be requested: an attachment that was accepted gives a URL with the
 *   same meaning. (A fault that is found later would fail every record of it.)
 */

static void check_again(const struct oci_repository *repository,
                        struct arena *arena)
{
    char *full =
        arena_printf(arena, "%s/%s", repository->registry, repository->path);
    struct oci_repository same;
    struct error err;

    CHECK(oci_repository_parse(full, arena, &same, &err) == 0);
    CHECK(strcmp(same.registry, repository->registry) == 0);
    CHECK(strcmp(same.path, repository->path) == 0);
}

static void check_url(const struct oci_repository *repository,
                      struct arena *arena)
{
    char *path = arena_printf(arena, "/v2/%s/blobs/uploads/", repository->path);
    char *text = arena_printf(arena, "https://%s/v2/", repository->registry);
    struct error err;
    struct url base;
    struct url url;

    CHECK(url_parse(text, NULL, &base, &err) == 0);
    CHECK(url_parse(path, &base, &url, &err) == 0);
    CHECK(url.https && strcmp(url.host, base.host) == 0);
    CHECK(strlen(url.text) > strlen(path));
    CHECK(strcmp(url.text + strlen(url.text) - strlen(path), path) == 0);
    url_release(&base);
    url_release(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = arena_printf(arena, "%.*s", (int)size, (const char *)data);
    struct oci_repository repository = {NULL, NULL};
    struct error err;

    if (oci_repository_parse(text, arena, &repository, &err) == 0) {
        CHECK(oci_path_is_valid(repository.path));
        CHECK(strlen(repository.path) <= LIMIT_REPOSITORY);
        CHECK(strstr(repository.path, "..") == NULL);
        check_again(&repository, arena);
        check_url(&repository, arena);
    } else {
        CHECK(repository.registry == NULL && repository.path == NULL);
        CHECK(err.kind == ERROR_CONFIG && err.message[0] != '\0');
    }
    arena_free(arena);
    return 0;
}
