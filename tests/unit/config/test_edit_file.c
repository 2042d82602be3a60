#include <sys/file.h>
#include <sys/stat.h>

#include "config_file.h"
#include "waybill/config_edit.h"

#define OLD "registrations:\n  - {name: a, repository: h/a}\n"
#define NEW "registrations:\n  - {name: b, repository: h/b}\n"

static const char *content_of(struct str *out, const char *folder,
                              const char *name)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    struct error err;

    str_printf(&path, "%s/%s", folder, name);
    str_clear(out);
    return file_read(path.data, 0, out, NULL, &err) == 0 ? out->data : NULL;
}

static mode_t mode_of(const char *folder, const char *name)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    struct stat found = {0};

    str_printf(&path, "%s/%s", folder, name);
    return stat(path.data, &found) == 0 ? found.st_mode & 07777 : 0;
}

static struct config_edit *begin(const char *path)
{
    struct config_edit *edit = NULL;
    struct error err = {0};

    check_number(err.message, config_edit_begin(path, &edit, &err), 0);
    return edit;
}

static void commit__replaces_the_file_and_keeps_the_old_one(void **state)
{
    struct config_test *test = *state;
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct config_edit *edit;
    struct error err;

    config_write_text(test, "c.yaml", OLD);
    config_write_text(test, "c.yaml.new", "left by a command that was killed");
    assert_int_equal(chmod(test->file, 0640), 0);
    edit = begin(test->file);
    assert_null(config_edit_read_only(edit));
    assert_true(bytes_equal(config_edit_content(edit), bytes_of(OLD)));
    assert_int_equal(config_edit_commit(edit, bytes_of(NEW), &err), 0);
    config_edit_end(edit);
    assert_string_equal(content_of(&text, test->folder, "c.yaml"), NEW);
    assert_string_equal(content_of(&text, test->folder, "c.yaml.bak"), OLD);
    assert_null(content_of(&text, test->folder, "c.yaml.new"));
    assert_int_equal(mode_of(test->folder, "c.yaml"), 0640);
    assert_int_equal(mode_of(test->folder, "c.yaml.bak"), 0640);
}

static void commit__refuses_a_file_that_has_changed(void **state)
{
    struct config_test *test = *state;
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    struct config_edit *edit;
    struct error err;

    config_write_text(test, "c.yaml", OLD);
    edit = begin(test->file);
    config_write_text(test, "c.yaml", "kafka: {}\n");
    assert_int_equal(config_edit_commit(edit, bytes_of(NEW), &err), -1);
    assert_non_null(strstr(err.message, "was changed by another program"));
    config_edit_end(edit);
    assert_string_equal(content_of(&text, test->folder, "c.yaml"),
                        "kafka: {}\n");
}

