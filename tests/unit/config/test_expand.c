#include <sys/stat.h>

#include "config_file.h"

struct expansion {
    const char *text;
    const char *value; /* NULL: it cannot be expanded, for the reason */
    const char *why;
};

static const struct expansion expansions[] = {
    {"", "", NULL},
    {"plain", "plain", NULL},
    {"${env:WB_ONE}", "one", NULL},
    {"a${env:WB_ONE}b${env:WB_TWO}c", "aonebtwoc", NULL},
    {"${env:WB_EMPTY}", "", NULL},
    {"a${env:WB_LINE}b", "alineb", NULL},
    {"a${env:WB_LINES}b", "alb", NULL},
    /* an inserted value is not expanded again */
    {"${env:WB_NESTED}", "${env:WB_ONE}", NULL},
    {"$${env:WB_ONE}", "${env:WB_ONE}", NULL},
    {"$$${env:WB_ONE}", "$${env:WB_ONE}", NULL},
    {"$", "$", NULL},
    {"$$", "$$", NULL},
    {"a$b{c}", "a$b{c}", NULL},
    {"$env:WB_ONE", "$env:WB_ONE", NULL},
    {"}", "}", NULL},
    /* files: line breaks at the end and a byte order mark are removed */
    {"${file:secret}", "s3cret", NULL},
    {"x${file:./secret}y", "xs3crety", NULL},
    {"${file:windows}", "w", NULL},
    {"${file:lines}", "a\nb", NULL},
    {"${file:marked}", "m", NULL},
    {"a${file:marked}b", "amb", NULL},
    {"${env:WB_MARKED}", "m", NULL},
    {"${file:bare}", "bare", NULL},
    {"${file:nothing}", "", NULL},
    {"${file:refers}", "${env:WB_ONE}", NULL},
    {"${file:limit}", NULL, NULL},
    /* and references that cannot be expanded */
    {"${env:WB_UNSET}", NULL, "environment variable 'WB_UNSET' is not set"},
    {"a${env:WB_ONE}${env:WB_UNSET}", NULL, "'WB_UNSET' is not set"},
    {"${env:WB_BYTES}", NULL, "environment variable 'WB_BYTES' is not UTF-8"},
    {"${file:gone}", NULL,
     "the file 'gone' cannot be read: No such file or directory"},
    {"${file:.}", NULL, "the file '.' cannot be read: Is a directory"},
    {"${file:binary}", NULL, "file 'binary' is not UTF-8 text"},
    {"${file:nul}", NULL, "file 'nul' is not UTF-8 text"},
    {"${file:large}", NULL,
     "the file 'large' cannot be read: it is larger than 65536 bytes"},
    {"${file:fifo}", NULL,
     "the file 'fifo' cannot be read: it is not a regular file"},
    {"${env:WB_ONE", NULL, "'${' has no '}'"},
    {"${", NULL, "'${' has no '}'"},
};

