#include "vectors.h"
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
    struct bytes bytes = vector_file(arena, name, file);

    check_bytes(name, blob->data.data, blob->data.len, bytes.data, bytes.len);
}

static size_t built;

static void check_image(struct arena *arena, const char *name,
                        const struct json *expected)
{
    struct bytes envelope = vector_file(arena, name, "layer.bin");
    struct oci_image image;
    struct digest digest;

    if (envelope.data == NULL) {
        return;
    }
    digest_of(envelope.data, envelope.len, &digest);
    oci_chainloop_image(envelope, &digest, arena, &image);
    check_blob(name, &image.layer, json_member(expected, "layer"));
    check_blob(name, &image.config, json_member(expected, "config"));
    check_blob(name, &image.manifest, json_member(expected, "manifest"));
    check_file(arena, name, "config.json", &image.config);
    check_file(arena, name, "manifest.json", &image.manifest);
    check(name, image.layer.data.data == envelope.data);
    built++;
}

static void chainloop__builds_the_image_of_every_vector(void **state)
{
    for_each_vector("", check_image);
    assert_true(built >= 50);
}

static size_t refused;

/* The name of a vector is the repository below the registered one.
 * go-containerregistry and distribution have validated the prefixes. */
static void check_name(struct arena *arena, const char *vector,
                       const struct json *expected)
{
    const char *prefix = json_text(json_member(expected, "prefix"));
    const char *name = json_text(json_member(expected, "name"));

    if (name != NULL) {
        check(vector, oci_path_is_valid(name));
    } else if (strlen(prefix) < 150) {
        check(vector, !oci_path_is_valid(arena_printf(arena, "%s-0", prefix)));
        refused++;
    }
}

static void chainloop__has_a_name_where_the_vectors_have_one(void **state)
{
    for_each_vector("prefix-", check_name);
    for_each_vector("refused-prefix-", check_name);
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
