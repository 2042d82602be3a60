#include <string.h>

#include "fuzz.h"
#include "waybill/config_edit.h"
#include "waybill/integration.h"
#include "waybill/kafka_check.h"

/*
 * - An edit that succeeds changes one place of the text.
 * - If the configuration was valid, it is valid afterwards, with the same
 *   registrations and one more or one less.
 */

#define ENTRY "name: fuzz\nrepository: localhost:5000/fuzz\n"

static const struct config_rules rules = {
    .integrations = integration_table,
    .check_property = kafka_check_property,
    .find_property = kafka_find_property,
};

static void release_settings(struct settings **settings)
{
    settings_free(*settings);
}

static struct settings *load(struct bytes text)
{
    struct config_report report = {.arena = arena_new()};
    struct settings *settings = NULL;
    int result =
        config_edit_load("config.yaml", &rules, text, &settings, &report);

    CHECK((result == 0) == (settings != NULL));
    arena_free(report.arena);
    return settings;
}

/* Whether the longer text is the shorter one with something in one place */
static bool has_one_insertion(struct bytes longer, struct bytes shorter)
{
    size_t prefix = 0;
    size_t suffix = 0;

    while (prefix < shorter.len && prefix < longer.len &&
           longer.data[prefix] == shorter.data[prefix]) {
        prefix++;
    }
    while (suffix < shorter.len && suffix < longer.len &&
           longer.data[longer.len - 1 - suffix] ==
               shorter.data[shorter.len - 1 - suffix]) {
        suffix++;
    }
    return prefix + suffix >= shorter.len;
}

/* Except for the `extra` one of the longer list */
static void check_registrations(const struct settings *longer,
                                const struct settings *shorter, size_t extra)
{
    CHECK(longer->registration_count == shorter->registration_count + 1);
    for (size_t i = 0; i < shorter->registration_count; i++) {
        size_t same = i < extra ? i : i + 1;

        CHECK(text_equal(longer->registrations[same].name,
                         shorter->registrations[i].name));
    }
}

/* An empty value, such as [] or null, and blanks before it are replaced. */
static bool may_have_empty_value(struct bytes text)
{
    return memmem(text.data, text.len, ": ", 2) != NULL ||
           memmem(text.data, text.len, "[", 1) != NULL;
}

static void append(struct bytes text, const struct settings *before)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
    CLEANUP(release_settings) struct settings *after = NULL;
    struct error err;

    if (config_edit_append(text, "registrations", ENTRY, &out, &err) < 0) {
        return;
    }
    CHECK(has_one_insertion(str_bytes(&out), text) ||
          may_have_empty_value(text));
    if (before != NULL && memmem(text.data, text.len, "uzz", 3) == NULL) {
        after = load(str_bytes(&out));
        CHECK(after != NULL);
        check_registrations(after, before, before->registration_count);
    }
}

static void remove_each(struct bytes text, const struct settings *before)
{
    for (size_t i = 0; i < 100; i++) {
        CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);
        CLEANUP(release_settings) struct settings *after = NULL;
        struct error err;

        if (config_edit_remove(text, "registrations", i, &out, &err) < 0) {
            return;
        }
        CHECK(has_one_insertion(text, str_bytes(&out)));
        /* An attachment may need it. */
        after = before != NULL ? load(str_bytes(&out)) : NULL;
        if (after != NULL) {
            check_registrations(before, after, i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes text = {size > 0 ? data : (const uint8_t *)"", size};
    CLEANUP(release_settings) struct settings *before = NULL;

    CHECK(clearenv() == 0);
    if (memmem(text.data, size, "${file", 6) == NULL) {
        before = load(text);
    }
    append(text, before);
    remove_each(text, before);
    return 0;
}
