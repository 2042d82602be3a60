#ifndef WAYBILL_PROCESS_H
#define WAYBILL_PROCESS_H

/* No core file, no ptrace by other processes of the same user: what holds
 * credentials calls this before it reads them. A sanitizer build stays open,
 * since LeakSanitizer itself needs ptrace. */
void process_hide_memory(void);

#endif
