#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "asserts.h"
#include "waybill/file.h"

/* A test that blocks fails after this time. */
#define PATIENCE_S 10

static char folder[64];

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, size_t len)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    for (size_t i = 0; i < len; i++) {
        fputc("0123456789abcdef"[i * 7 % 16], file);
    }
    fclose(file);
    return path;
}

static int begin(void **state)
{
    strcpy(folder, "/tmp/waybill-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    alarm(PATIENCE_S);
    return 0;
}

static int finish(void **state)
{
    static const char *const names[] = {"file", "link", "fifo", "large"};

    alarm(0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        unlink(in_folder(names[i]));
    }
    return rmdir(folder);
}

static void file__is_appended_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 100000};

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct error err = ERROR_UNTOUCHED;
        const char *path = write_file("file", sizes[i]);

        str_append_text(&text, "before ");
        assert_int_equal(file_read(path, 0, &text, NULL, &err), 0);
        assert_int_equal(text.len, 7 + sizes[i]);
        assert_memory_equal(text.data, "before ", 7);
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(text.data[7 + at],
                             "0123456789abcdef"[at * 7 % 16]);
        }
        assert_untouched(&err);
    }
}

/* Kubernetes mounts a secret as a link to a link. */
static void file__is_read_through_links_and_stamped(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    const char *path = write_file("file", 10);
    const char *link = in_folder("link");
    struct file_stamp stamp;
    struct file_stamp now;
    struct error err;

    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(file_read(link, 0, &text, &stamp, &err), 0);
    assert_int_equal(text.len, 10);
    assert_true(file_stamp_of(path, &now));
    assert_true(file_stamp_same(&stamp, &now));
    write_file("file", 11);
    assert_true(file_stamp_of(path, &now));
    assert_false(file_stamp_same(&stamp, &now));
}

static void file__may_be_as_large_as_the_limit(void **state)
{
    static const size_t limits[] = {0, 1, 16384, 65536};

    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        CLEANUP(str_release) struct str fits = STR_INIT(limits[i]);
        CLEANUP(str_release) struct str large = STR_INIT(limits[i]);
        struct error err = ERROR_UNTOUCHED;
        char says[64];

        assert_int_equal(
            file_read(write_file("file", limits[i]), 0, &fits, NULL, &err), 0);
        assert_int_equal(fits.len, limits[i]);
        assert_int_equal(file_read(write_file("large", limits[i] + 1), 0,
                                   &large, NULL, &err),
                         -1);
        assert_error_kind(&err, ERROR_CONFIG);
        snprintf(says, sizeof(says), "it is larger than %zu bytes", limits[i]);
        assert_string_equal(err.message, says);
    }
}

/* A FIFO with or without a writer, and other files that could block. */
static void file__is_a_regular_one(void **state)
{
    const char *fifo = in_folder("fifo");
    const struct {
        const char *path;
        enum error_kind kind;
        const char *says;
    } rows[] = {
        {fifo, ERROR_CONFIG, "it is not a regular file"},
        {"/dev/null", ERROR_CONFIG, "it is not a regular file"},
        {"/dev/zero", ERROR_CONFIG, "it is not a regular file"},
        {folder, ERROR_CONFIG, "Is a directory"},
        {"/dev/null/below", ERROR_CONFIG, "Not a directory"},
        {in_folder("gone"), ERROR_NOT_FOUND, "No such file or directory"},
    };
    int writer;

    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        struct file_stamp stamp = {.size = 7};
        struct error err;

        check_number(rows[i].path,
                     file_read(rows[i].path, 0, &text, &stamp, &err), -1);
        check_kind(rows[i].path, &err, rows[i].kind);
        check_text(rows[i].path, err.message, rows[i].says);
        check_number(rows[i].path, text.len, 0);
        check_number(rows[i].path, stamp.size, 7);
        check_number(rows[i].path, file_check(rows[i].path, &err), -1);
        check_kind(rows[i].path, &err, rows[i].kind);
        check_text(rows[i].path, err.message, rows[i].says);
    }
    writer = open(fifo, O_RDWR | O_CLOEXEC);
    assert_return_code(write(writer, "text", 4), 0);
    assert_int_equal(file_check(fifo, &(struct error){0}), -1);
    close(writer);
}

static void file__may_be_a_pipe_where_a_person_names_it(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(8);
    const char *fifo = in_folder("fifo");
    char path[32];
    struct error err;
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_int_equal(file_read(path, FILE_MAY_BE_PIPE, &text, NULL, &err), 0);
    assert_string_equal(text.data, "piped");
    close(ends[0]);
    /* The writer opens it later. */
    assert_int_equal(mkfifo(fifo, 0600), 0);
    child = fork();
    if (child == 0) {
        usleep(20000);
        _exit(write(open(fifo, O_WRONLY), "later", 5) != 5);
    }
    str_clear(&text);
    assert_int_equal(file_read(fifo, FILE_MAY_BE_PIPE, &text, NULL, &err), 0);
    assert_string_equal(text.data, "later");
    /* The limit still applies. */
    assert_int_equal(
        file_read("/dev/zero", FILE_MAY_BE_PIPE, &text, NULL, &err), -1);
    assert_message_contains(&err, "it is larger than 8 bytes");
}

static void file__that_is_open_is_read_from_where_it_stands(void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    int fd = open(write_file("file", 5), O_RDONLY | O_CLOEXEC);
    struct error err;

    assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
    assert_int_equal(file_read_open(fd, &text, &err), 0);
    assert_string_equal(text.data, "5c");
    close(fd);
    assert_int_equal(file_read_open(fd, &text, &err), -1);
    assert_message_contains(&err, "Bad file descriptor");
}

static void file__is_checked_without_being_read(void **state)
{
    struct error err = ERROR_UNTOUCHED;

    assert_int_equal(file_check(write_file("file", 100000), &err), 0);
    assert_untouched(&err);
    /* No file descriptor is leaked. */
    for (int i = 0; i < 3000; i++) {
        CLEANUP(str_release) struct str text = STR_INIT(10);

        assert_int_equal(file_check(in_folder("file"), &err), 0);
        assert_int_equal(file_check(folder, &err), -1);
        assert_int_equal(file_read(folder, 0, &text, NULL, &err), -1);
        assert_int_equal(file_read(in_folder("file"), 0, &text, NULL, &err),
                         -1);
    }
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(file__is_appended_whole),
        FILE_TEST(file__is_read_through_links_and_stamped),
        FILE_TEST(file__may_be_as_large_as_the_limit),
        FILE_TEST(file__is_a_regular_one),
        FILE_TEST(file__may_be_a_pipe_where_a_person_names_it),
        FILE_TEST(file__that_is_open_is_read_from_where_it_stands),
        FILE_TEST(file__is_checked_without_being_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
