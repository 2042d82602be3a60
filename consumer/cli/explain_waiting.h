#ifndef WAYBILL_CLI_EXPLAIN_WAITING_H
#define WAYBILL_CLI_EXPLAIN_WAITING_H

#include "waybill/config.h"
#include "waybill/error.h"
#include "waybill/json.h"
#include "waybill/message.h"
#include "waybill/str.h"

/*
 * What the deliveries of a record wait for, which only the instance that has
 * the record in memory knows. `waybill explain` queries the admin port that the
 * configuration names, on this machine.
 */
struct waiting {
    bool is_asked;      /* else the rest is not set */
    struct str source;  /* the address of the port; empty if there is none */
    struct json *found; /* the response; NULL if there is none, see err */
    struct error err;
};

#define WAITING_INIT                                                           \
    {                                                                          \
        .source = STR_INIT(STR_UNLIMITED)                                      \
    }

void waiting_ask(const struct admin_settings *admin,
                 const struct position *record, struct waiting *waiting);
void waiting_release(struct waiting *waiting);

/* Both append nothing if nobody was asked. */
void waiting_append_text(struct str *out, const struct waiting *waiting,
                         size_t width);
void waiting_append_json(struct json_writer *json,
                         const struct waiting *waiting);

#endif
