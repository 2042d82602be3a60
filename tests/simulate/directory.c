#include "directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waybill/alloc.h"
#include "waybill/file.h"

#define MAX_AWAY 3
/* Longer than the longest pause between two attempts */
#define AFTERMATH_MS 75000

struct away {
    struct item *item;
    uint64_t until_ms;
};

struct directory {
    struct sim *sim;
    char parent[64];
    int fd; /* of the parent directory */
    const char *path;
    struct away away[MAX_AWAY]; /* consecutive */
    size_t count;
    size_t next;
    bool is_away;
    struct timer timer;
};

static char root[] = "/dev/shm/simulate-XXXXXX";
static char root_on_disk[] = "/tmp/simulate-XXXXXX";
static const char *roots;

static void give_up(const char *what)
{
    perror(what);
    abort();
}

void directory_begin(void)
{
    roots = mkdtemp(root);
    if (roots == NULL) {
        roots = mkdtemp(root_on_disk);
    }
    if (roots == NULL) {
        give_up("simulate: mkdtemp");
    }
}

/* Two levels, and files */
static void remove_all(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0 &&
            unlinkat(fd, entry->d_name, 0) < 0) {
            remove_all(fd, entry->d_name);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    unlinkat(at, name, AT_REMOVEDIR);
}

void directory_end(void)
{
    remove_all(AT_FDCWD, roots);
}

/* --- life cycle -------------------------------------------------------------
 */

/* These are not random, and not in all worlds, so that the worlds of older
 * seeds remain the same. */
static bool has_one(const struct sim *sim)
{
    return sim->options.seed % 3 == 0;
}

/* A trace must not depend on its path on this machine, so it is named by a
 * descriptor of its parent. */
static void make(struct directory *directory)
{
    snprintf(directory->parent, sizeof(directory->parent), "%s/%d", roots,
             (int)getpid());
    if (mkdir(directory->parent, 0700) < 0) {
        give_up(directory->parent);
    }
    directory->fd = open(directory->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->fd < 0 || mkdirat(directory->fd, "here", 0700) < 0) {
        give_up(directory->parent);
    }
    directory->path = arena_printf(directory->sim->arena,
                                   "/proc/self/fd/%d/here", directory->fd);
}

static void turn(void *payload);

struct directory *directory_new(struct sim *sim)
{
    struct directory *directory;

    if (!has_one(sim)) {
        return NULL;
    }
    directory = mem_zalloc(sizeof(*directory));
    directory->sim = sim;
    timer_init(&directory->timer, turn, directory);
    make(directory);
    return directory;
}

void directory_free(struct directory *directory)
{
    if (directory == NULL) {
        return;
    }
    loop_disarm(directory->sim->loop, &directory->timer);
    close(directory->fd);
    remove_all(AT_FDCWD, directory->parent);
    mem_free(directory);
}

const char *directory_path(const struct directory *directory)
{
    return directory->path;
}

/* --- when it is unavailable --------------------------------------------------
 */

static void move(const struct directory *directory, const char *from,
                 const char *to)
{
    if (renameat(directory->fd, from, directory->fd, to) < 0) {
        give_up("simulate: renameat");
    }
}

static void wait_for_next(struct directory *directory)
{
    const struct away *next = &directory->away[directory->next];
    uint64_t at_ms;

    if (directory->next < directory->count) {
        at_ms = directory->is_away ? next->until_ms : next->item->at_ms;
        loop_arm(directory->sim->loop, &directory->timer,
                 at_ms - directory->sim->now_ms);
    }
}

/* Makes it unavailable or available. */
static void turn(void *payload)
{
    struct directory *directory = payload;

    if (directory->is_away) {
        move(directory, "away", "here");
        directory->next++;
    } else {
        move(directory, "here", "away");
    }
    directory->is_away = !directory->is_away;
    sim_trace(directory->sim, "the directory is %s",
              directory->is_away ? "away" : "back");
    wait_for_next(directory);
}

static void plan_one(struct directory *directory, uint64_t from_ms,
                     uint64_t end_ms)
{
    struct item *item = schedule_add(directory->sim);
    struct away *away = &directory->away[directory->count];
    uint64_t at_ms = draw(&item->random, from_ms, end_ms);

    away->item = item;
    away->until_ms = draw(&item->random, at_ms, end_ms);
    item_says(item, at_ms, "the directory is away for %llu ms",
              (unsigned long long)(away->until_ms - at_ms));
    if (!item->skipped) {
        directory->count++;
    }
}

/* After all others, so that these keep their numbers */
void directory_plan(struct directory *directory)
{
    struct sim *sim = directory->sim;
    struct item *item = schedule_add(sim);
    uint64_t count = draw(&item->random, 0, MAX_AWAY);
    uint64_t left_ms = chaos_calm_ms(sim->chaos) - sim->now_ms;

    count = sim->options.quiet ? 0 : count;
    item_says(item, sim->now_ms, "%llu times the directory is away",
              (unsigned long long)count);
    for (uint64_t i = 0; i < count && !item->skipped; i++) {
        plan_one(directory, sim->now_ms + left_ms * i / count,
                 sim->now_ms + left_ms * (i + 1) / count);
    }
    wait_for_next(directory);
}

/* --- for the invariants -----------------------------------------------------
 */

bool directory_holds(const struct directory *directory, const char *name,
                     const struct digest *digest)
{
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    struct digest found;
    struct error err;
    char path[160];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory->is_away ? "away" : "here",
             name);
    fd = openat(directory->fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    if (file_read_open(fd, &bytes, &err) < 0) {
        give_up(err.message);
    }
    close(fd);
    digest_of(bytes.data, bytes.len, &found);
    return strcmp(found.text, digest->text) == 0;
}

bool directory_was_well(const struct directory *directory, uint64_t since_ms)
{
    for (size_t i = 0; i < directory->count; i++) {
        const struct away *away = &directory->away[i];

        if (away->item->at_ms <= directory->sim->now_ms &&
            away->until_ms + AFTERMATH_MS > since_ms) {
            return false;
        }
    }
    return true;
}
