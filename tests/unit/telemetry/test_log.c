#include "capture.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "waybill/clock.h"
#include "waybill/json.h"
#include "waybill/log.h"

/* The timestamp is checked here and removed. */
static const char *behind_time(const char *line, const char *before,
                               const char *after)
{
    char ts[CLOCK_TEXT_SIZE] = "";

    assert_memory_equal(line, before, strlen(before));
    memcpy(ts, line + strlen(before), 24);
    assert_true(clock_parse_rfc3339(ts) > 1700000000000);
    line += strlen(before) + 24;
    assert_memory_equal(line, after, strlen(after));
    return line + strlen(after);
}

static const char *json_line(struct capture *capture)
{
    return behind_time(capture_end(capture), "{\"ts\":\"", "\",");
}

static const char *logfmt_line(struct capture *capture)
{
    return behind_time(capture_end(capture), "ts=", " ");
}

static void log__writes_one_line_of_json(void **state)
{
    struct capture capture;

    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_JSON);
    log_write(LOG_WARN, "pipeline", "record done", LOG_TEXT("topic", "t\"\n"),
              LOG_NUMBER("offset", 42), LOG_TEXT("key", ""),
              LOG_NUMBER("lag", -1));
    assert_string_equal(json_line(&capture),
                        "\"level\":\"warn\",\"msg\":\"record done\","
                        "\"module\":\"pipeline\",\"topic\":\"t\\\"\\n\","
                        "\"offset\":42,\"key\":\"\",\"lag\":-1}\n");
}

static void log__writes_one_line_of_logfmt(void **state)
{
    struct capture capture;

    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_LOGFMT);
    log_write(LOG_ERROR, "cli", "it failed", LOG_TEXT("bare", "a/b:c-1"),
              LOG_TEXT("blank", "a b"), LOG_TEXT("quote", "a\"b"),
              LOG_TEXT("equals", "a=b"), LOG_TEXT("empty", ""),
              LOG_TEXT("line", "a\nb"), LOG_TEXT("wide", "\xC3\xA9"),
              LOG_NUMBER("n", 7));
    assert_string_equal(
        logfmt_line(&capture),
        "level=error msg=\"it failed\" module=cli bare=a/b:c-1 blank=\"a b\" "
        "quote=\"a\\\"b\" equals=\"a=b\" empty=\"\" line=\"a\\nb\" "
        "wide=\"\xC3\xA9\" n=7\n");
}

static void log__leaves_out_a_text_that_is_not_there(void **state)
{
    const char *none = NULL;
    struct capture capture;

    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_JSON);
    log_write(LOG_INFO, "m", "x", LOG_TEXT("none", none), LOG_NUMBER("zero", 0),
              LOG_TEXT("some", "y"));
    assert_string_equal(json_line(&capture),
                        "\"level\":\"info\",\"msg\":\"x\",\"module\":\"m\","
                        "\"zero\":0,\"some\":\"y\"}\n");
    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_LOGFMT);
    log_write(LOG_INFO, "m", "x", LOG_TEXT("none", none),
              LOG_NUMBER("zero", 0));
    assert_string_equal(logfmt_line(&capture),
                        "level=info msg=x module=m zero=0\n");
}

static void log__writes_only_what_is_grave_enough(void **state)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN,
                                            LOG_ERROR};

    for (size_t min = 0; min < ARRAY_SIZE(levels); min++) {
        log_setup(levels[min], LOG_JSON);
        for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
            struct capture capture;

            capture_begin(&capture);
            log_write(levels[i], "m", "x", LOG_NUMBER("n", 1));
            assert_int_equal(*capture_end(&capture) != '\0', i >= min);
        }
    }
}

static void log__writes_json_where_stderr_is_no_terminal(void **state)
{
    struct capture capture;

    capture_begin(&capture);
    log_setup(LOG_INFO, LOG_AUTO);
    log_write(LOG_INFO, "m", "x", LOG_NUMBER("n", 1));
    assert_int_equal(*capture_end(&capture), '{');
}

static void log__is_valid_json_whatever_bytes_it_gets(void **state)
{
    char text[256 + 1];
    struct capture capture;
    struct error err;
    struct json *json;
    const char *line;

    for (size_t i = 0; i < 255; i++) {
        text[i] = (char)(i + 1);
    }
    text[255] = '\0';
    log_setup(LOG_INFO, LOG_JSON);
    capture_begin(&capture);
    log_write(LOG_INFO, "m", "x", LOG_TEXT("all", text));
    line = capture_end(&capture);
    assert_int_equal(json_parse(line, strlen(line), &json, &err), 0);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    json_free(json);
}

