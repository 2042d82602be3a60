#include "explain_suggest.h"

static void append_suggestion(struct suggestions *suggestions,
                              const char *command, const char *why)
{
    if (command != NULL && suggestions->count < MAX_SUGGESTIONS) {
        suggestions->all[suggestions->count++] =
            (struct suggested){command, why};
    }
}

static void suggest_group(const struct history *history,
                          const struct explain_names *names,
                          struct arena *arena, struct suggestions *suggestions)
{
    append_suggestion(
        suggestions,
        arena_printf(arena,
                     "kafka-consumer-groups --bootstrap-server %s --group "
                     "%s --describe",
                     names->brokers, history->group),
        "which instance reads the partition, and its lag");
}

static void suggest_status(const struct explain_names *names,
                           struct arena *arena, struct suggestions *suggestions)
{
    append_suggestion(
        suggestions, arena_printf(arena, "%s status", names->program),
        "the state of the instance, and what its registrations are waiting "
        "for");
    append_suggestion(suggestions,
                      arena_printf(arena, "%s check --online", names->program),
                      "whether each endpoint would accept a delivery");
}

static void suggest_dead_letter(const struct dead_letter *dead_letter,
                                const struct explain_names *names,
                                struct arena *arena,
                                struct suggestions *suggestions)
{
    if (dead_letter->state == DEAD_LETTER_UNREADABLE) {
        return;
    }
    append_suggestion(suggestions,
                      arena_printf(arena, "%s replay show %d/%lld",
                                   names->program, (int)dead_letter->partition,
                                   (long long)dead_letter->offset),
                      "why it failed, and how to fix that");
    if (dead_letter->state == DEAD_LETTER_WAITING) {
        append_suggestion(
            suggestions,
            arena_printf(arena, "%s replay run --dead-letter %d/%lld --yes",
                         names->program, (int)dead_letter->partition,
                         (long long)dead_letter->offset),
            "delivers it again, once the cause is fixed");
    }
}

static void suggest_dead_letters(const struct history *history,
                                 const struct explain_names *names,
                                 struct arena *arena,
                                 struct suggestions *suggestions)
{
    for (size_t i = 0; i < history->dead_letter_count; i++) {
        const struct dead_letter *dead_letter = history->dead_letters[i];

        if (dead_letter->state == DEAD_LETTER_WAITING ||
            dead_letter->state == DEAD_LETTER_QUARANTINED) {
            suggest_dead_letter(dead_letter, names, arena, suggestions);
        }
    }
}

struct suggestions explain_suggest(const struct history *history,
                                   const struct explain_names *names,
                                   struct arena *arena)
{
    enum history_verdict verdict = history_judge(history);
    struct suggestions suggestions = {.count = 0};

    suggest_dead_letters(history, names, arena, &suggestions);
    if (verdict == HISTORY_IN_FLIGHT || verdict == HISTORY_PARTLY_DONE ||
        verdict == HISTORY_UNREAD) {
        suggest_status(names, arena, &suggestions);
    }
    if (verdict == HISTORY_UNREAD || verdict == HISTORY_PASSED ||
        verdict == HISTORY_LOST || verdict == HISTORY_SET_BACK) {
        suggest_group(history, names, arena, &suggestions);
    }
    return suggestions;
}
