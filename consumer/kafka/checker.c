#include "committer.h"
#include "inspect.h"
#include "waybill/clock.h"

/*
 * The checks of the running client, on a thread of their own, because a broker
 * may take seconds to answer each request: before anything is read, then now
 * and then. Permissions are tried at the start, after an error that a missing
 * permission may have caused, and until nothing is missing any more.
 */

#define RETRY_MS 3000
#define INTERVAL_MS 15000
#define FIRST_TIMEOUT_MS 3000

static bool is_stopping(void *payload)
{
    return committer_is_checking_over(payload);
}

/* Only one producer may have the transactional id: no transaction runs until
 * release_id(), and the next one creates its producer again. */
static void claim_id(void *payload)
{
    struct committer *committer = payload;

    pthread_mutex_lock(&committer->producer_lock);
    transaction_drop_producer(committer);
}

static void release_id(void *payload)
{
    struct committer *committer = payload;

    pthread_mutex_unlock(&committer->producer_lock);
}

/* Checks all permissions if `wants_access` is true. Otherwise it checks only
 * the replays topic, while that cannot be read: this does not block the
 * service, so it does not cause a check of everything. */
static void check_access(struct committer *committer,
                         const struct inspector *inspector, bool wants_access,
                         struct kafka_facts *facts)
{
    if (wants_access) {
        inspect_access(inspector, facts);
    } else if (committer->is_replays_denied) {
        inspect_replays(inspector, facts);
    }
    committer->is_replays_denied =
        facts->topics[TOPIC_REPLAYS].fault == TOPIC_UNREADABLE;
}

/* After records were deleted before they were read */
static void find_first(struct committer *committer)
{
    struct kafka_partition at = committer_deleted(committer);
    int64_t first;

    if (at.topic != NULL &&
        inspect_offset(committer->consumer, at.topic, at.partition,
                       RD_KAFKA_OFFSET_BEGINNING, FIRST_TIMEOUT_MS,
                       &first) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        committer_post_first(committer, first);
    }
}

/* Checks, posts a report if the brokers have answered, and schedules the next
 * check. Batches are permitted once nothing is missing. */
static void check(struct committer *committer)
{
    char id[CLIENT_ID_SIZE];
    struct inspector inspector = {
        .options = committer->options,
        .client = committer->consumer,
        .transactional_id = client_transactional_id(committer->options, id),
        .is_stopping = is_stopping,
        .claim_id = claim_id,
        .release_id = release_id,
        .payload = committer,
    };
    bool wants_access = committer_take_suspicion(committer);
    struct fencing fencing = committer_fencing(committer);
    struct condition_list report = {0};
    struct kafka_facts facts;
    struct error err;
    bool blocks;

    find_first(committer);
    if (inspect_topics(&inspector, &facts, &err) < 0) {
        committer_set_notice(committer, err.message);
        committer_check_again(committer, RETRY_MS, wants_access);
        return;
    }
    check_access(committer, &inspector, wants_access, &facts);
    if (committer_is_checking_over(committer)) {
        return;
    }
    topics_judge(committer->options, &facts, &report);
    fencing_judge(&fencing, committer->options,
                  clock_monotonic_ms(clock_system()), &report);
    inspect_group(&inspector, &report);
    stalls_check(&committer->stalls, &inspector, &report);
    blocks = condition_list_blocks(&report);
    committer_check_again(committer, blocks ? RETRY_MS : INTERVAL_MS, blocks);
    committer_post_report(committer, &report);
    if (!blocks) {
        committer_permit(committer);
    }
}

void *checker_run(void *payload)
{
    struct committer *committer = payload;

    while (committer_await_check(committer)) {
        check(committer);
    }
    committer_end(committer);
    return NULL;
}
