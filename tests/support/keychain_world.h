#ifndef WAYBILL_TESTS_KEYCHAIN_WORLD_H
#define WAYBILL_TESTS_KEYCHAIN_WORLD_H

/* A keychain and its waiters. HOME is a directory of the test, which is also
 * first in PATH; the variables that sources read are unset; time advances
 * only when the test advances it. */

#include "asserts.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_clock.h"
#include "waybill/alloc.h"
#include "waybill/credentials.h"

struct world {
    struct fake_time time;
    struct clock clock;
    struct loop *loop;
    struct network network;
    struct keychain_options options;
    struct keychain *keychain;
    char folder[64];
    char *path;          /* PATH before the test */
    struct arena *arena; /* of paths */
};

/* The result that a waiter received */
struct reported {
    struct keychain_waiter waiter;
    unsigned times;
    bool failed;
    struct credential credential; /* a copy */
    struct error err;
};

static inline void forget_credential_variables(void)
{
    static const char *const names[] = {
        "DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",    "GHCR_TOKEN",    "GH_TOKEN",
        "GITHUB_TOKEN",       "GITHUB_ACTOR",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        unsetenv(names[i]);
    }
}

static inline int world_begin(void **state)
{
    static struct world world;
    char path[8192];

    world = (struct world){.time = {1000000, 5000}};
    world.clock = (struct clock)FAKE_CLOCK(&world.time);
    world.loop = loop_new(&world.clock);
    world.arena = arena_new();
    world.network = (struct network){.loop = world.loop};
    world.options =
        (struct keychain_options){.registry = "q.test", .path = "ns/repo"};
    snprintf(world.folder, sizeof(world.folder), "/tmp/waybill-unit-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    forget_credential_variables();
    world.path = mem_strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    snprintf(path, sizeof(path), "%s:%s", world.folder, world.path);
    setenv("PATH", path, 1);
    setenv("HOME", world.folder, 1);
    *state = &world;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *stat_,
                             int kind, struct FTW *at)
{
    (void)stat_;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int world_finish(void **state)
{
    struct world *world = *state;

    keychain_free(world->keychain);
    loop_free(world->loop);
    remove_tree(world->folder);
    setenv("PATH", world->path, 1);
    mem_free(world->path);
    arena_free(world->arena);
    forget_credential_variables();
    return 0;
}

/* --- files ---------------------------------------------------------------- */

/* The absolute path of a file in the directory */
static inline const char *in_folder(const struct world *world, const char *name)
{
    return arena_printf(world->arena, "%s/%s", world->folder, name);
}

/* Creates missing directories. The file is replaced with rename(), so that
 * it has a new inode each time. */
static inline const char *write_file(const struct world *world,
                                     const char *name, const char *content)
{
    const char *path = in_folder(world, name);
    const char *fresh = in_folder(world, ".fresh");
    FILE *file;

    for (const char *slash = strchr(name, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        char folder[256];

        snprintf(folder, sizeof(folder), "%s/%.*s", world->folder,
                 (int)(slash - name), name);
        mkdir(folder, 0700);
    }
    file = fopen(fresh, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(rename(fresh, path), 0);
    return path;
}

/* Writes a shell script into PATH. */
static inline void write_program(const struct world *world, const char *name,
                                 const char *script)
{
    char content[2048];

    snprintf(content, sizeof(content), "#!/bin/sh\n%s\n", script);
    assert_int_equal(chmod(write_file(world, name, content), 0700), 0);
}

static inline const char *read_file(const struct world *world, const char *name)
{
    static char content[2048];
    FILE *file = fopen(in_folder(world, name), "r");
    size_t len = 0;

    if (file != NULL) {
        len = fread(content, 1, sizeof(content) - 1, file);
        fclose(file);
    }
    content[len] = '\0';
    return content;
}

/* --- lookups -------------------------------------------------------------- */

static inline void world_open(struct world *world,
                              const struct credential_source *sources,
                              size_t count)
{
    keychain_free(world->keychain);
    world->options.sources = sources;
    world->options.source_count = count;
    world->keychain = keychain_new(&world->network, &world->options);
}

static inline void told_release(struct reported *reported)
{
    credential_release(&reported->credential);
    *reported = (struct reported){0};
}

static inline char *copy_text(const char *text)
{
    return text != NULL ? mem_strdup(text) : NULL;
}

static inline void on_ready(void *payload, const struct credential *credential,
                            const struct error *err)
{
    struct reported *reported = payload;

    reported->times++;
    reported->failed = credential == NULL;
    if (credential == NULL) {
        reported->err = *err;
        return;
    }
    assert_null(err);
    credential_release(&reported->credential);
    reported->credential = (struct credential){
        .username = copy_text(credential->username),
        .origin = copy_text(credential->origin),
        .lifetime_ms = credential->lifetime_ms,
        .id = credential->id,
    };
    secret_assign(&reported->credential.password,
                  secret_text(&credential->password));
    secret_assign(&reported->credential.identity_token,
                  secret_text(&credential->identity_token));
    secret_assign(&reported->credential.registry_token,
                  secret_text(&credential->registry_token));
}

static inline void begin_to_wait(struct world *world, struct reported *reported)
{
    reported->waiter =
        (struct keychain_waiter){.ready = on_ready, .payload = reported};
    keychain_wait(world->keychain, &reported->waiter);
    assert_int_equal(reported->times, 0);
}

static inline void wait_for(struct world *world,
                            const struct reported *reported)
{
    while (reported->times == 0) {
        loop_turn(world->loop, true);
    }
    assert_int_equal(reported->times, 1);
}

static inline void turn_until_idle(struct world *world)
{
    while (loop_turn(world->loop, false)) {
    }
}

static inline struct reported ask(struct world *world)
{
    struct reported reported = {0};

    begin_to_wait(world, &reported);
    wait_for(world, &reported);
    return reported;
}

/* The keychain is freed while its source is still being queried: no waiter is
 * called. */
static inline void leave_while_it_is_asked(struct world *world)
{
    struct reported reported = {0};

    begin_to_wait(world, &reported);
    turn_until_idle(world);
    keychain_cancel_wait(&reported.waiter);
    keychain_free(world->keychain);
    world->keychain = NULL;
    turn_until_idle(world);
    assert_int_equal(reported.times, 0);
}

/* "user=a pass=b identity=c registry=d"; members that are NULL are omitted */
static inline const char *describe_credential(const struct credential *is)
{
    static char text[2048];
    const char *password = secret_text(&is->password);
    const char *identity = secret_text(&is->identity_token);
    const char *registry = secret_text(&is->registry_token);

    snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s",
             is->username ? "user=" : "", is->username ? is->username : "",
             password ? " pass=" : "", password ? password : "",
             identity ? " identity=" : "", identity ? identity : "",
             registry ? " registry=" : "", registry ? registry : "");
    return text;
}

static inline const char *answer(struct world *world)
{
    static char text[2048];
    struct reported reported = ask(world);

    if (reported.failed) {
        snprintf(text, sizeof(text), "failed: %s", reported.err.message);
    } else {
        snprintf(text, sizeof(text), "%s",
                 describe_credential(&reported.credential));
    }
    told_release(&reported);
    return text;
}

static inline const char *answer_of(struct world *world,
                                    const struct credential_source *source)
{
    world_open(world, source, 1);
    return answer(world);
}

/* The cached credential, or NULL */
static inline const char *cached(struct world *world)
{
    const struct credential *credential = keychain_cached(world->keychain);

    return credential != NULL ? describe_credential(credential) : NULL;
}

#define WORLD_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, world_begin, world_finish)

#endif
