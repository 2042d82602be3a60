#include "decoding.h"

#define TYPE "dev.waybill.attestation.created.v1"
#define ONE "00-11111111111111111111111111111111-1111111111111111-01"
#define TWO "00-22222222222222222222222222222222-2222222222222222-00"
#define THREE "00-33333333333333333333333333333333-3333333333333333-01"
#define TYPED "\"specversion\":\"1.0\",\"type\":\"" TYPE "\","

struct coordinates {
    const char *label;
    const char *parent_member; /* of a structured event; NULL: binary mode */
    const char *state_member;
    const char *ce_parent; /* headers */
    const char *ce_state;
    const char *parent;
    const char *state;
    const char *wanted; /* NULL: none */
    const char *wanted_state;
};

static const struct coordinates places[] = {
    {"nothing", .parent = NULL},
    {"a header of the producer's", .parent = ONE, .state = "a=1", .wanted = ONE,
     .wanted_state = "a=1"},
    {"an attribute in binary mode", .ce_parent = TWO, .ce_state = "a=2",
     .wanted = TWO, .wanted_state = "a=2"},
    {"the attribute before the header", .ce_parent = TWO, .parent = ONE,
     .wanted = TWO},
    {"no state from elsewhere", .ce_parent = TWO, .parent = ONE, .state = "a=1",
     .wanted = TWO},
    {"a broken attribute does not hide the header", .ce_parent = "00-x",
     .ce_state = "a=2", .parent = ONE, .wanted = ONE},
    {"an empty one does not either", .ce_parent = "", .parent = ONE,
     .wanted = ONE},
    {"a state alone is none", .ce_state = "a=1", .state = "a=1"},
    {"a broken state is left out", .ce_parent = TWO, .ce_state = "A",
     .wanted = TWO},
    {"all broken", .ce_parent = "00-x", .parent = "\xFF"},
    {"an attribute in structured mode", "\"" THREE "\"", "\"a=3\"",
     .wanted = THREE, .wanted_state = "a=3"},
    {"... before all headers", "\"" THREE "\"", .parent = ONE, .state = "a=1",
     .wanted = THREE},
    {"... of another type costs nothing", "7", "{}", .parent = ONE,
     .wanted = ONE},
    {"... that is very long costs nothing",
     "\"" THREE "-" THREE THREE THREE THREE THREE THREE THREE THREE THREE THREE
     "\"",
     .parent = ONE, .wanted = ONE},
};

static const char *value_of(const struct coordinates *coordinates,
                            struct arena *arena)
{
    if (coordinates->parent_member == NULL) {
        return EVENT;
    }
    return arena_printf(
        arena, "{" TYPED "\"traceparent\":%s,%s%s\"data\":%s}",
        coordinates->parent_member,
        coordinates->state_member ? "\"tracestate\":" : "",
        coordinates->state_member
            ? arena_printf(arena, "%s,", coordinates->state_member)
            : "",
        EVENT);
}

static size_t headers_of(const struct coordinates *coordinates,
                         struct header headers[5])
{
    const struct {
        const char *name;
        const char *value;
    } all[] = {
        {"ce_type",
         coordinates->ce_parent || coordinates->ce_state ? TYPE : NULL},
        {"ce_traceparent", coordinates->ce_parent},
        {"ce_tracestate", coordinates->ce_state},
        {"traceparent", coordinates->parent},
        {"tracestate", coordinates->state},
    };
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (all[i].value != NULL) {
            headers[count++] =
                (struct header){all[i].name, bytes_of(all[i].value)};
        }
    }
    return count;
}

static void check_found(const char *label, const char *found,
                        const char *wanted)
{
    check_text(label, found != NULL ? found : "none",
               wanted != NULL ? wanted : "none");
}

/* An invalid trace never rejects an event: each of these is decoded. */
static void tracing__comes_from_the_best_place_that_can_be_read(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        const struct coordinates *coordinates = &places[i];
        struct header headers[5];
        size_t count = headers_of(coordinates, headers);
        struct event event;
        struct error err = ERROR_UNTOUCHED;

        check_number(coordinates->label,
                     decode_with(value_of(coordinates, arena), headers, count,
                                 arena, &event, &err),
                     0);
        check_found(coordinates->label, event.trace.parent,
                    coordinates->wanted);
        check_found(coordinates->label, event.trace.state,
                    coordinates->wanted_state);
    }
}

static void tracing__is_known_of_what_cannot_be_read(void **state)
{
    static const char *const values[] = {NULL, "{", "[]"};
    const struct header headers[] = {{"TraceParent", bytes_of(ONE)}};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        CLEANUP(release_arena) struct arena *arena = arena_new();
        struct event event;
        struct error err;

        assert_int_equal(
            decode_with(values[i], headers, 1, arena, &event, &err), -1);
        assert_string_equal(event.trace.parent, ONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracing__comes_from_the_best_place_that_can_be_read),
        cmocka_unit_test(tracing__is_known_of_what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
