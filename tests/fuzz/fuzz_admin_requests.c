#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "waybill/address.h"
#include "waybill/admin.h"
#include "waybill/digest.h"

/* Sends the input to the admin port, over a real socket and through
 * libmicrohttpd. Without the token no part of the status is shown, the token is
 * never repeated, and each response is valid HTTP. */
#define TOKEN "tEq8-fuzz-admin-token-41c7"
#define SHOWN "group-that-only-status-shows"

static struct {
    struct loop *loop;
    struct admin *admin;
    struct sockaddr_in address;
} server;

static void get_status(void *payload, struct arena *arena,
                       struct status *ret_status)
{
    static struct service_counts counts;
    static struct digest revision;
    static const struct histogram_bounds bounds = {2, {1, 10}};

    (void)payload;
    (void)arena;
    digest_of("", 0, &revision);
    histogram_init(&counts.age, &bounds);
    histogram_init(&counts.loop_lag, &bounds);
    *ret_status = (struct status){
        .config = {.revision = &revision},
        .brokers = "h:1",
        .group = SHOWN,
        .topic = "in",
        .outputs = {{.name = "out"}, {.name = "dead"}},
        .counts = &counts,
    };
}

static void get_deliveries(void *payload, const struct position *position,
                           struct arena *arena,
                           struct status_deliveries *ret_deliveries)
{
    static struct status_delivery waiting = {.attachment = "a",
                                             .reason = SHOWN};

    *ret_deliveries = (struct status_deliveries){true, 7, &waiting, 1};
}

static void open_server(void)
{
    static struct settings settings = {
        .admin = {.listen = "127.0.0.1:0", .token = TOKEN}};
    static const struct admin_version versions[] = {{"waybill", "1.2"}};
    struct address address;
    struct admin_options options = {
        .settings = &settings,
        .versions = versions,
        .version_count = 1,
        .get_status = get_status,
        .get_deliveries = get_deliveries,
    };
    struct error err;

    digest_of("", 0, &settings.revision);
    server.loop = loop_new(clock_system());
    options.loop = server.loop;
    CHECK(admin_open(&options, &server.admin, &err) == 0);
    CHECK(address_parse(admin_address(server.admin), &address, &err) == 0);
    memcpy(&server.address, &address.socket, sizeof(server.address));
}

/* Turns the loop until the server has nothing left to do: it may keep the
 * connection open for another request. The loopback device delivers at once. */
static void settle(void)
{
    for (unsigned idle = 0; idle < 3; idle++) {
        while (loop_turn(server.loop, false)) {
            idle = 0;
        }
    }
}

/* libFuzzer's timer interrupts connect(), which then goes on in the background
 * and cannot be repeated (POSIX). */
static bool is_connected(int fd)
{
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    int fault = -1;
    socklen_t len = sizeof(fault);

    if (connect(fd, (struct sockaddr *)&server.address,
                sizeof(server.address)) == 0) {
        return true;
    }
    if (errno != EINTR) {
        return false;
    }
    while (poll(&writable, 1, -1) < 0 && errno == EINTR) {
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) == 0 &&
           fault == 0;
}

static void read_response(int fd, struct str *out)
{
    char buffer[65536];
    ssize_t got;

    do {
        settle();
        got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (got > 0) {
            str_append(out, buffer, (size_t)got);
        }
    } while (got > 0);
}

static void check_response(const struct str *response, const char *request,
                           size_t len)
{
    bool knows_token = memmem(request, len, TOKEN, strlen(TOKEN)) != NULL;

    CHECK(response->len == 0 || strncmp(response->data, "HTTP/1.", 7) == 0);
    CHECK(memmem(response->data, response->len, TOKEN, strlen(TOKEN)) == NULL);
    CHECK(knows_token ||
          memmem(response->data, response->len, SHOWN, strlen(SHOWN)) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str response = STR_INIT(STR_UNLIMITED);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Otherwise more connections than there are ports would be in TIME_WAIT
     * within a minute. */
    const struct linger reset = {.l_onoff = 1};

    if (server.admin == NULL) {
        open_server();
    }
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    CHECK(is_connected(fd));
    CHECK(size == 0 || send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size ||
          errno == EPIPE || errno == ECONNRESET || errno == EINTR);
    shutdown(fd, SHUT_WR);
    read_response(fd, &response);
    close(fd);
    settle();
    check_response(&response, (const char *)data, size);
    return 0;
}
