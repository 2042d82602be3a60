#include "kafka/member_assignment.h"

#include <string.h>

#include "asserts.h"
#include "waybill/alloc.h"

/* The topics that another member of the group reads */

static const struct kafka_options options = {.topic = "attestations"};

#define ATTESTATIONS                                                           \
    "\0\x0c"                                                                   \
    "attestations"                                                             \
    "\0\0\0\1"                                                                 \
    "\0\0\0\2"
#define ORDERS                                                                 \
    "\0\6"                                                                     \
    "orders"                                                                   \
    "\0\0\0\2"                                                                 \
    "\0\0\0\0"                                                                 \
    "\0\0\0\1"
#define USER_DATA "\xff\xff\xff\xff"

static void assert_other(const void *data, size_t size, const char *topic)
{
    unsigned char *copy = mem_alloc(size > 0 ? size : 1);
    char *found;

    memcpy(copy, data, size);
    found = assignment_find_other_topic(&options, (struct bytes){copy, size});
    if (topic == NULL) {
        assert_null(found);
    } else {
        assert_string_equal(found, topic);
    }
    mem_free(found);
    mem_free(copy);
}

#define ASSERT_OTHER(text, topic) assert_other(text, sizeof(text) - 1, topic)

static void another_topic_is_found(void **state)
{
    ASSERT_OTHER("\0\1\0\0\0\2" ATTESTATIONS ORDERS USER_DATA, "orders");
    ASSERT_OTHER("\0\0\0\0\0\1" ORDERS USER_DATA, "orders");
}

static void what_waybill_reads_is_no_other_topic(void **state)
{
    ASSERT_OTHER("\0\1\0\0\0\1" ATTESTATIONS USER_DATA, NULL);
    ASSERT_OTHER("\0\1\0\0\0\0" USER_DATA, NULL);
    ASSERT_OTHER("", NULL);
}

/* Whatever the bytes are, nothing is read beyond them. */
static void an_assignment_that_is_cut_ends(void **state)
{
    static const char text[] = "\0\1\0\0\0\2" ATTESTATIONS ORDERS USER_DATA;

    for (size_t size = 0; size < sizeof(text) - 1 - 4; size++) {
        assert_other(text, size, NULL);
    }
    ASSERT_OTHER("\0\1\x7f\xff\xff\xff", NULL);
    ASSERT_OTHER("\0\1\0\0\0\1\xff\xff"
                 "orders",
                 NULL);
    ASSERT_OTHER("\0\1\0\0\0\1\0\6"
                 "orders"
                 "\xff\xff\xff\xff",
                 NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_topic_is_found),
        cmocka_unit_test(what_waybill_reads_is_no_other_topic),
        cmocka_unit_test(an_assignment_that_is_cut_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
