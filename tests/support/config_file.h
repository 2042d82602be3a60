#ifndef WAYBILL_TESTS_CONFIG_FILE_H
#define WAYBILL_TESTS_CONFIG_FILE_H

/* Loads configurations for tests: they are written into a directory of their
 * own and loaded with the rules of the program, in an environment without
 * any variable WAYBILL_... except those that the test sets. */

#include <dirent.h>
#include <unistd.h>

#include "asserts.h"
#include "waybill/config.h"
#include "waybill/integration.h"
#include "waybill/kafka_check.h"

/* Rejects linger.ms, as the creation of the clients would. */
static inline int check_test_clients(const struct kafka_settings *kafka,
                                     const char **ret_key, struct error *err)
{
    *ret_key = NULL;
    for (size_t i = 0; i < kafka->properties.count; i++) {
        if (strcmp(kafka->properties.pairs[i].key, "linger.ms") == 0) {
            *ret_key = "linger.ms";
            return error_set(err, ERROR_CONFIG, "too long");
        }
    }
    return strcmp(kafka->group, "bad") == 0
               ? error_set(err, ERROR_CONFIG, "a bad group")
               : 0;
}

static const struct config_rules config_test_rules = {
    .integrations = integration_table,
    .check_property = kafka_check_property,
    .find_property = kafka_find_property,
    .check_clients = check_test_clients,
};

/* Also removes WAYBILL_TEST_SOURCE, so read that before. */
static inline void forget_variables(void)
{
    char name[256];
    char **at = environ;

    while (*at != NULL) {
        size_t len = strcspn(*at, "=");

        if (strncmp(*at, "WAYBILL_", 8) == 0 && len < sizeof(name)) {
            memcpy(name, *at, len);
            name[len] = '\0';
            unsetenv(name);
            at = environ;
        } else {
            at++;
        }
    }
}

struct config_test {
    char folder[64];
    char file[96];
    struct settings *settings;
    struct config_files files;
    struct str faults;
    struct str warnings;
};

static inline int config_begin(void **state)
{
    static struct config_test test;

    memset(&test, 0, sizeof(test));
    forget_variables();
    strcpy(test.folder, "/tmp/waybill-unit-XXXXXX");
    assert_non_null(mkdtemp(test.folder));
    snprintf(test.file, sizeof(test.file), "%s/c.yaml", test.folder);
    str_init(&test.faults, STR_UNLIMITED);
    str_init(&test.warnings, STR_UNLIMITED);
    *state = &test;
    return 0;
}

static inline int config_finish(void **state)
{
    struct config_test *test = *state;
    DIR *folder = opendir(test->folder);
    const struct dirent *entry;
    char path[512];

    while ((entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", test->folder, entry->d_name);
        unlink(path);
    }
    closedir(folder);
    rmdir(test->folder);
    settings_free(test->settings);
    config_files_release(&test->files);
    str_release(&test->faults);
    str_release(&test->warnings);
    return 0;
}

static inline void config_write(const struct config_test *test,
                                const char *name, const void *data, size_t len)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", test->folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static inline void config_write_text(const struct config_test *test,
                                     const char *name, const char *text)
{
    config_write(test, name, text, strlen(text));
}

/* Loads the file again, with its current content. */
static inline int config_load_again(struct config_test *test, unsigned access)
{
    settings_free(test->settings);
    test->settings = NULL;
    config_files_release(&test->files);
    str_clear(&test->faults);
    str_clear(&test->warnings);
    return config_load(test->file, &config_test_rules, access, &test->settings,
                       &test->faults, &test->warnings, &test->files);
}

static inline int config_try(struct config_test *test, const char *text,
                             unsigned access)
{
    config_write_text(test, "c.yaml", text);
    return config_load_again(test, access);
}

/* The settings of a configuration that must be valid */
static inline const struct settings *config_of(struct config_test *test,
                                               const char *text)
{
    int result = config_try(test, text, 0);

    check_text(text, test->faults.data, "");
    check_number(text, result, 0);
    return test->settings;
}

/* The first fault, after the name of the file */
static inline const char *config_fault(struct config_test *test,
                                       const char *text)
{
    size_t len = strlen(test->file);

    check_number(text, config_try(test, text, 0), -1);
    check(text, test->settings == NULL);
    return strncmp(test->faults.data, test->file, len) == 0
               ? test->faults.data + len
               : test->faults.data;
}

#define CONFIG_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, config_begin, config_finish)

#endif
