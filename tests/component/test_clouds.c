/* The sources google, aws and azure, and the repositories of ECR, against the
 * stand-ins of tests/support/cloud.py, which check as the clouds do. */

#include <unistd.h>

#include "asserts.h"
#include "peer.h"
#include "waybill/alloc.h"
#include "waybill/credentials.h"
#include "waybill/ecr.h"
#include "waybill/json.h"

#define SOON_MS 20000
#define ECR "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
#define ACR "registry.azurecr.io"
#define GAR "europe-docker.pkg.dev"
/* The values of cloud.py */
#define ROLE "arn:aws:iam::123456789012:role/pusher"
#define ENV_ID "AKIAENVIRONMENT00000"
#define ENV_SECRET "env/wbsecret+40characters/0123456789abcd"
#define TENANT "11111111-2222-3333-4444-555555555555"
#define CLIENT "66666666-7777-8888-9999-000000000000"
#define CLIENT_SECRET "azure~wbsecret/with+signs&more"

struct world {
    struct loop *loop;
    struct http *http;
    struct peer *peer;
    char *folder;
};

static struct world world;

/* Variables that a cloud may have set on the machine that runs this */
static const char *const variables[] = {
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CLOUDSDK_CONFIG",
    "GCE_METADATA_HOST",
    "NO_GCE_CHECK",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ECR_PUBLIC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
};

static void set(const char *name, const char *value)
{
    assert_return_code(setenv(name, value, 1), 0);
}

/* "@/x" is x at the address of the stand-in, "%/x" a file that it has created.
 */
static char *filled(const char *text)
{
    CLEANUP(str_release) struct str out = STR_INIT(STR_UNLIMITED);

    if (text[0] == '@') {
        str_printf(&out, "http://%s%s", peer_address(world.peer), text + 1);
    } else if (text[0] == '%') {
        str_printf(&out, "%s%s", world.folder, text + 1);
    } else {
        str_append_text(&out, text);
    }
    return str_take(&out);
}

static void set_filled(const char *name, const char *text)
{
    char *value = filled(text);

    set(name, value);
    mem_free(value);
}

static int open_world(void **state)
{
    world.folder = folder_new();
    world.peer =
        peer_run("cloud.py", (const char *const[]){"--until-eof", "--directory",
                                                   world.folder, NULL});
    world.loop = loop_new(clock_system());
    world.http = http_new(world.loop);
    return 0;
}

static int close_world(void **state)
{
    http_free(world.http);
    loop_free(world.loop);
    peer_stop(world.peer);
    folder_remove(world.folder);
    return 0;
}

static int begin(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        unsetenv(variables[i]);
    }
    /* No file of the user who runs this */
    set("HOME", world.folder);
    set_filled("AWS_ENDPOINT_URL_STS", "@/aws/sts");
    set_filled("AWS_ENDPOINT_URL_ECR", "@/aws/ecr");
    set_filled("AWS_ENDPOINT_URL_ECR_PUBLIC", "@/aws/ecr-public");
    set_filled("AWS_EC2_METADATA_SERVICE_ENDPOINT", "@");
    set_filled("AZURE_AUTHORITY_HOST", "@/azure");
    set_filled("AZURE_POD_IDENTITY_AUTHORITY_HOST", "@");
    json_free(peer_get(world.peer, "/_forget"));
    return 0;
}

static void tell(const char *service, const char *fault)
{
    CLEANUP(str_release) struct str path = STR_INIT(STR_UNLIMITED);

    str_printf(&path, "/_tell?service=%s&fault=%s", service, fault);
    json_free(peer_get(world.peer, path.data));
}

static int asked(const char *service)
{
    struct json *counts = peer_get(world.peer, "/_counts");
    double number = 0;

    assert_true(json_number(json_member(counts, service), &number));
    json_free(counts);
    return (int)number;
}

/* --- one resolution ----------------------------------------------------------
 */

struct walk {
    struct keychain_options options;
    struct keychain *keychain;
    struct keychain_waiter waiter;
    char *endpoint;
    struct credential_source spec;
    bool done;
    struct credential got;
    struct error err; /* ERROR_NONE: none */
};

