#include "pipeline_internal.h"
#include "waybill/alloc.h"

struct integration_context pipeline_context(const struct settings *settings,
                                            struct loop *loop,
                                            struct http *http)
{
    return (struct integration_context){
        .network =
            {
                .loop = loop,
                .http = http,
                .timeouts =
                    {
                        (uint32_t)settings->delivery.connect_timeout_ms,
                        (uint32_t)settings->delivery.answer_timeout_ms,
                    },
            },
        .allowed = settings->registries.allowed,
        .allow_any = settings->registries.allow_any == 1,
        .registrations = settings->registrations,
        .registration_count = settings->registration_count,
    };
}

struct pipeline *pipeline_new(const struct pipeline_options *options)
{
    struct pipeline *pipeline = mem_zalloc(sizeof(*pipeline));
    const struct settings *settings = options->settings;

    pipeline->options = *options;
    pipeline->context =
        pipeline_context(settings, options->loop, options->http);
    pipeline->integrations = integration_set_new(&pipeline->context);
    scheduler_init(&pipeline->scheduler, &pipeline->options,
                   pipeline->integrations);
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    scheduler_destroy(&pipeline->scheduler);
    integration_set_free(pipeline->integrations);
    mem_free(pipeline);
}
