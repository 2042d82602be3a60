#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "admin_internal.h"

/* What cannot be read stays 0: /proc may be hidden. */

static void close_stream(FILE **file)
{
    if (*file != NULL) {
        fclose(*file);
    }
}

static bool read_line(const char *path, char *line, int size)
{
    CLEANUP(close_stream) FILE *file = fopen(path, "re");

    return file != NULL && fgets(line, size, file) != NULL;
}

/* proc(5): behind the name, which may hold anything but ends with the last
 * parenthesis, stand the fields from the third on. */
static void read_stat(unsigned long long *ret_start, struct usage *usage)
{
    char line[1024];
    const char *rest;
    unsigned long long bytes;
    long long pages;

    if (!read_line("/proc/self/stat", line, sizeof(line)) ||
        (rest = strrchr(line, ')')) == NULL) {
        return;
    }
    if (sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
               "%*d %*d %*d %*d %llu %llu %lld",
               ret_start, &bytes, &pages) == 3) {
        usage->virtual_bytes = (double)bytes;
        usage->resident_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
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
    return count - 3; /* "." and "..", and the folder itself */
}

/* The system counts ticks since it was booted. */
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
        ret_usage->most_files = (double)limit.rlim_cur;
    }
}