static void on_ready(void *payload, const struct credential *credential,
                     const struct error *err)
{
    struct walk *walk = payload;

    walk->done = true;
    if (err != NULL) {
        walk->err = *err;
        return;
    }
    walk->got = *credential; /* lives as long as the keychain */
}

static const struct network *network(void)
{
    static struct network one;

    one = (struct network){
        .loop = world.loop, .http = world.http, .timeouts = {5000, 5000}};
    return &one;
}

static void walk_start(struct walk *walk, const char *registry,
                       struct credential_source spec)
{
    *walk = (struct walk){.spec = spec};
    if (spec.endpoint != NULL) {
        walk->endpoint = filled(spec.endpoint);
        walk->spec.endpoint = walk->endpoint;
    }
    walk->options = (struct keychain_options){
        .registry = registry,
        .path = "repository",
        .sources = &walk->spec,
        .source_count = 1,
        .provider_username =
            strcmp(registry, GAR) == 0 ? "oauth2accesstoken" : NULL};
    walk->keychain = keychain_new(network(), &walk->options);
    walk->waiter = (struct keychain_waiter){.ready = on_ready, .payload = walk};
    keychain_wait(walk->keychain, &walk->waiter);
    assert_false(walk->done);
}

static void walk_run(struct walk *walk, const char *registry,
                     struct credential_source spec)
{
    walk_start(walk, registry, spec);
    await_flag(world.loop, &walk->done, SOON_MS);
}

static void walk_end(struct walk *walk)
{
    keychain_free(walk->keychain);
    mem_free(walk->endpoint);
}

/* All sources state the lifetime of a token in the same way: in seconds, a
 * little less than the service stated. */
static void check_life(const char *label, uint64_t ms, unsigned seconds)
{
    check(label, ms <= (uint64_t)seconds * 1000);
    check(label, ms >= (uint64_t)seconds * 1000 - 65000);
}

static void expect(const char *label, const char *registry,
                   struct credential_source spec, const char *username,
                   const char *password_begins, unsigned seconds)
{
    struct walk walk;

    walk_run(&walk, registry, spec);
    check_text(label, walk.err.message, "");
    check_text(label, walk.got.username, username);
    check(label, secret_text(&walk.got.password) != NULL);
    check(label, strncmp(secret_text(&walk.got.password), password_begins,
                         strlen(password_begins)) == 0);
    check_life(label, walk.got.lifetime_ms, seconds);
    check(label,
          walk.got.renew_ms > 0 && walk.got.renew_ms < walk.got.lifetime_ms);
    walk_end(&walk);
}

static void expect_error(const char *label, const char *registry,
                         struct credential_source spec, enum error_kind kind,
                         const char *part)
{
    struct walk walk;

    walk_run(&walk, registry, spec);
    check_kind(label, &walk.err, kind);
    check_contains(label, walk.err.message, part);
    walk_end(&walk);
}

static void expect_nothing(const char *label, const char *registry,
                           struct credential_source spec, const char *part)
{
    struct walk walk;

    walk_run(&walk, registry, spec);
    check_text(label, walk.err.message, "");
    check(label, credential_is_empty(&walk.got));
    check_contains(label, keychain_report(walk.keychain), part);
    walk_end(&walk);
}

#define SOURCE(...) ((struct credential_source){__VA_ARGS__})

/* --- Google ------------------------------------------------------------------
 */

static void use_google_key(void)
{
    set_filled("GOOGLE_APPLICATION_CREDENTIALS", "%/service-account.json");
}

static void a_service_account_signs_for_an_access_token(void **state)
{
    use_google_key();
    expect("key", GAR, SOURCE(.source = "google"), "oauth2accesstoken", "ya29.",
           3599);
    assert_int_equal(asked("google-token"), 1);
}

static void an_id_token_is_for_its_audience_and_ends_when_it_says(void **state)
{
    use_google_key();
    expect("key", "registry.example",
           SOURCE(.source = "google", .token_type = GOOGLE_ID,
                  .audience = "https://registry.example"),
           "unset", "eyJ", 3600);
    expect_error("no audience", "registry.example",
                 SOURCE(.source = "google", .token_type = GOOGLE_ID),
                 ERROR_AUTH, "audience");
}

