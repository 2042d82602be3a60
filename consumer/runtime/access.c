#include "waybill/access.h"

#include <stdlib.h>
#include <string.h>

static void add(struct access *access, const struct access_entry **list,
                const char *text)
{
    struct access_entry *access_entry;

    if (text == NULL || *text == '\0') {
        return;
    }
    access_entry = arena_alloc(access->arena, sizeof(*access_entry));
    access_entry->text = arena_strdup(access->arena, text);
    access_entry->next = *list;
    *list = access_entry;
}

void access_allow_file(struct access *access, const char *path)
{
    add(access, &access->files, path);
}

void access_allow_writing(struct access *access, const char *path)
{
    add(access, &access->writable, path);
}

void access_allow_program(struct access *access, const char *command)
{
    add(access, &access->programs, command);
}

bool access_allow_variable(struct access *access, const char *variable,
                           const char *below)
{
    const char *value = getenv(variable);

    if (value == NULL || *value == '\0') {
        return false;
    }
    access_allow_file(access,
                      arena_printf(access->arena, "%s%s", value, below));
    return true;
}

static bool argument_matches(const char *argument, size_t len, const char *text,
                             bool first)
{
    if (first && len > 0 && argument[len - 1] == '*') {
        return strncmp(argument, text, len - 1) == 0;
    }
    return strlen(text) == len && strncmp(argument, text, len) == 0;
}

static bool command_matches(const char *command, const char *const *argv)
{
    bool first = true;

    for (; *argv != NULL; argv++, first = false) {
        size_t len = command != NULL ? strcspn(command, "\n") : 0;

        if (command == NULL || !argument_matches(command, len, *argv, first)) {
            return false;
        }
        command = command[len] == '\n' ? command + len + 1 : NULL;
    }
    return command == NULL;
}

bool access_has_program(const struct access_entry *programs, const char *name)
{
    for (; programs != NULL; programs = programs->next) {
        size_t len = strcspn(programs->text, "\n");

        if (argument_matches(programs->text, len, name, true)) {
            return true;
        }
    }
    return false;
}

bool access_has_command(const struct access_entry *programs,
                        const char *const *argv)
{
    /* An argv[0] with a slash bypasses PATH and therefore the list. */
    if (argv[0] == NULL || strchr(argv[0], '/') != NULL) {
        return false;
    }
    for (; programs != NULL; programs = programs->next) {
        if (command_matches(programs->text, argv)) {
            return true;
        }
    }
    return false;
}
