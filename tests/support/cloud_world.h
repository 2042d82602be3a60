#ifndef WAYBILL_TESTS_CLOUD_WORLD_H
#define WAYBILL_TESTS_CLOUD_WORLD_H

/* A keychain whose HTTP requests are answered by the test (fake_http.h), in
 * an environment without the variables that cloud sources read */

#include "fake_http.h"
#include "keychain_world.h"

static inline void forget_cloud_variables(void)
{
    static const char *const prefixes[] = {"AWS_", "AZURE_", "IDENTITY_",
                                           "GOOGLE_"};
    char name[128];
    char **at = environ;

    while (*at != NULL) {
        size_t len = strcspn(*at, "=");
        bool ours = false;

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
            ours |= strncmp(*at, prefixes[i], strlen(prefixes[i])) == 0;
        }
        at++;
        if (ours && len < sizeof(name)) {
            snprintf(name, sizeof(name), "%.*s", (int)len, at[-1]);
            unsetenv(name);
            at = environ;
        }
    }
}

static inline int cloud_begin(void **state)
{
    struct world *world;

    world_begin(state);
    world = *state;
    forget_cloud_variables();
    world->network.http = http_new(world->loop);
    return 0;
}

static inline int cloud_finish(void **state)
{
    struct world *world = *state;

    keychain_free(world->keychain);
    world->keychain = NULL;
    http_free(world->network.http);
    forget_cloud_variables();
    return world_finish(state);
}

/* The first request of a source: "POST https://...\n", one line per header,
 * how it is sent, and its body; or "failed: " and the message. The request
 * gets no response. */
static inline const char *first_request(struct world *world,
                                        const char *registry,
                                        const struct credential_source *source)
{
    const struct http_transfer *asked;
    struct reported reported = {0};
    const char *text;

    world->options.registry = registry;
    world_open(world, source, 1);
    begin_to_wait(world, &reported);
    fake_settle(world->network.http);
    if (reported.times > 0) {
        text = arena_printf(world->arena, "failed: %s", reported.err.message);
        told_release(&reported);
        return text;
    }
    asked = fake_asked(world->network.http, "*");
    text = arena_printf(world->arena, "%s\n%s%s%s%s%s%s", asked->name,
                        asked->headers, asked->region[0] ? "signed for " : "",
                        asked->region, asked->region[0] ? "\n" : "",
                        asked->without_proxy ? "without a proxy\n" : "",
                        asked->body);
    keychain_cancel_wait(&reported.waiter);
    keychain_free(world->keychain);
    world->keychain = NULL;
    return text;
}

/* Checks the first line of the first request. */
#define check_asks(world, registry, source, line)                              \
    do {                                                                       \
        const char *text_ = first_request(world, registry, source);            \
        size_t len_ = strcspn(text_, "\n");                                    \
                                                                               \
        check_text(registry,                                                   \
                   arena_printf((world)->arena, "%.*s", (int)len_, text_),     \
                   line);                                                      \
    } while (0)

#define CLOUD_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, cloud_begin, cloud_finish)

#endif
