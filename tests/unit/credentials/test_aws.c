/* The service of AWS at which the password of a registry is requested, and the
 * sources of keys, as the first request shows them */

#include "cloud_world.h"
#include "waybill/ecr.h"

#define ECR "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

static const struct credential_source aws = {.source = "aws"};

static void have_keys(void)
{
    setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
}

static void have_identity(struct world *world)
{
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r", 1);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE",
           write_file(world, "identity", "t0ken"), 1);
}

static void on_created(void *payload, const struct error *err)
{
    fail();
}

/* The request that creates the repository "app" */
static const char *creation_of(struct world *world, const char *registry)
{
    struct aws_creation *creation = aws_create_repository_start(
        &world->network, &aws, registry, "app", on_created, NULL);
    const char *body = arena_strdup(
        world->arena, fake_asked(world->network.http, "POST *")->body);

    aws_create_repository_cancel(creation);
    return body;
}

static void aws__a_name_says_account_region_and_service(void **state)
{
    /* The addresses follow from botocore's endpoint rules for the region. */
    static const struct {
        const char *registry;
        const char *account; /* "": ECR Public */
        const char *region;
        const char *api;
        const char *sts;
    } rows[] = {
        {"123456789012.dkr.ecr.eu-central-1.amazonaws.com", "123456789012",
         "eu-central-1", "POST https://api.ecr.eu-central-1.amazonaws.com/",
         "POST https://sts.eu-central-1.amazonaws.com/"},
        {"123456789012.DKR.ECR.eu-central-1.amazonaws.com:443", "123456789012",
         "eu-central-1", "POST https://api.ecr.eu-central-1.amazonaws.com/",
         "POST https://sts.eu-central-1.amazonaws.com/"},
        {"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
         "123456789012", "us-gov-west-1",
         "POST https://ecr-fips.us-gov-west-1.amazonaws.com/",
         "POST https://sts.us-gov-west-1.amazonaws.com/"},
        {"123456789012.dkr-ecr.us-east-1.on.aws", "123456789012", "us-east-1",
         "POST https://ecr.us-east-1.api.aws/",
         "POST https://sts.us-east-1.amazonaws.com/"},
        {"123456789012.dkr-ecr-fips.us-east-1.on.aws", "123456789012",
         "us-east-1", "POST https://ecr-fips.us-east-1.api.aws/",
         "POST https://sts.us-east-1.amazonaws.com/"},
        {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012",
         "cn-north-1", "POST https://api.ecr.cn-north-1.amazonaws.com.cn/",
         "POST https://sts.cn-north-1.amazonaws.com.cn/"},
        {"123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
         "123456789012", "cn-north-1",
         "POST https://ecr.cn-north-1.api.amazonwebservices.com.cn/",
         "POST https://sts.cn-north-1.amazonaws.com.cn/"},
        {"123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "123456789012",
         "eusc-de-east-1", "POST https://api.ecr.eusc-de-east-1.amazonaws.eu/",
         "POST https://sts.eusc-de-east-1.amazonaws.eu/"},
        {"public.ecr.aws", "", "us-east-1",
         "POST https://api.ecr-public.us-east-1.amazonaws.com/",
         "POST https://sts.us-east-1.amazonaws.com/"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *registry = rows[i].registry;
        bool is_public = rows[i].account[0] == '\0';
        const char *request;

        forget_cloud_variables();
        have_identity(world);
        check_asks(world, registry, &aws, rows[i].sts);
        forget_cloud_variables();
        have_keys();
        check_asks(world, registry, &aws, rows[i].api);
        request = first_request(world, registry, &aws);
        check_contains(registry, request,
                       is_public ? "X-Amz-Target: SpencerFrontendService."
                                 : "X-Amz-Target: AmazonEC2ContainerRegistry_");
        check_contains(
            registry, request,
            arena_printf(world->arena, "signed for %s\n", rows[i].region));
        check_text(registry, creation_of(world, registry),
                   is_public ? "{\"repositoryName\":\"app\"}"
                             : arena_printf(world->arena,
                                            "{\"registryId\":\"%s\","
                                            "\"repositoryName\":\"app\"}",
                                            rows[i].account));
    }
}

static void aws__other_names_are_none_of_ecrs(void **state)
{
    static const char *const names[] = {
        "ghcr.io",
        "127.0.0.1:5000",
        "12345678901.dkr.ecr.eu-central-1.amazonaws.com",
        "1234567890123.dkr.ecr.eu-central-1.amazonaws.com",
        "12345678901x.dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
        "123456789012.dkr.ecr.amazonaws.com",
        "123456789012.dkr.ecr..amazonaws.com",
        "123456789012.dkr.ecr.a/b.amazonaws.com",
        "123456789012.dkr.ecr.a.b.amazonaws.com",
        "123456789012.dkr.ecrx.eu-central-1.amazonaws.com",
        ("123456789012.dkr.ecr.01234567890123456789012345678901234567890123456"
         "789.amazonaws.com"),
        "public.ecr.aws.example",
    };

    struct world *world = *state;

    have_keys();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        check_contains(names[i], first_request(world, names[i], &aws),
                       "contains no region: set 'region'");
    }
}

