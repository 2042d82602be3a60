#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "asserts.h"
#include "waybill/notify.h"

/* The side of the manager: a real socket, with a name in the file system or, if
 * `name` begins with '@', an abstract one */
struct manager {
    int fd;
    char text[256];
};

static void listen_at(struct manager *manager, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    strcpy(address.sun_path, name);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address, len), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

/* Returns the next message; "" if there is none. */
static const char *heard(struct manager *manager)
{
    ssize_t len =
        recv(manager->fd, manager->text, sizeof(manager->text) - 1, 0);

    manager->text[len > 0 ? len : 0] = '\0';
    return manager->text;
}

static int forget(void **state)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void check_life(const char *name)
{
    struct manager manager;
    struct notify notify;

    listen_at(&manager, name);
    notify_open(&notify);
    assert_true(notify.fd >= 0);
    notify_ready(&notify);
    assert_string_equal(heard(&manager), "READY=1");
    notify_status(&notify, "2 partitions");
    assert_string_equal(heard(&manager), "STATUS=2 partitions");
    notify_alive(&notify);
    assert_string_equal(heard(&manager), "WATCHDOG=1");
    notify_stopping(&notify);
    assert_string_equal(heard(&manager), "STOPPING=1");
    assert_string_equal(heard(&manager), "");
    notify_close(&notify);
    notify_ready(&notify);
    assert_string_equal(heard(&manager), "");
    close(manager.fd);
}

static void notify__says_each_thing_to_a_socket_in_the_file_system(void **state)
{
    char folder[] = "/tmp/waybill-notify-XXXXXX";
    char name[64];

    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof(name), "%s/notify", folder);
    check_life(name);
    unlink(name);
    rmdir(folder);
}

static void notify__says_each_thing_to_an_abstract_socket(void **state)
{
    char name[64];

    snprintf(name, sizeof(name), "@waybill-test/%ld", (long)getpid());
    check_life(name);
}

static void notify__is_silent_where_nobody_listens(void **state)
{
    static const char *const wrong[] = {
        NULL, "", "@", "relative", "vsock:2:1", "/nonexistent/notify"};
    char too_long[200] = "/";

    memset(too_long + 1, 'a', sizeof(too_long) - 2);
    for (size_t i = 0; i <= ARRAY_SIZE(wrong); i++) {
        const char *name = i < ARRAY_SIZE(wrong) ? wrong[i] : too_long;
        struct notify notify;

        if (name != NULL) {
            setenv("NOTIFY_SOCKET", name, 1);
        }
        setenv("WATCHDOG_USEC", "1000000", 1);
        notify_open(&notify);
        assert_int_equal(notify.fd, -1);
        assert_int_equal(notify.watchdog_ms, 0);
        notify_ready(&notify);
        notify_close(&notify);
    }
}

static void notify__waits_for_nobody_who_does_not_read(void **state)
{
    struct manager manager;
    struct notify notify;

    listen_at(&manager, "@waybill-test/full");
    notify_open(&notify);
    for (int i = 0; i < 10000; i++) {
        notify_alive(&notify);
    }
    assert_string_equal(heard(&manager), "WATCHDOG=1");
    close(manager.fd);
    notify_alive(&notify);
    notify_close(&notify);
}

static void notify__puts_no_second_message_into_a_status(void **state)
{
    struct manager manager;
    struct notify notify;

    listen_at(&manager, "@waybill-test/lines");
    notify_open(&notify);
    notify_status(&notify, "one\nMAINPID=1");
    assert_string_equal(heard(&manager), "STATUS=one");
    notify_close(&notify);
    close(manager.fd);
}

static void notify__is_due_at_half_of_the_watchdog_of_this_process(void **state)
{
    char pid[32];
    const struct {
        const char *interval;
        const char *pid;
        uint64_t expected;
    } rows[] = {
        {"30000000", NULL, 15000}, {"30000000", pid, 15000},
        {"30000000", "1", 0},      {NULL, pid, 0},
        {"nonsense", NULL, 0},
    };

    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct manager manager;
        struct notify notify;

        forget(NULL);
        listen_at(&manager, "@waybill-test/watchdog");
        if (rows[i].interval != NULL) {
            setenv("WATCHDOG_USEC", rows[i].interval, 1);
        }
        if (rows[i].pid != NULL) {
            setenv("WATCHDOG_PID", rows[i].pid, 1);
        }
        notify_open(&notify);
        assert_int_equal(notify.watchdog_ms, rows[i].expected);
        notify_close(&notify);
        close(manager.fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            notify__says_each_thing_to_a_socket_in_the_file_system, forget),
        cmocka_unit_test_teardown(notify__says_each_thing_to_an_abstract_socket,
                                  forget),
        cmocka_unit_test_teardown(notify__is_silent_where_nobody_listens,
                                  forget),
        cmocka_unit_test_teardown(notify__waits_for_nobody_who_does_not_read,
                                  forget),
        cmocka_unit_test_teardown(notify__puts_no_second_message_into_a_status,
                                  forget),
        cmocka_unit_test_teardown(
            notify__is_due_at_half_of_the_watchdog_of_this_process, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
