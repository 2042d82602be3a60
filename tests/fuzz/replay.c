#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

/* Replaces libFuzzer where it is not available: runs the files and directories
 * that it is given, and the empty input, once each. It has no options. */

static unsigned played;

static void play_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    size_t size;
    long end;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
        (end = ftell(file)) < 0) {
        perror(path);
        exit(1);
    }
    rewind(file);
    /* A block of the exact size, so that the sanitizer detects a read beyond
     * its end */
    data = malloc(end > 0 ? (size_t)end : 1);
    size = data != NULL ? fread(data, 1, (size_t)end, file) : 0;
    fclose(file);
    if (size != (size_t)end) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    played++;
}

static void play(const char *path)
{
    struct stat what;
    struct dirent *entry;
    char inner[4096];
    DIR *folder;

    if (stat(path, &what) == 0 && !S_ISDIR(what.st_mode)) {
        play_file(path);
        return;
    }
    folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        exit(1);
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
            play(inner);
        }
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        play(argv[i]);
    }
    if (played == 0) {
        fprintf(stderr, "nothing to replay\n");
        return 1;
    }
    printf("%u inputs replayed\n", played);
    return 0;
}
