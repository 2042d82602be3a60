#include <string.h>

#include "waybill/compiler.h"
#include "waybill/dead_letter.h"
#include "waybill/error.h"

/* Explanations of registry error codes that are more specific than those of the
 * error class in error_table */
static const struct {
    const char *error_class;
    const char *code;
    struct explanation text;
} codes[] = {
    {"rejected",
     "UNSUPPORTED",
     {"The registry does not support the request.",
      "Check the registry's version and configuration, then replay."}},
    {"rejected",
     "TAG_INVALID",
     {"The registry does not accept the tag or the prefix.",
      "Correct the attachment's `prefix`, then replay."}},
    {"rejected",
     "NAME_INVALID",
     {"The registry does not accept the name of the repository.",
      "Correct the registration's `repository` or the attachment's "
      "`prefix`, then replay."}},
};

static const struct explanation unreadable = {
    "The record lacks the headers that identify a dead letter of Waybill: "
    "another program has written or changed it.",
    "Find out which program writes to this topic. Waybill does not replay the "
    "record; `waybill replay purge` can delete it."};

static const struct explanation unknown = {
    "The delivery failed with an error class that this version of Waybill does "
    "not know.",
    "Read the message, or use the version that wrote the dead letter "
    "(header waybill-version)."};

struct explanation dead_letter_explain(const struct dead_letter *dead_letter)
{
    const char *code = dead_letter->code != NULL ? dead_letter->code : "";
    const struct error_row *row;

    if (dead_letter->state == DEAD_LETTER_UNREADABLE ||
        dead_letter->error_class == NULL) {
        return unreadable;
    }
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        if (strcmp(codes[i].error_class, dead_letter->error_class) == 0 &&
            strcmp(codes[i].code, code) == 0) {
            return codes[i].text;
        }
    }
    row = error_class_find(dead_letter->error_class);
    return row != NULL ? (struct explanation){row->meaning, row->remedy}
                       : unknown;
}

static const char *const state_texts[] = {
    "It has not been replayed.",
    "It needs no action: it was copied to the replays topic, or an earlier "
    "replay found it superseded or delivered. If the copy failed too, there "
    "is a newer dead letter.",
    "There is a newer dead letter of the same delivery, and only that one is "
    "replayed.",
    "The same delivery has succeeded since, so it needs no action.",
    "It was replayed too often (--max-replays) and failed each time. --force "
    "replays it nevertheless.",
    "Another consumer group has written it. --force replays it nevertheless, "
    "to the replays topic of this group.",
    "It cannot be replayed.",
};

const char *dead_letter_state_explain(enum dead_letter_state state)
{
    return state_texts[state];
}
