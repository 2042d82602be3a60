#ifndef WAYBILL_CLI_H
#define WAYBILL_CLI_H

/*
 * The command line: finds the command, reads its options, runs it. Results go
 * to stdout, messages to stderr. The result is the process's exit status:
 * 0 all well, 1 a delivery failed or was refused, 2 usage, 75 temporary,
 * 78 configuration (error.h).
 */
int cli_main(int argc, char **argv);

#endif
