#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "credentials_internal.h"
#include "waybill/utf8.h"

/* The three ways in which a source answers */

static void answer(struct source_job *job)
{
    job->is_answered = true;
    job->answered(job);
}

void source_found(struct source_job *job, struct credential *credential)
{
    job->credential = *credential;
    *credential = (struct credential){0};
    answer(job);
}

void source_nothing(struct source_job *job, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(job->why, sizeof(job->why), format, args);
    va_end(args);
    answer(job);
}

/* Whatever a source cannot do is for a person to mend, or passes: the record
 * is not to blame. */
void source_failed(struct source_job *job, const struct error *err)
{
    CLEANUP(str_release) struct str why = STR_INIT(STR_UNLIMITED);

    job->failure = *err;
    if (err->kind != ERROR_UNREACHABLE && err->kind != ERROR_UNAVAILABLE &&
        err->kind != ERROR_RATE_LIMITED) {
        job->failure.kind = ERROR_AUTH;
    }
    utf8_append_printable(&why, err->message, strlen(err->message),
                          sizeof(job->why) - 1);
    snprintf(job->why, sizeof(job->why), "%s", why.data);
    answer(job);
}
