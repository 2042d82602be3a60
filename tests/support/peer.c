#include "peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "waybill/alloc.h"

#define MAX_ARGUMENTS 32

struct peer {
    pid_t pid;
    int standard_input; /* the child ends when this is closed */
    char address[64];
    unsigned port;
};

static const char *from_environment(const char *name, const char *fallback)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : fallback;
}

static void run_script(const char *script, const char *const *more, int in,
                       int out)
{
    const char *arguments[MAX_ARGUMENTS];
    const char *python = from_environment("WAYBILL_TEST_PYTHON", "python3");
    size_t count = 0;
    char path[4096];

    /* Also if the test is killed while another child holds its end of the pipe
     * open. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    snprintf(path, sizeof(path), "%s/tests/support/%s",
             from_environment("WAYBILL_TEST_SOURCE", "."), script);
    arguments[count++] = python;
    arguments[count++] = path;
    while (*more != NULL && count < MAX_ARGUMENTS - 1) {
        arguments[count++] = *more++;
    }
    arguments[count] = NULL;
    execvp(python, (char *const *)arguments);
    perror(python);
    _exit(127);
}

/* Returns false if the program prints why it cannot run. */
static bool read_address(struct peer *peer, int fd)
{
    FILE *stream = fdopen(fd, "r");
    char line[128] = "";
    const char *colon;

    assert_non_null(stream);
    if (fgets(line, sizeof(line), stream) != NULL &&
        strncmp(line, "skipped", 7) == 0) {
        fclose(stream);
        print_message("%s", line);
        return false;
    }
    if (sscanf(line, "listening %63s", peer->address) != 1) {
        fail_msg("the peer does not start: '%s'", line);
    }
    fclose(stream);
    colon = strrchr(peer->address, ':');
    assert_non_null(colon);
    peer->port = (unsigned)strtoul(colon + 1, NULL, 10);
    return true;
}

struct peer *peer_run(const char *script, const char *const *arguments)
{
    struct peer *peer = mem_zalloc(sizeof(*peer));
    int in[2];
    int out[2];

    assert_return_code(pipe2(in, O_CLOEXEC), 0);
    assert_return_code(pipe2(out, O_CLOEXEC), 0);
    peer->pid = fork();
    if (peer->pid == 0) {
        run_script(script, arguments, in[0], out[1]);
    }
    assert_true(peer->pid > 0);
    close(in[0]);
    close(out[1]);
    peer->standard_input = in[1];
    if (!read_address(peer, out[0])) {
        peer_stop(peer);
        return NULL;
    }
    return peer;
}

struct peer *peer_start(const char *const *scenarios, const char *tls_dir)
{
    const char *arguments[MAX_ARGUMENTS];
    size_t count = 0;

    arguments[count++] = "--until-eof";
    if (tls_dir != NULL) {
        arguments[count++] = "--tls";
        arguments[count++] = tls_dir;
    }
    for (; *scenarios != NULL && count < MAX_ARGUMENTS - 4; scenarios++) {
        arguments[count++] = "--scenario";
        arguments[count++] = *scenarios;
    }
    arguments[count] = NULL;
    return peer_run("scripted_registry.py", arguments);
}

void peer_stop(struct peer *peer)
{
    if (peer != NULL) {
        close(peer->standard_input);
        /* It has no state to save, and hanging scenarios would take long to
         * end. */
        kill(peer->pid, SIGKILL);
        waitpid(peer->pid, NULL, 0);
        mem_free(peer);
    }
}

const char *peer_address(const struct peer *peer)
{
    return peer->address;
}

unsigned peer_port(const struct peer *peer)
{
    return peer->port;
}

static int connect_to(const struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)peer->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_return_code(
        connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

struct json *peer_get(const struct peer *peer, const char *path)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    int fd = connect_to(peer);
    char buffer[8192];
    struct json *json = NULL;
    struct error err;
    const char *body;
    ssize_t got;

    str_printf(&text,
               "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
               peer->address);
    assert_int_equal(send(fd, text.data, text.len, MSG_NOSIGNAL),
                     (ssize_t)text.len);
    str_clear(&text);
    while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
        str_append(&text, buffer, (size_t)got);
    }
    close(fd);
    body = strstr(text.data, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    assert_return_code(json_parse(body, strlen(body), &json, &err), 0);
    return json;
}

int peer_count(const struct peer *peer, const char *name, const char *inner)
{
    struct json *counts = peer_get(peer, "/_count");
    const struct json *found = json_member(counts, name);
    double number = 0;

    if (inner != NULL && found != NULL) {
        found = json_member(found, inner);
    }
    if (found != NULL) {
        json_number(found, &number);
    }
    json_free(counts);
    return (int)number;
}

void peer_assert_manners(const struct peer *peer)
{
    struct json *counts = peer_get(peer, "/_count");
    const struct json *complaints = json_member(counts, "complaints");
    double shown = 0;

    assert_non_null(complaints);
    for (const struct json *one = json_first(complaints); one != NULL;
         one = json_next(one)) {
        fail_msg("the registry complains: %s", json_text(one));
    }
    assert_true(
        json_number(json_member(counts, "authorization_at_other"), &shown));
    assert_true(shown < 0.5);
    json_free(counts);
}

void peer_assert_content(const struct peer *peer)
{
    peer_assert_manners(peer);
    assert_int_equal(peer_count(peer, "stages", "head"), 0);
}

static void append_member(const struct json *member, char text[128])
{
    double number;

    if (json_number(member, &number)) {
        snprintf(text, 128, "%.0f", number);
    } else {
        snprintf(text, 128, "%s",
                 json_is_string(member) ? json_text(member) : "");
    }
}

bool peer_logged(const struct peer *peer, const char *stage, int n,
                 const char *member, char text[128])
{
    struct json *log = peer_get(peer, "/_log");
    bool found = false;

    for (const struct json *entry = json_first(log); entry != NULL && !found;
         entry = json_next(entry)) {
        const char *its = json_text(json_member(entry, "stage"));

        if (strcmp(its, stage) == 0 && n-- == 0) {
            const struct json *value = json_member(entry, member);

            if (value == NULL) {
                value = json_member(json_member(entry, "headers"), member);
            }
            append_member(value, text);
            found = true;
        }
    }
    json_free(log);
    return found;
}

static void give_up(void *payload)
{
    bool *late = payload;

    *late = true;
}

void await_flag(struct loop *loop, const bool *flag, unsigned timeout_ms)
{
    bool late = false;
    struct timer timer;

    timer_init(&timer, give_up, &late);
    loop_arm(loop, &timer, timeout_ms);
    while (!*flag && !late) {
        loop_turn(loop, true);
    }
    loop_disarm(loop, &timer);
    if (!*flag) {
        fail_msg("it did not come within %u ms", timeout_ms);
    }
}

void await_stage(struct loop *loop, const struct peer *peer, const char *stage,
                 int count)
{
    uint64_t until = loop_now(loop) + 20000;

    while (peer_count(peer, "stages", stage) < count) {
        if (loop_now(loop) > until) {
            fail_msg("no request of stage %s came", stage);
        }
        loop_turn(loop, false);
    }
}

void turn_idle(struct loop *loop)
{
    bool over = false;
    struct timer timer;

    timer_init(&timer, give_up, &over);
    loop_arm(loop, &timer, 50);
    while (!over) {
        loop_turn(loop, true);
    }
}

char *folder_new(void)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);
    char *folder;

    str_printf(&path, "%s/waybill-test-XXXXXX",
               from_environment("TMPDIR", "/tmp"));
    folder = str_take(&path);
    assert_non_null(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *unused, int type,
                      struct FTW *index)
{
    return remove(path);
}

void folder_remove(char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(folder);
}
