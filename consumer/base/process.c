#include "waybill/process.h"

#include <sys/prctl.h>

void process_hide_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    /* Also makes /proc/PID/mem and its like accessible to root only (prctl(2)).
     */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
