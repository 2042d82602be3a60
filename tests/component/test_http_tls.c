/* TLS: authorities, certificates, certs.d, with the real libcurl */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_world.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/* --- authorities
 * ---------------------------------------------------------------
 */

static void get_over_tls(struct world *world, const char *host,
                         const char *ca_file, struct answer *answer)
{
    char *url = url_of(world, host, "/v2/", true);
    struct http_request request = request_of("GET", url);

    request.transport = &(struct http_transport){.ca_file = ca_file};
    run(world, &request, answer);
    mem_free(url);
}

static char *ca_of(const char *folder)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);

    str_printf(&path, "%s/ca.crt", folder);
    return str_take(&path);
}

/* A registry whose certificate is from an authority of its own, in a directory
 */
static char *folder;
static char *ca;

static int tls_begin(void **state)
{
    folder = folder_new();
    ca = ca_of(folder);
    world_open(&wire, NONE, folder);
    return 0;
}

static int tls_finish(void **state)
{
    world_close(&wire);
    mem_free(ca);
    folder_remove(folder);
    return 0;
}

static void an_authority_of_ones_own_is_believed(void **state)
{
    struct answer answer;
    char text[128];

    get_over_tls(&wire, "127.0.0.1", ca, &answer);
    assert_status(&answer, 200);
    get_over_tls(&wire, "localhost", ca, &answer);
    assert_status(&answer, 200);
    assert_true(peer_logged(wire.peer, "ping", 1, "host", text));
    peer_assert_content(wire.peer);
}

/* A FIFO that replaced a file after the configuration was checked */
static void a_fifo_is_not_waited_for(void **state)
{
    CLEANUP(str_release) struct str fifo = STR_INIT(STR_UNLIMITED);
    char *url = url_of(&wire, "127.0.0.1", "/v2/", true);
    struct answer answer;

    str_printf(&fifo, "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo.data, 0600), 0);
    for (unsigned i = 0; i < 3; i++) {
        const struct http_transport transport = {
            .ca_file = i == 0 ? fifo.data : ca,
            .certificate = i == 0   ? NULL
                           : i == 1 ? fifo.data
                                    : ca,
            .key = i == 2 ? fifo.data : NULL,
        };
        struct http_request request = request_of("GET", url);

        request.transport = &transport;
        run(&wire, &request, &answer);
        assert_says(&answer, "fifo' cannot be read: it is not a regular file");
    }
    unlink(fifo.data);
    mem_free(url);
}

static void another_authority_is_refused_and_the_message_says_why(void **state)
{
    char *other = folder_new();
    char *other_ca = ca_of(other);
    struct peer *elsewhere;
    struct answer answer;

    elsewhere = peer_start(NONE, other);
    get_over_tls(&wire, "127.0.0.1", other_ca, &answer);
    assert_says(&answer, "set ca_file");
    /* The system does not trust this authority either. */
    get_over_tls(&wire, "127.0.0.1", NULL, &answer);
    assert_says(&answer, "set ca_file");
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 0);
    mem_free(other_ca);
    peer_stop(elsewhere);
    folder_remove(other);
}

/* A connection that was verified with one authority is not reused with another.
 */
static void a_kept_connection_serves_only_its_own_authority(void **state)
{
    struct answer answer;

    get_over_tls(&wire, "127.0.0.1", ca, &answer);
    assert_status(&answer, 200);
    get_over_tls(&wire, "127.0.0.1", NULL, &answer);
    assert_kind(&answer, ERROR_UNREACHABLE);
}

static void another_host_is_refused_and_the_message_says_why(void **state)
{
    struct answer answer;

    get_over_tls(&wire, "registry.localhost", ca, &answer);
    assert_non_null(strstr(answer.err.message, "registry.localhost"));
    assert_kind(&answer, ERROR_UNREACHABLE);
    assert_int_equal(peer_count(wire.peer, "requests", NULL), 0);
}

static void an_authority_that_cannot_be_read_is_an_error(void **state)
{
    struct answer answer;

    get_over_tls(&wire, "127.0.0.1", "/nowhere/ca.crt", &answer);
    assert_says(&answer, "authorities '/nowhere/ca.crt' cannot be read");
}

/* --- a server with one deviation ---------------------------------------------
 */

struct odd {
    struct world world;
    char *folder;
    char *ca;
    char *certs_dir; /* empty at first */
    char *host_dir;  /* of the server, in that directory; not created yet */
    char name[64];   /* localhost:PORT */
};

