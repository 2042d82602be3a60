#include "fencing.h"

#include <librdkafka/rdkafka.h>

/* Two that share an id fence each other with every transaction. */
#define MEMORY_MS 600000

bool fencing_is(int code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

void fencing_note(struct fencing *fencing, const struct kafka_options *options,
                  uint64_t now_ms, struct error *err)
{
    const struct error cause = *err;

    fencing->previous_ms = fencing->last_ms;
    fencing->last_ms = now_ms;
    if (options->transactional_id != NULL) {
        error_set(err, cause.kind,
                  "%s (another process has started a producer with the "
                  "transactional id '%s', kafka.transactional_id; instances "
                  "that run at the same time need different ones)",
                  cause.message, options->transactional_id);
        return;
    }
    error_set(err, cause.kind,
              "%s (the broker has ended the transaction, because it took more "
              "than 10 s: this process was suspended, or it or the brokers "
              "are overloaded)",
              cause.message);
}

void fencing_judge(const struct fencing *fencing,
                   const struct kafka_options *options, uint64_t now_ms,
                   struct condition_list *list)
{
    if (options->transactional_id != NULL && fencing->previous_ms > 0 &&
        now_ms - fencing->previous_ms < MEMORY_MS) {
        condition_add(
            list, false,
            "the transactional id '%s' (kafka.transactional_id) is used by "
            "another process: each repeatedly fences the producer of the "
            "other. Give every instance its own, or remove the key",
            options->transactional_id);
    }
}
