#include "chat_message.h"

#include <string.h>

#include "predicate.h"
#include "waybill/event_content.h"
#include "waybill/http.h"
#include "waybill/url.h"

/* --- the parts ---------------------------------------------------------------
 */

static bool has_text(const char *text)
{
    return text != NULL && text[strspn(text, " \t\r\n")] != '\0';
}

static void add_fact(struct chat_message *message, const char *name,
                     const char *value)
{
    if (has_text(value) && message->fact_count < CHAT_MAX_FACTS) {
        message->facts[message->fact_count++] =
            (struct chat_fact){.name = name, .value = value};
    }
}

static void add_list(struct chat_message *message, const char *name,
                     const char *const *lines, size_t count)
{
    if (count > 0) {
        message->lists[message->list_count++] =
            (struct chat_list){.name = name, .lines = lines, .count = count};
    }
}

static const char *title_of(const struct event *event, struct arena *arena)
{
    const struct workflow *workflow = &event->workflow;
    const char *name = has_text(workflow->name) ? workflow->name : workflow->id;

    if (!has_text(name)) {
        return "Attestation received";
    }
    return has_text(workflow->project)
               ? arena_printf(arena, "%s/%s: attestation received",
                              workflow->project, name)
               : arena_printf(arena, "%s: attestation received", name);
}

/* Services refuse the whole message if a link is no URL, and some do so for a
 * host without a domain. */
static const char *link_of(const struct event *event, struct arena *arena)
{
    struct url url;
    struct error ignored;
    const char *link;

    if (!has_text(event->run.url) || strlen(event->run.url) > 1024 ||
        url_parse(event->run.url, NULL, &url, &ignored) < 0) {
        return NULL;
    }
    link = http_value_is_plain(url.text) && strpbrk(url.host, ".:") != NULL
               ? arena_strdup(arena, url.text)
               : NULL;
    url_release(&url);
    return link;
}

static bool says(const char *state, const char *const *words)
{
    for (; state != NULL && *words != NULL; words++) {
        if (strcmp(state, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* The states are those of Chainloop's runs. */
static enum chat_mood mood_of(const struct event *event,
                              const struct predicate *predicate)
{
    static const char *const good[] = {"success", "succeeded", "passed", NULL};
    static const char *const bad[] = {"error",   "failed",    "failure",
                                      "expired", "cancelled", NULL};

    if (predicate->violation_count > 0 || says(event->run.state, bad)) {
        return CHAT_BAD;
    }
    return says(event->run.state, good) ? CHAT_GOOD : CHAT_NEUTRAL;
}

/* --- facts -------------------------------------------------------------------
 */

static const char *policies_of(const struct predicate *predicate,
                               struct arena *arena)
{
    size_t violations = predicate->violation_count;
    size_t evaluations = predicate->evaluation_count;

    if (!predicate->has_policies) {
        return NULL;
    }
    if (violations > 0) {
        return arena_printf(arena, "%zu violation%s%s", violations,
                            plural_s(violations),
                            predicate->is_blocked ? " (blocked)" : "");
    }
    return evaluations > 0 ? arena_printf(arena,
                                          "%zu evaluation%s, no "
                                          "violations",
                                          evaluations, plural_s(evaluations))
                           : "no violations";
}

static void add_facts(struct chat_message *message, const struct event *event,
                      const struct predicate *predicate, struct arena *arena)
{
    const struct workflow *workflow = &event->workflow;
    const struct run *run = &event->run;

    add_fact(message, "State", run->state);
    add_fact(message, "Policies", policies_of(predicate, arena));
    add_fact(message, "Workflow",
             has_text(workflow->name) ? workflow->name : workflow->id);
    add_fact(message, "Project", workflow->project);
    add_fact(message, "Team", workflow->team);
    add_fact(message, "Organization", event->organization);
    add_fact(message, "Run", run->id);
    add_fact(message, "Started", run->started_at);
    add_fact(message, "Finished", run->finished_at);
    add_fact(message, "Attestation", event->envelope_digest.text);
}

/* --- lists -------------------------------------------------------------------
 */

static const char **new_lines(struct arena *arena, size_t count)
{
    return arena_alloc(arena, (count + 1) * sizeof(const char *));
}

static const char *or_blank(const char *text)
{
    return text != NULL ? text : "";
}

static void add_violations(struct chat_message *message,
                           const struct predicate *predicate,
                           struct arena *arena)
{
    size_t count = predicate->violations_listed;
    const char **lines = new_lines(arena, count);

    for (size_t i = 0; i < count; i++) {
        lines[i] =
            arena_printf(arena, "%s: %s", predicate->violations[i].policy,
                         predicate->violations[i].message);
    }
    add_list(message, "Violations", lines, count);
}

static const char *image_line(const char *name, const char *digest,
                              struct arena *arena)
{
    return digest != NULL ? arena_printf(arena, "%s@%s", or_blank(name), digest)
                          : or_blank(name);
}

/* The images that the event names, or else what the statement is about */
static void add_subjects(struct chat_message *message,
                         const struct event *event, struct arena *arena)
{
    struct error ignored;
    const struct statement *statement = event_statement(event, &ignored);
    size_t count = event->subject_count;
    const char **lines;

    if (count == 0 && statement != NULL) {
        count = statement->subject_count;
    }
    lines = new_lines(arena, count);
    for (size_t i = 0; i < count; i++) {
        lines[i] = event->subject_count > 0
                       ? image_line(event->subjects[i].ref,
                                    event->subjects[i].digest, arena)
                       : image_line(statement->subjects[i].name,
                                    statement->subjects[i].digest, arena);
    }
    add_list(message, "Subjects", lines, count);
}

static const char *material_line(const char *name, const char *type,
                                 struct arena *arena)
{
    return has_text(type) ? arena_printf(arena, "%s (%s)", or_blank(name), type)
                          : or_blank(name);
}

/* The materials of the predicate, which are signed, or else the event's */
static void add_materials(struct chat_message *message,
                          const struct event *event,
                          const struct predicate *predicate,
                          struct arena *arena)
{
    size_t signed_count = predicate->material_count;
    size_t count = signed_count > 0 ? signed_count : event->material_count;
    const char **lines = new_lines(arena, count);

    for (size_t i = 0; i < count; i++) {
        lines[i] = signed_count > 0
                       ? material_line(predicate->materials[i].name,
                                       predicate->materials[i].type, arena)
                       : material_line(event->materials[i].name,
                                       event->materials[i].type, arena);
    }
    add_list(message, "Materials", lines, count);
}

void chat_message_of(const struct event *event, struct arena *arena,
                     struct chat_message *ret_message)
{
    struct predicate predicate;

    predicate_read(event, arena, &predicate);
    *ret_message = (struct chat_message){
        .title = title_of(event, arena),
        .link = link_of(event, arena),
        .mood = mood_of(event, &predicate),
        .event_id = event->id,
    };
    add_facts(ret_message, event, &predicate, arena);
    add_violations(ret_message, &predicate, arena);
    add_subjects(ret_message, event, arena);
    add_materials(ret_message, event, &predicate, arena);
}
