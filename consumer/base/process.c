#include "waybill/process.h"

#include <sys/prctl.h>

void process_hide_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
