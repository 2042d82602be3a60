#ifndef WAYBILL_CLI_DOCUMENTS_H
#define WAYBILL_CLI_DOCUMENTS_H

#include "cli_internal.h"

/* Documents that are generated from the table of commands, and from tables of
 * other modules: help.c, manual.c, config_errors.c and config_registries.c */

void append_command_help(struct str *out, const struct command *command);
void append_help(struct str *out, const struct command *const *commands);
/* Markdown, the output of `waybill config cli`;
 * deploy/reference/command-line.md is generated from it. */
void append_cli_reference(struct str *out,
                          const struct command *const *commands);
/* Shared by the help text and the manual page */
#define CLI_SUMMARY                                                            \
    "Waybill reads attestations from Kafka, delivers each to the OCI "         \
    "registries and\nother integrations that its workflow is attached to, "    \
    "and reports every outcome\non Kafka."

#define CLI_EXITS                                                              \
    "  0   success\n"                                                          \
    "  1   a delivery or another operation failed; repeating it does not "     \
    "help\n"                                                                   \
    "  2   the command line is wrong\n"                                        \
    "  75  temporary failure: a broker or an endpoint could not be reached\n"  \
    "  78  the configuration is wrong\n"
/* manual.c: waybill(1) in roff */
void append_manual(struct str *out, const struct command *const *commands);
/* config_registries.c */
void append_registries_reference(struct str *out);
/* config_errors.c */
void append_errors_reference(struct str *out);

#endif
