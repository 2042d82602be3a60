/* The detection of a changed configuration: the stamps of its files, and the
 * keys that require a restart. */

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config_file.h"

#define KAFKA "kafka: {brokers: \"h:1\"}\n"

/* The second poll has nothing to report. */
static void check_seen(struct config_test *test, bool other)
{
    assert_int_equal(config_files_find_changed(&test->files) != NULL, other);
    assert_null(config_files_find_changed(&test->files));
}

static void write_all(struct config_test *test)
{
    config_write_text(test, "c.yaml",
                      KAFKA "admin: {token: \"${file:secret}\"}\n");
    config_write_text(test, "secret", "s3cret");
}

static void files__are_those_that_were_read(void **state)
{
    struct config_test *test = *state;

    write_all(test);
    assert_int_equal(config_load_again(test, 0), 0);
    assert_int_equal(test->files.count, 2);
    assert_string_equal(test->files.items[0].path, test->file);
    assert_non_null(strstr(test->files.items[1].path, "/secret"));
    check_seen(test, false);
    config_write_text(test, "secret", "s3cret, changed");
    assert_ptr_equal(config_files_find_changed(&test->files),
                     test->files.items[1].path);
    check_seen(test, false);
    config_write_text(test, "c.yaml", KAFKA);
    check_seen(test, true);
}

static void files__are_told_apart_where_only_the_file_is_another(void **state)
{
    struct config_test *test = *state;
    char other[128];
    struct stat found;

    write_all(test);
    config_write_text(test, "other",
                      KAFKA "admin: {token: \"${file:secret}\"}\n");
    assert_int_equal(config_load_again(test, 0), 0);
    snprintf(other, sizeof(other), "%s/other", test->folder);
    assert_int_equal(stat(test->file, &found), 0);
    assert_int_equal(
        utimensat(AT_FDCWD, other,
                  (struct timespec[]){found.st_atim, found.st_mtim}, 0),
        0);
    assert_int_equal(rename(other, test->file), 0);
    check_seen(test, true);
}

/* As Kubernetes updates what it has mounted */
static void files__are_those_that_links_lead_to(void **state)
{
    struct config_test *test = *state;
    char link[128];
    char next[128];

    config_write_text(test, "first", KAFKA);
    config_write_text(test, "second", KAFKA);
    snprintf(link, sizeof(link), "%s/..data", test->folder);
    snprintf(next, sizeof(next), "%s/..new", test->folder);
    assert_int_equal(symlink("first", link), 0);
    assert_int_equal(symlink("..data", test->file), 0);
    assert_int_equal(config_load_again(test, 0), 0);
    check_seen(test, false);
    assert_int_equal(symlink("second", next), 0);
    assert_int_equal(rename(next, link), 0);
    check_seen(test, true);
    assert_int_equal(unlink(link), 0);
    check_seen(test, true);
}

/* Drops or restores the right of root to read any file. Another user id would
 * not do: it may not even be able to enter the directory if that of root is
 * private. */
