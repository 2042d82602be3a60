#ifndef WAYBILL_TEST_HTTP_WORLD_H
#define WAYBILL_TEST_HTTP_WORLD_H

#include "peer.h"
#include "waybill/digest.h"
#include "waybill/http.h"

/* An http.h with the real libcurl, a peer process, and the result of a
 * request */

#define SOON_MS 20000

struct world {
    struct loop *loop;
    struct http *http;
    struct peer *peer;
    char *url; /* of the last get_of() */
};

struct answer {
    bool done;
    bool starting; /* inside http_start() */
    int calls;
    int status;
    struct str body;
    struct str location;
    struct error err; /* kind is ERROR_NONE when there is a response */
};

#define SCENARIOS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

/* Starts the scripted registry as the peer. */
void world_open(struct world *world, const char *const *scenarios,
                const char *tls_dir);
/* Uses a peer from peer_run(). */
void world_open_at(struct world *world, struct peer *peer);
void world_close(struct world *world);

/* The fixture of a test whose registry misbehaves as its scenarios specify */
extern struct world wire;
int wire_begin(void **state); /* *state: the scenarios */
int wire_finish(void **state);

#define WIRE_TEST(name, ...)                                                   \
    {                                                                          \
#name, name, wire_begin, wire_finish, (void *)SCENARIOS(__VA_ARGS__)   \
    }

void answer_init(struct answer *answer);
void answer_release(struct answer *answer);
/* The http_done_fn that fills an answer */
void answer_done(void *payload, const struct http_response *response,
                 const struct error *err);

struct http_request request_of(const char *method, const char *url);
struct http_transfer *start(struct world *world,
                            const struct http_request *request,
                            struct answer *answer);
void run(struct world *world, const struct http_request *request,
         struct answer *answer);
char *url_of(const struct world *world, const char *host, const char *path,
             bool tls);
/* The URL belongs to the world and is valid until the next call. */
struct http_request get_of(struct world *world, const char *path);
void get_path(struct world *world, const char *path, struct answer *answer);
/* Asserts that the request had a Content-Length, and neither chunked
 * encoding nor Expect: 100-continue. */
void assert_plain_length(struct world *world, const char *stage, size_t len);

/* Bytes with a long period; the caller frees them. */
unsigned char *pattern(size_t len);
/* Opens an upload session and returns the URL for the blob. */
char *open_session(struct world *world, const struct digest *digest);
/* A PUT of a blob of an unknown type, without a URL as yet */
struct http_request blob_of(struct bytes body);
/* The same, to a session of its own */
void put(struct world *world, struct http_request request,
         struct answer *answer);
void append_blob(struct world *world, struct bytes body, struct answer *answer);

/* A path in a directory; the caller frees it. */
char *path_in(const char *folder, const char *name);
void write_file(const char *path, const char *text);

/* These release the answer. */
void assert_status(struct answer *answer, int status);
void assert_kind(struct answer *answer, enum error_kind kind);
/* Asserts ERROR_UNREACHABLE with a message that contains the text. */
void assert_says(struct answer *answer, const char *text);

#endif
