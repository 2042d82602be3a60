#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waybill/fault.h"
#include "waybill/file.h"
#include "waybill/integration.h"

/* The integration `directory`: each envelope becomes a file in a directory,
 * PATH/DIGEST[SUFFIX].json. It is an example of what an integration consists
 * of, and is built into tests only. A file is written under another name,
 * synced and renamed, so an existing file is complete, whichever instance has
 * written it: two instances may write the same. The loop waits for the disk
 * meanwhile, which a product should avoid. */

struct directory_options {
    const char *path;
};

struct directory_attachment_options {
    const char *suffix;
};

/* --- options ----------------------------------------------------------------
 */

static int check_path(const char *value, struct error *err)
{
    struct stat found;

    if (stat(value, &found) < 0) {
        return error_set(err, ERROR_CONFIG, "the directory cannot be used: %s",
                         strerror(errno));
    }
    if (!S_ISDIR(found.st_mode)) {
        return error_set(err, ERROR_CONFIG, "is not a directory");
    }
    return 0;
}

static int check_suffix(const char *value, struct error *err)
{
    if (strchr(value, '/') != NULL || strlen(value) > 64) {
        return error_set(err, ERROR_CONFIG,
                         "must have at most 64 bytes and no '/'");
    }
    return 0;
}

static const struct field registration_fields[] = {
    {.key = "path",
     .flags = FIELD_REQUIRED | FIELD_PATH,
     .offset = offsetof(struct directory_options, path),
     .check = check_path,
     .doc = "The directory that the files are written to. It has to exist.",
     .example = "/var/lib/attestations",
     .since = "0.3.0"},
    {0},
};

static const struct field attachment_fields[] = {
    {.key = "suffix",
     .offset = offsetof(struct directory_attachment_options, suffix),
     .check = check_suffix,
     .doc = "What a file's name has between the digest and .json.",
     .example = "-build",
     .since = "0.3.0"},
    {0},
};

static const char *path_of(const struct registration *registration)
{
    return ((const struct directory_options *)registration->options)->path;
}

/* --- delivery ---------------------------------------------------------------
 */

struct delivery {
    struct integration_operation base;
    struct loop *loop;
    struct task task; /* the next step */
    const char *path;
    const char *file; /* its final name */
    char *temporary;  /* its name while it is written */
    struct bytes envelope;
    struct error err;
    delivery_done_fn *done;
    void *payload;
};

static void finish(struct delivery *delivery, bool already_present)
{
    delivery->done(delivery->payload,
                   &(struct delivery_report){
                       .status = DELIVERY_SUCCEEDED,
                       .result = {.reference = delivery->file,
                                  .already_present = already_present},
                   });
}

/* A missing permission holds the delivery, as does lack of space; an
 * unavailable file system counts as an endpoint that is down. */
static void fail(struct delivery *delivery, const char *what, int error)
{
    bool refused = error == EACCES || error == EPERM || error == EROFS;

    error_fill(&delivery->err, refused ? ERROR_AUTH : ERROR_UNAVAILABLE,
               "'%s' cannot be %s: %s", delivery->file, what,
               file_write_reason(delivery->path, error));
    delivery->done(delivery->payload,
                   &(struct delivery_report){.status = DELIVERY_FAILED,
                                             .err = &delivery->err});
}

static int write_all(int fd, struct bytes bytes)
{
    const unsigned char *data = bytes.data;
    size_t left = bytes.len;

    while (left > 0) {
        ssize_t written = write(fd, data, left);

        if (written < 0 && errno != EINTR) {
            return -1;
        }
        if (written > 0) {
            data += written;
            left -= (size_t)written;
        }
    }
    return fsync(fd);
}

static int sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;

    if (fd >= 0) {
        close(fd);
    }
    return result;
}

static void rename_file(void *payload)
{
    struct delivery *delivery = payload;

    if (!fault_is_broken("skip-file") &&
        rename(delivery->temporary, delivery->file) < 0) {
        int error = errno;

        unlink(delivery->temporary);
        fail(delivery, "written", error);
    } else if (sync_directory(delivery->path) < 0) {
        fail(delivery, "synced", errno);
    } else {
        finish(delivery, false);
    }
}

static void write_file(void *payload)
{
    struct delivery *delivery = payload;
    int fd;
    int result;

    if (access(delivery->file, F_OK) == 0) {
        finish(delivery, true);
        return;
    }
    fd = mkostemp(delivery->temporary, O_CLOEXEC);
    result = fd >= 0 ? write_all(fd, delivery->envelope) : -1;
    if (result < 0) {
        int error = errno;

        if (fd >= 0) {
            close(fd);
            unlink(delivery->temporary);
        }
        fail(delivery, "written", error);
        return;
    }
    close(fd);
    task_init(&delivery->task, rename_file, delivery);
    loop_defer(delivery->loop, &delivery->task);
    fault_point("file written");
}

static void cancel(struct integration_operation *operation)
{
    struct delivery *delivery = (struct delivery *)operation;

    loop_cancel(delivery->loop, &delivery->task);
    unlink(delivery->temporary); /* if there is one */
}

static struct integration_operation *deliver(
    struct integration *integration, const struct delivery_request *request,
    delivery_done_fn *done, void *payload)
{
    const struct directory_attachment_options *options =
        request->attachment->options;
    const struct event *event = request->event;
    struct delivery *delivery = arena_alloc(request->arena, sizeof(*delivery));

    *delivery = (struct delivery){
        .base.cancel = cancel,
        .loop = integration->context->network.loop,
        .path = path_of(request->attachment->registration),
        .envelope = event->envelope,
        .done = done,
        .payload = payload,
    };
    delivery->file =
        arena_printf(request->arena, "%s/%s%s.json", delivery->path,
                     digest_hex(&event->envelope_digest),
                     options->suffix ? options->suffix : "");
    delivery->temporary =
        arena_printf(request->arena, "%s/.waybill-XXXXXX", delivery->path);
    task_init(&delivery->task, write_file, delivery);
    loop_defer(delivery->loop, &delivery->task);
    return &delivery->base;
}

/* --- the descriptor ---------------------------------------------------------
 */

static const char *endpoint_of(const struct registration *registration,
                               struct arena *arena)
{
    return path_of(registration);
}

static void access_entry(const struct registration *registration,
                         struct access *access)
{
    access_allow_writing(access, path_of(registration));
}

extern const struct integration_class directory_class;

const struct integration_class directory_class = {
    .fields =
        {
            .kind = "directory",
            .version = "1.0",
            .summary = "Write attestations to the files of a directory",
            .endpoint = "directory",
            .repetition = REPETITION_HARMLESS,
            .registration = registration_fields,
            .registration_size = sizeof(struct directory_options),
            .attachment = attachment_fields,
            .attachment_size = sizeof(struct directory_attachment_options),
        },
    .deliver = deliver,
    .endpoint = endpoint_of,
    .access = access_entry,
};