/* `more` ends with NULL. */
static void odd_open(struct odd *odd, const char *const *more)
{
    const char *arguments[16] = {"--directory"};
    size_t count = 2;

    odd->folder = folder_new();
    arguments[1] = odd->folder;
    while (*more != NULL && count < ARRAY_SIZE(arguments) - 1) {
        arguments[count++] = *more++;
    }
    world_open_at(&odd->world, peer_run("odd_tls.py", arguments));
    odd->ca = path_in(odd->folder, "ca.crt");
    odd->certs_dir = path_in(odd->folder, "certs.d");
    assert_return_code(mkdir(odd->certs_dir, 0700), 0);
    snprintf(odd->name, sizeof(odd->name), "localhost:%u",
             peer_port(odd->world.peer));
    odd->host_dir = path_in(odd->certs_dir, odd->name);
}

static void odd_close(struct odd *odd)
{
    world_close(&odd->world);
    folder_remove(odd->folder);
    mem_free(odd->ca);
    mem_free(odd->certs_dir);
    mem_free(odd->host_dir);
}

#define ODD(...) ((const char *const[]){__VA_ARGS__, NULL})

static void odd_get(struct odd *odd, const struct http_transport *transport,
                    struct answer *answer)
{
    char *url = url_of(&odd->world, "localhost", "/v2/", true);
    struct http_request request = request_of("GET", url);

    request.transport = transport;
    run(&odd->world, &request, answer);
    mem_free(url);
}

/* With its authority, and one of the certificates in its directory */
static void odd_get_as(struct odd *odd, const char *who, struct answer *answer)
{
    char *certificate = mem_alloc(256);
    char *key = mem_alloc(256);
    struct http_transport transport = {
        .ca_file = odd->ca, .certificate = certificate, .key = key};

    snprintf(certificate, 256, "%s/%s.crt", odd->folder, who);
    snprintf(key, 256, "%s/%s.key", odd->folder, who);
    odd_get(odd, &transport, answer);
    mem_free(certificate);
    mem_free(key);
}

static void assert_client(struct answer *answer, const char *name)
{
    char expected[64];

    snprintf(expected, sizeof(expected), "\"client\": \"%s\"", name);
    assert_string_equal(answer->err.message, "");
    assert_non_null(strstr(answer->body.data, expected));
    assert_status(answer, 200);
}

/* Copies a file of the server's directory to the host's directory in certs.d.
 */
static void append_into_certs(struct odd *odd, const char *from, const char *as)
{
    char *source = path_in(odd->folder, from);
    char *target = path_in(odd->host_dir, as);

    mkdir(odd->host_dir, 0700);
    assert_return_code(symlink(source, target), 0);
    mem_free(source);
    mem_free(target);
}

/* --- versions and certificates ----------------------------------------------
 */

static void the_oldest_version_is_kept_to(void **state)
{
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--newest", "1.2"));
    odd_get(&odd, &(struct http_transport){.ca_file = odd.ca}, &answer);
    assert_status(&answer, 200);
    odd_get(&odd, &(struct http_transport){.ca_file = odd.ca, .min_tls = 1},
            &answer);
    assert_says(&answer, "tls_min_version");
    odd_close(&odd);
}

static void a_server_of_long_ago_is_refused(void **state)
{
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--newest", "1.1"));
    odd_get(&odd, &(struct http_transport){.ca_file = odd.ca}, &answer);
    assert_says(&answer, "no version of TLS");
    odd_close(&odd);
}

static void an_expired_certificate_is_said_to_be_one(void **state)
{
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--expired"));
    odd_get(&odd, &(struct http_transport){.ca_file = odd.ca}, &answer);
    assert_says(&answer, "certificate has expired");
    odd_close(&odd);
}

static void a_client_certificate_is_shown(void **state)
{
    static const char *const versions[] = {"1.2", NULL};

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct answer answer;
        struct odd odd;

        odd_open(&odd, versions[i] != NULL
                           ? ODD("--client", "--newest", versions[i])
                           : ODD("--client"));
        odd_get_as(&odd, "client", &answer);
        assert_client(&answer, "client");
        odd_get(&odd, &(struct http_transport){.ca_file = odd.ca}, &answer);
        assert_says(&answer, "set client_certificate");
        odd_get_as(&odd, "stranger", &answer);
        assert_says(&answer, "check client_certificate");
        odd_close(&odd);
    }
}

static void a_key_may_be_in_the_certificates_file(void **state)
{
    CLEANUP(str_release) struct str both = STR_INIT(STR_UNLIMITED);
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--client"));
    str_printf(&both, "cd '%s' && cat client.crt client.key >both.pem",
               odd.folder);
    assert_int_equal(system(both.data), 0);
    str_clear(&both);
    str_printf(&both, "%s/both.pem", odd.folder);
    odd_get(
        &odd,
        &(struct http_transport){.ca_file = odd.ca, .certificate = both.data},
        &answer);
    assert_client(&answer, "client");
    odd_close(&odd);
}