static void a_jwt_needs_no_exchange_and_goes_where_the_binding_says(
    void **state)
{
    struct walk walk;

    use_google_key();
    walk_run(&walk, "registry.example",
             SOURCE(.source = "google", .token_type = GOOGLE_JWT,
                    .binding = BINDING_REGISTRY_TOKEN,
                    .audience = "https://registry.example"));
    assert_string_equal(walk.err.message, "");
    assert_null(secret_text(&walk.got.password));
    assert_int_equal(strncmp(secret_text(&walk.got.registry_token), "eyJ", 3),
                     0);
    walk_end(&walk);
    assert_int_equal(asked("google-token"), 0);
}

static void a_users_refresh_token_gives_an_access_token_only(void **state)
{
    set_filled("GOOGLE_APPLICATION_CREDENTIALS", "%/user.json");
    expect("user", GAR, SOURCE(.source = "google"), "oauth2accesstoken",
           "ya29.", 3599);
    expect_error(
        "id", GAR,
        SOURCE(.source = "google", .token_type = GOOGLE_ID, .audience = "x"),
        ERROR_AUTH, "belongs to a user");
}

static void without_a_file_the_metadata_server_is_asked(void **state)
{
    set("GCE_METADATA_HOST", peer_address(world.peer));
    expect("access", GAR, SOURCE(.source = "google"), "oauth2accesstoken",
           "ya29.", 3599);
    expect("id", GAR,
           SOURCE(.source = "google", .token_type = GOOGLE_ID,
                  .audience = "https://registry.example/a b"),
           "oauth2accesstoken", "eyJ", 3600);
    expect_error("jwt", GAR,
                 SOURCE(.source = "google", .token_type = GOOGLE_JWT),
                 ERROR_AUTH, "service account's key");
    unsetenv("GCE_METADATA_HOST");
    expect("endpoint", GAR, SOURCE(.source = "google", .endpoint = "@"),
           "oauth2accesstoken", "ya29.", 3599);
}

static void metadata_never_goes_through_a_proxy(void **state)
{
    /* The user who runs the tests may have excluded the loopback addresses from
     * proxies. */
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    /* Nothing listens there. */
    set("http_proxy", "http://127.0.0.1:1");
    set("GCE_METADATA_HOST", peer_address(world.peer));
    expect("google", GAR, SOURCE(.source = "google"), "oauth2accesstoken",
           "ya29.", 3599);
    /* A signature is sent through a proxy like anything else, so there is no
     * exception. */
    expect_error("aws", ECR, SOURCE(.source = "aws"), ERROR_UNREACHABLE, "ECR");
    assert_int_equal(asked("imds"), 3);
    assert_int_equal(asked("ecr"), 0);
}

static void outside_of_google_there_is_nothing(void **state)
{
    set("NO_GCE_CHECK", "true");
    expect_nothing("no check", GAR, SOURCE(.source = "google"),
                   "no service account file");
}

static void what_is_no_metadata_server_of_googles_is_not_believed(void **state)
{
    /* It answers, but without the header: the path of another service */
    expect_error("portal", GAR,
                 SOURCE(.source = "google", .endpoint = "@/portal"), ERROR_AUTH,
                 "not from Google's metadata server");
}

static void a_google_file_that_will_not_do_says_what_would(void **state)
{
    expect_error("not there", GAR,
                 SOURCE(.source = "google", .path = "/nowhere/key.json"),
                 ERROR_AUTH, "cannot read '/nowhere/key.json'");
    set_filled("GOOGLE_APPLICATION_CREDENTIALS", "%/federated.token");
    expect_error("no JSON", GAR, SOURCE(.source = "google"), ERROR_AUTH,
                 "federated.token'");
}

/* --- AWS ---------------------------------------------------------------------
 */

static void use_env_key(void)
{
    set("AWS_ACCESS_KEY_ID", ENV_ID);
    set("AWS_SECRET_ACCESS_KEY", ENV_SECRET);
}

#define HALF_DAY (12U * 3600)

