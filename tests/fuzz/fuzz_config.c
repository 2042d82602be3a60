#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "waybill/config.h"
#include "waybill/integration.h"
#include "waybill/kafka_check.h"
#include "waybill/limits.h"
#include "waybill/utf8.h"

/*
 * - A file is either accepted without a fault, or refused with at least one;
 *   each fault is a line that a terminal can show.
 * - The same file gives the same messages.
 */

static const struct config_rules rules = {
    .integrations = integration_table,
    .check_property = kafka_check_property,
    .find_property = kafka_find_property,
};

static void write_file(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);

        CHECK(written > 0);
        data += written;
        size -= (size_t)written;
    }
}

static void check_lines(const char *path, const struct str *lines)
{
    const char *at = lines->data;
    unsigned count = 0;

    CHECK(utf8_valid(lines->data, lines->len));
    CHECK(strlen(lines->data) == lines->len);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        CHECK(at[len] == '\n' && len > 0);
        for (size_t i = 0; i < len; i++) {
            CHECK((unsigned char)at[i] >= ' ' && at[i] != 0x7F);
        }
        at += len + 1;
        count++;
    }
    CHECK(count <= LIMIT_CONFIG_FAULTS + 1);
    CHECK(count == 0 || strncmp(lines->data, path, strlen(path)) == 0);
}

static void check_settings(const struct settings *settings)
{
    CHECK(settings != NULL);
    CHECK(settings->attachment_count == 0 || settings->registration_count > 0);
    CHECK(settings->delivery.concurrency > 0);
    CHECK(settings->delivery.max_records > 0);
    for (size_t i = 0; i < settings->kafka.properties.count; i++) {
        CHECK(settings->kafka.properties.pairs[i].key != NULL);
        CHECK(settings->kafka.properties.pairs[i].value != NULL);
    }
}

static bool load(const char *path, struct str *faults, struct str *warnings)
{
    CLEANUP(config_files_release) struct config_files files;
    struct settings *settings = NULL;
    bool loaded =
        config_load(path, &rules, 0, &settings, faults, warnings, &files) == 0;

    CHECK(loaded == (faults->len == 0));
    check_lines(path, faults);
    check_lines(path, warnings);
    if (loaded) {
        check_settings(settings);
        settings_free(settings);
    } else {
        CHECK(settings == NULL);
    }
    return loaded;
}

/* The file could name any other file of this machine, and block on some. */
static bool refers_to_files(const uint8_t *data, size_t size)
{
    return memmem(data, size, "file:/", 6) != NULL ||
           memmem(data, size, "..", 2) != NULL ||
           memmem(data, size, "${file", 6) != NULL;
}

/* Environment variables of the user must not override the file. */
static void leave_environment(void)
{
    static bool left;

    if (!left) {
        left = true;
        CHECK(clearenv() == 0);
        CHECK(setenv("FUZZ", "value", 1) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(str_release) struct str faults = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str warnings = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str again = STR_INIT(STR_UNLIMITED);
    char path[64];
    bool loaded;
    int fd;

    leave_environment();
    if (refers_to_files(data, size)) {
        return 0;
    }
    fd = memfd_create("config", MFD_CLOEXEC);
    CHECK(fd >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    write_file(fd, data, size);
    loaded = load(path, &faults, &warnings);
    str_clear(&warnings);
    CHECK(load(path, &again, &warnings) == loaded);
    CHECK(bytes_equal(str_bytes(&faults), str_bytes(&again)));
    close(fd);
    return 0;
}