/* As editors on Windows write it */
static void files_may_begin_with_a_byte_order_mark(void **state)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--client"));
    str_printf(&command,
               "cd '%s' && for file in ca.crt client.crt client.key; do "
               "printf '\\357\\273\\277' | cat - $file >new && mv new $file; "
               "done",
               odd.folder);
    assert_int_equal(system(command.data), 0);
    for (int i = 0; i < 2; i++) {
        odd_get_as(&odd, "client", &answer);
        assert_client(&answer, "client");
    }
    odd_close(&odd);
}

/* A client with another certificate needs another connection. */
static void a_kept_connection_serves_only_its_own_certificate(void **state)
{
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--client"));
    odd_get_as(&odd, "client", &answer);
    assert_client(&answer, "client");
    odd_get_as(&odd, "other", &answer);
    assert_client(&answer, "other");
    odd_get(&odd, &(struct http_transport){.ca_file = odd.ca}, &answer);
    assert_says(&answer, "set client_certificate");
    odd_get_as(&odd, "client", &answer);
    assert_client(&answer, "client");
    /* ... but serves that. */
    assert_int_equal(peer_count(odd.world.peer, "connections", NULL), 2);
    odd_close(&odd);
}

static void a_key_of_another_certificate_is_said_to_be_one(void **state)
{
    struct answer answer;
    struct odd odd;
    char *certificate;
    char *key;

    odd_open(&odd, ODD("--client"));
    certificate = path_in(odd.folder, "client.crt");
    key = path_in(odd.folder, "other.key");
    odd_get(&odd,
            &(struct http_transport){
                .ca_file = odd.ca, .certificate = certificate, .key = key},
            &answer);
    assert_non_null(strstr(answer.err.message, key));
    assert_says(&answer, "does not match certificate");
    mem_free(certificate);
    mem_free(key);
    odd_close(&odd);
}

/* OpenSSL would prompt on the terminal. */
static void an_encrypted_key_is_an_error_and_asks_nobody(void **state)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--client"));
    str_printf(&command,
               "cd '%s' && openssl pkey -aes256 -passout pass:word -in "
               "client.key -out secret.key && cp client.crt secret.crt",
               odd.folder);
    assert_int_equal(system(command.data), 0);
    odd_get_as(&odd, "secret", &answer);
    assert_says(&answer, "encrypted");
    odd_close(&odd);
}

static void a_missing_file_is_named(void **state)
{
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--client"));
    odd_get_as(&odd, "nobody", &answer);
    assert_non_null(strstr(answer.err.message, "/nobody.key"));
    assert_says(&answer, "cannot be read");
    odd_close(&odd);
}

static void plain_http_on_the_port_is_said_to_be_that(void **state)
{
    struct answer answer;
    struct world world;
    char *url;
    struct http_request request;

    world_open(&world, NONE, NULL);
    url = url_of(&world, "localhost", "/v2/", true);
    request = request_of("GET", url);
    run(&world, &request, &answer);
    assert_says(&answer, "plain http");
    mem_free(url);
    world_close(&world);
}

/* --- certs.d ----------------------------------------------------------------
 */

static void an_authority_in_certs_d_is_believed(void **state)
{
    struct answer answer;
    struct odd odd;
    struct http_transport transport = {0};

    odd_open(&odd, NONE);
    transport.certs_dir = odd.certs_dir;
    append_into_certs(&odd, "ca.crt", "ours.crt");
    for (int i = 0; i < 3; i++) {
        odd_get(&odd, &transport, &answer);
        assert_status(&answer, 200);
    }
    assert_int_equal(peer_count(odd.world.peer, "connections", NULL), 1);
    /* With the directory of another host, and with none */
    transport.certs_dir = odd.folder;
    odd_get(&odd, &transport, &answer);
    assert_says(&answer, "set ca_file");
    transport.certs_dir = "";
    odd_get(&odd, &transport, &answer);
    assert_says(&answer, "set ca_file");
    odd_close(&odd);
}

static void a_certificate_in_certs_d_is_shown(void **state)
{
    struct answer answer;
    struct odd odd;

    odd_open(&odd, ODD("--client"));
    append_into_certs(&odd, "ca.crt", "ca.crt");
    append_into_certs(&odd, "client.crt", "a.cert");
    append_into_certs(&odd, "client.key", "a.key");
    append_into_certs(&odd, "other.crt", "b.cert");
    append_into_certs(&odd, "other.key", "b.key");
    odd_get(&odd, &(struct http_transport){.certs_dir = odd.certs_dir},
            &answer);
    assert_client(&answer, "client");
    /* The configured authority applies, and certs.d is not used for anything.
     */
    odd_get_as(&odd, "other", &answer);
    assert_client(&answer, "other");
    odd_close(&odd);
}

