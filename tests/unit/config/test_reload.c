/* What tells that a configuration would be another one by now: how its files
 * look, and what of it takes a restart. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_internal.h"
#include "config_file.h"

#define KAFKA "kafka: {brokers: \"h:1\"}\n"

static struct config_files files;

static bool load(struct config_test *test)
{
    int result;

    str_clear(&test->faults);
    config_files_release(&files);
    settings_free(test->settings);
    test->settings = NULL;
    result =
        config_load_files(test->file, &config_test_rules, 0, &test->settings,
                          &test->faults, &test->warnings, &files);
    return result == 0;
}

static void write_text(struct config_test *test, const char *name,
                       const char *text)
{
    config_write(test, name, text, strlen(text));
}

/* There is nothing to be read at the second look. */
static void check_seen(bool other)
{
    assert_int_equal(config_files_look(&files) != NULL, other);
    assert_null(config_files_look(&files));
}

static void write_all(struct config_test *test)
{
    write_text(test, "c.yaml", KAFKA "admin: {token: \"${file:secret}\"}\n");
    write_text(test, "secret", "s3cret");
}

static void files__are_those_that_were_read(void **state)
{
    struct config_test *test = *state;

    write_all(test);
    assert_true(load(test));
    assert_int_equal(files.count, 2);
    assert_string_equal(files.items[0].path, test->file);
    assert_non_null(strstr(files.items[1].path, "/secret"));
    check_seen(false);
    write_text(test, "secret", "s3cret, changed");
    assert_ptr_equal(config_files_look(&files), files.items[1].path);
    check_seen(false);
    write_text(test, "c.yaml", KAFKA);
    check_seen(true);
}

static void files__are_told_apart_where_only_the_file_is_another(void **state)
{
    struct config_test *test = *state;
    char other[128];
    struct stat found;

    write_all(test);
    write_text(test, "other", KAFKA "admin: {token: \"${file:secret}\"}\n");
    assert_true(load(test));
    snprintf(other, sizeof(other), "%s/other", test->folder);
    assert_int_equal(stat(test->file, &found), 0);
    assert_int_equal(
        utimensat(AT_FDCWD, other,
                  (struct timespec[]){found.st_atim, found.st_mtim}, 0),
        0);
    assert_int_equal(rename(other, test->file), 0);
    check_seen(true);
}

/* As Kubernetes changes what it has mounted */
static void files__are_those_that_links_lead_to(void **state)
{
    struct config_test *test = *state;
    char link[128];
    char next[128];

    write_text(test, "first", KAFKA);
    write_text(test, "second", KAFKA);
    snprintf(link, sizeof(link), "%s/..data", test->folder);
    snprintf(next, sizeof(next), "%s/..new", test->folder);
    assert_int_equal(symlink("first", link), 0);
    assert_int_equal(symlink("..data", test->file), 0);
    assert_true(load(test));
    check_seen(false);
    assert_int_equal(symlink("second", next), 0);
    assert_int_equal(rename(next, link), 0);
    check_seen(true);
    assert_int_equal(unlink(link), 0);
    check_seen(true);
}

/* As with no right to read it, or a sandbox around us: what stat() can see of
 * it is what counts, else it would be news for ever. */
static void files__that_cannot_be_opened_are_no_news(void **state)
{
    struct config_test *test = *state;

    write_text(test, "c.yaml", KAFKA);
    files_add(&files, test->file, NULL);
    check_seen(false);
    write_text(test, "c.yaml", KAFKA KAFKA);
    check_seen(true);
}

static void files__of_a_process_are_not_looked_at(void **state)
{
    files_add(&files, "/dev/stdin", NULL);
    files_add(&files, "/proc/self/fd/0", NULL);
    assert_int_equal(files.count, 0);
}

/* So that it is seen when somebody mends it */
static void files__are_known_of_a_configuration_that_is_refused(void **state)
{
    struct config_test *test = *state;
    char secret[128];

    snprintf(secret, sizeof(secret), "%s/secret", test->folder);
    write_all(test);
    assert_int_equal(unlink(secret), 0);
    assert_false(load(test));
    assert_int_equal(files.count, 2);
    check_seen(false);
    write_text(test, "secret", "s3cret");
    check_seen(true);
    assert_true(load(test));
    assert_int_equal(unlink(test->file), 0);
    check_seen(true);
    assert_false(load(test));
    assert_int_equal(files.count, 1);
    write_text(test, "c.yaml", KAFKA);
    check_seen(true);
}

/* --- what takes a restart ---------------------------------------------------
 */

static void check_changed(struct config_test *test, const char *before,
                          const char *after, const char *expected)
{
    CLEANUP(str_release) struct str old = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str new = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str keys = STR_INIT(STR_UNLIMITED);

    write_text(test, "c.yaml", before);
    assert_true(load(test));
    config_put_marks(test->settings, &old);
    write_text(test, "c.yaml", after);
    assert_true(load(test));
    config_put_marks(test->settings, &new);
    assert_null(strstr(old.data, "s3cret"));
    config_put_changed(new.data, old.data, &keys);
    check_text(after, keys.data, expected);
}

