#include "waybill/fault.h"

void fault_point(const char *name)
{
}

bool fault_is_broken(const char *rule)
{
    return false;
}
