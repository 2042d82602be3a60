#include "inspect.h"
#include "waybill/alloc.h"

/* Who else is in the group, as its coordinator describes it */

#define REQUEST_TIMEOUT_MS 3000

static const char *find_other_topic(const rd_kafka_MemberDescription_t *member,
                                    const struct kafka_options *options)
{
    const rd_kafka_MemberAssignment_t *assignment =
        rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t *list =
        assignment != NULL ? rd_kafka_MemberAssignment_partitions(assignment)
                           : NULL;

    for (int i = 0; list != NULL && i < list->cnt; i++) {
        if (topic_consumed_role(options, list->elems[i].topic) == TOPIC_ROLES) {
            return list->elems[i].topic;
        }
    }
    return NULL;
}

static void judge(const struct inspector *inspector,
                  const rd_kafka_ConsumerGroupDescription_t *group,
                  struct condition_list *list)
{
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(group);
    struct group_member *members = mem_zalloc(count * sizeof(members[0]));
    const char *assignor =
        rd_kafka_ConsumerGroupDescription_partition_assignor(group);
    char client_id[256] = "";
    size_t size = sizeof(client_id);

    rd_kafka_conf_get(rd_kafka_conf(inspector->client), "client.id", client_id,
                      &size);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_MemberDescription_t *member =
            rd_kafka_ConsumerGroupDescription_member(group, i);

        members[i] = (struct group_member){
            .client_id = rd_kafka_MemberDescription_client_id(member),
            .host = rd_kafka_MemberDescription_host(member),
            .other_topic = find_other_topic(member, inspector->options),
        };
    }
    group_judge(inspector->options, client_id, assignor != NULL ? assignor : "",
                members, count, list);
    mem_free(members);
}

static bool is_member(rd_kafka_t *client)
{
    char *id = rd_kafka_memberid(client);
    bool result = id != NULL && id[0] != '\0';

    if (id != NULL) {
        rd_kafka_mem_free(client, id);
    }
    return result;
}

/* A coordinator describes a group of the newer protocol (KIP-848) as one that
 * does not exist, or says so, to a client that does not know that protocol. */
static bool is_hidden(const rd_kafka_ConsumerGroupDescription_t *group)
{
    const rd_kafka_error_t *error =
        rd_kafka_ConsumerGroupDescription_error(group);

    return rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND ||
           (error == NULL && rd_kafka_ConsumerGroupDescription_state(group) ==
                                 RD_KAFKA_CONSUMER_GROUP_STATE_DEAD);
}

static void read_description(const struct inspector *inspector,
                             rd_kafka_event_t *event,
                             struct condition_list *list)
{
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        event != NULL ? rd_kafka_event_DescribeConsumerGroups_result(event)
                      : NULL;
    const rd_kafka_ConsumerGroupDescription_t **groups;
    size_t count = 0;

    if (result == NULL ||
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    groups = rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
    if (count != 1) {
        return;
    }
    if (is_hidden(groups[0])) {
        if (is_member(inspector->client)) {
            topics_add_newer_protocol(inspector->options, list);
        }
    } else if (rd_kafka_error_code(rd_kafka_ConsumerGroupDescription_error(
                   groups[0])) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        judge(inspector, groups[0], list);
    }
}

void inspect_group(const struct inspector *inspector,
                   struct condition_list *list)
{
    const char *group = inspector->options->group;
    rd_kafka_queue_t *responses = rd_kafka_queue_new(inspector->client);
    rd_kafka_event_t *event;

    rd_kafka_DescribeConsumerGroups(inspector->client, &group, 1, NULL,
                                    responses);
    event = inspect_await(inspector, responses, REQUEST_TIMEOUT_MS);
    read_description(inspector, event, list);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(responses);
}
