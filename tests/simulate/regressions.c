#include "regressions.h"

#include <stdlib.h>
#include <string.h>

#include "jobs.h"
#include "waybill/alloc.h"

/* of a regressions file, in bytes */
#define MAX_TEXT 65536

/* 1: the line contains a run; 0: it contains none; -1: it cannot be parsed. */
static int read_line(char *line, struct sim_options *options)
{
    char *end;
    char *word;

    line[strcspn(line, "#\n")] = '\0';
    *options = (struct sim_options){.seed = strtoull(line, &end, 10)};
    word = strtok(end, " \t");
    if (end == line) {
        return word == NULL ? 0 : -1;
    }
    if (word == NULL) {
        return 1;
    }
    if (strcmp(word, "--skip") != 0 || (word = strtok(NULL, " \t")) == NULL ||
        !skips_read(&options->skips, word) || strtok(NULL, " \t") != NULL) {
        return -1;
    }
    return 1;
}

static int run_line(unsigned number, const struct sim_options *options)
{
    struct sim_counts counts = {0};
    struct violation violation;

    if (jobs_run_one(options, false, &counts, &violation)) {
        return 0;
    }
    printf("line %u, seed %llu violates '%s': %s\n", number,
           (unsigned long long)options->seed,
           invariant_name(violation.invariant), violation.text);
    return 1;
}

/* Each run is a child process, which must not share the position in the file:
 * when it exits, its copy of the stream moves it. Therefore all of the file is
 * read before the first run. */
static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = mem_zalloc(MAX_TEXT + 1);

    if (file == NULL || fread(text, 1, MAX_TEXT, file) == MAX_TEXT) {
        perror(path);
        mem_free(text);
        text = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

int regressions_run(const char *path)
{
    char *text = read_all(path);
    char *next = text;
    char *line;
    unsigned number = 0;
    unsigned runs = 0;
    int result = text != NULL ? 0 : 2;

    while (result != 2 && (line = strsep(&next, "\n")) != NULL) {
        struct sim_options options;
        int found = read_line(line, &options);

        number++;
        if (found < 0) {
            printf("%s:%u: not 'SEED [--skip LIST]  # words'\n", path, number);
            result = 2;
        } else if (found > 0) {
            runs++;
            result |= run_line(number, &options);
        }
    }
    mem_free(text);
    printf("%u regressions looked for\n", runs);
    return result;
}
