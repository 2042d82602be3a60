#include <string.h>

#include "waybill/compiler.h"
#include "waybill/replay.h"

struct row {
    const char *error_class;
    const char *code; /* NULL: any */
    struct explanation text;
};

/* The first that fits counts: what is known of a code stands above its class.
 */
static const struct row rows[] = {
    {"schema",
     NULL,
     {"The record is not an attestation event: it is not JSON, or something "
      "in it has the wrong type or is missing. The message names the place.",
      "Mend the producer, and publish the event again. Replaying this record "
      "helps only when a newer version of Waybill accepts it."}},
    {"digest_mismatch",
     NULL,
     {"The event says another digest than its envelope has: it was changed "
      "on its way, or the producer computed the digest of other bytes.",
      "Find out which of the two it is, before anything is replayed. "
      "Replaying this record gives the same result; the event has to be "
      "published again."}},
    {"too_large",
     NULL,
     {"The event is larger than Waybill or the endpoint accepts.",
      "Raise delivery.max_event_size, or the endpoint's limit; then "
      "replay."}},
    {"not_found",
     NULL,
     {"The endpoint says that what it was to be delivered to, such as a "
      "registry's repository, does not exist, and does not create it by "
      "itself.",
      "Create it, or correct the registration; then replay."}},
    {"rejected",
     "UNSUPPORTED",
     {"The registry does not support what was asked of it.",
      "Look at the registry's version and configuration; then replay."}},
    {"rejected",
     "TAG_INVALID",
     {"The registry does not take the tag or the prefix.",
      "Correct the attachment's `prefix`; then replay."}},
    {"rejected",
     "NAME_INVALID",
     {"The registry does not take the name of the repository.",
      "Correct the registration's `repository` or the attachment's "
      "`prefix`; then replay."}},
    {"rejected",
     NULL,
     {"What was to be delivered was refused, and would be refused again: "
      "the endpoint does not accept it, or this version of Waybill does not "
      "support it. The message says which.",
      "Change what the message names (the endpoint's policy, the "
      "registration, the producer); then replay."}},
    {"config",
     NULL,
     {"The attachment cannot work as it is configured.",
      "Correct the configuration (`waybill check` finds most faults); then "
      "replay."}},
    {"auth",
     NULL,
     {"The endpoint refused the credentials.",
      "Correct the registration's credentials or its permissions there; "
      "then replay."}},
    {"verification",
     NULL,
     {"The signature could not be verified, so nothing was delivered.",
      "Find out who signed it. Replay only when the verification keys were "
      "wrong, not the signature."}},
    {"attempts_exhausted",
     NULL,
     {"The endpoint was out of reach or overloaded for as long as Waybill "
      "tries (delivery.max_attempts and delivery.max_age).",
      "Nothing is wrong with the record. Once the endpoint answers again, "
      "replay."}},
    {"expired",
     NULL,
     {"It could not be delivered before it was too old "
      "(delivery.max_age).",
      "Nothing is wrong with the record. Once the endpoint answers again, "
      "replay."}},
};

static const struct explanation unreadable = {
    "It lacks the headers by which Waybill knows its dead letters: something "
    "else wrote it, or changed it.",
    "Find out who writes to this topic. Waybill does not replay it; "
    "`waybill replay purge` can delete it."};

static const struct explanation unknown = {
    "It failed for a reason that this version of Waybill does not know.",
    "Look at the message, or use the version that wrote it "
    "(waybill-version)."};

struct explanation dead_letter_explain(const struct dead_letter *letter)
{
    const char *code = letter->code != NULL ? letter->code : "";

    if (letter->state == LETTER_UNREADABLE || letter->error_class == NULL) {
        return unreadable;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].error_class, letter->error_class) == 0 &&
            (rows[i].code == NULL || strcmp(rows[i].code, code) == 0)) {
            return rows[i].text;
        }
    }
    return unknown;
}

static const char *const state_texts[] = {
    "It has not been replayed.",
    "It is done: its copy is on the attestations topic, or an earlier replay "
    "found it superseded or delivered. If the copy failed too, there is a "
    "newer dead letter.",
    "There is a newer dead letter of the same delivery; only that one is "
    "replayed.",
    "The same delivery has succeeded since: there is nothing left to do.",
    "It has been replayed too often (--max-replays) and failed each time; "
    "--force replays it all the same.",
    "It is of another consumer group; --force replays it all the same, to "
    "the attestations topic of this one.",
    "It cannot be replayed.",
};

const char *letter_state_explain(enum letter_state state)
{
    return state_texts[state];
}
