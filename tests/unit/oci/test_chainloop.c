#include "asserts.h"

#include <dirent.h>

#include "waybill/json.h"
#include "waybill/oci.h"

static void check_blob(const char *name, const struct oci_blob *blob,
                       const struct json *expected)
{
    struct digest digest;
    double size = -1;

    check_text(name, blob->media_type,
               json_text(json_member(expected, "media_type")));
    check_text(name, blob->digest.text,
               json_text(json_member(expected, "digest")));
    check(name, json_number(json_member(expected, "size"), &size));
    check_number(name, blob->data.len, size);
    digest_of(blob->data.data, blob->data.len, &digest);
    check_text(name, digest.text, blob->digest.text);
}

static void check_file(struct arena *arena, const char *name, const char *file,
                       const struct oci_blob *blob)
{
    struct bytes bytes =
        fixture(arena, arena_printf(arena, "vectors/%s/%s", name, file));

    check_bytes(name, blob->data.data, blob->data.len, bytes.data, bytes.len);
}

static bool check_image(struct arena *arena, const char *name,
                        const struct json *expected)
{
    struct bytes envelope = fixture_if_there(
        arena, arena_printf(arena, "vectors/%s/layer.bin", name));
    struct oci_image image;
    struct digest digest;

    if (envelope.data == NULL) {
        return false;
    }
    digest_of(envelope.data, envelope.len, &digest);
    oci_chainloop_image(envelope, &digest, arena, &image);
    check_blob(name, &image.layer, json_member(expected, "layer"));
    check_blob(name, &image.config, json_member(expected, "config"));
    check_blob(name, &image.manifest, json_member(expected, "manifest"));
    check_file(arena, name, "config.json", &image.config);
    check_file(arena, name, "manifest.json", &image.manifest);
    check(name, image.layer.data.data == envelope.data);
    return true;
}

static struct json *read_expected(struct arena *arena, const char *name)
{
    struct bytes says =
        fixture(arena, arena_printf(arena, "vectors/%s/expected.json", name));
    struct json *expected;
    struct error err;

    check_number(name,
                 json_parse((const char *)says.data, says.len, &expected, &err),
                 0);
    return expected;
}

static void chainloop__builds_the_image_of_every_vector(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    DIR *folder = opendir(fixture_path(arena, "vectors"));
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        struct json *expected;

        if (entry->d_name[0] != '.') {
            expected = read_expected(arena, entry->d_name);
            count += check_image(arena, entry->d_name, expected);
            json_free(expected);
        }
    }
    closedir(folder);
    assert_true(count >= 50);
}

/* A vector's name is the repository below the registered one: what a prefix
 * may be, go-containerregistry and distribution have been asked. */
static void chainloop__has_a_name_where_the_vectors_have_one(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    DIR *folder = opendir(fixture_path(arena, "vectors"));
    const struct dirent *entry;
    size_t refused = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        struct json *expected;
        const char *prefix;
        const char *name;

        if (strncmp(entry->d_name, "prefix-", 7) != 0 &&
            strncmp(entry->d_name, "refused-prefix-", 15) != 0) {
            continue;
        }
        expected = read_expected(arena, entry->d_name);
        prefix = json_text(json_member(expected, "prefix"));
        name = json_text(json_member(expected, "name"));
        if (name != NULL) {
            check(entry->d_name, oci_path_is_valid(name));
        } else if (strlen(prefix) < 150) {
            check(entry->d_name,
                  !oci_path_is_valid(arena_printf(arena, "%s-0", prefix)));
            refused++;
        }
        json_free(expected);
    }
    closedir(folder);
    assert_true(refused >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chainloop__builds_the_image_of_every_vector),
        cmocka_unit_test(chainloop__has_a_name_where_the_vectors_have_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
