#include "regressions.h"

#include <stdlib.h>
#include <string.h>

#include "jobs.h"

/* 1: there is a run in it; 0: there is none; -1: it cannot be read. */
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

int regressions_run(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[8192];
    unsigned number = 0;
    unsigned runs = 0;
    int result = 0;

    if (file == NULL) {
        perror(path);
        return 2;
    }
    while (result != 2 && fgets(line, sizeof(line), file) != NULL) {
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
    fclose(file);
    printf("%u regressions looked for\n", runs);
    return result;
}
