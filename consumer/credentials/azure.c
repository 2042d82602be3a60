#include "credentials_internal.h"

static void start(struct source_job *job)
{
    source_nothing(job, "not built yet");
}

const struct source_class azure_source = {
    .name = "azure",
    .takes = KEY_TENANT | KEY_CLIENT_ID | KEY_ENDPOINT,
    .needs = 0,
    .start = start,
};
