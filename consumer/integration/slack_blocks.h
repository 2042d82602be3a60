#ifndef WAYBILL_INTEGRATION_SLACK_BLOCKS_H
#define WAYBILL_INTEGRATION_SLACK_BLOCKS_H

#include "chat_message.h"
#include "waybill/str.h"

/*
 * The bodies of requests to an incoming webhook of Slack.
 * https://docs.slack.dev/reference/block-kit/blocks
 */

/* Appends {"text": "...", "blocks": [...]}. Everything that comes from the
 * event is plain text, in which Slack interprets nothing. */
void slack_append_message(const struct chat_message *message, struct str *out);

/* Appends what Chainloop's plugin sends, {"text": "..."} with the table in a
 * fence of backticks. Unlike there, & < > are escaped, and a fence within the
 * table does not end the fence around it. */
void slack_append_table(const char *table, struct str *out);

#endif