static void marks__name_what_has_changed(void **state)
{
    static const char *const rows[][2] = {
        {KAFKA, ""},
        {KAFKA "delivery: {concurrency: 3}\n", ""},
        {KAFKA "log: {level: debug}\n", ""},
        {KAFKA "registries: {allow_any: true}\n", ""},
        {"kafka: {brokers: \"h:2\"}\n", "kafka.brokers"},
        {"kafka: {brokers: \"h:1\", group: g}\n", "kafka.group"},
        {"kafka: {brokers: \"h:1\", group: waybill}\n", ""},
        {"kafka: {brokers: \"h:1\", topics: {outcomes: o}}\n",
         "kafka.topics.outcomes"},
        {"kafka: {brokers: \"h:1\", outcome_mode: structured}\n",
         "kafka.outcome_mode"},
        {"kafka: {brokers: \"h:1\", properties: {sasl.password: s3cret}}\n",
         "kafka.properties"},
        {"kafka: {brokers: \"h:1\", instance_id: i}\nadmin: {token: s3cret}\n",
         "kafka.instance_id, admin.token"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        check_changed(*state, KAFKA, rows[i][0], rows[i][1]);
    }
    check_changed(
        *state,
        "kafka: {brokers: \"h:1\", properties: {sasl.password: s3cret}}\n",
        "kafka: {brokers: \"h:1\", properties: {sasl.password: s3cret2}}\n",
        "kafka.properties");
}

#define CERTIFIED                                                              \
    "kafka: {brokers: \"h:1\", properties: {ssl.ca.location: %s/ca.pem}}\n"    \
    "admin: {tls_certificate: %s/tls.crt, tls_key: %s/tls.key}\n"

static void load_certified(struct config_test *test)
{
    char text[512];

    snprintf(text, sizeof(text), CERTIFIED, test->folder, test->folder,
             test->folder);
    write_text(test, "c.yaml", text);
    assert_true(load(test));
}

/* Whoever renews them does not touch the configuration. */
static void files__are_also_the_certificates_that_it_names(void **state)
{
    struct config_test *test = *state;

    write_text(test, "ca.pem", "first");
    write_text(test, "tls.crt", "first");
    write_text(test, "tls.key", "first");
    load_certified(test);
    assert_int_equal(files.count, 4);
    check_seen(false);
    write_text(test, "ca.pem", "the second");
    check_seen(true);
    write_text(test, "tls.crt", "the second");
    check_seen(true);
    write_text(test, "tls.key", "the second");
    check_seen(true);
}

static void files__of_certificates_may_be_mounted_by_kubernetes(void **state)
{
    struct config_test *test = *state;
    char data[128];
    char next[192];
    char link[128];
    char folder[128];

    snprintf(data, sizeof(data), "%s/..data", test->folder);
    snprintf(next, sizeof(next), "%s/..new", test->folder);
    snprintf(link, sizeof(link), "%s/ca.pem", test->folder);
    snprintf(folder, sizeof(folder), "%s/..1", test->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_text(test, "..1/ca.pem", "first");
    snprintf(folder, sizeof(folder), "%s/..2", test->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_text(test, "..2/ca.pem", "after");
    assert_int_equal(symlink("..1", data), 0);
    assert_int_equal(symlink("..data/ca.pem", link), 0);
    load_certified(test);
    check_seen(false);
    assert_int_equal(symlink("..2", next), 0);
    assert_int_equal(rename(next, data), 0);
    check_seen(true);
    snprintf(next, sizeof(next), "rm -r %s/..1 %s/..2", test->folder,
             test->folder);
    assert_int_equal(system(next), 0);
}

/* Kafka's client is made once; the admin port takes its own by itself. */
static void marks__tell_that_a_certificate_of_kafka_was_renewed(void **state)
{
    CLEANUP(str_release) struct str old = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str new = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str keys = STR_INIT(STR_UNLIMITED);
    struct config_test *test = *state;

    write_text(test, "ca.pem", "first");
    load_certified(test);
    config_put_marks(test->settings, &old);
    write_text(test, "tls.crt", "renewed");
    config_put_marks(test->settings, &new);
    assert_string_equal(new.data, old.data);
    write_text(test, "ca.pem", "after");
    str_clear(&new);
    config_put_marks(test->settings, &new);
    assert_null(strstr(new.data, "after"));
    config_put_changed(new.data, old.data, &keys);
    assert_string_equal(keys.data, "kafka.properties");
}

static int finish(void **state)
{
    config_files_release(&files);
    return config_finish(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files__are_those_that_were_read,
                                        config_begin, finish),
        cmocka_unit_test_setup_teardown(
            files__are_told_apart_where_only_the_file_is_another, config_begin,
            finish),
        cmocka_unit_test_setup_teardown(files__are_those_that_links_lead_to,
                                        config_begin, finish),
        cmocka_unit_test_setup_teardown(
            files__are_known_of_a_configuration_that_is_refused, config_begin,
            finish),
        cmocka_unit_test_setup_teardown(
            files__that_cannot_be_opened_are_no_news, config_begin, finish),
        cmocka_unit_test_setup_teardown(
            files__of_a_process_are_not_looked_at, config_begin,
            finish),
        cmocka_unit_test_setup_teardown(marks__name_what_has_changed,
                                        config_begin, finish),
        cmocka_unit_test_setup_teardown(
            files__are_also_the_certificates_that_it_names, config_begin,
            finish),
        cmocka_unit_test_setup_teardown(
            files__of_certificates_may_be_mounted_by_kubernetes, config_begin,
            finish),
        cmocka_unit_test_setup_teardown(
            marks__tell_that_a_certificate_of_kafka_was_renewed, config_begin,
            finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
