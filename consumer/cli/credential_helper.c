#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_internal.h"
#include "credential_helper.h"
#include "waybill/error.h"
#include "waybill/file.h"
#include "waybill/limits.h"
#include "waybill/process.h"

static int read_request(struct str *request, struct error *err)
{
    if (file_read_open(STDIN_FILENO, request, err) < 0) {
        err->kind = ERROR_SCHEMA;
        return error_prefix(err, "request: cannot be read");
    }
    return 0;
}

/* The protocol knows only the exit status 1 for failures; clients show what
 * is on stderr. */
static int get(void)
{
    CLEANUP(str_release)
    struct str request = STR_INIT(LIMIT_HELPER_REQUEST);
    CLEANUP(helper_answer_release)
    struct helper_answer answer = HELPER_ANSWER_INIT;
    struct error err;
    int result;

    process_hide_memory();
    result = read_request(&request, &err);
    if (result == 0) {
        result = helper_get(request.data, request.len, &answer, &err);
    }
    print_err("%s", answer.notes.data);
    if (result < 0) {
        print_err("waybill: %s\n", err.message);
        return EXIT_FAILED;
    }
    print_str(&answer.json.text);
    return EXIT_OK;
}

static int run_credential_helper(const struct cli_args *args)
{
    if (args->operand_count != 1 || strcmp(args->operands[0], "get") != 0) {
        usage_error("credential-helper",
                    "the only argument must be 'get'; the request is read from "
                    "standard input");
        return EXIT_USAGE;
    }
    return get();
}

const struct command credential_helper_command = {
    .name = "credential-helper",
    .operands = "get",
    .summary = "Give Bazel the credentials for a registry",
    .text =
        "This command implements the credential helper protocol (github.com/"
        "EngFlow/\n"
        "credential-helper-spec). It reads {\"uri\": ...} from standard input "
        "and prints the\n"
        "headers to send with the request. There are none for a URL that does "
        "not belong to\n"
        "a registry, or whose registry is not allowed. A link to waybill that "
        "is named\n"
        "waybill-credential-helper runs this command.\n"
        "\n"
        "config.yaml is not used. Well-known registries are allowed, unless "
        "the "
        "file of\n"
        "tweag/credential-helper, %workspace%/.tweag-credential-helper.json, "
        "says otherwise.\n"
        "Credentials come from its lookup_chain, from the docker config, and "
        "from the\n"
        "provider: GHCR_TOKEN, GH_TOKEN or GITHUB_TOKEN for ghcr.io, and the "
        "credentials of\n"
        "AWS, Google Cloud and Azure.\n"
        "\n"
        "Environment:\n"
        "  CREDENTIAL_HELPER_CONFIG_FILE\n"
        "      another file; its name may begin with %workspace%, %workdir%, "
        "%tmp%,\n"
        "      %cache% or ~\n"
        "  CREDENTIAL_HELPER_WORKSPACE_DIRECTORY\n"
        "      %workspace%; without it BUILD_WORKSPACE_DIRECTORY, or else the "
        "working\n"
        "      directory\n"
        "  CREDENTIAL_HELPER_GUESS_OCI_REGISTRY=1\n"
        "      if there is no file: allow every host that looks like a "
        "registry\n"
        "  CREDENTIAL_HELPER_ALLOWED_HOSTS\n"
        "      hosts of other domains (globs, separated by commas) that a "
        "registry may\n"
        "      name as its token server\n"
        "  CREDENTIAL_HELPER_LOGGING=basic|debug\n"
        "      report on standard error what was decided, and why\n"
        "  SSL_CERT_FILE\n"
        "      the certification authorities (PEM) to trust\n",
    .examples =
        "  echo '{\"uri\": \"https://ghcr.io/v2/acme/tool/manifests/1.0\"}' |\n"
        "      waybill credential-helper get\n"
        "  ln -s \"$(command -v waybill)\" tools/waybill-credential-helper\n"
        "  bazel build --credential_helper=ghcr.io=\\\n"
        "%workspace%/tools/waybill-credential-helper //...\n",
    .exit_statuses =
        "  0   the headers were printed, of which there may be none\n"
        "  1   credentials could not be obtained; nothing was printed\n"
        "  2   the command line is wrong\n",
    .run = run_credential_helper,
};
