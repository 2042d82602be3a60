#ifndef WAYBILL_INTEGRATION_CHAT_TEXT_H
#define WAYBILL_INTEGRATION_CHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "waybill/str.h"

/*
 * Text for a service for messages, which limits its length and interprets some
 * of its characters. What an event contains is escaped, so that it can neither
 * mention anybody nor look like a text of ours, and is cut where it gets too
 * long.
 *
 * Lengths are those of UTF-16, after escaping. The services speak of characters
 * without saying which, and no other kind has more of them.
 */

/* Appends one valid character of `size` bytes so that the service shows it as
 * it is. The text goes on after it, and ends with NUL. */
typedef void chat_escape_fn(struct str *out, const unsigned char *character,
                            size_t size);

/* For Slack: & < > as entities. Its plain_text needs nothing else. */
void chat_escape_slack(struct str *out, const unsigned char *character,
                       size_t size);
/* For Discord: what its Markdown uses, after a backslash; and with a space of
 * no width in @everyone and @here. */
void chat_escape_discord(struct str *out, const unsigned char *character,
                         size_t size);
/* For texts in which the service interprets nothing. */
void chat_escape_nothing(struct str *out, const unsigned char *character,
                         size_t size);

struct chat_text {
    struct str out;
    chat_escape_fn *escape;
    size_t max;
    size_t used;
    /* Where a text that gets too long is cut, to make room for an ellipsis */
    size_t cut_at;
    size_t cut_used;
    bool is_cut;
};

void chat_text_init(struct chat_text *text, size_t max, chat_escape_fn *escape);
void chat_text_release(struct chat_text *text);
/* Appends a value of the event, or "(blank)" if nothing of it can be seen.
 * Single characters that cannot be seen become blanks. A text that gets longer
 * than `max` ends with an ellipsis, and what is appended later is omitted. */
void chat_text_append(struct chat_text *text, const char *value);
/* Appends a text of ours, unescaped. */
void chat_text_append_own(struct chat_text *text, const char *own);
/* Appends as many of the lines as fit, each after a line feed, and then the
 * number of those that did not. A long line is cut. */
void chat_text_append_lines(struct chat_text *text, const char *const *lines,
                            size_t count);

#endif
