#include <ctype.h>

#include "config_file.h"
#include "waybill/json.h"

/* The properties of every kind of integration, whatever its keys are: a row
 * that is added to a table is tested here without a change. */

/* --- valid values of a row
 * ---------------------------------------------------- */

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* The checks of strings accept at least two of these: JSON, a name, a type, a
 * URL, a repository, a secret, a file. */
static const char *const candidates[] = {
    "{}",
    "[]",
    "h1.example/acme/a",
    "h2.example/acme/b",
    "https://h1.example/a",
    "https://h2.example/b",
    "/etc/passwd",
    "/etc/group",
    "acme",
    "house",
    "A1",
    "B2",
    "1",
    "2",
    SECRET,
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
};

static bool is_taken(const struct field *field, const char *value)
{
    struct error err;

    return field->check == NULL || (field->check)(value, &err) == 0;
}

/* The n-th, 0 or 1 */
static const char *candidate(const struct field *field, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
        if (is_taken(field, candidates[i]) && n-- == 0) {
            return candidates[i];
        }
    }
    print_error("no value of the test's is one for '%s': add one\n",
                field->key);
    fail();
    return NULL;
}

static const char *number(const struct field *field, size_t n,
                          struct arena *arena)
{
    return arena_printf(arena, "%llu%s",
                        (unsigned long long)(field->min + n + 1),
                        field->type == FIELD_DURATION ? "ms" : "");
}

/* Returns the value as it is written in an environment variable; NULL: it
 * cannot be. */
static const char *text_of(const struct field *field, size_t n,
                           struct arena *arena)
{
    switch (field->type) {
    case FIELD_STRING:
        return candidate(field, n);
    case FIELD_STRINGS:
        return field->flags & FIELD_SINGLE ? candidate(field, n) : NULL;
    case FIELD_BOOLEAN:
        return n == 0 ? "true" : "false";
    case FIELD_ENUM:
        return field->choices[n];
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        return number(field, n, arena);
    case FIELD_OBJECT:
    case FIELD_MAP:
    case FIELD_LIST:
        break;
    }
    return NULL;
}

/* ... and in the file, where a list is possible, too */
static void append_value(struct json_writer *json, const struct field *field,
                         size_t n, struct arena *arena)
{
    const char *text = text_of(field, n, arena);

    if (field->type == FIELD_STRINGS) {
        json_open(json, field->key, '[');
        json_append_string(json, NULL, candidate(field, n));
        json_close(json, ']');
    } else if (field->type == FIELD_MAP) {
        json_open(json, field->key, '{');
        json_append_string(json, "X-Any", n == 0 ? "a" : "b");
        json_close(json, '}');
    } else if (field->type == FIELD_BOOLEAN) {
        json_append_bool(json, field->key, n == 0);
    } else if (text != NULL) {
        json_append_string(json, field->key, text);
    } else {
        print_error("how is '%s' written? add it\n", field->key);
        fail();
    }
}

static void append_required(struct json_writer *json,
                            const struct field *fields, struct arena *arena)
{
    for (const struct field *field = fields; field->key != NULL; field++) {
        if (field->flags & FIELD_REQUIRED) {
            append_value(json, field, 0, arena);
        }
    }
}

/* One registration of each kind, r0, r1, ...; the file is JSON, which is valid
 * YAML. */
