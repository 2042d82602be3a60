#include <string.h>

#include "inspect.h"
#include "member_assignment.h"
#include "waybill/alloc.h"

/*
 * Who else is in the group, as its coordinator describes it.
 *
 * rd_kafka_list_groups() is deprecated in favor of the Admin API, whose
 * requests to a coordinator sometimes abort the process in librdkafka 2.0.2
 * (see inspect_group_access()). It asks every broker which groups it
 * coordinates.
 */

#define REQUEST_TIMEOUT_MS 3000

static void judge(const struct inspector *inspector,
                  const struct rd_kafka_group_info *group,
                  struct condition_list *list)
{
    size_t count = group->member_cnt > 0 ? (size_t)group->member_cnt : 0;
    struct group_member *members = mem_zalloc(count * sizeof(members[0]));
    char client_id[256] = "";
    size_t size = sizeof(client_id);

    rd_kafka_conf_get(rd_kafka_conf(inspector->client), "client.id", client_id,
                      &size);
    for (size_t i = 0; i < count; i++) {
        const struct rd_kafka_group_member_info *member = &group->members[i];

        members[i] = (struct group_member){
            .client_id = member->client_id,
            .host = member->client_host,
            .other_topic = assignment_find_other_topic(
                inspector->options,
                (struct bytes){member->member_assignment,
                               (size_t)member->member_assignment_size}),
        };
    }
    group_judge(inspector->options, client_id,
                group->protocol != NULL ? group->protocol : "", members, count,
                list);
    for (size_t i = 0; i < count; i++) {
        mem_free((char *)members[i].other_topic);
    }
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
static bool is_hidden(const struct rd_kafka_group_info *group)
{
    return group->err == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND ||
           (group->err == RD_KAFKA_RESP_ERR_NO_ERROR && group->state != NULL &&
            strcmp(group->state, "Dead") == 0);
}

void inspect_group(const struct inspector *inspector,
                   struct condition_list *list)
{
    const struct rd_kafka_group_list *groups = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_list_groups(inspector->client, inspector->options->group,
                             &groups, REQUEST_TIMEOUT_MS);

    /* With ERR__PARTIAL some brokers did not respond. */
    if (groups == NULL) {
        return;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && groups->group_cnt == 1) {
        const struct rd_kafka_group_info *group = &groups->groups[0];

        if (is_hidden(group)) {
            if (is_member(inspector->client)) {
                topics_add_newer_protocol(inspector->options, list);
            }
        } else if (group->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            judge(inspector, group, list);
        }
    }
    rd_kafka_group_list_destroy(groups);
}
