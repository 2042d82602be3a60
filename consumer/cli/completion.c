#include "completion.h"

#include <string.h>

#include "waybill/error.h"

enum completion_value completion_value_of(const struct option_row *row)
{
    if (row->argument == NULL) {
        return COMPLETION_NONE;
    }
    if (strcmp(row->argument, "FILE") == 0) {
        return COMPLETION_FILE;
    }
    return strcmp(row->argument, "CLASS") == 0 ? COMPLETION_CLASS
                                               : COMPLETION_TEXT;
}

bool completion_takes_files(const struct command *command)
{
    return command->operands != NULL && strstr(command->operands, "EVENT");
}

/* In a synopsis such as "list|show P/O|stats", lower-case words are literals
 * to complete; text in brackets or capitals is a placeholder. */
static void append_choices(struct str *out, const char *synopsis)
{
    while (synopsis != NULL && *synopsis != '\0') {
        size_t len = strcspn(synopsis, "| ");

        if (strspn(synopsis, "abcdefghijklmnopqrstuvwxyz-") >= len) {
            str_append_text(out, " ");
            str_append(out, synopsis, len);
        }
        synopsis += strcspn(synopsis, "|");
        synopsis += *synopsis == '|';
    }
}

void append_operand_words(struct str *out, const struct command *command,
                          const struct command *const *commands)
{
    if (command->operands == NULL ||
        strcmp(command->operands, "[COMMAND]") != 0) {
        append_choices(out, command->operands);
        return;
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        str_printf(out, " %s", commands[i]->name);
    }
}

size_t completion_verb_length(const char *verbs)
{
    return strcspn(verbs, " ");
}

void append_class_words(struct str *out)
{
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        if (error_row_is_class(row)) {
            str_printf(out, " %s", row->name);
        }
    }
}

void append_option_names(struct str *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        str_printf(out, " %s", rows->name);
    }
}
