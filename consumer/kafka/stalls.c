#include "stalls.h"

#include "waybill/alloc.h"
#include "waybill/clock.h"

/* Ordinary transactions are shorter. */
#define STALL_MS 30000
#define QUERY_TIMEOUT_MS 3000

struct stall {
    enum topic_role role; /* of its topic */
    int32_t partition;
    int64_t position;  /* of the next fetch; -1: nothing was delivered yet */
    uint64_t since_ms; /* the position has not changed since */
};

static struct stall *find(const struct stalls *stalls, enum topic_role role,
                          int32_t partition)
{
    for (size_t i = 0; i < stalls->count; i++) {
        if (stalls->items[i].role == role &&
            stalls->items[i].partition == partition) {
            return &stalls->items[i];
        }
    }
    return NULL;
}

static void append_open(const struct kafka_options *options,
                        const struct stall *stall, int64_t stable,
                        struct condition_list *list)
{
    const char *topic = topic_name(options, stall->role);
    int partition = stall->partition;

    condition_add(
        list, false,
        "partition %d of topic '%s' (%s): a transaction that a producer began "
        "at offset %lld is still open, so that no record after it can be read. "
        "To find the producer: kafka-transactions.sh --bootstrap-server %s "
        "describe-producers --topic %s --partition %d. To end it: "
        "kafka-transactions.sh --bootstrap-server %s abort --topic %s "
        "--partition %d --start-offset %lld",
        partition, topic, topic_key(stall->role), (long long)stable,
        options->brokers, topic, partition, options->brokers, topic, partition,
        (long long)stable);
}

/* The answer is the last stable offset, because the consumer is
 * read_committed. */
static bool query_stable(const struct inspector *inspector,
                         const struct stall *stall, int64_t *ret_stable)
{
    return inspect_offset(
               inspector->client, topic_name(inspector->options, stall->role),
               stall->partition, RD_KAFKA_OFFSET_END, QUERY_TIMEOUT_MS,
               ret_stable) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Records the position; true if it has not moved for long enough. */
static bool note_position(struct stall *to, const struct stall *before,
                          int64_t position, uint64_t now_ms)
{
    to->position = position >= 0 ? position : -1;
    to->since_ms = now_ms;
    if (before != NULL && before->position == to->position) {
        to->since_ms = before->since_ms;
    }
    return now_ms - to->since_ms >= STALL_MS;
}

static bool is_behind(const struct inspector *inspector,
                      const struct stall *stall, int64_t *ret_end)
{
    int64_t low;

    return rd_kafka_get_watermark_offsets(
               inspector->client, topic_name(inspector->options, stall->role),
               stall->partition, &low, ret_end) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           stall->position < *ret_end;
}

/* Returns false if a broker does not answer. */
static bool check_stalled(const struct inspector *inspector,
                          const struct stall *stall,
                          struct condition_list *list)
{
    int64_t stable;
    int64_t end;

    if (!is_behind(inspector, stall, &end)) {
        return true;
    }
    if (!query_stable(inspector, stall, &stable)) {
        return false;
    }
    if (stable < end && (stall->position < 0 || stable <= stall->position)) {
        append_open(inspector->options, stall, stable, list);
    }
    return true;
}

static void check_all(struct stalls *stalls, const struct inspector *inspector,
                      const rd_kafka_topic_partition_list_t *assigned,
                      struct condition_list *list)
{
    struct stalls next = {0};
    uint64_t now_ms = clock_monotonic_ms(clock_system());
    bool answers = true;

    next.items = mem_zalloc((size_t)assigned->cnt * sizeof(next.items[0]));
    for (int i = 0; i < assigned->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &assigned->elems[i];
        struct stall *stall = &next.items[next.count];

        stall->role = topic_consumed_role(inspector->options, at->topic);
        stall->partition = at->partition;
        if (stall->role == TOPIC_ROLES) {
            continue; /* of an earlier subscription */
        }
        next.count++;
        if (note_position(stall, find(stalls, stall->role, at->partition),
                          at->offset, now_ms) &&
            answers && !inspector->is_stopping(inspector->payload)) {
            answers = check_stalled(inspector, stall, list);
        }
    }
    stalls_release(stalls);
    *stalls = next;
}

void stalls_check(struct stalls *stalls, const struct inspector *inspector,
                  struct condition_list *list)
{
    rd_kafka_topic_partition_list_t *assigned = NULL;

    if (rd_kafka_assignment(inspector->client, &assigned) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_position(inspector->client, assigned);
        check_all(stalls, inspector, assigned, list);
    }
    if (assigned != NULL) {
        rd_kafka_topic_partition_list_destroy(assigned);
    }
}

void stalls_release(struct stalls *stalls)
{
    mem_free(stalls->items);
    *stalls = (struct stalls){0};
}
