#include <string.h>

#include "fuzz.h"
#include "waybill/trace.h"

/*
 * - A value that is accepted can be a header: it has a fixed length and few
 *   characters.
 * - When it is written and parsed again, it is the same, also with another
 *   parent.
 * - A state that is accepted contains no line break.
 */

static void check_parent(char parent[TRACE_PARENT_SIZE])
{
    char again[TRACE_PARENT_SIZE];

    CHECK(strlen(parent) == TRACE_PARENT_SIZE - 1);
    CHECK(strspn(parent, "0123456789abcdef-") == TRACE_PARENT_SIZE - 1);
    CHECK(trace_parent_read(parent, strlen(parent), again));
    CHECK(strcmp(parent, again) == 0);
    trace_parent_renew(parent, 1);
    CHECK(trace_parent_read(parent, strlen(parent), again));
    CHECK(strncmp(trace_id_of(parent), trace_id_of(again), TRACE_ID_LEN) == 0);
    CHECK(strncmp(trace_span_of(again), "0000000000000001", TRACE_SPAN_LEN) ==
          0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char parent[TRACE_PARENT_SIZE];

    if (trace_parent_read(text, size, parent)) {
        check_parent(parent);
    }
    if (trace_state_is_valid(text, size)) {
        CHECK(size <= 1024);
        for (size_t i = 0; i < size; i++) {
            CHECK((text[i] >= ' ' && text[i] <= '~') || text[i] == '\t');
        }
    }
    return 0;
}
