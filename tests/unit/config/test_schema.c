#include "config_file.h"
#include "waybill/config_documents.h"
#include "waybill/json.h"

static const struct json *at(const struct json *json, const char *path)
{
    char name[128];

    while (*path != '\0') {
        size_t len = strcspn(path, "/");

        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        json = json_member(json, name);
        path += len + (path[len] == '/');
    }
    return json;
}

static void check_list(const struct json *list, const char *const *expected)
{
    size_t count = 0;

    assert_true(json_is_array(list));
    for (const struct json *item = json_first(list); item != NULL;
         item = json_next(item)) {
        check_text("element", json_text(item), expected[count]);
        count++;
    }
    check_text("end", NULL, expected[count]);
}

static struct json *schema(void)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json *json = NULL;
    struct error err;

    config_append_schema(&text, integration_table);
    assert_int_equal(json_parse(text.data, text.len, &json, &err), 0);
    return json;
}

static void schema__describes_every_section_and_nothing_else(void **state)
{
    static const char *const sections[] = {
        "kafka",      "registrations", "attachments", "delivery",
        "registries", "admin",         "log",         "sandbox"};
    struct json *json = schema();

    assert_string_equal(json_text(at(json, "$schema")),
                        "https://json-schema.org/draft/2020-12/schema");
    assert_int_equal(json_count(at(json, "properties")), ARRAY_SIZE(sections));
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        check(sections[i], at(at(json, "properties"), sections[i]) != NULL);
    }
    assert_string_equal(json_type_name(at(json, "additionalProperties")),
                        "a boolean");
    json_free(json);
}

/* Chainloop's own schema: the inputs of its integration */
static void schema__requires_of_inputs_what_chainloop_requires(void **state)
{
    static const char *const registration[] = {"repository", "username",
                                               "password", NULL};
    static const char *const nothing[] = {NULL};
    struct json *json = schema();

    check_list(at(json, "$defs/oci-registry-registration-inputs/required"),
               registration);
    check_list(at(json, "$defs/oci-registry-attachment-inputs/required"),
               nothing);
    assert_string_equal(
        json_text(at(json, "$defs/oci-registry-attachment-inputs/properties/"
                           "prefix/default")),
        "chainloop");
    json_free(json);
}

static void schema__marks_secrets(void **state)
{
    struct json *json = schema();

    assert_non_null(at(json, "$defs/oci-registry-registration-inputs/"
                             "properties/password/writeOnly"));
    assert_null(at(json, "$defs/oci-registry-registration-inputs/properties/"
                         "username/writeOnly"));
    json_free(json);
}

/* The path of their text, which the chart uses. */
static void schema__marks_secrets_in_lists_and_mappings(void **state)
{
    struct json *json = schema();
    const struct json *inputs =
        at(json, "$defs/webhook-registration-inputs/properties");
    const struct json *forms = at(inputs, "secret/anyOf");
    const struct json *list;

    assert_int_equal(json_count(forms), 2);
    assert_string_equal(json_text(at(json_first(forms), "type")), "string");
    assert_non_null(at(json_first(forms), "writeOnly"));
    list = json_next(json_first(forms));
    assert_string_equal(json_text(at(list, "type")), "array");
    assert_non_null(at(list, "items/writeOnly"));
    assert_non_null(at(inputs, "headers/additionalProperties/writeOnly"));
    assert_non_null(at(inputs, "url/writeOnly"));
    assert_null(at(inputs, "method/writeOnly"));
    json_free(json);
}

static void reference__names_every_key(void **state)
{
    static const char *const keys[] = {
        "| `kafka.brokers` | text | **required** |",
        "| `kafka.topics.dead_letters` | text | `attestation-dead-letters` |",
        "| `kafka.outcome_mode` | `binary`, `structured` | `binary` |",
        "| `delivery.max_age` | a duration (500ms, 30s, 10m, 24h, 7d) | `24h`",
        "| `delivery.max_bytes` | a size (65536, 64KiB, 16MiB, 1GiB) | `64MiB`",
        "| `log.level` | `debug`, `info`, `warn`, `error` | `info` |",
        "| `registrations[].name` | text | **required** |",
        "| `registrations[].password` | text | none |",
        "| `attachments[].workflow.id` | text | none |",
        "| `attachments[].prefix` | text | `chainloop` |",
        "*Secret.*",
    };
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    config_append_reference(&text, integration_table);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        check(keys[i], strstr(text.data, keys[i]) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema__describes_every_section_and_nothing_else),
        cmocka_unit_test(schema__requires_of_inputs_what_chainloop_requires),
        cmocka_unit_test(schema__marks_secrets),
        cmocka_unit_test(schema__marks_secrets_in_lists_and_mappings),
        cmocka_unit_test(reference__names_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
