#include "waybill/needs.h"

#include <stdlib.h>
#include <string.h>

static void add(struct needs *needs, const struct need **list, const char *text)
{
    struct need *need;

    if (text == NULL || *text == '\0') {
        return;
    }
    need = arena_alloc(needs->arena, sizeof(*need));
    need->text = arena_strdup(needs->arena, text);
    need->next = *list;
    *list = need;
}

void needs_file(struct needs *needs, const char *path)
{
    add(needs, &needs->files, path);
}

void needs_written(struct needs *needs, const char *path)
{
    add(needs, &needs->written, path);
}

void needs_program(struct needs *needs, const char *command)
{
    add(needs, &needs->programs, command);
}

bool needs_variable(struct needs *needs, const char *variable,
                    const char *below)
{
    const char *value = getenv(variable);

    if (value == NULL || *value == '\0') {
        return false;
    }
    needs_file(needs, arena_printf(needs->arena, "%s%s", value, below));
    return true;
}

static bool word_is(const char *word, size_t len, const char *text, bool first)
{
    if (first && len > 0 && word[len - 1] == '*') {
        return strncmp(word, text, len - 1) == 0;
    }
    return strlen(text) == len && strncmp(word, text, len) == 0;
}

static bool command_is(const char *command, const char *const *argv)
{
    bool first = true;

    for (; *argv != NULL; argv++, first = false) {
        size_t len = command != NULL ? strcspn(command, "\n") : 0;

        if (command == NULL || !word_is(command, len, *argv, first)) {
            return false;
        }
        command = command[len] == '\n' ? command + len + 1 : NULL;
    }
    return command == NULL;
}

bool needs_name(const struct need *programs, const char *name)
{
    for (; programs != NULL; programs = programs->next) {
        size_t len = strcspn(programs->text, "\n");

        if (word_is(programs->text, len, name, true)) {
            return true;
        }
    }
    return false;
}

bool needs_allow(const struct need *programs, const char *const *argv)
{
    /* What has a slash in it is not looked for on PATH. */
    if (argv[0] == NULL || strchr(argv[0], '/') != NULL) {
        return false;
    }
    for (; programs != NULL; programs = programs->next) {
        if (command_is(programs->text, argv)) {
            return true;
        }
    }
    return false;
}