static void keys_of_the_environment_are_taken_for_a_password(void **state)
{
    struct walk walk;

    use_env_key();
    walk_run(&walk, ECR, SOURCE(.source = "aws"));
    assert_string_equal(walk.err.message, "");
    assert_string_equal(walk.got.username, "AWS");
    check_life("half a day", walk.got.lifetime_ms, HALF_DAY);
    /* It is renewed at half of its lifetime, so that a day has four calls and
     * none is urgent. */
    check_life("half of it", walk.got.renew_ms, HALF_DAY / 2);
    walk_end(&walk);
}

static void ecr_public_has_an_api_of_its_own(void **state)
{
    use_env_key();
    expect("public", "public.ecr.aws", SOURCE(.source = "aws"), "AWS", "",
           HALF_DAY);
    assert_int_equal(asked("ecr-public"), 1);
    assert_int_equal(asked("ecr"), 0);
}

static void an_endpoint_and_a_region_serve_where_the_name_says_nothing(
    void **state)
{
    use_env_key();
    unsetenv("AWS_ENDPOINT_URL_ECR");
    expect("both", "registry.example:5000",
           SOURCE(.source = "aws", .region = "eu-central-1",
                  .endpoint = "@/aws/ecr/"),
           "AWS", "", HALF_DAY);
    expect_error("no region", "registry.example",
                 SOURCE(.source = "aws", .endpoint = "@/aws/ecr"), ERROR_AUTH,
                 "set 'region'");
}

static void a_web_identity_becomes_keys_with_a_session(void **state)
{
    set_filled("AWS_WEB_IDENTITY_TOKEN_FILE", "%/web-identity.token");
    set("AWS_ROLE_ARN", ROLE);
    expect("environment", ECR, SOURCE(.source = "aws"), "AWS", "", HALF_DAY);
    unsetenv("AWS_ROLE_ARN");
    expect("configured", ECR, SOURCE(.source = "aws", .role_arn = ROLE), "AWS",
           "", HALF_DAY);
    assert_int_equal(asked("sts"), 2);
    expect_error("another", ECR,
                 SOURCE(.source = "aws", .role_arn = "arn:aws:iam::1:role/x"),
                 ERROR_AUTH, "AccessDenied");
    expect_error("no role", ECR, SOURCE(.source = "aws"), ERROR_AUTH,
                 "AWS_ROLE_ARN is not set");
}

static void a_profile_of_the_shared_file_is_used(void **state)
{
    set_filled("AWS_SHARED_CREDENTIALS_FILE", "%/credentials");
    expect("named", ECR, SOURCE(.source = "aws", .profile = "pusher"), "AWS",
           "", HALF_DAY);
    set("AWS_PROFILE", "pusher");
    expect("by the environment", ECR, SOURCE(.source = "aws"), "AWS", "",
           HALF_DAY);
    expect_error("no such", ECR, SOURCE(.source = "aws", .profile = "nobody"),
                 ERROR_AUTH, "no profile 'nobody'");
    unsetenv("AWS_PROFILE");
    expect_error("unknown key", ECR, SOURCE(.source = "aws"), ERROR_AUTH,
                 "UnrecognizedClientException");
}

