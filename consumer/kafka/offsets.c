#include "offsets.h"

#include <time.h>
#include <unistd.h>

/* A call that begins before the coordinator is known waits for it, so that a
 * short call repeated is as good as a long one, and ends sooner with the
 * process. */
#define CALL_TIMEOUT_MS 1500
#define FINISH_TIMEOUT_S 3

static void *run_query(void *payload)
{
    static const uint64_t one = 1;
    struct offsets_query *query = payload;

    query->code =
        rd_kafka_committed(query->client, query->list, CALL_TIMEOUT_MS);
    atomic_store(&query->answered, true);
    /* The counter of an eventfd cannot overflow by this. */
    (void)!write(query->event_fd, &one, sizeof(one));
    return NULL;
}

bool offsets_query_start(struct offsets_query *query, rd_kafka_t *client,
                         const rd_kafka_topic_partition_list_t *list,
                         int event_fd)
{
    query->client = client;
    query->event_fd = event_fd;
    query->list = rd_kafka_topic_partition_list_copy(list);
    query->stale = false;
    atomic_store(&query->answered, false);
    query->running =
        pthread_create(&query->thread, NULL, run_query, query) == 0;
    if (!query->running) {
        rd_kafka_topic_partition_list_destroy(query->list);
        query->list = NULL;
    }
    return query->running;
}

bool offsets_query_take(struct offsets_query *query,
                        rd_kafka_topic_partition_list_t **ret_list,
                        rd_kafka_resp_err_t *ret_code)
{
    if (!query->running || !atomic_load(&query->answered)) {
        return false;
    }
    pthread_join(query->thread, NULL);
    query->running = false;
    *ret_list = query->list;
    *ret_code = query->code;
    query->list = NULL;
    return true;
}

bool offsets_query_finish(struct offsets_query *query)
{
    struct timespec deadline;

    if (!query->running) {
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += FINISH_TIMEOUT_S;
    if (pthread_timedjoin_np(query->thread, NULL, &deadline) != 0) {
        return false;
    }
    query->running = false;
    rd_kafka_topic_partition_list_destroy(query->list);
    query->list = NULL;
    return true;
}
