#include "credentials_internal.h"

static void start(struct source_job *job)
{
    source_nothing(job, "not built yet");
}

const struct source_class google_source = {
    .name = "google",
    .takes = KEY_BINDING | KEY_PATH | KEY_TOKEN_TYPE | KEY_SCOPES |
             KEY_AUDIENCE | KEY_ENDPOINT,
    .needs = 0,
    .start = start,
};
