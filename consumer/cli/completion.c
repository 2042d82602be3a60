#include <string.h>

#include "cli_internal.h"
#include "waybill/error.h"

/*
 * `waybill config completion` prints a bash completion script, generated from
 * the table of commands. The output is committed, and a test runs it. The
 * script does not depend on the package bash-completion, and never runs
 * waybill: completing names of the configuration would mean reading its
 * secrets.
 */

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

static void append_options(struct str *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        str_printf(out, " %s", rows->name);
    }
}

static void append_classes(struct str *out)
{
    for (const struct error_row *row = error_table; row->name != NULL; row++) {
        if (error_row_is_class(row)) {
            str_printf(out, " %s", row->name);
        }
    }
}

static void append_value(struct str *out, const struct option_row *row)
{
    CLEANUP(str_release) struct str classes = STR_INIT(STR_UNLIMITED);

    str_printf(out, "    %s) ", row->name);
    if (strcmp(row->argument, "FILE") == 0) {
        str_append_text(out, "kind='file'");
    } else if (strcmp(row->argument, "CLASS") == 0) {
        append_classes(&classes);
        str_printf(out, "kind=words words='%s'", classes.data + 1);
    } else {
        str_append_text(out, "kind=value");
    }
    str_append_text(out, " ;;\n");
}

static void append_values(struct str *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (rows->argument != NULL) {
            append_value(out, rows);
        }
    }
}

static void append_command(struct str *out, const struct command *command)
{
    bool files =
        command->operands != NULL && strstr(command->operands, "EVENT");

    str_printf(out, "    %s)\n        options+='", command->name);
    append_options(out, command->options);
    str_append_text(out, "' words='");
    append_choices(out, command->operands);
    str_printf(out, "' kind=%s\n        ;;\n", files ? "file" : "words");
}

static const char values_head[] =
    "# What an option takes: a file, one of some words, or what nobody knows\n"
    "_waybill_value()\n"
    "{\n"
    "    kind='' words=''\n"
    "    case $1 in\n";

static const char values_foot[] = "    esac\n"
                                  "    [ -n \"$kind\" ]\n"
                                  "}\n\n";

static const char words_head[] =
    "# What may come next, be it a word or an option\n"
    "_waybill_words()\n"
    "{\n"
    "    kind=words\n";

static const char words_foot[] =
    "    esac\n"
    "    # Words to choose from come once, files as often as one likes.\n"
    "    [ -z \"$given\" ] || words=''\n"
    "    if [[ $current == -* ]]; then kind=words words=$options; fi\n"
    "}\n\n";

static const char functions[] =
    "# The command so far, and whether it has a word already\n"
    "_waybill_command()\n"
    "{\n"
    "    local i kind words\n"
    "    command='' given=''\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -*)\n"
    "            if _waybill_value \"${COMP_WORDS[i]}\"; then\n"
    "                [ \"${COMP_WORDS[i + 1]-}\" != '=' ] || ((i++))\n"
    "                ((i++))\n"
    "            fi\n"
    "            ;;\n"
    "        *)\n"
    "            if [ -n \"$command\" ]; then given=yes; fi\n"
    "            command=${command:-${COMP_WORDS[i]}}\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "\n"
    "_waybill()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]}\n"
    "    local before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command given kind words options\n"
    "    # Bash takes --option=value for three words.\n"
    "    if [ \"$current\" = '=' ]; then\n"
    "        current=''\n"
    "    elif [ \"$before\" = '=' ]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    _waybill_command\n"
    "    _waybill_value \"$before\" || _waybill_words\n"
    "    COMPREPLY=()\n"
    "    case $kind in\n"
    "    file)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "        ;;\n"
    "    words)\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "complete -F _waybill waybill\n";

void append_completion(struct str *out, const struct command *const *commands)
{
    str_append_text(out,
                    "# shellcheck shell=bash\n"
                    "# Completion for waybill; generated by `waybill config "
                    "completion`.\n\n");
    str_append_text(out, values_head);
    append_values(out, global_options);
    for (size_t i = 0; commands[i] != NULL; i++) {
        append_values(out, commands[i]->options);
    }
    str_append_text(out, values_foot);
    str_append_text(out, words_head);
    str_append_text(out, "    options='");
    append_options(out, global_options);
    str_append_text(out, "'\n    case $command in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        append_command(out, commands[i]);
    }
    str_append_text(out, "    '') words='");
    for (size_t i = 0; commands[i] != NULL; i++) {
        str_printf(out, " %s", commands[i]->name);
    }
    str_append_text(out, "' ;;\n");
    str_append_text(out, words_foot);
    str_append_text(out, functions);
}
