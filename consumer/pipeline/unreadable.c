#include <stdio.h>
#include <string.h>

#include "service_internal.h"
#include "waybill/log.h"

/*
 * Partitions that cannot be read further: a batch that librdkafka cannot
 * decompress, or a record that is larger than all of the memory for records
 * (delivery.max_bytes). Only an operator can skip them, because records without
 * an outcome would be lost. All other partitions continue.
 */

static struct assignment *find(struct service *service,
                               const struct kafka_partition *at)
{
    struct assignment *assignment;

    TAILQ_FOREACH(assignment, &service->assignments, link)
    {
        if (assignment->at.partition == at->partition && !assignment->revoked &&
            strcmp(assignment->at.topic, at->topic) == 0) {
            return assignment;
        }
    }
    return NULL;
}

void unreadable_append_command(const struct service *service,
                               const struct assignment *assignment,
                               struct str *out)
{
    str_printf(out,
               "kafka-consumer-groups --bootstrap-server %s --group %s "
               "--topic %s:%d --reset-offsets --to-offset ",
               service->kafka_options.brokers, service->kafka_options.group,
               assignment->at.topic, (int)assignment->at.partition);
    if (assignment->readable_from >= 0) {
        str_printf(out, "%lld", (long long)assignment->readable_from);
    } else {
        str_append_text(out, "OFFSET");
    }
    str_append_text(out, " --execute");
}

static void log_unreadable(const struct service *service,
                           const struct assignment *assignment)
{
    CLEANUP(str_release) struct str command = STR_INIT(STR_UNLIMITED);

    unreadable_append_command(service, assignment, &command);
    log_write(LOG_ERROR, "pipeline",
              "partition cannot be read further, holding it; to skip what "
              "cannot be read, wait until everything before this offset is "
              "committed, stop all instances, run the command, start again",
              LOG_TEXT("topic", assignment->at.topic),
              LOG_NUMBER("partition", assignment->at.partition),
              LOG_NUMBER("offset", assignment->unreadable),
              LOG_TEXT("command", command.data),
              LOG_TEXT("err", assignment->unreadable_reason));
}

void service_on_unreadable(void *payload, const struct kafka_unreadable *what)
{
    struct service *service = payload;
    struct assignment *assignment = find(service, &what->at);

    if (assignment == NULL) {
        return;
    }
    if (assignment->unreadable < 0) {
        assignment->unreadable_since_ms =
            clock_wall_ms(loop_clock(service->options->loop));
    }
    assignment->unreadable = what->offset;
    assignment->readable_from = what->next;
    if (what->offset < 0) {
        log_write(LOG_INFO, "pipeline", "partition can be read again",
                  LOG_TEXT("topic", what->at.topic),
                  LOG_NUMBER("partition", what->at.partition));
        return;
    }
    snprintf(assignment->unreadable_reason,
             sizeof(assignment->unreadable_reason), "%s", what->reason);
    log_unreadable(service, assignment);
}

bool unreadable_hold(struct assignment *assignment, const struct input *input)
{
    struct service *service = assignment->service;
    size_t size = input->message.key.len + input->message.value.len;
    size_t max = service->settings->delivery.max_bytes;
    char reason[200];

    if (assignment->unreadable >= 0 &&
        input->offset >= assignment->unreadable) {
        return true;
    }
    if (size <= max) {
        return false;
    }
    snprintf(
        reason, sizeof(reason),
        "the size of the record is %zu, more than all records together may "
        "take (delivery.max_bytes: %zu)",
        size, max);
    kafka_hold(service->kafka, &assignment->at, input->offset);
    service_on_unreadable(service,
                          &(struct kafka_unreadable){.at = assignment->at,
                                                     .offset = input->offset,
                                                     .next = input->offset + 1,
                                                     .reason = reason});
    return true;
}