static void a_container_shows_its_token(void **state)
{
    set_filled("AWS_CONTAINER_CREDENTIALS_FULL_URI", "@/container/keys");
    set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-9dKq2-4mXw7Rt-81hLz");
    expect("variable", ECR, SOURCE(.source = "aws"), "AWS", "", HALF_DAY);
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    expect_error("none", ECR, SOURCE(.source = "aws"), ERROR_AUTH,
                 "answers with 401");
    set_filled("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "%/container.token");
    expect("file", ECR, SOURCE(.source = "aws"), "AWS", "", HALF_DAY);
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/keys");
    expect_error("elsewhere", ECR, SOURCE(.source = "aws"), ERROR_AUTH,
                 "neither https nor of this machine");
}

static void an_instance_is_asked_in_the_second_version(void **state)
{
    expect("role", ECR, SOURCE(.source = "aws"), "AWS", "", HALF_DAY);
    assert_int_equal(asked("imds"), 3);
    set("AWS_EC2_METADATA_DISABLED", "true");
    expect_nothing("switched off", ECR, SOURCE(.source = "aws"),
                   "AWS_EC2_METADATA_DISABLED");
}

static void the_environment_comes_before_the_machine(void **state)
{
    use_env_key();
    set_filled("AWS_WEB_IDENTITY_TOKEN_FILE", "%/web-identity.token");
    set("AWS_ROLE_ARN", ROLE);
    expect("all", ECR, SOURCE(.source = "aws"), "AWS", "", HALF_DAY);
    assert_int_equal(asked("sts"), 0);
    assert_int_equal(asked("imds"), 0);
}

static void what_aws_refuses_says_what_to_mend(void **state)
{
    use_env_key();
    tell("ecr", "deny");
    expect_error("denied", ECR, SOURCE(.source = "aws"), ERROR_AUTH,
                 "AccessDeniedException: not for you (grant "
                 "ecr:GetAuthorizationToken)");
    tell("ecr", "throttle");
    expect_error("throttled", ECR, SOURCE(.source = "aws"), ERROR_RATE_LIMITED,
                 "ThrottlingException");
    set("AWS_SECRET_ACCESS_KEY", "another");
    expect_error("wrong secret", ECR, SOURCE(.source = "aws"), ERROR_AUTH,
                 "the secret key does not match");
}

/* --- repositories of ECR
 * -------------------------------------------------------
 */

struct creation {
    bool done;
    bool failed;
    struct error err;
};

static void on_created(void *payload, const struct error *err)
{
    struct creation *creation = payload;

    creation->done = true;
    creation->failed = err != NULL;
    if (err != NULL) {
        creation->err = *err;
    }
}

static void create(struct creation *creation, const char *registry,
                   const char *path)
{
    *creation = (struct creation){0};
    aws_create_repository_start(network(), NULL, registry, path, on_created,
                                creation);
    assert_false(creation->done);
    await_flag(world.loop, &creation->done, SOON_MS);
}

static bool is_there(const char *name)
{
    struct json *issued = peer_get(world.peer, "/_issued");
    const struct json *all = json_member(issued, "repositories");
    bool there = false;

    for (const struct json *one = json_first(all); one; one = json_next(one)) {
        there |= strcmp(json_text(one), name) == 0;
    }
    json_free(issued);
    return there;
}

static void a_repository_is_made_once_and_may_be_there_already(void **state)
{
    struct creation creation;

    use_env_key();
    create(&creation, ECR, "team/app");
    assert_false(creation.failed);
    assert_true(is_there("team/app"));
    create(&creation, ECR, "team/app");
    assert_false(creation.failed);
    create(&creation, "public.ecr.aws", "alias/other/app");
    assert_false(creation.failed);
    assert_true(is_there("other/app"));
}

static void a_repository_that_cannot_be_made_says_why(void **state)
{
    struct creation creation;

    create(&creation, "999999999999.dkr.ecr.eu-central-1.amazonaws.com", "a");
    assert_true(creation.failed);
    assert_error_kind(&creation.err, ERROR_AUTH);
    assert_message_contains(&creation.err, "create repository");
    use_env_key();
    create(&creation, ECR, "Not/A/Name");
    assert_true(creation.failed);
    assert_error_kind(&creation.err, ERROR_REJECTED);
    tell("ecr", "deny");
    create(&creation, ECR, "b");
    assert_message_contains(&creation.err, "ecr:CreateRepository");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    set("AWS_EC2_METADATA_DISABLED", "true");
    create(&creation, ECR, "c");
    assert_true(creation.failed);
    assert_error_kind(&creation.err, ERROR_AUTH);
}

static void a_creation_that_is_cancelled_tells_nobody(void **state)
{
    struct creation creation = {0};

    use_env_key();
    aws_create_repository_cancel(aws_create_repository_start(
        network(), NULL, ECR, "d", on_created, &creation));
    tell("ecr", "hang");
    {
        struct aws_creation *later = aws_create_repository_start(
            network(), NULL, ECR, "d", on_created, &creation);

        turn_idle(world.loop);
        aws_create_repository_cancel(later);
    }
    turn_idle(world.loop);
    assert_false(creation.done);
}

/* --- Azure -------------------------------------------------------------------
 */

static void use_application(void)
{
    set("AZURE_TENANT_ID", TENANT);
    set("AZURE_CLIENT_ID", CLIENT);
    set("AZURE_CLIENT_SECRET", CLIENT_SECRET);
}

static void expect_azure(const char *label)
{
    struct walk walk;

    walk_run(&walk, ACR, SOURCE(.source = "azure", .endpoint = "@"));
    check_text(label, walk.err.message, "");
    check_text(label, walk.got.username,
               "00000000-0000-0000-0000-000000000000");
    check(label, secret_text(&walk.got.password) == NULL);
    check(label, strncmp(secret_text(&walk.got.identity_token), "eyJ", 3) == 0);
    check_life(label, walk.got.lifetime_ms, 3 * 3600);
    walk_end(&walk);
}

static void an_applications_secret_is_exchanged_for_a_refresh_token(
    void **state)
{
    use_application();
    expect_azure("secret");
    assert_int_equal(asked("aad"), 1);
    assert_int_equal(asked("acr"), 1);
    set("AZURE_CLIENT_SECRET", "another");
    expect_error("wrong", ACR, SOURCE(.source = "azure", .endpoint = "@"),
                 ERROR_AUTH, "invalid_client: AADSTS7000215");
}

static void a_federated_token_stands_for_the_application(void **state)
{
    use_application();
    unsetenv("AZURE_CLIENT_SECRET");
    set_filled("AZURE_FEDERATED_TOKEN_FILE", "%/federated.token");
    expect_azure("file");
    unsetenv("AZURE_TENANT_ID");
    expect_error("no tenant", ACR, SOURCE(.source = "azure", .endpoint = "@"),
                 ERROR_AUTH, "AZURE_TENANT_ID");
}

static void a_managed_identity_is_asked_at_the_machine(void **state)
{
    expect_azure("imds");
    assert_int_equal(asked("azure-imds"), 1);
    set("AZURE_CLIENT_ID", CLIENT);
    set_filled("IDENTITY_ENDPOINT", "@/app/msi/token");
    set("IDENTITY_HEADER", "app-service-header");
    expect_azure("app service");
    assert_int_equal(asked("app-service"), 1);
    set("IDENTITY_HEADER", "another");
    expect_error("wrong header", ACR, SOURCE(.source = "azure"), ERROR_AUTH,
                 "answers with 403");
}

static void a_directory_token_goes_to_no_registry_but_azures(void **state)
{
    use_application();
    expect_error("elsewhere", "registry.example", SOURCE(.source = "azure"),
                 ERROR_AUTH, "is not a host name of Azure");
    expect_error("its suffix inside", "azurecr.io.example",
                 SOURCE(.source = "azure"), ERROR_AUTH,
                 "is not a host name of Azure");
    assert_int_equal(asked("aad"), 0);
}

/* --- what the services answer ------------------------------------------------
 */

/* Each service, with the configuration that leads to it */
static const struct service {
    const char *name;
    const char *registry;
    struct credential_source spec;
    const char *variables[10]; /* names and values */
} services[] = {
    {"google-token",
     GAR,
     {.source = "google"},
     {"GOOGLE_APPLICATION_CREDENTIALS", "%/service-account.json"}},
    {"google-metadata", GAR, {.source = "google", .endpoint = "@"}, {NULL}},
    {"sts",
     ECR,
     {.source = "aws", .role_arn = ROLE},
     {"AWS_WEB_IDENTITY_TOKEN_FILE", "%/web-identity.token"}},
    {"ecr",
     ECR,
     {.source = "aws"},
     {"AWS_ACCESS_KEY_ID", ENV_ID, "AWS_SECRET_ACCESS_KEY", ENV_SECRET}},
    {"ecr-public",
     "public.ecr.aws",
     {.source = "aws"},
     {"AWS_ACCESS_KEY_ID", ENV_ID, "AWS_SECRET_ACCESS_KEY", ENV_SECRET}},
    {"imds", ECR, {.source = "aws"}, {NULL}},
    {"container",
     ECR,
     {.source = "aws"},
     {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "@/container/keys",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-9dKq2-4mXw7Rt-81hLz"}},
    {"aad",
     ACR,
     {.source = "azure", .endpoint = "@"},
     {"AZURE_TENANT_ID", TENANT, "AZURE_CLIENT_ID", CLIENT,
      "AZURE_CLIENT_SECRET", CLIENT_SECRET}},
    {"azure-imds", ACR, {.source = "azure", .endpoint = "@"}, {NULL}},
    {"app-service",
     ACR,
     {.source = "azure", .endpoint = "@"},
     {"IDENTITY_ENDPOINT", "@/app/msi/token", "IDENTITY_HEADER",
      "app-service-header"}},
    {"acr", ACR, {.source = "azure", .endpoint = "@"}, {NULL}},
};

static void set_variables(const struct service *service)
{
    begin(NULL);
    for (size_t i = 0; i + 1 < ARRAY_SIZE(service->variables) &&
                       service->variables[i] != NULL;
         i += 2) {
        set_filled(service->variables[i], service->variables[i + 1]);
    }
}

static void every_service_may_answer_anything(void **state)
{
    static const struct {
        const char *fault;
        enum error_kind kind;
    } faults[] = {
        {"deny", ERROR_AUTH},         {"throttle", ERROR_RATE_LIMITED},
        {"fail", ERROR_UNAVAILABLE},  {"garbage", ERROR_AUTH},
        {"huge", ERROR_UNAVAILABLE},  {"redirect", ERROR_AUTH},
        {"empty", ERROR_AUTH},        {"bad-token", ERROR_AUTH},
        {"early", ERROR_UNAVAILABLE},
    };

    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(faults); k++) {
            const struct service *service = &services[i];
            CLEANUP(str_release) struct str label = STR_INIT(STR_UNLIMITED);
            struct walk walk;

            str_printf(&label, "%s: %s", service->name, faults[k].fault);
            set_variables(service);
            tell(service->name, faults[k].fault);
            walk_run(&walk, service->registry, service->spec);
            check(label.data, walk.err.message[0] != '\0');
            /* With IMDS, a response that is too large counts as no response. */
            if (strcmp(service->name, "imds") != 0 &&
                strcmp(faults[k].fault, "empty") != 0) {
                check_kind(label.data, &walk.err, faults[k].kind);
            }
            check(label.data, strstr(walk.err.message, "X-Evil") == NULL);
            walk_end(&walk);
        }
    }
}

static void no_service_gets_a_secret_into_a_message(void **state)
{
    static const char *const secrets[] = {ENV_SECRET,
                                          CLIENT_SECRET,
                                          "azure~wbsecret",
                                          "eyJ",
                                          "container-9dKq2-4mXw7Rt-81hLz",
                                          "app-service-header"};

    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        const struct service *service = &services[i];
        struct walk walk;

        set_variables(service);
        tell(service->name, "echo");
        walk_run(&walk, service->registry, service->spec);
        /* The error of IMDS is HTML, which is not shown. */
        check_contains(service->name, walk.err.message,
                       strcmp(service->name, "imds") ? "you said" : "403");
        for (size_t k = 0; k < ARRAY_SIZE(secrets); k++) {
            if (strstr(walk.err.message, secrets[k]) != NULL) {
                fail_msg("%s: %s", service->name, walk.err.message);
            }
        }
        walk_end(&walk);
    }
}

