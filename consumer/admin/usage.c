#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "admin_internal.h"
#include "waybill/file.h"

/* Values that cannot be read are 0: /proc may be hidden (hidepid). */

/* proc(5): the second field is the command in parentheses, which can contain
 * any character, so the last ')' ends it. All other fields are numbers that
 * are preceded by a blank. */
#define FIELD_START 22

static void read_stat(unsigned long long *ret_start, struct usage *usage)
{
    CLEANUP(str_release) struct str line = STR_INIT(1024);
    struct error ignored;
    char *at;

    if (file_read("/proc/self/stat", 0, &line, NULL, &ignored) < 0) {
        return;
    }
    at = strrchr(line.data, ')');
    for (int field = 3; field <= FIELD_START && at != NULL; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at != NULL) {
        *ret_start = strtoull(at, &at, 10);
        usage->virtual_bytes = (double)strtoull(at, &at, 10);
        usage->resident_bytes =
            (double)strtoull(at, &at, 10) * (double)sysconf(_SC_PAGESIZE);
    }
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double count_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = 0;

    if (folder == NULL) {
        return 0;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 3; /* ".", ".." and the descriptor of the directory */
}

/* proc(5) gives the start time in clock ticks since boot. */
static double start_of(unsigned long long ticks)
{
    struct timespec wall;
    struct timespec up;

    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(wall.tv_sec - up.tv_sec) +
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void usage_get(struct usage *ret_usage)
{
    unsigned long long start = 0;
    struct rlimit limit;
    struct rusage used;

    *ret_usage = (struct usage){.open_files = count_files()};
    read_stat(&start, ret_usage);
    ret_usage->start_seconds = start > 0 ? start_of(start) : 0;
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        ret_usage->cpu_seconds =
            seconds_of(&used.ru_utime) + seconds_of(&used.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        ret_usage->max_files = (double)limit.rlim_cur;
    }
}