static void append_registrations(struct json_writer *json, struct arena *arena)
{
    json_open(json, "registrations", '[');
    for (size_t i = 0; integration_table[i] != NULL; i++) {
        json_open(json, NULL, '{');
        json_append_string(json, "name", arena_printf(arena, "r%zu", i));
        json_append_string(json, "integration", integration_table[i]->kind);
        append_required(json, integration_table[i]->registration, arena);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* --- attachments -------------------------------------------------------------
 */

/* Every option has its first value, except for one, which has its second or
 * none */
static void append_attachment(struct json_writer *json, size_t registration,
                              const struct field *other, bool is_left_out,
                              struct arena *arena)
{
    json_open(json, NULL, '{');
    json_append_string(json, "registration",
                       arena_printf(arena, "r%zu", registration));
    json_open(json, "workflow", '{');
    json_append_string(json, "id", "w");
    json_close(json, '}');
    for (const struct field *field =
             integration_table[registration]->attachment;
         field->key != NULL; field++) {
        if (field != other) {
            append_value(json, field, 0, arena);
        } else if (!is_left_out) {
            append_value(json, field, 1, arena);
        }
    }
    json_close(json, '}');
}

static size_t append_attachments(struct json_writer *json, struct arena *arena)
{
    size_t count = 0;

    json_open(json, "attachments", '[');
    for (size_t i = 0; integration_table[i] != NULL; i++) {
        append_attachment(json, i, NULL, false, arena);
        count++;
        for (const struct field *field = integration_table[i]->attachment;
             field->key != NULL; field++) {
            append_attachment(json, i, field, false, arena);
            append_attachment(json, i, field, true, arena);
            count += 2;
        }
    }
    json_close(json, ']');
    return count;
}

static void attachments__that_differ_in_any_single_option_are_two(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct json_writer json = {.out = &text};
    const struct settings *settings;
    size_t count;

    json_open(&json, NULL, '{');
    append_registrations(&json, arena);
    count = append_attachments(&json, arena);
    json_close(&json, '}');
    settings = config_of(*state, text.data);
    assert_int_equal(settings->attachment_count, count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            check(settings->attachments[i].name,
                  strcmp(settings->attachments[i].name,
                         settings->attachments[j].name) != 0);
        }
    }
}

static void attachments__that_differ_in_nothing_are_refused(void **state)
{
    struct config_test *test = *state;

    for (size_t i = 0; integration_table[i] != NULL; i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct json_writer json = {.out = &text};

        json_open(&json, NULL, '{');
        append_registrations(&json, arena);
        json_open(&json, "attachments", '[');
        append_attachment(&json, i, NULL, false, arena);
        append_attachment(&json, i, NULL, false, arena);
        json_close(&json, ']');
        json_close(&json, '}');
        check_contains(integration_table[i]->kind,
                       config_fault(test, text.data), "has the same name");
    }
}

/* --- the environment ---------------------------------------------------------
 */

/* Sets the environment variable of that key of registration r<index>. */
static void set_variable(size_t index, const struct field *field,
                         struct arena *arena)
{
    CLEANUP(str_release) struct str name = STR_INIT(STR_UNLIMITED);
    const char *text = text_of(field, 1, arena);

    if (text != NULL) {
        str_printf(&name, "WAYBILL_R%zu_%s", index, field->key);
        for (char *at = name.data; *at != '\0'; at++) {
            *at = (char)toupper((unsigned char)*at);
        }
        setenv(name.data, text, 1);
    }
}

static void set_keys_of_all_kinds(size_t index, struct arena *arena)
{
    for (size_t i = 0; integration_table[i] != NULL; i++) {
        for (const struct field *field = integration_table[i]->registration;
             field->key != NULL; field++) {
            set_variable(index, field, arena);
        }
    }
}

static const void *member(const void *options, const struct field *field)
{
    return (const char *)options + field->offset;
}

/* Whether that option has the value of the environment, not that of the file */
static bool is_overridden(const struct field *field, const void *options,
                          struct arena *arena)
{
    const char *text = text_of(field, 1, arena);
    const struct field_strings *strings = member(options, field);
    const char *const *string = member(options, field);
    const int *word = member(options, field);
    const uint64_t *value = member(options, field);

    switch (field->type) {
    case FIELD_STRING:
        return *string != NULL && strcmp(*string, text) == 0;
    case FIELD_STRINGS:
        return strings->count == 1 && strcmp(strings->items[0], text) == 0;
    case FIELD_BOOLEAN:
        return *word == 0;
    case FIELD_ENUM:
        return *word == 1;
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
        return *value == field->min + 2;
    case FIELD_OBJECT:
    case FIELD_MAP:
    case FIELD_LIST:
        break;
    }
    return false;
}

/* The default of a boolean may equal the value of the environment. */
static bool tells(const struct field *field, struct arena *arena)
{
    return text_of(field, 1, arena) != NULL &&
           (field->fallback == NULL ||
            strcmp(field->fallback, text_of(field, 1, arena)) != 0);
}

static void check_registration(const struct settings *settings, size_t index,
                               bool is_meant, struct arena *arena)
{
    const struct integration_fields *kind = integration_table[index];
    size_t checked = 0;

    for (const struct field *field = kind->registration; field->key != NULL;
         field++) {
        if (tells(field, arena)) {
            check_number(arena_printf(arena, "%s.%s", kind->kind, field->key),
                         is_overridden(field,
                                       settings->registrations[index].options,
                                       arena),
                         is_meant);
            checked++;
        }
    }
    assert_true(checked > 3);
}

static void environment__of_one_registration_changes_no_other(void **state)
{
    struct config_test *test = *state;

    for (size_t i = 0; integration_table[i] != NULL; i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct json_writer json = {.out = &text};
        const struct settings *settings;

        json_open(&json, NULL, '{');
        append_registrations(&json, arena);
        json_close(&json, '}');
        forget_variables();
        set_keys_of_all_kinds(i, arena);
        settings = config_of(test, text.data);
        for (size_t j = 0; integration_table[j] != NULL; j++) {
            check_registration(settings, j, i == j, arena);
        }
    }
}

/* A key that only another kind has is ignored with a warning. */
static void environment__of_another_kinds_key_is_left_alone(void **state)
{
    struct config_test *test = *state;

    setenv("WAYBILL_GHCR_URL", "x", 1);
    setenv("WAYBILL_HOOK_PASSWORD", "x", 1);
    config_of(test, "registrations:\n"
                    "  - {name: ghcr, repository: ghcr.io/acme/a}\n"
                    "  - {name: hook, integration: webhook,\n"
                    "     url: 'https://hooks.example.com/a'}\n");
    check_contains("warning", test->warnings.data,
                   "WAYBILL_GHCR_URL: there is no such setting");
    check_contains("warning", test->warnings.data,
                   "WAYBILL_HOOK_PASSWORD: there is no such setting");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(attachments__that_differ_in_any_single_option_are_two),
        CONFIG_TEST(attachments__that_differ_in_nothing_are_refused),
        CONFIG_TEST(environment__of_one_registration_changes_no_other),
        CONFIG_TEST(environment__of_another_kinds_key_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
