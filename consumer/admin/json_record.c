#include "admin_internal.h"
#include "waybill/clock.h"
#include "waybill/json.h"

static void append_time(struct json_writer *writer, const char *name,
                        int64_t ms)
{
    char time[CLOCK_TEXT_SIZE];

    if (ms > 0) {
        json_append_string(writer, name, clock_format(ms, time));
    }
}

static void append_delivery(struct json_writer *writer,
                            const struct status_delivery *from)
{
    json_open(writer, NULL, '{');
    json_append_optional(writer, "attachment", from->attachment);
    json_append_optional(writer, "registration", from->registration);
    json_append_optional(writer, "host", from->endpoint);
    json_append_string(writer, "waits_for", delivery_wait_name(from->wait));
    json_append_integer(writer, "attempts", (int64_t)from->attempts);
    append_time(writer, "since", from->since_ms);
    append_time(writer, "next_attempt", from->next_ms);
    json_append_optional(writer, "reason", from->reason);
    json_close(writer, '}');
}

void append_deliveries_json(struct str *out,
                            const struct status_deliveries *deliveries)
{
    struct json_writer writer = {.out = out};

    json_open(&writer, NULL, '{');
    json_append_bool(&writer, "in_memory", deliveries->is_in_memory);
    if (deliveries->is_in_memory) {
        json_append_integer(&writer, "age_ms", (int64_t)deliveries->age_ms);
    }
    json_open(&writer, "deliveries", '[');
    for (size_t i = 0; i < deliveries->count; i++) {
        append_delivery(&writer, &deliveries->all[i]);
    }
    json_close(&writer, ']');
    json_close(&writer, '}');
    str_append_char(out, '\n');
}