static void what_is_wrong_in_certs_d_is_said_and_nothing_goes_out(void **state)
{
    static const struct {
        const char *file;
        const char *says;
    } cases[] = {
        {"lonely.cert", "lonely.cert': its key is missing"},
        {"lonely.key", "lonely.key': no certificate of the same name"},
        {"empty.crt", "empty.crt': contains no certificate"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct answer answer;
        struct odd odd;
        char *path;

        odd_open(&odd, ODD("--client"));
        assert_return_code(mkdir(odd.host_dir, 0700), 0);
        path = path_in(odd.host_dir, cases[i].file);
        write_file(path, "nothing\n");
        odd_get(&odd, &(struct http_transport){.certs_dir = odd.certs_dir},
                &answer);
        assert_says(&answer, cases[i].says);
        assert_int_equal(peer_count(odd.world.peer, "connections", NULL), 0);
        mem_free(path);
        odd_close(&odd);
    }
}

static void the_users_certs_d_is_looked_into_by_convention(void **state)
{
    struct answer answer;
    struct odd odd;
    char *containers;
    char *certs;

    odd_open(&odd, ODD("--client"));
    containers = path_in(odd.folder, "containers");
    certs = path_in(odd.folder, "containers/certs.d");
    assert_return_code(mkdir(containers, 0700), 0);
    append_into_certs(&odd, "ca.crt", "ca.crt");
    append_into_certs(&odd, "client.crt", "a.cert");
    append_into_certs(&odd, "client.key", "a.key");
    assert_return_code(symlink(odd.certs_dir, certs), 0);
    setenv("XDG_CONFIG_HOME", odd.folder, 1);
    odd_get(&odd, NULL, &answer);
    unsetenv("XDG_CONFIG_HOME");
    assert_client(&answer, "client");
    mem_free(containers);
    mem_free(certs);
    odd_close(&odd);
}

static void a_request_may_be_cancelled_before_it_is_refused(void **state)
{
    struct http_request request;
    struct answer answer;
    struct odd odd;
    char *path;
    char *url;

    odd_open(&odd, ODD("--client"));
    assert_return_code(mkdir(odd.host_dir, 0700), 0);
    path = path_in(odd.host_dir, "lonely.key");
    write_file(path, "");
    url = url_of(&odd.world, "localhost", "/v2/", true);
    request = request_of("GET", url);
    request.transport = &(struct http_transport){.certs_dir = odd.certs_dir};
    http_cancel(start(&odd.world, &request, &answer));
    turn_idle(odd.world.loop);
    assert_int_equal(answer.calls, 0);
    answer_release(&answer);
    mem_free(path);
    mem_free(url);
    odd_close(&odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_authority_of_ones_own_is_believed,
                                        tls_begin, tls_finish),
        cmocka_unit_test_setup_teardown(a_fifo_is_not_waited_for, tls_begin,
                                        tls_finish),
        cmocka_unit_test_setup_teardown(
            another_authority_is_refused_and_the_message_says_why, tls_begin,
            tls_finish),
        cmocka_unit_test_setup_teardown(
            a_kept_connection_serves_only_its_own_authority, tls_begin,
            tls_finish),
        cmocka_unit_test_setup_teardown(
            another_host_is_refused_and_the_message_says_why, tls_begin,
            tls_finish),
        cmocka_unit_test_setup_teardown(
            an_authority_that_cannot_be_read_is_an_error, tls_begin,
            tls_finish),
        cmocka_unit_test(the_oldest_version_is_kept_to),
        cmocka_unit_test(a_server_of_long_ago_is_refused),
        cmocka_unit_test(an_expired_certificate_is_said_to_be_one),
        cmocka_unit_test(a_client_certificate_is_shown),
        cmocka_unit_test(a_key_may_be_in_the_certificates_file),
        cmocka_unit_test(files_may_begin_with_a_byte_order_mark),
        cmocka_unit_test(a_kept_connection_serves_only_its_own_certificate),
        cmocka_unit_test(a_key_of_another_certificate_is_said_to_be_one),
        cmocka_unit_test(an_encrypted_key_is_an_error_and_asks_nobody),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(plain_http_on_the_port_is_said_to_be_that),
        cmocka_unit_test(an_authority_in_certs_d_is_believed),
        cmocka_unit_test(a_certificate_in_certs_d_is_shown),
        cmocka_unit_test(what_is_wrong_in_certs_d_is_said_and_nothing_goes_out),
        cmocka_unit_test(the_users_certs_d_is_looked_into_by_convention),
        cmocka_unit_test(a_request_may_be_cancelled_before_it_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
