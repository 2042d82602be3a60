#include "asserts.h"
#include "credentials/aws_internal.h"

static const char *const variables[] = {
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ECR_PUBLIC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
};

static int begin(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        unsetenv(variables[i]);
    }
    return 0;
}

static void aws_host__a_name_says_account_region_and_api(void **state)
{
    /* The addresses are what botocore's endpoint rules make of the region. */
    static const struct {
        const char *registry;
        const char *account;
        const char *region;
        const char *api;
        const char *sts;
    } rows[] = {
        {"123456789012.dkr.ecr.eu-central-1.amazonaws.com", "123456789012",
         "eu-central-1", "https://api.ecr.eu-central-1.amazonaws.com",
         "https://sts.eu-central-1.amazonaws.com"},
        {"123456789012.DKR.ECR.eu-central-1.amazonaws.com:443", "123456789012",
         "eu-central-1", "https://api.ecr.eu-central-1.amazonaws.com",
         "https://sts.eu-central-1.amazonaws.com"},
        {"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
         "123456789012", "us-gov-west-1",
         "https://ecr-fips.us-gov-west-1.amazonaws.com",
         "https://sts.us-gov-west-1.amazonaws.com"},
        {"123456789012.dkr-ecr.us-east-1.on.aws", "123456789012", "us-east-1",
         "https://ecr.us-east-1.api.aws",
         "https://sts.us-east-1.amazonaws.com"},
        {"123456789012.dkr-ecr-fips.us-east-1.on.aws", "123456789012",
         "us-east-1", "https://ecr-fips.us-east-1.api.aws",
         "https://sts.us-east-1.amazonaws.com"},
        {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012",
         "cn-north-1", "https://api.ecr.cn-north-1.amazonaws.com.cn",
         "https://sts.cn-north-1.amazonaws.com.cn"},
        {"123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
         "123456789012", "cn-north-1",
         "https://ecr.cn-north-1.api.amazonwebservices.com.cn",
         "https://sts.cn-north-1.amazonaws.com.cn"},
        {"123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "123456789012",
         "eusc-de-east-1", "https://api.ecr.eusc-de-east-1.amazonaws.eu",
         "https://sts.eusc-de-east-1.amazonaws.eu"},
        {"public.ecr.aws", "", "us-east-1",
         "https://api.ecr-public.us-east-1.amazonaws.com",
         "https://sts.us-east-1.amazonaws.com"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct aws_place place = {0};

        check(rows[i].registry, aws_place_parse(rows[i].registry, &place));
        check_text(rows[i].registry, place.account, rows[i].account);
        check_text(rows[i].registry, place.region, rows[i].region);
        check_text(rows[i].registry, place.api, rows[i].api);
        check_text(rows[i].registry, place.sts, rows[i].sts);
        check(rows[i].registry, place.is_public == (rows[i].account[0] == 0));
    }
}

static void aws_host__other_names_are_none_of_ecrs(void **state)
{
    static const char *const names[] = {
        "",
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
        "123456789012.dkr.ecr.01234567890123456789012345678901234567890123456"
        "789.amazonaws.com",
        "public.ecr.aws.example",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct aws_place place;

        check(names[i], !aws_place_parse(names[i], &place));
    }
}

#define ECR "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

static void aws_host__the_configuration_comes_before_name_and_environment(
    void **state)
{
    struct credential_source spec = {.source = "aws"};
    struct aws_place place;
    struct error err;

    setenv("AWS_DEFAULT_REGION", "eu-west-1", 1);
    assert_return_code(aws_place_find(ECR, &spec, &place, &err), 0);
    assert_string_equal(place.region, "eu-central-1");
    assert_return_code(aws_place_find("proxy.example", &spec, &place, &err), 0);
    assert_string_equal(place.api, "https://api.ecr.eu-west-1.amazonaws.com");
    setenv("AWS_REGION", "cn-north-1", 1);
    assert_return_code(aws_place_find("proxy.example", &spec, &place, &err), 0);
    assert_string_equal(place.api,
                        "https://api.ecr.cn-north-1.amazonaws.com.cn");
    spec.region = "us-east-2";
    assert_return_code(aws_place_find(ECR, &spec, &place, &err), 0);
    assert_string_equal(place.api, "https://api.ecr.us-east-2.amazonaws.com");
    assert_string_equal(place.account, "123456789012");
    spec.region = "x/y";
    assert_int_equal(aws_place_find(ECR, &spec, &place, &err), -1);
    assert_message_contains(&err, "no region 'x/y'");
}

static void aws_host__endpoints_are_found_as_the_sdks_find_them(void **state)
{
    struct credential_source spec = {.source = "aws"};
    struct aws_place place;
    struct error err;

    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1);
    assert_return_code(aws_place_find(ECR, &spec, &place, &err), 0);
    assert_string_equal(place.api, "http://127.0.0.1:1");
    assert_string_equal(place.sts, "http://127.0.0.1:1");
    setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:2", 1);
    setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:3", 1);
    assert_return_code(aws_place_find(ECR, &spec, &place, &err), 0);
    assert_string_equal(place.api, "http://127.0.0.1:2");
    assert_string_equal(place.sts, "http://127.0.0.1:3");
    assert_return_code(aws_place_find("public.ecr.aws", &spec, &place, &err),
                       0);
    assert_string_equal(place.api, "http://127.0.0.1:1");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    assert_return_code(aws_place_find(ECR, &spec, &place, &err), 0);
    assert_string_equal(place.api,
                        "https://api.ecr.eu-central-1.amazonaws.com");
    spec.endpoint = "https://vpce.example";
    assert_return_code(aws_place_find(ECR, &spec, &place, &err), 0);
    assert_string_equal(place.api, "https://vpce.example");
    spec.endpoint = "https://user@host/?x";
    assert_int_equal(aws_place_find(ECR, &spec, &place, &err), -1);
}

static void aws_host__a_containers_endpoint_is_near_or_https(void **state)
{
    static const struct {
        const char *url;
        int result;
        bool local;
    } rows[] = {
        {"http://127.0.0.1:51679/get", 0, true},
        {"http://localhost/get", 0, true},
        {"http://[::1]:80/get", 0, true},
        {"http://169.254.170.2/v2/x", 0, true},
        {"http://169.254.170.23/v1/credentials", 0, true},
        {"http://[fd00:ec2::23]/v1/credentials", 0, true},
        {"https://keys.example/get", 0, false},
        {"http://169.254.169.254/latest", -1, false},
        {"http://keys.example/get", -1, false},
        {"http://127.0.0.1.example/get", -1, false},
        {"http://127.0.0.1@keys.example/get", -1, false},
        {"ftp://127.0.0.1/get", -1, false},
        {"http://169.254.170.2@keys.example/x", -1, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool local = false;
        struct error err;

        check_number(rows[i].url,
                     aws_container_url_check(rows[i].url, &local, &err),
                     rows[i].result);
        check(rows[i].url, local == rows[i].local);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(aws_host__a_name_says_account_region_and_api),
        TEST(aws_host__other_names_are_none_of_ecrs),
        TEST(aws_host__the_configuration_comes_before_name_and_environment),
        TEST(aws_host__endpoints_are_found_as_the_sdks_find_them),
        TEST(aws_host__a_containers_endpoint_is_near_or_https),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
