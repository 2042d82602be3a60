#include "cli_internal.h"
#include "waybill/roff.h"

/* `waybill config man` prints the table of commands as waybill(1). The
 * output is committed, and a lint test compares the two. */

static void append_options(struct str *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        str_append_text(out, ".TP\n\\fB");
        roff_append_text(out, rows->name);
        str_append_text(out, "\\fR");
        if (rows->argument != NULL) {
            str_append_text(out, " \\fI");
            roff_append_text(out, rows->argument);
            str_append_text(out, "\\fR");
        }
        str_append_char(out, '\n');
        roff_append_text(out, rows->doc);
        str_append_char(out, '\n');
    }
}

static void append_command(struct str *out, const struct command *command)
{
    str_append_text(out, ".SS \"");
    roff_printf(out, "waybill %s%s%s%s", command->name,
                command->options != NULL ? " [OPTION...]" : "",
                command->operands != NULL ? " " : "",
                command->operands != NULL ? command->operands : "");
    str_append_text(out, "\"\n");
    roff_append_text(out, command->summary);
    str_append_text(out, ".\n.PP\n");
    roff_append_lines(out, command->text);
    append_options(out, command->options);
    str_append_text(out, ".PP\nExamples:\n.PP\n");
    roff_append_lines(out, command->examples);
    str_append_text(out, ".PP\nExit status:\n.PP\n");
    roff_append_lines(out, command->exit_statuses);
}

void append_manual(struct str *out, const struct command *const *commands)
{
    roff_append_head(out, "WAYBILL", 1, "waybill",
                     "puts attestations from Kafka into OCI registries");
    str_append_text(out, ".SH SYNOPSIS\n\\fBwaybill\\fR [\\fB\\-\\-config\\fR "
                         "\\fIFILE\\fR] \\fICOMMAND\\fR ...\n"
                         ".SH DESCRIPTION\n");
    roff_append_text(out, CLI_SUMMARY "\n");
    str_append_text(out, ".SH OPTIONS\nBefore or behind the command:\n");
    append_options(out, global_options);
    str_append_text(out, ".SH COMMANDS\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        append_command(out, commands[i]);
    }
    str_append_text(out, ".SH EXIT STATUS\nOf all commands:\n.PP\n");
    roff_append_lines(out, CLI_EXITS);
    str_append_text(
        out, ".SH FILES\n.TP\n\\fI/etc/waybill/config.yaml\\fR\n"
             "The configuration; waybill.yaml(5) says what it may hold.\n"
             ".TP\n\\fI/usr/share/doc/waybill/config.yaml\\fR\n"
             "An example, with every key and its default.\n"
             ".SH SEE ALSO\nwaybill.yaml(5), systemd.exec(5)\n");
}
