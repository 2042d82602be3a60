/* A filter may only ask for what exists somewhere. */

#include "dead_letter_list.h"

#define NAMES(...)                                                             \
    {                                                                          \
        (const char *const[]){__VA_ARGS__},                                    \
            ARRAY_SIZE(((const char *const[]){__VA_ARGS__}))                   \
    }

static const struct filter_names names = {
    .integrations = NAMES("oci-registry", "webhook"),
    .registrations = NAMES("quay", "harbor"),
    .attachments = NAMES("quay:shop/build"),
    .topics = NAMES("attestations", "attestation-replays"),
};

/* One dead letter with the names of the sample, none of which is configured */
static int check_one(const char *option, const char *value, struct error *err)
{
    CLEANUP(release_dead_letters)
    struct dead_letter_list *list = dead_letter_list_new();
    struct filter filter = {0};
    struct sample sample;

    sample_init(&sample);
    sample_set(&sample, "waybill-error-class", "of_a_newer_version");
    dead_letter_list_put(list, &sample, 0, 1);
    sample_set(&sample, "waybill-registration", NULL);
    dead_letter_list_put(list, &sample, 0, 2);
    assert_int_equal(filter_add(&filter, option, value, 0, err), 0);
    return filter_check(&filter, &names, list, err);
}

static void filter_check__accepts_what_is_configured_or_in_a_dead_letter(
    void **state)
{
    static const char *const rows[][2] = {
        {"--class", "schema"},
        {"--class", "expired"},
        {"--class", "of_a_newer_version"},
        {"--integration", "webhook"},
        {"--registration", "quay"},
        {"--registration", "ghcr"},
        {"--attachment", "quay:shop/build"},
        {"--attachment", "ghcr:w1"},
        {"--topic", "attestation-replays"},
        {"--topic", "in"},
        /* It is not known which of these values exist. */
        {"--code", "NO_SUCH_CODE"},
        {"--key", "no such key"},
        {"--event-id", "no such event"},
        {"--workflow", "no/such"},
        {"--partition", "99"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = ERROR_UNTOUCHED;

        check_number(rows[i][1], check_one(rows[i][0], rows[i][1], &err), 0);
        check_untouched(rows[i][1], &err);
    }
}

static void filter_check__names_what_does_not_exist(void **state)
{
    static const char *const rows[][3] = {
        {"--class", "nofound",
         "--class 'nofound': no error class has this name (did you mean "
         "'not_found'?)"},
        {"--class", "unreachable",
         "--class 'unreachable': no error class has this name; it is a kind of "
         "error; its class is 'attempts_exhausted'"},
        {"--class", "something",
         "--class 'something': no error class has this name; the classes are "
         "schema, digest_mismatch, too_large, rejected, not_found, config, "
         "auth, attempts_exhausted, verification, expired"},
        {"--class", "none",
         "--class 'none': no error class has this name; the classes are "
         "schema, digest_mismatch, too_large, rejected, not_found, config, "
         "auth, attempts_exhausted, verification, expired"},
        {"--integration", "oci-registri",
         "--integration 'oci-registri': no integration has this name, neither "
         "in the configuration nor in a dead letter (did you mean "
         "'oci-registry'?)"},
        {"--registration", "gchr",
         "--registration 'gchr': no registration has this name, neither in the "
         "configuration nor in a dead letter (did you mean 'ghcr'?)"},
        {"--registration", "zebra",
         "--registration 'zebra': no registration has this name, neither in "
         "the configuration nor in a dead letter"},
        {"--attachment", "quay:shop/biuld",
         "--attachment 'quay:shop/biuld': no attachment has this name, neither "
         "in the configuration nor in a dead letter (did you mean "
         "'quay:shop/build'?)"},
        {"--topic", "attestation",
         "--topic 'attestation': no topic has this name, neither in the "
         "configuration nor in a dead letter (did you mean 'attestations'?)"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err;

        check_number(rows[i][1], check_one(rows[i][0], rows[i][1], &err), -1);
        check_kind(rows[i][1], &err, ERROR_USAGE);
        check_text(rows[i][1], err.message, rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            filter_check__accepts_what_is_configured_or_in_a_dead_letter),
        cmocka_unit_test(filter_check__names_what_does_not_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