static void set_override(bool allowed)
{
    const uint32_t bits = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    assert_int_equal(syscall(SYS_capget, &header, data), 0);
    data[0].effective = allowed ? data[0].effective | (data[0].permitted & bits)
                                : data[0].effective & ~bits;
    assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static int load_without_rights(struct config_test *test)
{
    int result;

    set_override(false);
    result = config_load_again(test, 0);
    set_override(true);
    return result;
}

/* This is also true in a sandbox: the result of stat() decides; otherwise the
 * file would count as changed for ever. */
static void files__that_cannot_be_opened_are_no_news(void **state)
{
    struct config_test *test = *state;
    char secret[128];

    snprintf(secret, sizeof(secret), "%s/secret", test->folder);
    write_all(test);
    assert_int_equal(chmod(secret, 0), 0);
    assert_int_equal(load_without_rights(test), -1);
    check_contains("why", test->faults.data,
                   "the file 'secret' cannot be read");
    check_seen(test, false);
    assert_int_equal(chmod(secret, 0600), 0);
    config_write_text(test, "secret", "s3cret, changed");
    check_seen(test, true);
}

static void files__of_a_process_are_not_looked_at(void **state)
{
    struct config_test *test = *state;
    int fd = memfd_create("config", MFD_CLOEXEC);

    dprintf(fd, KAFKA);
    snprintf(test->file, sizeof(test->file), "/proc/self/fd/%d", fd);
    assert_int_equal(config_load_again(test, 0), 0);
    assert_int_equal(test->files.count, 0);
    close(fd);
}

/* The file is watched, so that a correction is noticed. */
static void files__are_known_of_a_configuration_that_is_refused(void **state)
{
    struct config_test *test = *state;
    char secret[128];

    snprintf(secret, sizeof(secret), "%s/secret", test->folder);
    write_all(test);
    assert_int_equal(unlink(secret), 0);
    assert_int_equal(config_load_again(test, 0), -1);
    assert_int_equal(test->files.count, 2);
    check_seen(test, false);
    config_write_text(test, "secret", "s3cret");
    check_seen(test, true);
    assert_int_equal(config_load_again(test, 0), 0);
    assert_int_equal(unlink(test->file), 0);
    check_seen(test, true);
    assert_int_equal(config_load_again(test, 0), -1);
    assert_int_equal(test->files.count, 1);
    config_write_text(test, "c.yaml", KAFKA);
    check_seen(test, true);
}

/* --- keys that require a restart
 * ----------------------------------------------- */

static void check_changed(struct config_test *test, const char *before,
                          const char *after, const char *expected)
{
    CLEANUP(str_release) struct str old = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str new = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str keys = STR_INIT(STR_UNLIMITED);

    config_write_text(test, "c.yaml", before);
    assert_int_equal(config_load_again(test, 0), 0);
    config_append_restart_digests(test->settings, &old);
    config_write_text(test, "c.yaml", after);
    assert_int_equal(config_load_again(test, 0), 0);
    config_append_restart_digests(test->settings, &new);
    assert_null(strstr(old.data, "s3cret"));
    config_append_changed_keys(new.data, old.data, &keys);
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
    config_write_text(test, "c.yaml", text);
    assert_int_equal(config_load_again(test, 0), 0);
}

/* The renewal of certificates does not change the configuration. */
static void files__are_also_the_certificates_that_it_names(void **state)
{
    struct config_test *test = *state;

    config_write_text(test, "ca.pem", "first");
    config_write_text(test, "tls.crt", "first");
    config_write_text(test, "tls.key", "first");
    load_certified(test);
    assert_int_equal(test->files.count, 4);
    check_seen(test, false);
    config_write_text(test, "ca.pem", "the second");
    check_seen(test, true);
    config_write_text(test, "tls.crt", "the second");
    check_seen(test, true);
    config_write_text(test, "tls.key", "the second");
    check_seen(test, true);
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
    config_write_text(test, "..1/ca.pem", "first");
    snprintf(folder, sizeof(folder), "%s/..2", test->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    config_write_text(test, "..2/ca.pem", "after");
    assert_int_equal(symlink("..1", data), 0);
    assert_int_equal(symlink("..data/ca.pem", link), 0);
    load_certified(test);
    check_seen(test, false);
    assert_int_equal(symlink("..2", next), 0);
    assert_int_equal(rename(next, data), 0);
    check_seen(test, true);
    snprintf(next, sizeof(next), "rm -r %s/..1 %s/..2", test->folder,
             test->folder);
    assert_int_equal(system(next), 0);
}

/* Kafka's client is created once; the admin port renews its certificate by
 * itself. */
static void marks__tell_that_a_certificate_of_kafka_was_renewed(void **state)
{
    CLEANUP(str_release) struct str old = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str new = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str keys = STR_INIT(STR_UNLIMITED);
    struct config_test *test = *state;

    config_write_text(test, "ca.pem", "first");
    load_certified(test);
    config_append_restart_digests(test->settings, &old);
    config_write_text(test, "tls.crt", "renewed");
    config_append_restart_digests(test->settings, &new);
    assert_string_equal(new.data, old.data);
    config_write_text(test, "ca.pem", "after");
    str_clear(&new);
    config_append_restart_digests(test->settings, &new);
    assert_null(strstr(new.data, "after"));
    config_append_changed_keys(new.data, old.data, &keys);
    assert_string_equal(keys.data, "kafka.properties");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(files__are_those_that_were_read),
        CONFIG_TEST(files__are_told_apart_where_only_the_file_is_another),
        CONFIG_TEST(files__are_those_that_links_lead_to),
        CONFIG_TEST(files__are_known_of_a_configuration_that_is_refused),
        CONFIG_TEST(files__that_cannot_be_opened_are_no_news),
        CONFIG_TEST(files__of_a_process_are_not_looked_at),
        CONFIG_TEST(marks__name_what_has_changed),
        CONFIG_TEST(files__are_also_the_certificates_that_it_names),
        CONFIG_TEST(files__of_certificates_may_be_mounted_by_kubernetes),
        CONFIG_TEST(marks__tell_that_a_certificate_of_kafka_was_renewed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
