#include <string.h>

#include "cli_internal.h"
#include "waybill/error.h"
#include "waybill/integration.h"
#include "waybill/pipeline.h"

/* What `waybill check --online` asks of all registrations, for a single one */

/* The command is interactive, and no working registry takes longer to
 * respond. */
#define MAX_RESPONSE_MS 30000
#define LINE_WIDTH 80

struct question {
    const struct registration *registration;
    struct loop *loop;
    struct str *findings;
    enum error_kind kind;
    bool has_failed;
    bool is_answered;
};

static void append_finding(struct question *question,
                           const struct integration_finding *finding)
{
    struct str *out = question->findings;
    size_t start = out->len;

    str_printf(out, "%s: %s: ", question->registration->name, finding->step);
    append_wrapped(out, finding->text, out->len - start, LINE_WIDTH);
}

/* What follows a step that has failed is skipped, and not worth a word. */
static void on_inspected(void *payload,
                         const struct integration_finding *findings,
                         size_t count)
{
    struct question *question = payload;

    for (size_t i = 0; i < count; i++) {
        if (findings[i].verdict == FINDING_BAD && !question->has_failed) {
            question->has_failed = true;
            question->kind = findings[i].kind;
        }
        if (findings[i].verdict != FINDING_GOOD &&
            !(findings[i].verdict == FINDING_SKIPPED && question->has_failed)) {
            append_finding(question, &findings[i]);
        }
    }
    question->is_answered = true;
    loop_stop(question->loop);
}

static void ask(struct question *question,
                const struct integration_context *context)
{
    struct integration_set *set = integration_set_new(context);

    integration_inspect(integration_of(set, question->registration),
                        question->registration, NULL, on_inspected, question);
    if (!question->is_answered) {
        loop_run(question->loop);
    }
    integration_set_free(set);
}

static int status_of(const struct question *question)
{
    if (!question->has_failed) {
        return EXIT_OK;
    }
    return error_exit_code(question->kind) == EXIT_TEMPORARY ? EXIT_TEMPORARY
                                                             : EXIT_FAILED;
}

int check_registration(const struct settings *settings,
                       const struct registration *registration,
                       struct str *findings)
{
    struct loop *loop = loop_new(clock_system());
    struct integration_context context =
        pipeline_context(settings, loop, http_new(loop));
    struct question question = {
        .registration = registration, .loop = loop, .findings = findings};

    if (context.network.timeouts.answer_ms > MAX_RESPONSE_MS) {
        context.network.timeouts.answer_ms = MAX_RESPONSE_MS;
    }
    ask(&question, &context);
    http_free(context.network.http);
    loop_free(loop);
    return status_of(&question);
}
