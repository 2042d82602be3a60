#ifndef WAYBILL_TEST_PEER_H
#define WAYBILL_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/json.h"
#include "waybill/loop.h"

/*
 * Runs tests/support/scripted_registry.py as a child process and reads its log.
 * The child ends with the test, even if that crashes.
 */
struct peer;

/* `scenarios` ends with NULL. With `tls_dir` the registry also serves TLS,
 * and writes the certificate of its authority to tls_dir/ca.crt. */
struct peer *peer_start(const char *const *scenarios, const char *tls_dir);
/* Runs another script of tests/support, which prints `listening HOST:PORT`
 * and ends when its standard input closes. Returns NULL when it prints why
 * it cannot run here. */
struct peer *peer_run(const char *script, const char *const *arguments);
void peer_stop(struct peer *peer);                 /* accepts NULL */
const char *peer_address(const struct peer *peer); /* host:port */
unsigned peer_port(const struct peer *peer);

/* The response to GET path, over a separate connection */
struct json *peer_get(const struct peer *peer, const char *path);
/* A number of /_count, as in peer_count(p, "stages", "token") or
 * peer_count(p, "requests", NULL); 0 if it is missing */
int peer_count(const struct peer *peer, const char *name, const char *inner);
/* Asserts that the registry logged no protocol violation and that no
 * Authorization header was sent where it does not belong. */
void peer_assert_manners(const struct peer *peer);
/* Also asserts that there was no HEAD request. */
void peer_assert_content(const struct peer *peer);
/* Copies a member of the n-th logged request of a stage; false if there is
 * none. */
bool peer_logged(const struct peer *peer, const char *stage, int n,
                 const char *member, char text[128]);

/* Runs the loop until *flag is set, and fails the test after the timeout. */
void await_flag(struct loop *loop, const bool *flag, unsigned timeout_ms);
/* Runs the loop until the peer has seen `count` requests of a stage. */
void await_stage(struct loop *loop, const struct peer *peer, const char *stage,
                 int count);
/* Runs the loop until it is idle, so that an unwanted event would have
 * occurred. */
void turn_idle(struct loop *loop);

/* A new directory, which folder_remove() removes with its contents */
char *folder_new(void);
void folder_remove(char *folder);

#endif
