#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_internal.h"
#include "waybill/alloc.h"
#include "waybill/event_form.h"
#include "waybill/file.h"
#include "waybill/json.h"

/* Files are read into memory as a whole; larger amounts belong on Kafka. */
#define MAX_FILE ((size_t)1 << 30)

int args_workflow(const struct cli_args *args, struct arena *arena,
                  const struct workflow **ret_workflow)
{
    const char *value = args_option(args, "--workflow");
    const char *slash = value != NULL ? strchr(value, '/') : NULL;
    struct workflow *workflow;

    *ret_workflow = NULL;
    if (value == NULL) {
        return 0;
    }
    if (slash == NULL || slash == value || slash[1] == '\0') {
        usage_error(args->command->name,
                    "--workflow expects PROJECT/NAME, not '%s'", value);
        return -1;
    }
    workflow = arena_alloc(arena, sizeof(*workflow));
    workflow->project =
        arena_printf(arena, "%.*s", (int)(slash - value), value);
    workflow->name = slash + 1;
    *ret_workflow = workflow;
    return 0;
}

const char *events_name(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

int events_open(const char *file, const struct workflow *workflow,
                struct events *ret_events)
{
    struct error err;
    struct str data;
    int result;

    str_init(&data, MAX_FILE);
    result = strcmp(file, "-") == 0
                 ? file_read_open(STDIN_FILENO, &data, &err)
                 : file_read(file, FILE_MAY_BE_PIPE, &data, NULL, &err);
    if (result < 0) {
        print_err("waybill: %s cannot be read: %s\n", events_name(file),
                  err.message);
        str_release(&data);
        return -1;
    }
    *ret_events = (struct events){
        .file = file,
        .len = data.len,
        .line = 1,
        .workflow = workflow,
        .wrapped = STR_INIT(STR_UNLIMITED),
    };
    ret_events->data = str_take(&data);
    return 0;
}

void events_close(struct events *events)
{
    mem_free(events->data);
    str_release(&events->wrapped);
}

/* Goes on to that byte, and counts the lines. */
static void advance(struct events *events, size_t to)
{
    for (; events->counted < to; events->counted++) {
        events->line += events->data[events->counted] == '\n';
    }
}

static void skip_whitespace(struct events *events)
{
    while (events->at < events->len && events->data[events->at] != '\0' &&
           strchr(" \t\r\n", events->data[events->at]) != NULL) {
        events->at++;
    }
}

/* Finds the end of text that is not JSON: the next line that begins with
 * '{'. Only the first line of a pretty-printed event begins so, and every
 * line of JSON lines does. */
static size_t find_next_event(const struct events *events)
{
    const char *at = events->data + events->at;
    const char *end = events->data + events->len;

    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && *at == '{') {
            return (size_t)(at - events->data);
        }
    }
    return events->len;
}

/* Wraps the value if it is bare and a workflow was given. */
static struct bytes finish_value(struct events *events, struct bytes value)
{
    str_clear(&events->wrapped);
    return events->workflow != NULL &&
                   event_wrap(value, events->workflow, &events->wrapped)
               ? str_bytes(&events->wrapped)
               : value;
}

bool events_next(struct events *events, struct input *ret_input)
{
    struct bytes value;
    struct error err;
    size_t start;
    size_t end;

    skip_whitespace(events);
    if (events->at >= events->len) {
        return false;
    }
    start = events->at;
    if (json_scan(events->data + start, events->len - start, NULL, &end, &err) <
        0) {
        end = find_next_event(events) - start;
    }
    advance(events, start);
    events->at = start + end;
    value = (struct bytes){(unsigned char *)events->data + start, end};
    *ret_input = (struct input){
        .message = {.value = finish_value(events, value), .timestamp_ms = -1},
        .file = events->file,
        .index = events->index++,
    };
    return true;
}
