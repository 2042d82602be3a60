#include "asserts.h"
#include "waybill/credentials.h"

static void sources__take_their_keys(void **state)
{
    static const struct credential_source good[] = {
        {.source = "static", .value = "v"},
        {.source = "static", .value = "v", .binding = BINDING_AUTH},
        {.source = "env", .name = "N"},
        {.source = "env", .name = "N", .binding = BINDING_USERNAME},
        {.source = "file", .path = "/p", .binding = BINDING_IDENTITY_TOKEN},
        {.source = "docker"},
        {.source = "docker", .path = "/p"},
        {.source = "docker-helper", .name = "ecr-login"},
        {.source = "keyring", .service = "s"},
        {.source = "keyring", .service = "s", .binding = BINDING_AUTH},
        {.source = "github"},
        {.source = "google"},
        {.source = "aws"},
        {.source = "azure"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct error err = ERROR_UNTOUCHED;
        const char *key;

        check_number(good[i].source,
                     credential_source_check(&good[i], &key, &err), 0);
        check_untouched(good[i].source, &err);
    }
}

static void sources__refuse_what_is_not_theirs(void **state)
{
    static const struct {
        struct credential_source source;
        const char *key;
        const char *says;
    } rows[] = {
        {{.source = "vault"},
         "source",
         "there is no source 'vault'; the sources are static, "},
        {{.source = "default"}, "source", "no source 'default'"},
        {{.source = ""}, "source", "no source ''"},
        {{.source = "static"},
         "value",
         "the source 'static' requires this key"},
        {{.source = "env"}, "name", "the source 'env' requires this key"},
        {{.source = "file"}, "path", "the source 'file' requires this key"},
        {{.source = "keyring"},
         "service",
         "the source 'keyring' requires this key"},
        {{.source = "docker-helper"},
         "name",
         "the source 'docker-helper' requires this key"},
        {{.source = "static", .value = "v", .name = "n"},
         "name",
         "the source 'static' has no such key"},
        {{.source = "docker", .binding = BINDING_AUTH},
         "binding",
         "the source 'docker' has no such key"},
        {{.source = "docker", .name = "n"}, "name", "has no such key"},
        {{.source = "docker-helper", .name = "n", .binding = BINDING_AUTH},
         "binding",
         "has no such key"},
        {{.source = "keyring", .service = "s", .path = "/p"},
         "path",
         "has no such key"},
        {{.source = "github", .name = "n"}, "name", "has no such key"},
        {{.source = "env", .name = "n", .service = "s"},
         "service",
         "has no such key"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err;
        const char *key = NULL;

        check_number(rows[i].says,
                     credential_source_check(&rows[i].source, &key, &err), -1);
        check_kind(rows[i].says, &err, ERROR_CONFIG);
        check_text(rows[i].says, key, rows[i].key);
        check_contains(rows[i].says, err.message, rows[i].says);
    }
}

/* Each bit of a class is a key of the table, and each row describes its key. */
/* The documentation names every source, and describes every key. */
static void sources__have_a_row_for_every_key(void **state)
{
    static const char *const names[] = {
        "static",  "env",    "file", "docker", "docker-helper",
        "keyring", "google", "aws",  "azure",  "github"};
    const struct field *field = credential_source_fields;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check(names[i], strstr(field->doc, names[i]) != NULL);
    }
    for (; field->key != NULL; field++) {
        check(field->key, field->doc != NULL && field->since != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources__take_their_keys),
        cmocka_unit_test(sources__refuse_what_is_not_theirs),
        cmocka_unit_test(sources__have_a_row_for_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
