#include <string.h>

#include "kafka_internal.h"

/* Kafka takes offsets without a generation from anybody, unfenced: none are
 * sent before the group has been joined, or after it was lost. The generation
 * has no accessor before librdkafka 2.6; it is the first number of the
 * serialised form, behind "CGMDv2:". Another form is let pass, to be fenced by
 * the broker. */
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
