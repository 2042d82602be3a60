#ifndef WAYBILL_INTEGRATION_DISCORD_EMBED_H
#define WAYBILL_INTEGRATION_DISCORD_EMBED_H

#include "chat_message.h"
#include "waybill/str.h"

/*
 * The bodies of requests to a webhook of Discord, none of which mentions
 * anybody. https://docs.discord.com/developers/resources/webhook
 */

/* Appends {"embeds": [{...}], ...}. `username` replaces the webhook's name;
 * NULL: it does not. */
void discord_append_message(const struct chat_message *message,
                            const char *username, struct str *out);

/* Appends what Chainloop's plugin sends: a form with a line of text and the
 * table as the file statement.txt. The boundary must not occur in the table. */
void discord_append_table(const char *table, const char *username,
                          const char *boundary, struct str *out);

#endif
