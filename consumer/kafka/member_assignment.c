#include "member_assignment.h"

#include <string.h>

#include "topic_facts.h"
#include "waybill/alloc.h"

/* The longest name that Kafka permits */
#define MAX_TOPIC_NAME 249

/* Reads a big-endian integer, and advances. Returns -1 if it does not fit. */
static int read_number(struct bytes *from, size_t size, int64_t *ret_number)
{
    const unsigned char *data = from->data;
    uint64_t number = 0;

    if (from->len < size) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        number = number << 8 | data[i];
    }
    *ret_number = (int64_t)number;
    *from = (struct bytes){data + size, from->len - size};
    return 0;
}

static int skip(struct bytes *from, int64_t size)
{
    if (size < 0 || (uint64_t)size > from->len) {
        return -1;
    }
    from->data = (const unsigned char *)from->data + size;
    from->len -= (size_t)size;
    return 0;
}

/* Reads a topic and skips its partitions. */
static int read_topic(struct bytes *from, char name[MAX_TOPIC_NAME + 1])
{
    int64_t length;
    int64_t partitions;

    if (read_number(from, 2, &length) < 0 || length > MAX_TOPIC_NAME ||
        (uint64_t)length > from->len) {
        return -1;
    }
    memcpy(name, from->data, (size_t)length);
    name[length] = '\0';
    if (skip(from, length) < 0 || read_number(from, 4, &partitions) < 0) {
        return -1;
    }
    return skip(from, partitions * 4);
}

char *assignment_find_other_topic(const struct kafka_options *options,
                                  struct bytes assignment)
{
    char name[MAX_TOPIC_NAME + 1];
    int64_t version;
    int64_t count;

    if (read_number(&assignment, 2, &version) < 0 ||
        read_number(&assignment, 4, &count) < 0) {
        return NULL;
    }
    while (count-- > 0 && read_topic(&assignment, name) == 0) {
        if (topic_consumed_role(options, name) == TOPIC_ROLES) {
            return mem_strdup(name);
        }
    }
    return NULL;
}
