#ifndef WAYBILL_TEST_PEER_H
#define WAYBILL_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/json.h"
#include "waybill/loop.h"

/*
 * tests/support/scripted_registry.py as a child process, and what it has seen.
 * It ends with the test, however that ends.
 */
struct peer;

/* `scenarios` ends with NULL. With `tls_dir` it speaks TLS too, with an
 * authority of its own that it writes to tls_dir/ca.crt. */
struct peer *peer_start(const char *const *scenarios, const char *tls_dir);
/* Another script of tests/support that prints `listening HOST:PORT` and ends
 * with standard input; NULL when it prints why it cannot run here. */
struct peer *peer_run(const char *script, const char *const *arguments);
void peer_stop(struct peer *peer);                 /* NULL is fine */
const char *peer_address(const struct peer *peer); /* host:port */
unsigned peer_port(const struct peer *peer);

/* What it answers to GET path, over a connection of its own */
struct json *peer_get(const struct peer *peer, const char *path);
/* A number of /_count: peer_count(p, "stages", "token"), (p, "requests", NULL);
 * 0 where there is none. */
int peer_count(const struct peer *peer, const char *name, const char *inner);
/* No complaint, and no Authorization where it has no business. */
void peer_assert_manners(const struct peer *peer);
/* So, and no HEAD either */
void peer_assert_content(const struct peer *peer);
/* The n-th request of the log that is of that stage: one of its members */
bool peer_logged(const struct peer *peer, const char *stage, int n,
                 const char *member, char text[128]);

/* Turns the loop until *flag, and fails the test after that long. */
void await_flag(struct loop *loop, const bool *flag, unsigned timeout_ms);
/* ... until the peer has seen that many requests of a stage */
void await_stage(struct loop *loop, const struct peer *peer, const char *stage,
                 int count);
/* Turns it for as long as something happens by itself: what should not come
 * gets every chance. */
void turn_idle(struct loop *loop);

/* A new folder that is removed by folder_remove(), with all that is in it */
char *folder_new(void);
void folder_remove(char *folder);

#endif