static void log__keeps_the_line_and_drops_the_fields_when_they_are_too_long(
    void **state)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    static const enum log_format formats[] = {LOG_JSON, LOG_LOGFMT};

    for (int i = 0; i < 20000; i++) {
        str_append_char(&text, 'x');
    }
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct capture capture;
        const char *line;

        log_setup(LOG_INFO, formats[i]);
        capture_begin(&capture);
        log_write(LOG_INFO, "m", "a message", LOG_NUMBER("n", 1),
                  LOG_TEXT("long", text.data));
        line = capture_end(&capture);
        assert_true(strlen(line) < 200);
        assert_non_null(strstr(line, "a message"));
        assert_int_equal(line[strlen(line) - 1], '\n');
    }
}

static void log__takes_more_fields_than_it_has_room_for(void **state)
{
    struct log_field fields[64];
    struct capture capture;
    struct error err;
    struct json *json;
    const char *line;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        fields[i] = LOG_NUMBER("n", i);
    }
    log_setup(LOG_INFO, LOG_JSON);
    capture_begin(&capture);
    log_line(LOG_INFO, "m", "x", fields, ARRAY_SIZE(fields));
    line = capture_end(&capture);
    assert_int_equal(json_parse(line, strlen(line), &json, &err), 0);
    assert_int_equal(json_count(json), 32);
    json_free(json);
}

/* Fills the pipe or socket until no more data fits. */
static void fill(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (write(fd, "x", 1) == 1) {
    }
    fcntl(fd, F_SETFL, flags);
}

/* Returns everything in the pipe, except for what filled it. */
static size_t read_lines(int reader, char *text, size_t size)
{
    size_t len = 0;
    ssize_t got;

    while ((got = read(reader, text + len, size - len - 1)) > 0) {
        len += (size_t)got;
        while (len > 0 && text[0] == 'x') {
            size_t filling = strspn(text, "x");

            filling = filling < len ? filling : len;
            memmove(text, text + filling, len - filling);
            len -= filling;
        }
    }
    text[len] = '\0';
    return len;
}

/* In a process of its own, because it cannot be undone. A line that blocks
 * would end with the alarm. */
static int log_to_full(const int fds[2])
{
    static char text[1024 * 1024];

    dup2(fds[1], STDERR_FILENO);
    alarm(30);
    log_setup(LOG_INFO, LOG_JSON);
    log_never_block();
    if ((fcntl(fds[1], F_GETFL) & O_NONBLOCK) != 0) {
        return 2; /* another process that writes there would not expect it */
    }
    fill(fds[1]);
    for (unsigned i = 0; i < 3; i++) {
        log_write(LOG_INFO, "cli", "nobody reads this", LOG_NUMBER("n", i));
    }
    if (log_dropped() != 3) {
        return 3;
    }
    read_lines(fds[0], text, sizeof(text));
    log_write(LOG_INFO, "cli", "somebody reads this", LOG_NUMBER("n", 4));
    read_lines(fds[0], text, sizeof(text));
    if (strstr(text, "nobody") != NULL || strstr(text, "somebody") == NULL ||
        strstr(text, "\"msg\":\"log lines were dropped") == NULL ||
        strstr(text, "\"lines\":3}") == NULL) {
        return 4;
    }
    return log_dropped() == 3 ? 0 : 5;
}

static void check_full(int reader, int writer)
{
    const int fds[2] = {reader, writer};
    int status;
    pid_t pid;

    assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
    pid = fork();
    if (pid == 0) {
        _exit(log_to_full(fds));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(reader);
    close(writer);
}

/* That of a container, and that of a systemd service */
static void log__drops_lines_instead_of_waiting_for_a_reader(void **state)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    check_full(fds[0], fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    check_full(fds[0], fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log__writes_one_line_of_json),
        cmocka_unit_test(log__writes_one_line_of_logfmt),
        cmocka_unit_test(log__leaves_out_a_text_that_is_not_there),
        cmocka_unit_test(log__writes_only_what_is_grave_enough),
        cmocka_unit_test(log__writes_json_where_stderr_is_no_terminal),
        cmocka_unit_test(log__is_valid_json_whatever_bytes_it_gets),
        cmocka_unit_test(
            log__keeps_the_line_and_drops_the_fields_when_they_are_too_long),
        cmocka_unit_test(log__takes_more_fields_than_it_has_room_for),
        cmocka_unit_test(log__drops_lines_instead_of_waiting_for_a_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
