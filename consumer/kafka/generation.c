#include <string.h>

#include "kafka_internal.h"

/* The broker accepts offsets without a generation from any client and does not
 * fence them. Therefore none are sent before the member has joined the group or
 * after it has left. librdkafka before 2.6 has no accessor for the generation;
 * it is the first integer of the serialised metadata, after "CGMDv2:". An
 * unknown format is accepted here and fenced by the broker. */
bool group_has_generation(const rd_kafka_consumer_group_metadata_t *group)
{
    static const char magic[] = "CGMDv2:";
    int32_t generation = 0;
    void *form;
    size_t size;
    rd_kafka_error_t *error =
        rd_kafka_consumer_group_metadata_write(group, &form, &size);

    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return false;
    }
    if (size >= sizeof(magic) - 1 + sizeof(generation) &&
        memcmp(form, magic, sizeof(magic) - 1) == 0) {
        memcpy(&generation, (char *)form + sizeof(magic) - 1,
               sizeof(generation));
    }
    rd_kafka_mem_free(NULL, form);
    return generation >= 0;
}
