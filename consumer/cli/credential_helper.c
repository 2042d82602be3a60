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
        usage_error("credential-helper", "expected 'get', and the request on "
                                         "standard input");
        return EXIT_USAGE;
    }
    return get();
}

const struct command credential_helper_command = {
    .name = "credential-helper",
    .operands = "get",
    .summary = "Tell Bazel with which credentials to ask a registry",
    .text =
        "Speaks the credential helper protocol (github.com/EngFlow/"
        "credential-helper-spec):\nreads {\"uri\": ...} from standard input, "
        "prints the headers to send along. For a URL\nthat is no registry's, "
        "or of a registry that is not allowed, there are none. A link\nto "
        "waybill by the name of waybill-credential-helper is this command.\n\n"
        "Takes no notice of config.yaml. Allowed are well-known registries, or "
        "what the file\nof tweag/credential-helper says instead: "
        "%workspace%/.tweag-credential-helper.json.\nCredentials come from its "
        "lookup_chain, from the docker config, and from what the\nprovider "
        "gives (GHCR_TOKEN, GH_TOKEN, GITHUB_TOKEN for ghcr.io; AWS, Google, "
        "Azure).\n\nEnvironment:\n"
        "  CREDENTIAL_HELPER_CONFIG_FILE           another file; may begin "
        "with %workspace%,\n"
        "                                          %workdir%, %tmp%, %cache% "
        "or ~\n"
        "  CREDENTIAL_HELPER_WORKSPACE_DIRECTORY   %workspace%, else "
        "BUILD_WORKSPACE_DIRECTORY,\n"
        "                                          else the working folder\n"
        "  CREDENTIAL_HELPER_GUESS_OCI_REGISTRY=1  without a file: allow "
        "whatever looks like a\n"
        "                                          registry\n"
        "  CREDENTIAL_HELPER_ALLOWED_HOSTS         hosts (globs, commas) of "
        "other domains that a\n"
        "                                          registry may name as its "
        "token server\n"
        "  CREDENTIAL_HELPER_LOGGING=basic|debug   say on stderr what was "
        "decided, and why\n"
        "  SSL_CERT_FILE                           authorities (PEM) to "
        "trust\n",
    .examples =
        "  echo '{\"uri\": \"https://ghcr.io/v2/acme/tool/manifests/1.0\"}' |\n"
        "      waybill credential-helper get\n"
        "  ln -s \"$(command -v waybill)\" tools/waybill-credential-helper\n"
        "  bazel build "
        "--credential_helper=ghcr.io=%workspace%/tools/"
        "waybill-credential-helper //...\n",
    .exit_statuses = "  0   answered, be it with no header\n"
                     "  1   no credentials could be got; nothing is printed\n"
                     "  2   the command line is wrong\n",
    .run = run_credential_helper,
};
