#include "config_file.h"
#include "waybill/config_documents.h"

/* One setting of each type */
enum type { INTEGER, DURATION, SIZE };

static const char *const keys[] = {"max_attempts", "max_age", "max_bytes"};
static const char *const choices[] = {"is not a whole number",
                                      "is not a duration", "is not a size"};

struct number {
    enum type type;
    const char *text;
    bool good;
    uint64_t value;
};

static const struct number numbers[] = {
    {INTEGER, "42", true, 42},           {INTEGER, "0042", true, 42},
    {INTEGER, "1000000", true, 1000000}, {INTEGER, "", false, 0},
    {INTEGER, "-1", false, 0},           {INTEGER, "+1", false, 0},
    {INTEGER, " 1", false, 0},           {INTEGER, "1 ", false, 0},
    {INTEGER, "1.0", false, 0},          {INTEGER, "1e3", false, 0},
    {INTEGER, "0x10", false, 0},         {INTEGER, "1_000", false, 0},
    {INTEGER, "1s", false, 0},           {DURATION, "500ms", true, 500},
    {DURATION, "30s", true, 30000},      {DURATION, "10m", true, 600000},
    {DURATION, "24h", true, 86400000},   {DURATION, "7d", true, 604800000},
    {DURATION, "0s", true, 0},           {DURATION, "0", false, 0},
    {DURATION, "30", false, 0},          {DURATION, "s", false, 0},
    {DURATION, "30S", false, 0},         {DURATION, "30 s", false, 0},
    {DURATION, "1h30m", false, 0},       {DURATION, "1.5h", false, 0},
    {DURATION, "1w", false, 0},          {SIZE, "1048577", true, (1 << 20) + 1},
    {SIZE, "1025KiB", true, 1025 << 10}, {SIZE, "16MiB", true, 16 << 20},
    {SIZE, "1GiB", true, 1 << 30},       {SIZE, "64KB", false, 0},
    {SIZE, "64kib", false, 0},           {SIZE, "64K", false, 0},
    {SIZE, "64 KiB", false, 0},          {SIZE, "1TiB", false, 0},
};

static const char *text_of(struct arena *arena, enum type type,
                           const char *value)
{
    return arena_printf(arena,
                        "kafka: {brokers: \"h:1\"}\n"
                        "delivery: {%s: \"%s\"}\n",
                        keys[type], value);
}

static uint64_t value_of(const struct settings *settings, enum type type)
{
    const uint64_t values[] = {settings->delivery.max_attempts,
                               settings->delivery.max_age_ms,
                               settings->delivery.max_bytes};

    return values[type];
}

static void fields__read_numbers_with_their_units(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        const struct number *row = &numbers[i];
        const char *text = text_of(arena, row->type, row->text);

        if (row->good) {
            check_number(row->text,
                         value_of(config_of(*state, text), row->type),
                         row->value);
        } else {
            check_contains(row->text, config_fault(*state, text),
                           choices[row->type]);
        }
    }
}

/* 2^64 is 213503982334.6 days and 17179869184 GiB. */
static void fields__never_wrap_a_number_around(void **state)
{
    static const struct {
        enum type type;
        const char *text;
    } rows[] = {
        {INTEGER, "18446744073709551617"}, {DURATION, "213503982335d"},
        {DURATION, "999999999999999h"},    {SIZE, "17179869184GiB"},
        {SIZE, "17179869185GiB"},
    };
    CLEANUP(release_arena) struct arena *arena = arena_new();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_contains(
            rows[i].text,
            config_fault(*state, text_of(arena, rows[i].type, rows[i].text)),
            "is out of range; write a value from");
    }
}

/* --- keys of other versions ------------------------------------------------
 */

struct changing {
    const char *target;
};

static const struct field changing_fields[] = {
    {.key = "target",
     .offset = offsetof(struct changing, target),
     .doc = "The target.",
     .since = "0.2.0"},
    {.key = "goal",
     .flags = FIELD_REQUIRED,
     .since = "0.1.0",
     .removed = "0.2.0",
     .instead = "target"},
    {.key = "color", .since = "0.1.0", .removed = "0.3.0"},
    {0},
};

static const struct field no_fields[] = {{0}};

static const struct integration_fields changing = {
    .kind = "changing",
    .summary = "an integration whose keys have changed",
    .registration = changing_fields,
    .registration_size = sizeof(struct changing),
    .attachment = no_fields,
};

static const struct integration_fields *const changing_table[] = {&changing,
                                                                  NULL};

static const struct config_rules changing_rules = {
    .integrations = changing_table,
    .check_property = kafka_check_property,
};

static const char *changing_fault(struct config_test *test, const char *line)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();

    config_write_text(
        test, "c.yaml",
        arena_printf(arena, "registrations:\n  - name: a\n    %s\n", line));
    config_files_release(&test->files);
    str_clear(&test->faults);
    settings_free(test->settings);
    test->settings = NULL;
    if (config_load(test->file, &changing_rules, 0, &test->settings,
                    &test->faults, &test->warnings, &test->files) == 0) {
        return "";
    }
    return test->faults.data + strlen(test->file);
}

static void fields__of_earlier_versions_are_named_with_their_version(
    void **state)
{
    assert_string_equal(changing_fault(*state, "target: x"), "");
    assert_string_equal(
        changing_fault(*state, "goal: x"),
        ":3:5: registrations[0].goal: this key was introduced in Waybill 0.1.0 "
        "and removed in 0.2.0; use target\n");
    assert_string_equal(
        changing_fault(*state, "color: x"),
        ":3:5: registrations[0].color: this key was introduced in Waybill "
        "0.1.0 and removed in 0.3.0; remove it\n");
    /* A removed key is not suggested. */
    assert_string_equal(
        changing_fault(*state, "goals: x"),
        ":3:5: registrations[0].goals: unknown key; Waybill " WAYBILL_VERSION
        " has these keys here: name, integration, description, target\n");
}

static void fields__removed_from_the_table_are_in_the_reference(void **state)
{
    CLEANUP(str_release) struct str reference = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str schema = STR_INIT(STR_UNLIMITED);

    config_append_reference(&reference, changing_table);
    check_contains("reference", reference.data,
                   "| `registrations[].goal` | removed in 0.2.0");
    config_append_schema(&schema, changing_table);
    check("schema", strstr(schema.data, "goal") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(fields__read_numbers_with_their_units),
        CONFIG_TEST(fields__never_wrap_a_number_around),
        CONFIG_TEST(fields__of_earlier_versions_are_named_with_their_version),
        CONFIG_TEST(fields__removed_from_the_table_are_in_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
