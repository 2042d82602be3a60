#include <string.h>

#include "fuzz.h"
#include "kafka/member_assignment.h"
#include "waybill/alloc.h"

/* The assignment of another application of the group: a topic that is found is
 * within the bytes, and is none that Waybill reads. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kafka_options options = {.topic = "attestations"};
    char *topic =
        assignment_find_other_topic(&options, (struct bytes){data, size});

    if (topic != NULL) {
        CHECK(strlen(topic) + 8 <= size);
        CHECK(strcmp(topic, "attestations") != 0);
    }
    mem_free(topic);
    return 0;
}
