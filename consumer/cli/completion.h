#ifndef WAYBILL_COMPLETION_H
#define WAYBILL_COMPLETION_H

#include "cli_internal.h"

/*
 * Completion scripts for shells, generated from the table of commands. The
 * output is committed, and tests run it. A script never runs waybill:
 * completing names of the configuration would mean reading its secrets.
 */

void append_bash_completion(struct str *out,
                            const struct command *const *commands);
void append_zsh_completion(struct str *out,
                           const struct command *const *commands);
void append_fish_completion(struct str *out,
                            const struct command *const *commands);

/* --- shared by the shells --------------------------------------------------
 */

enum completion_value {
    COMPLETION_NONE, /* the option is a switch */
    COMPLETION_FILE,
    COMPLETION_CLASS, /* of an error */
    COMPLETION_TEXT,  /* anything else */
};
enum completion_value completion_value_of(const struct option_row *row);
/* Whether the operands of the command are files */
bool completion_takes_files(const struct command *command);
/* Appends the words that may be the command's first operand, each after a
 * blank. */
void append_operand_words(struct str *out, const struct command *command,
                          const struct command *const *commands);
/* Separates an entry of a command's `verbs`: the length of the operand. The
 * words that may follow it are after the blank. */
size_t completion_verb_length(const char *verbs);
/* Appends the classes of errors, each after a blank. */
void append_class_words(struct str *out);
/* Appends the names of options, each after a blank. NULL rows are none. */
void append_option_names(struct str *out, const struct option_row *rows);

#endif
