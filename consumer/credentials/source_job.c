#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "credentials_internal.h"
#include "waybill/secret.h"

/* The completion of a source: found, nothing, or failed */

static void complete(struct source_job *job)
{
    job->is_complete = true;
    job->on_complete(job);
}

void source_found(struct source_job *job, struct credential *credential)
{
    job->credential = *credential;
    *credential = (struct credential){0};
    complete(job);
}

void source_nothing(struct source_job *job, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(job->reason, sizeof(job->reason), format, args);
    va_end(args);
    complete(job);
}

/* The failure of a source is transient or has to be corrected by an operator.
 * It is never an error that rejects the event. */
void source_failed(struct source_job *job, const struct error *err)
{
    static const struct secret_set remembered; /* nothing else */
    CLEANUP(str_release) struct str why = STR_INIT(STR_UNLIMITED);

    job->failure = *err;
    secret_set_scrub(&remembered, job->failure.message);
    if (err->kind != ERROR_UNREACHABLE && err->kind != ERROR_UNAVAILABLE &&
        err->kind != ERROR_RATE_LIMITED) {
        job->failure.kind = ERROR_AUTH;
    }
    secret_set_append_printable(&remembered, &why, err->message,
                                sizeof(job->reason) - 1);
    snprintf(job->reason, sizeof(job->reason), "%s", why.data);
    complete(job);
}
