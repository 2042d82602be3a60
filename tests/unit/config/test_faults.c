#include "config_file.h"

/*
 * tests/fixtures/configs/bad: each NAME.yaml is wrong or unusual, and
 * NAME.expected has the exact messages. A first line `# needs: kafka
 * registrations` names the sections that the command requires.
 *
 * With UPDATE_EXPECTED set the files are written again: read the difference.
 */

static unsigned needs_of(const char *text)
{
    size_t len = strcspn(text, "\n");
    unsigned access = 0;

    if (strncmp(text, "# needs:", 8) == 0) {
        access |= memmem(text, len, "kafka", 5) ? CONFIG_REQUIRES_KAFKA : 0;
        access |= memmem(text, len, "registrations", 13)
                      ? CONFIG_REQUIRES_REGISTRATIONS
                      : 0;
    }
    return access;
}

static void write_expected(const char *name, const struct str *faults)
{
    FILE *file = fopen(name, "w");

    fwrite(faults->data, 1, faults->len, file);
    fclose(file);
}

/* Unusual files that are valid have warnings only, or nothing to report. */
static bool is_valid(const char *expected)
{
    return *expected == '\0' || strncmp(expected, "warning: ", 9) == 0;
}

/* The version changes with every release, and the files do not. */
static void hide_version(struct str *faults)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    static const char version[] = "Waybill " WAYBILL_VERSION " ";
    const char *at = faults->data;
    const char *found;

    while ((found = strstr(at, version)) != NULL) {
        str_append(&out, at, (size_t)(found - at));
        str_append_text(&out, "Waybill @VERSION@ ");
        at = found + strlen(version);
    }
    str_append_text(&out, at);
    str_clear(faults);
    str_append(faults, out.data, out.len);
}

/* Warnings follow the faults. */
static void append_warnings(struct str *faults, const struct str *warnings)
{
    for (const char *at = warnings->data; *at != '\0';) {
        size_t len = strcspn(at, "\n") + 1;

        if (memmem(at, len, "WAYBILL_TEST", 12) == NULL) {
            str_printf(faults, "warning: %.*s", (int)len, at);
        }
        at += len;
    }
}

static bool says_what_is_expected(struct arena *arena, const char *file)
{
    CLEANUP(str_release) struct str faults = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str warnings = STR_INIT(STR_UNLIMITED);
    const char *text =
        fixture_text(arena, arena_printf(arena, "configs/bad/%s", file));
    const char *name =
        arena_printf(arena, "%.*s.expected", (int)(strlen(file) - 5), file);
    CLEANUP(config_files_release) struct config_files read;
    struct settings *settings = NULL;
    const char *expected;
    int result = config_load(file, &config_test_rules, needs_of(text),
                             &settings, &faults, &warnings, &read);

    hide_version(&faults);
    append_warnings(&faults, &warnings);
    if (getenv("UPDATE_EXPECTED") != NULL) {
        write_expected(name, &faults);
    }
    /* Every secret of these files contains this word. */
    check(file, strstr(faults.data, "hunter") == NULL);
    expected = fixture_text(arena, arena_printf(arena, "configs/bad/%s", name));
    if (strcmp(faults.data, expected) == 0 &&
        (result == 0) == is_valid(expected)) {
        settings_free(settings);
        return true;
    }
    /* cmocka's own print cuts at 1 KiB. */
    fprintf(stderr, "%s: result %d\n--- got\n%s--- expected\n%s", file, result,
            faults.data, expected);
    settings_free(settings);
    return false;
}

static bool is_yaml(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".yaml") == 0;
}

static void set_variables(void)
{
    const char *source = getenv("WAYBILL_TEST_SOURCE");
    char *kept = source != NULL ? strdup(source) : NULL;

    forget_variables();
    setenv("WAYBILL_TEST_SOURCE", kept, 1);
    free(kept);
    setenv("WB_SECRET", "hunter2", 1);
    setenv("WB_NOT_UTF8", "\xFF", 1);
    unsetenv("WB_UNSET");
}

static void faults__of_every_file_are_as_expected_and_show_no_secret(
    void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    const char *path = fixture_path(arena, "configs/bad");
    DIR *folder = opendir(path);
    const struct dirent *entry;
    size_t count = 0;
    size_t wrong = 0;

    assert_non_null(folder);
    assert_int_equal(chdir(path), 0);
    set_variables();
    while ((entry = readdir(folder)) != NULL) {
        if (is_yaml(entry->d_name)) {
            count++;
            wrong += !says_what_is_expected(arena, entry->d_name);
        }
    }
    closedir(folder);
    check_number("files with other messages", wrong, 0);
    assert_true(count >= 380);
}

static void faults__say_why_a_file_cannot_be_read(void **state)
{
    static const char *const files[][2] = {
        {"/no/such/waybill.yaml", "/no/such/waybill.yaml: the file cannot be "
                                  "read: No such file or directory\n"},
        {"/dev/null/c.yaml",
         "/dev/null/c.yaml: the file cannot be read: Not a directory\n"},
        {"/tmp", "/tmp: the file cannot be read: Is a directory\n"},
        {"/dev/null",
         "/dev/null: the file cannot be read: it is not a regular file\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        CLEANUP(str_release) struct str faults = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str warnings = STR_INIT(STR_UNLIMITED);
        CLEANUP(config_files_release) struct config_files read;
        struct settings *settings = NULL;

        check_number(files[i][0],
                     config_load(files[i][0], &config_test_rules, 0, &settings,
                                 &faults, &warnings, &read),
                     -1);
        check_text(files[i][0], faults.data, files[i][1]);
    }
}

static void faults__hold_a_file_to_its_cap(void **state)
{
    struct config_test *test = *state;
    size_t len = LIMIT_CONFIG_BYTES + 1;
    char *text = malloc(len + 1);

    memset(text, '#', len);
    text[len] = '\0';
    assert_string_equal(config_fault(test, text),
                        ": the file cannot be read: it is larger than 1048576 "
                        "bytes\n");
    text[len - 1] = '\0';
    assert_non_null(
        strstr(config_fault(test, text), ": the file configures nothing"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            faults__of_every_file_are_as_expected_and_show_no_secret),
        cmocka_unit_test(faults__say_why_a_file_cannot_be_read),
        CONFIG_TEST(faults__hold_a_file_to_its_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
