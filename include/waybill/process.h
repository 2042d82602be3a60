#ifndef WAYBILL_PROCESS_H
#define WAYBILL_PROCESS_H

/* Disables core dumps, and ptrace by other processes of the same user.
 * Processes that handle credentials call this before they read them. Does
 * nothing in a sanitizer build, because LeakSanitizer needs ptrace. */
void process_hide_memory(void);

#endif
