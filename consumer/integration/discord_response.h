#ifndef WAYBILL_INTEGRATION_DISCORD_RESPONSE_H
#define WAYBILL_INTEGRATION_DISCORD_RESPONSE_H

#include "chat_delivery.h"

/*
 * What a response of Discord says: the id of the message, the code of an error,
 * and how long to send nothing.
 * https://docs.discord.com/developers/topics/rate-limits
 *
 * Each response of Discord states how many requests are left, and bans an
 * address that has sent 10,000 rejected ones in ten minutes.
 */

/* As chat_read_fn. */
void discord_read_message(const struct http_response *response,
                          struct error *err, struct arena *arena,
                          struct chat_answer *ret_answer);
/* Refines the error of a response to any request. */
void discord_read_error(const struct http_response *response,
                        struct error *err);
/* Returns the name of the webhook in the response to GET, from the arena; NULL
 * if there is none. */
const char *discord_read_name(const struct http_response *response,
                              struct arena *arena);

#endif