static void begin__locks_the_directory(void **state)
{
    struct config_test *test = *state;
    struct config_edit *edit;
    int fd;

    config_write_text(test, "c.yaml", OLD);
    edit = begin(test->file);
    fd = open(test->folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
    config_edit_end(edit);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
}

static void begin__reports_a_file_that_is_missing(void **state)
{
    struct config_test *test = *state;
    struct config_edit *edit = NULL;
    struct error err;

    assert_int_equal(config_edit_begin(test->file, &edit, &err), -1);
    assert_non_null(strstr(err.message, "No such file"));
    config_edit_end(NULL);
}

/* A link beside the file, and one in another directory */
static void links__are_followed(void **state)
{
    struct config_test *test = *state;
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str link = STR_INIT(STR_UNLIMITED);
    char other[] = "/tmp/waybill-unit-XXXXXX";
    struct config_edit *edit;
    const char *path = NULL;
    struct error err;

    config_write_text(test, "c.yaml", OLD);
    assert_non_null(mkdtemp(other));
    str_printf(&link, "%s/link.yaml", other);
    assert_int_equal(symlink(test->file, link.data), 0);
    edit = begin(link.data);
    assert_int_equal(config_edit_write_secret(edit, "a.b", "x", &path, &err),
                     0);
    str_printf(&text, "%s/secrets/a.b", test->folder);
    assert_string_equal(path, text.data);
    assert_int_equal(config_edit_commit(edit, bytes_of(NEW), &err), 0);
    config_edit_remove_secrets(edit, bytes_of(NEW), "a");
    config_edit_end(edit);
    assert_string_equal(content_of(&text, test->folder, "c.yaml"), NEW);
    assert_string_equal(content_of(&text, other, "link.yaml"), NEW);
    unlink(link.data);
    rmdir(other);
    str_cut(&link, 0);
    str_printf(&link, "%s/secrets", test->folder);
    assert_int_equal(rmdir(link.data), 0);
}

static void volumes__are_read_only(void **state)
{
    struct config_test *test = *state;
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    struct config_edit *edit;

    str_printf(&path, "%s/..data", test->folder);
    assert_int_equal(mkdir(path.data, 0700), 0);
    config_write_text(test, "..data/config.yaml", OLD);
    assert_int_equal(symlink("..data/config.yaml", test->file), 0);
    edit = begin(test->file);
    assert_true(config_edit_is_volume(edit));
    assert_non_null(config_edit_read_only(edit));
    config_edit_end(edit);
    str_append_text(&path, "/config.yaml");
    unlink(path.data);
    str_cut(&path, path.len - strlen("/config.yaml"));
    assert_int_equal(rmdir(path.data), 0);
}

/* --- secrets ----------------------------------------------------------------
 */

static void write_secret(struct config_edit *edit, const char *name)
{
    const char *path = NULL;
    struct error err = {0};

    check_number(
        name, config_edit_write_secret(edit, name, "s3cret", &path, &err), 0);
    assert_int_equal(strncmp(path, "secrets/", 8), 0);
    assert_string_equal(path + 8, name);
}

static void secrets__belong_to_whoever_reads_the_configuration(void **state)
{
    static const struct {
        mode_t file, secret, folder;
    } modes[] = {{0600, 0600, 0700}, {0644, 0600, 0700}, {0640, 0640, 0750}};
    struct config_test *test = *state;
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    config_write_text(test, "c.yaml", OLD);
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        struct config_edit *edit;

        assert_int_equal(chmod(test->file, modes[i].file), 0);
        edit = begin(test->file);
        write_secret(edit, "a.password");
        assert_string_equal(
            content_of(&text, test->folder, "secrets/a.password"), "s3cret");
        assert_int_equal(mode_of(test->folder, "secrets/a.password"),
                         modes[i].secret);
        assert_int_equal(mode_of(test->folder, "secrets"), modes[i].folder);
        config_edit_end(edit);
        /* not committed */
        assert_null(content_of(&text, test->folder, "secrets/a.password"));
        str_clear(&text);
        str_printf(&text, "%s/secrets", test->folder);
        assert_int_equal(rmdir(text.data), 0);
    }
}

static void secrets__are_removed_with_what_refers_to_them(void **state)
{
    struct config_test *test = *state;
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const char *path = NULL;
    struct config_edit *edit;
    struct error err;

    config_write_text(test, "c.yaml", OLD);
    edit = begin(test->file);
    write_secret(edit, "a.one");
    write_secret(edit, "a.two");
    write_secret(edit, "ab.one");
    assert_int_equal(config_edit_write_secret(edit, "a.one", "x", &path, &err),
                     -1);
    assert_non_null(strstr(err.message, "exists already"));
    assert_int_equal(config_edit_commit(edit, bytes_of(NEW), &err), 0);
    config_edit_remove_secrets(edit, bytes_of("x: ${file:secrets/a.two}"), "a");
    assert_null(content_of(&text, test->folder, "secrets/a.one"));
    assert_non_null(content_of(&text, test->folder, "secrets/a.two"));
    assert_non_null(content_of(&text, test->folder, "secrets/ab.one"));
    config_edit_remove_secrets(edit, bytes_of(""), NULL);
    config_edit_remove_secrets(edit, bytes_of(""), "a");
    config_edit_remove_secrets(edit, bytes_of(""), "ab");
    config_edit_end(edit);
    str_clear(&text);
    str_printf(&text, "%s/secrets", test->folder);
    assert_int_equal(rmdir(text.data), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(commit__replaces_the_file_and_keeps_the_old_one),
        CONFIG_TEST(commit__refuses_a_file_that_has_changed),
        CONFIG_TEST(begin__locks_the_directory),
        CONFIG_TEST(begin__reports_a_file_that_is_missing),
        CONFIG_TEST(links__are_followed),
        CONFIG_TEST(volumes__are_read_only),
        CONFIG_TEST(secrets__belong_to_whoever_reads_the_configuration),
        CONFIG_TEST(secrets__are_removed_with_what_refers_to_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