static void set_up(struct config_test *test)
{
    char *large = calloc(1, LIMIT_SECRET_FILE + 2);
    char fifo[128];

    setenv("WB_ONE", "one", 1);
    setenv("WB_TWO", "two", 1);
    setenv("WB_EMPTY", "", 1);
    setenv("WB_MARKED", "\xEF\xBB\xBFm\r\n", 1);
    setenv("WB_LINE", "line\n", 1);
    setenv("WB_LINES", "l\n\r\n", 1);
    setenv("WB_NESTED", "${env:WB_ONE}", 1);
    setenv("WB_BYTES", "\xFF", 1);
    unsetenv("WB_UNSET");
    config_write(test, "secret", "s3cret\n", 7);
    config_write(test, "windows", "w\r\n", 3);
    config_write(test, "lines", "a\nb\n\n", 5);
    config_write(test, "marked", "\xEF\xBB\xBFm\r\n\r\n", 8);
    config_write(test, "bare", "bare", 4);
    config_write(test, "nothing", "\n", 1);
    config_write(test, "refers", "${env:WB_ONE}\n", 14);
    config_write(test, "binary", "\xFF\xFE", 2);
    config_write(test, "nul", "a\0b", 3);
    memset(large, 'x', LIMIT_SECRET_FILE + 1);
    config_write(test, "large", large, LIMIT_SECRET_FILE + 1);
    config_write(test, "limit", large, LIMIT_SECRET_FILE);
    free(large);
    snprintf(fifo, sizeof(fifo), "%s/fifo", test->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
}

/* The value of a librdkafka property may be any text. */
#define PROPERTY "kafka.properties.ssl.key.pem: "

static const char *property_text(struct arena *arena, const char *value)
{
    return arena_printf(
        arena, "kafka: {brokers: \"h:1\", properties: {ssl.key.pem: \"%s\"}}\n",
        value);
}

static const char *property(struct config_test *test, struct arena *arena,
                            const char *value)
{
    const struct settings *settings =
        config_of(test, property_text(arena, value));

    return settings->kafka.properties.pairs[0].value;
}

static const char *property_fault(struct config_test *test, struct arena *arena,
                                  const char *value)
{
    const char *fault = config_fault(test, property_text(arena, value));

    check_contains(value, fault, PROPERTY);
    return strstr(fault, PROPERTY) + strlen(PROPERTY);
}

static void expand__puts_variables_and_files_in(void **state)
{
    struct config_test *test = *state;

    set_up(test);
    for (size_t i = 0; i < ARRAY_SIZE(expansions); i++) {
        const struct expansion *row = &expansions[i];
        CLEANUP(release_arena) struct arena *arena = arena_new();

        if (row->value != NULL) {
            check_text(row->text, property(test, arena, row->text), row->value);
        } else if (row->why != NULL) {
            check_contains(row->text, property_fault(test, arena, row->text),
                           row->why);
        } else {
            check_number(row->text, strlen(property(test, arena, row->text)),
                         LIMIT_SECRET_FILE);
        }
    }
}

/* One of these values is the password. */
static void expand__shows_nothing_of_what_it_could_read(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct config_test *test = *state;

    set_up(test);
    assert_null(
        strstr(property_fault(test, arena, "${file:secret}${env:WB_UNSET}"),
               "s3cret"));
}

static void expand__takes_an_absolute_path_as_it_is(void **state)
{
    CLEANUP(release_arena) struct arena *arena = arena_new();
    struct config_test *test = *state;
    const char *folder = arena_printf(arena, "%s/other", test->folder);
    const char *file = arena_printf(arena, "%s/absolute", folder);
    FILE *absolute;

    assert_int_equal(mkdir(folder, 0700), 0);
    absolute = fopen(file, "w");
    assert_non_null(absolute);
    fputs("there", absolute);
    fclose(absolute);
    assert_string_equal(
        property(test, arena, arena_printf(arena, "${file:%s}", file)),
        "there");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void expand__works_in_every_value_and_from_the_files_folder(void **state)
{
    struct config_test *test = *state;
    const struct settings *settings;

    set_up(test);
    setenv("WB_NUMBER", "12", 1);
    setenv("WB_LEVEL", "warn", 1);
    settings =
        config_of(test, "kafka:\n"
                        "  brokers: ${env:WB_ONE}:1\n"
                        "  properties: {ssl.key.pem: \"${file:secret}\"}\n"
                        "delivery:\n"
                        "  max_attempts: ${env:WB_NUMBER}\n"
                        "  max_age: ${env:WB_NUMBER}h\n"
                        "log:\n"
                        "  level: ${env:WB_LEVEL}\n");
    assert_string_equal(settings->kafka.brokers, "one:1");
    assert_string_equal(settings->kafka.properties.pairs[0].value, "s3cret");
    assert_int_equal(settings->delivery.max_attempts, 12);
    assert_int_equal(settings->delivery.max_age_ms, 12 * 3600 * 1000);
    assert_int_equal(settings->log.level, 2);
}

static void expand__leaves_keys_alone(void **state)
{
    struct config_test *test = *state;

    set_up(test);
    check_contains("key",
                   config_fault(test, "kafka: {brokers: \"h:1\"}\n"
                                      "\"${env:WB_ONE}\": 1\n"),
                   ":2:1: ${env:WB_ONE}: unknown key;");
}

/* An empty variable is an empty value, not a missing one. */
static void expand__may_give_an_empty_text(void **state)
{
    struct config_test *test = *state;

    set_up(test);
    assert_string_equal(config_fault(test, "kafka:\n"
                                           "  brokers: ${env:WB_EMPTY}\n"),
                        ":2:12: kafka.brokers: the value is empty; add one, or "
                        "remove the key\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(expand__puts_variables_and_files_in),
        CONFIG_TEST(expand__shows_nothing_of_what_it_could_read),
        CONFIG_TEST(expand__takes_an_absolute_path_as_it_is),
        CONFIG_TEST(expand__works_in_every_value_and_from_the_files_folder),
        CONFIG_TEST(expand__leaves_keys_alone),
        CONFIG_TEST(expand__may_give_an_empty_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
