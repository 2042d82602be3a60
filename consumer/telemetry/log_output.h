#ifndef WAYBILL_TELEMETRY_LOG_OUTPUT_H
#define WAYBILL_TELEMETRY_LOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes to stderr, for log.c. From any thread.
 *
 * log_output_never_block() is called once, before the sandbox is closed. The
 * flag O_NONBLOCK belongs to the open file description, which stderr shares
 * with other processes (a shell, a supervisor), and must not be changed there.
 * So a pipe or a terminal is opened once more, and a socket is written with
 * MSG_DONTWAIT. Where a pipe cannot be opened again (it belongs to another
 * user), it is asked for room first, and gets at most PIPE_BUF bytes at a time;
 * a write blocks then only if another process fills it in between. Files are
 * written as before.
 */
void log_output_never_block(void);
/* Returns false if the line was not written, or only in part. The next line
 * then begins on a line of its own. */
bool log_output_write(const char *line, size_t len);

#endif
