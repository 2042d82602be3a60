#include <string.h>

#include "cli_internal.h"
#include "documents.h"
#include "waybill/roff.h"

/* `waybill config man` prints the table of commands as waybill(1). The
 * output is committed, and a lint test compares the two. */

static void append_options(struct str *out, const struct option_row *rows)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        const char *brief = short_option_of(rows->name);

        str_append_text(out, ".TP\n");
        if (brief != NULL) {
            str_append_text(out, "\\fB");
            roff_append_text(out, brief);
            str_append_text(out, "\\fR, ");
        }
        str_append_text(out, "\\fB");
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

/* `gap` is NULL if the definition follows in further lines. */
static void append_term(struct str *out, const char *body, const char *gap)
{
    int len = gap != NULL ? (int)(gap - body) : (int)strlen(body);

    str_append_text(out, ".TP\n\\fB");
    roff_printf(out, "%.*s", len, body);
    str_append_text(out, "\\fR\n");
    if (gap != NULL) {
        roff_append_text(out, gap + strspn(gap, " "));
        str_append_char(out, '\n');
    }
}

/* The lines of a table become definitions: its first column, or what stands
 * alone before deeper lines, is what is defined. Other lines are paragraphs. */
static void append_line(struct str *out, const char *line, int *term_indent)
{
    int indent = (int)strspn(line, " ");
    const char *body = line + indent;
    const char *gap = strstr(body, "  ");

    if (*body == '\0') {
        str_append_text(out, ".PP\n");
        *term_indent = -1;
    } else if (*term_indent >= 0 && indent > *term_indent) {
        roff_append_text(out, body);
        str_append_char(out, '\n');
    } else if (gap != NULL || indent > 0) {
        *term_indent = indent;
        append_term(out, body, gap);
    } else {
        if (*term_indent >= 0) {
            str_append_text(out, ".PP\n");
        }
        *term_indent = -1;
        roff_append_text(out, body);
        str_append_char(out, '\n');
    }
}

static void append_text(struct str *out, const char *text)
{
    CLEANUP(str_release) struct str line = STR_INIT(STR_UNLIMITED);
    int term_indent = -1;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        str_clear(&line);
        str_append(&line, text, len);
        append_line(out, line.data, &term_indent);
        text += len + (text[len] == '\n');
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
    append_text(out, command->text);
    append_options(out, command->options);
    str_append_text(out, ".PP\nExamples:\n.PP\n");
    roff_append_lines(out, command->examples);
    str_append_text(out, ".PP\nExit status:\n.PP\n");
    append_text(out, command->exit_statuses);
}

void append_manual(struct str *out, const struct command *const *commands)
{
    roff_append_head(out, "WAYBILL", 1, "waybill",
                     "deliver attestations from Kafka to OCI registries");
    str_append_text(out, ".SH SYNOPSIS\n\\fBwaybill\\fR [\\fB\\-\\-config\\fR "
                         "\\fIFILE\\fR] \\fICOMMAND\\fR ...\n"
                         ".SH DESCRIPTION\n");
    roff_append_text(out, CLI_SUMMARY "\n");
    str_append_text(out,
                    ".SH OPTIONS\nThese may precede or follow the command.\n");
    append_options(out, global_options);
    str_append_text(out, ".SH COMMANDS\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        append_command(out, commands[i]);
    }
    str_append_text(
        out, ".SH EXIT STATUS\nThey are the same for all commands.\n.PP\n");
    append_text(out, CLI_EXITS);
    str_append_text(out, ".SH FILES\n.TP\n\\fI/etc/waybill/config.yaml\\fR\n"
                         "The configuration, which waybill.yaml(5) describes.\n"
                         ".TP\n\\fI/usr/share/doc/waybill/config.yaml\\fR\n"
                         "An example with every key and its default.\n"
                         ".SH SEE ALSO\nwaybill.yaml(5), systemd.exec(5)\n");
}