static void a_walk_that_is_given_up_leaves_nothing(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        const struct service *service = &services[i];
        struct walk walk;

        set_variables(service);
        tell(service->name, "hang");
        walk_start(&walk, service->registry, service->spec);
        turn_idle(world.loop);
        assert_false(walk.done);
        keychain_cancel_wait(&walk.waiter);
        walk_end(&walk);
    }
}

static void a_short_life_is_not_made_an_endless_one(void **state)
{
    static const char *const names[] = {"google-token", "google-metadata",
                                        "ecr", "acr"};

    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        const struct service *service = &services[i];
        struct walk walk;
        bool has = false;

        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
            has |= strcmp(names[k], service->name) == 0;
        }
        if (!has) {
            continue;
        }
        set_variables(service);
        tell(service->name, "short");
        walk_run(&walk, service->registry, service->spec);
        check_text(service->name, walk.err.message, "");
        check(service->name,
              walk.got.lifetime_ms > 0 && walk.got.lifetime_ms < 120000);
        check(service->name, walk.got.renew_ms > 0);
        walk_end(&walk);
    }
}

static void a_token_that_has_ended_is_not_used_for_long(void **state)
{
    struct walk walk;

    use_env_key();
    tell("ecr", "ended");
    expect_error("ecr", ECR, SOURCE(.source = "aws"), ERROR_AUTH, "clock");
    use_google_key();
    tell("google-token", "ended");
    walk_run(&walk, GAR, SOURCE(.source = "google"));
    assert_true(walk.err.kind != ERROR_NONE ||
                (walk.got.lifetime_ms > 0 && walk.got.lifetime_ms <= 1000));
    walk_end(&walk);
    begin(NULL);
    set_filled("AWS_WEB_IDENTITY_TOKEN_FILE", "%/web-identity.token");
    tell("sts", "ended");
    expect_error("session", ECR, SOURCE(.source = "aws", .role_arn = ROLE),
                 ERROR_AUTH, "the session of these keys has expired");
}

