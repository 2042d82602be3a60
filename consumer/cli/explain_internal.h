#ifndef WAYBILL_EXPLAIN_CLI_H
#define WAYBILL_EXPLAIN_CLI_H

#include "waybill/arena.h"
#include "waybill/trail.h"

/* What commands are made of that a person types next */
struct explain_names {
    const char *program; /* "waybill", with --config where it was given */
    const char *brokers;
    const char *outcomes; /* topics */
    const char *dead_letters;
    const char *status; /* how to ask the admin port; NULL: there is none */
};

/* explain_text.c; pure */
void explain_put_text(struct str *out, const struct trail *trail,
                      const struct explain_names *names);
void explain_put_json(struct str *out, const struct trail *trail,
                      const struct explain_names *names);

#endif
