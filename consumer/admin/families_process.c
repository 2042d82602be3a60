#include "families.h"

/* The metrics of the process, by the names that all Prometheus clients use */

void append_process_cpu(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->usage->cpu_seconds);
}

void append_process_resident(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->usage->resident_bytes);
}

void append_process_virtual(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->usage->virtual_bytes);
}

void append_process_open_files(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->usage->open_files);
}

void append_process_max_files(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->usage->max_files);
}

void append_process_start(const struct exposition *to)
{
    append_sample(to, NULL, 0, to->usage->start_seconds);
}