static void aws__the_configuration_comes_before_name_and_environment(
    void **state)
{
    struct credential_source spec = aws;
    struct world *world = *state;

    have_keys();
    setenv("AWS_DEFAULT_REGION", "eu-west-1", 1);
    check_asks(world, ECR, &spec,
               "POST https://api.ecr.eu-central-1.amazonaws.com/");
    check_asks(world, "proxy.example", &spec,
               "POST https://api.ecr.eu-west-1.amazonaws.com/");
    setenv("AWS_REGION", "cn-north-1", 1);
    check_asks(world, "proxy.example", &spec,
               "POST https://api.ecr.cn-north-1.amazonaws.com.cn/");
    spec.region = "us-east-2";
    check_asks(world, ECR, &spec,
               "POST https://api.ecr.us-east-2.amazonaws.com/");
    spec.region = "x/y";
    check_contains("x/y", first_request(world, ECR, &spec), "no region 'x/y'");
}

static void aws__endpoints_are_found_as_the_sdks_find_them(void **state)
{
    struct credential_source spec = aws;
    struct world *world = *state;

    have_keys();
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
    check_asks(world, ECR, &spec, "POST http://127.0.0.1:1/");
    setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:2", 1);
    setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:3", 1);
    check_asks(world, ECR, &spec, "POST http://127.0.0.1:2/");
    check_asks(world, "public.ecr.aws", &spec, "POST http://127.0.0.1:1/");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    check_asks(world, ECR, &spec,
               "POST https://api.ecr.eu-central-1.amazonaws.com/");
    spec.endpoint = "https://vpce.example";
    check_asks(world, ECR, &spec, "POST https://vpce.example/");
    spec.endpoint = "https://user@host/?x";
    check_contains("not one", first_request(world, ECR, &spec),
                   "not an endpoint");
}

static void aws__a_role_is_asked_for_at_the_endpoint_of_sts(void **state)
{
    struct world *world = *state;

    have_identity(world);
    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
    check_asks(world, ECR, &aws, "POST http://127.0.0.1:1/");
    setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:3", 1);
    check_asks(world, ECR, &aws, "POST http://127.0.0.1:3/");
}

static void aws__a_containers_endpoint_is_near_or_https(void **state)
{
    static const struct {
        const char *url;
        bool taken;
        bool local; /* never through a proxy */
    } rows[] = {
        {"http://127.0.0.1:51679/get", true, true},
        {"http://localhost/get", true, true},
        {"http://[::1]:80/get", true, true},
        {"http://169.254.170.2/v2/x", true, true},
        {"http://169.254.170.23/v1/credentials", true, true},
        {"http://[fd00:ec2::23]/v1/credentials", true, true},
        {"https://keys.example/get", true, false},
        {"http://169.254.169.254/latest", false, false},
        {"http://keys.example/get", false, false},
        {"http://127.0.0.1.example/get", false, false},
        {"http://127.0.0.1@keys.example/get", false, false},
        {"ftp://127.0.0.1/get", false, false},
        {"http://169.254.170.2@keys.example/x", false, false},
    };

    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *url = rows[i].url;
        const char *request;

        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
        request = first_request(world, ECR, &aws);
        if (rows[i].taken) {
            check_contains(url, request,
                           arena_printf(world->arena, "GET %s\n", url));
            check_number(url, strstr(request, "without a proxy\n") != NULL,
                         rows[i].local);
        } else {
            check_contains(url, request,
                           "failed: credentials from aws: "
                           "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOUD_TEST(aws__a_name_says_account_region_and_service),
        CLOUD_TEST(aws__other_names_are_none_of_ecrs),
        CLOUD_TEST(aws__the_configuration_comes_before_name_and_environment),
        CLOUD_TEST(aws__endpoints_are_found_as_the_sdks_find_them),
        CLOUD_TEST(aws__a_role_is_asked_for_at_the_endpoint_of_sts),
        CLOUD_TEST(aws__a_containers_endpoint_is_near_or_https),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
