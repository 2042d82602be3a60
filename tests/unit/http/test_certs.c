/* The content of certs.d for a host */

#include <curl/curl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "asserts.h"
#include "http/certs.h"

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Counts "-----BEGIN " in a text, which is about the number of certificates. */
static size_t count_of(const char *text)
{
    size_t count = 0;

    while ((text = strstr(text, "-----BEGIN ")) != NULL) {
        count++;
        text++;
    }
    return count;
}

static void authorities_come_on_top_of_the_systems(void **state)
{
    const char *usual = curl_version_info(CURLVERSION_NOW)->cainfo;
    char root[] = "/tmp/waybill-certs-XXXXXX";
    char folder[64];
    char command[128];
    struct certs *certs;

    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof(folder), "%s/a:1", root);
    assert_return_code(mkdir(folder, 0700), 0);
    put(folder, "b.crt", "\xEF\xBB\xBF-----BEGIN B-----\r\n");
    put(folder, "a.crt", "-----BEGIN A-----");
    put(folder, "README", "-----BEGIN C-----\n");
    certs = certs_load("a:1", root);
    assert_null(certs->error);
    assert_non_null(strstr(certs->authorities.data,
                           "\n-----BEGIN A-----\n-----BEGIN B-----\n"));
    if (usual != NULL && access(usual, R_OK) == 0) {
        assert_true(count_of(certs->authorities.data) > 10);
    } else {
        assert_int_equal(count_of(certs->authorities.data), 2);
    }
    certs_release(certs);
    certs = certs_load("a:2", root);
    assert_int_equal(certs->authorities.len, 0);
    certs_release(certs);
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorities_come_on_top_of_the_systems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