/* This test is last, because it checks what all earlier tests have signed. */
static void others_verify_what_was_signed(void **state)
{
    struct json *judged = peer_get(world.peer, "/_verify");
    const struct json *faults = json_member(judged, "faults");
    const char *skipped = json_text(json_member(judged, "botocore_skipped"));
    double number = 0;

    for (const struct json *one = json_first(faults); one != NULL;
         one = json_next(one)) {
        fail_msg("%s", json_text(one));
    }
    assert_true(json_number(json_member(judged, "openssl"), &number));
    assert_true(number > 2);
    assert_true(json_number(json_member(judged, "signed"), &number));
    assert_true(number > 10);
    if (skipped != NULL) {
        print_message("signatures of AWS not judged by botocore: %s\n",
                      skipped);
    } else {
        assert_true(json_number(json_member(judged, "botocore"), &number));
        print_message("botocore agrees with %.0f signatures\n", number);
        assert_true(number > 10);
    }
    json_free(judged);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_service_account_signs_for_an_access_token),
        TEST(an_id_token_is_for_its_audience_and_ends_when_it_says),
        TEST(a_jwt_needs_no_exchange_and_goes_where_the_binding_says),
        TEST(a_users_refresh_token_gives_an_access_token_only),
        TEST(without_a_file_the_metadata_server_is_asked),
        TEST(metadata_never_goes_through_a_proxy),
        TEST(outside_of_google_there_is_nothing),
        TEST(what_is_no_metadata_server_of_googles_is_not_believed),
        TEST(a_google_file_that_will_not_do_says_what_would),
        TEST(keys_of_the_environment_are_taken_for_a_password),
        TEST(ecr_public_has_an_api_of_its_own),
        TEST(an_endpoint_and_a_region_serve_where_the_name_says_nothing),
        TEST(a_web_identity_becomes_keys_with_a_session),
        TEST(a_profile_of_the_shared_file_is_used),
        TEST(a_container_shows_its_token),
        TEST(an_instance_is_asked_in_the_second_version),
        TEST(the_environment_comes_before_the_machine),
        TEST(what_aws_refuses_says_what_to_mend),
        TEST(a_repository_is_made_once_and_may_be_there_already),
        TEST(a_repository_that_cannot_be_made_says_why),
        TEST(a_creation_that_is_cancelled_tells_nobody),
        TEST(an_applications_secret_is_exchanged_for_a_refresh_token),
        TEST(a_federated_token_stands_for_the_application),
        TEST(a_managed_identity_is_asked_at_the_machine),
        TEST(a_directory_token_goes_to_no_registry_but_azures),
        TEST(every_service_may_answer_anything),
        TEST(no_service_gets_a_secret_into_a_message),
        TEST(a_walk_that_is_given_up_leaves_nothing),
        TEST(a_short_life_is_not_made_an_endless_one),
        TEST(a_token_that_has_ended_is_not_used_for_long),
        TEST(others_verify_what_was_signed),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
