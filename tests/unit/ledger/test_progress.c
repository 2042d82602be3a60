#include "asserts.h"
#include "progress_bytes.h"
#include "waybill/base64.h"
#include "waybill/progress.h"
#include "waybill/random.h"

/* A state as a row: ranges of offsets, and the entries of single ones */
struct range {
    int64_t from;
    int64_t end;
    int64_t step; /* 0: that is 1 */
};

struct state {
    const char *name;
    int64_t watermark;
    int64_t dispatched;
    struct range done[4];
    struct {
        uint64_t id;
        struct range at;
    } parts[4];
    struct progress_attempts attempts[4];
    const char *text; /* NULL: any */
};

static void build(const struct state *row, struct progress *progress)
{
    *progress = (struct progress){.watermark = row->watermark,
                                  .dispatched = row->dispatched};
    for (size_t i = 0; i < ARRAY_SIZE(row->done); i++) {
        const struct range *done = &row->done[i];

        for (int64_t at = done->from;
             at<done->end; at += done->step> 0 ? done->step : 1) {
            offset_set_add(&progress->done, at);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->parts); i++) {
        const struct range *part = &row->parts[i].at;

        for (int64_t at = part->from;
             at<part->end; at += part->step> 0 ? part->step : 1) {
            progress_add_delivery(progress, row->parts[i].id, at);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->attempts); i++) {
        if (row->attempts[i].attempts > 0) {
            progress_add_attempts(progress, &row->attempts[i]);
        }
    }
}

static void check_done(const char *name, const struct progress *a,
                       const struct progress *b)
{
    int64_t end = offset_set_end(&a->done);

    end = end > offset_set_end(&b->done) ? end : offset_set_end(&b->done);
    for (int64_t at = a->watermark; at < end; at++) {
        check_number(name, offset_set_has(&b->done, at),
                     offset_set_has(&a->done, at));
    }
}

/* Asserts that b has the same parts of unfinished records as a. */
static void check_parts_of(const char *name, const struct progress *a,
                           const struct progress *b)
{
    for (size_t i = 0; i < a->delivery_count; i++) {
        uint64_t id = a->deliveries[i].id;
        int64_t end = offset_set_end(&a->deliveries[i].done);

        for (int64_t at = a->watermark; at < end; at++) {
            if (!offset_set_has(&a->done, at)) {
                check_number(name, progress_has_delivery(b, id, at),
                             progress_has_delivery(a, id, at));
            }
        }
    }
}

static void check_attempt(const char *name, const struct progress_attempts *a,
                          const struct progress_attempts *b)
{
    int64_t first = a->first_failed_ms > 0 ? a->first_failed_ms : 0;

    check_number(name, b->offset, a->offset);
    check(name, b->id == a->id);
    check_number(name, b->attempts, a->attempts);
    check_number(name, b->first_failed_ms, first / 1000 * 1000);
}

static void check_attempts(const char *name, const struct progress *a,
                           const struct progress *b, size_t count)
{
    check_number(name, b->attempts_count, count);
    for (size_t i = 0; i < count; i++) {
        check_attempt(name, &a->attempts[i], &b->attempts[i]);
    }
}

static void check_same(const char *name, const struct progress *a,
                       const struct progress *b)
{
    check_number(name, b->watermark, a->watermark);
    check_number(name, b->dispatched, a->dispatched);
    check_done(name, a, b);
    check_parts_of(name, a, b);
    check_parts_of(name, b, a);
}

static void decode(const char *name, int64_t watermark, const char *text,
                   struct progress *ret_progress)
{
    struct error err = ERROR_UNTOUCHED;

    if (progress_decode(watermark, text, ret_progress, &err) < 0) {
        print_error("in case '%s': %s\n", name, err.message);
        fail();
    }
    check_untouched(name, &err);
}

/* Of a text that was written by hand */
static void decode_bytes(const char *name, int64_t watermark, const void *data,
                         size_t len, struct progress *ret_progress)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    base64_encode(&text, data, len);
    decode(name, watermark, text.data, ret_progress);
}

/* --- the format -------------------------------------------------------------
 */

#define GHCR 0x6A0A156AE54C2E5F   /* ghcr:w1 */
#define HARBOR 0xC1D64B2D4CB30F1B /* harbor */

/* The texts were made by another program that was written from progress.h
 * alone. They occur in the offsets topics of earlier releases. */
static const struct state states[] = {
    {.name = "nothing", .watermark = 100, .dispatched = 100, .text = ""},
    {.name = "dispatched",
     .watermark = 100,
     .dispatched = 101,
     .text = "VwEBAAAAAEWPLIM="},
    {.name = "bitmap",
     .watermark = 100,
     .dispatched = 110,
     .done = {{101, 102}, {103, 104}, {109, 110}},
     .text = "VwEKAAIKAgAAyqvU7Q=="},
    {.name = "runs",
     .watermark = 100,
     .dispatched = 400,
     .done = {{101, 390}},
     .text = "VwGsAgEDAaECAACQrxqv"},
    {.name = "own",
     .watermark = 7,
     .dispatched = 9,
     .parts = {{0, {8, 9}}},
     .text = "VwECAAABAAAAAAAAAAAAAQIApJ2fow=="},
    {.name = "parts",
     .watermark = 1000,
     .dispatched = 1040,
     .done = {{1001, 1003}},
     .parts = {{GHCR, {1000, 1004, 3}}, {HARBOR, {1030, 1031}}},
     .text = "VwEoAAEGAmoKFWrlTC5fwdZLLUyzDxsAAQkBAh4BAOEPEPc="},
    {.name = "attempts",
     .watermark = 5000000000,
     .dispatched = 5000000300,
     .done = {{5000000001, 5000000002}},
     .attempts = {{5000000000, GHCR, 3, 1767323045999},
                  {5000000200, GHCR, 300, 1767323100000}},
     .text = "VwGsAgABAgFqChVq5UwuXwAAAgAAA6Xr3MoGyAEArALc69zKBjSkAjQ="},
    {.name = "all",
     .watermark = 0,
     .dispatched = 20,
     .done = {{2, 3}},
     .parts = {{1, {1, 2}}},
     .attempts = {{0, 2, 1, 0}, {1, 1, 2, 60000}, {1, 2, 7, 61000}},
     .text = "VwEUAAEEAgAAAAAAAAABAAAAAAAAAAIAAQIAAAMAAQEAAQACPAABBz28hNwp"},
    /* those below are only decoded */
    {.name = "the watermark's own",
     .watermark = 12,
     .dispatched = 13,
     .done = {{12, 13}}},
    {.name = "what is below is gone",
     .watermark = 12,
     .dispatched = 30,
     .done = {{0, 12}},
     .parts = {{1, {0, 12}}, {2, {0, 14}}}},
    {.name = "all of the window",
     .watermark = 1,
     .dispatched = 16385,
     .done = {{2, 16385}}},
    {.name = "every second one",
     .watermark = 64,
     .dispatched = 64 + 16000,
     .done = {{65, 64 + 16000, 2}}},
    {.name = "at the end of what can be spoken of",
     .watermark = 63,
     .dispatched = 63 + 65536,
     .done = {{63 + 65535, 63 + 65536}},
     .parts = {{3, {63 + 65535, 63 + 65536}}},
     .attempts = {{63 + 65536, 3, 1, 1000}}},
    {.name = "beyond what version 1 can express",
     .watermark = 63,
     .dispatched = 63 + 5000000000,
     .done = {{64, 63 + 1000000}},
     .parts = {{3, {63 + 1000000, 63 + 1000001}}},
     .attempts = {{63 + 5000000, 3, 1, 1000}}},
    {.name = "far beyond",
     .watermark = 5,
     .dispatched = 5 + ((int64_t)1 << 40)},
    {.name = "most numbers",
     .watermark = INT64_MAX - ((int64_t)1 << 41),
     .dispatched = INT64_MAX - ((int64_t)1 << 41) + 10,
     .attempts = {{INT64_MAX - ((int64_t)1 << 41) + 5, UINT64_MAX, UINT32_MAX,
                   ((int64_t)1 << 40) * 1000}}},
    {.name = "before 1970",
     .watermark = 5,
     .dispatched = 7,
     .attempts = {{5, 1, 1, -5000}}},
    {.name = "four ids",
     .watermark = 500,
     .dispatched = 900,
     .done = {{510, 520}, {530, 560, 3}},
     .parts = {{0, {500, 600, 5}},
               {1, {505, 800, 7}},
               {2, {512, 513}},
               {UINT64_MAX, {700, 900}}},
     .attempts = {{500, 1, 1, 1000}, {500, 9, 1, 1000}, {899, 2, 1, 1000}}},
};

static void write_down(const struct state *row, struct str *text)
{
    CLEANUP(progress_release) struct progress progress;

    build(row, &progress);
    check(row->name, progress_encode(&progress, PROGRESS_MAX_TEXT, text));
}

static void progress__is_written_as_it_always_was(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        write_down(&states[i], &text);
        if (states[i].text != NULL) {
            check_text(states[i].name, text.data, states[i].text);
        }
    }
}

static void progress__comes_back_as_it_was(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        CLEANUP(progress_release) struct progress progress;
        CLEANUP(progress_release) struct progress back = {0};
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        build(&states[i], &progress);
        check(states[i].name,
              progress_encode(&progress, PROGRESS_MAX_TEXT, &text));
        decode(states[i].name, progress.watermark, text.data, &back);
        check_same(states[i].name, &progress, &back);
        check_attempts(states[i].name, &progress, &back,
                       progress.attempts_count);
    }
}

static void progress__is_appended(void **state)
{
    CLEANUP(progress_release) struct progress progress;
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    build(&states[1], &progress);
    str_append_text(&text, "text: ");
    assert_true(progress_encode(&progress, 16, &text));
    check_text("appended", text.data, "text: VwEBAAAAAEWPLIM=");
}

static void progress__ids_stay_the_same(void **state)
{
    assert_true(progress_id("ghcr:w1") == GHCR);
    assert_true(progress_id("") == 0xE3B0C44298FC1C14);
}

static void progress__has_the_parts_that_were_added(void **state)
{
    CLEANUP(progress_release) struct progress progress = {0};

    assert_false(progress_has_delivery(&progress, 1, 10));
    for (uint64_t id = 0; id < 20; id++) {
        progress_add_delivery(&progress, id, 10 + (int64_t)id);
        progress_add_delivery(&progress, id, 100);
    }
    assert_int_equal(progress.delivery_count, 20);
    for (uint64_t id = 0; id < 20; id++) {
        assert_true(progress_has_delivery(&progress, id, 10 + (int64_t)id));
        assert_true(progress_has_delivery(&progress, id, 100));
        assert_false(progress_has_delivery(&progress, id, 9 + (int64_t)id));
    }
    assert_false(progress_has_delivery(&progress, 20, 100));
}

/* --- bitmap or runs ---------------------------------------------------------
 */

enum form { BITMAP, RUNS };

/* The form of the only set and its size in bytes, if one offset that far above
 * the watermark is done */
static void set_of(int64_t distance, unsigned *ret_form, unsigned *ret_length)
{
    CLEANUP(progress_release)
    struct progress progress = {.watermark = 1000, .dispatched = 1000};
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);

    offset_set_add(&progress.done, 1000 + distance);
    assert_true(progress_encode(&progress, SIZE_MAX, &text));
    assert_true(base64_decode(text.data, text.len, BASE64_STANDARD, &bytes));
    *ret_form = (unsigned char)bytes.data[3];
    *ret_length = (unsigned char)bytes.data[4];
}

static void progress__takes_the_shorter_form_of_a_set(void **state)
{
    static const struct {
        int64_t distance;
        unsigned form;
        unsigned length;
    } cases[] = {
        {0, BITMAP, 1},   {7, BITMAP, 1},   {8, BITMAP, 2},
        {15, BITMAP, 2}, /* as long as the runs */
        {16, RUNS, 2},    {127, RUNS, 2},   {128, RUNS, 3},
        {16383, RUNS, 3}, {16384, RUNS, 4},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned form;
        unsigned length;

        set_of(cases[i].distance, &form, &length);
        check_number("form", form, cases[i].form);
        check_number("length", length, cases[i].length);
    }
}

/* Records that become complete between waiting ones must not cost a byte. */
static void progress__parts_do_not_grow_when_records_become_complete(
    void **state)
{
    struct random random;

    random_seed(&random, 7);
    for (int round = 0; round < 20; round++) {
        CLEANUP(progress_release)
        struct progress progress = {.watermark = 1000, .dispatched = 4000};
        uint64_t density = 2 + random_below(&random, 40);
        size_t before;

        for (int64_t at = 1001; at < 4000; at++) {
            if (random_below(&random, density) == 0) {
                progress_add_delivery(&progress, random_below(&random, 4), at);
            }
        }
        before = progress_deliveries_size(&progress);
        for (int i = 0; i < 3000; i++) {
            size_t now;

            offset_set_add(&progress.done,
                           1001 + (int64_t)random_below(&random, 2999));
            if (i % 50 == 0) {
                now = progress_deliveries_size(&progress);
                assert_true(now <= before);
                before = now;
            }
        }
    }
}

static void progress__says_nothing_of_parts_of_what_is_done(void **state)
{
    CLEANUP(progress_release)
    struct progress whole = {.watermark = 100, .dispatched = 300};
    CLEANUP(progress_release)
    struct progress both = {.watermark = 100, .dispatched = 300};
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str same = STR_INIT(STR_UNLIMITED);

    for (int64_t at = 110; at < 200; at++) {
        offset_set_add(&whole.done, at);
        offset_set_add(&both.done, at);
        progress_add_delivery(&both, (uint64_t)at % 3, at);
    }
    assert_int_equal(progress_deliveries_size(&both), 1);
    assert_true(progress_encode(&whole, SIZE_MAX, &text));
    assert_true(progress_encode(&both, SIZE_MAX, &same));
    check_text("same", same.data, text.data);
    /* nor those above the last one that counts */
    progress_add_delivery(&both, 1, 105);
    assert_int_equal(progress_deliveries_size(&both), 1 + 8 + 3);
}

/* --- space
 * -------------------------------------------------------------------- */

static void add_many_attempts(struct progress *progress, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        progress_add_attempts(progress,
                              &(struct progress_attempts){
                                  progress->watermark + (int64_t)(i / 2), i % 2,
                                  3, 1767323045000 + (int64_t)i * 1000});
    }
}

static void progress__is_never_longer_than_max(void **state)
{
    CLEANUP(progress_release)
    struct progress progress = {.watermark = 1000, .dispatched = 2000};
    size_t last = 0;
    size_t min = SIZE_MAX;

    for (int64_t at = 1001; at < 1500; at += 3) {
        offset_set_add(&progress.done, at);
    }
    progress_add_delivery(&progress, 7, 1002);
    add_many_attempts(&progress, 200);
    for (size_t max = 0; max < 2500; max++) {
        CLEANUP(progress_release) struct progress back = {0};
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        if (!progress_encode(&progress, max, &text)) {
            assert_int_equal(text.len, 0);
            assert_int_equal(last, 0);
            continue;
        }
        min = max < min ? max : min;
        assert_true(text.len > 0 && text.len <= max);
        decode("most", 1000, text.data, &back);
        check_same("most", &progress, &back);
        assert_true(back.attempts_count >= last);
        last = back.attempts_count;
        check_attempts("most", &progress, &back, last);
    }
    assert_int_equal(last, 200);
    assert_in_range(min, 64, 200);
}

static void progress__leaves_out_what_is_only_good_to_know(void **state)
{
    CLEANUP(progress_release)
    struct progress progress = {.watermark = 1000, .dispatched = 2000};
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    assert_true(progress_encode(&progress, 15, &text));
    assert_int_equal(text.len, 0);
    add_many_attempts(&progress, 5);
    for (size_t max = 0; max < 16; max++) {
        assert_true(progress_encode(&progress, max, &text));
        assert_int_equal(text.len, 0);
    }
    assert_true(progress_encode(&progress, 16, &text));
    assert_int_equal(text.len, 16);
}

static void progress__says_when_what_is_done_does_not_fit(void **state)
{
    CLEANUP(progress_release)
    struct progress done = {.watermark = 1, .dispatched = 1};
    CLEANUP(progress_release)
    struct progress part = {.watermark = 1, .dispatched = 1};
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    offset_set_add(&done.done, 2);
    progress_add_delivery(&part, 2, 2);
    add_many_attempts(&part, 5);
    assert_false(progress_encode(&done, 15, &text));
    assert_false(progress_encode(&part, 30, &text));
    assert_int_equal(text.len, 0);
}

/* An entry that waits after a gap of compaction can have any offset; metadata
 * with it could not be decoded. */
static void progress__says_nothing_of_attempts_out_of_reach(void **state)
{
    CLEANUP(progress_release)
    struct progress progress = {.watermark = 1000, .dispatched = 90000};
    CLEANUP(progress_release) struct progress back = {0};
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    for (int64_t at = 0; at < 5; at++) {
        progress_add_attempts(
            &progress, &(struct progress_attempts){
                           1000 + at * (PROGRESS_MAX_SPAN / 2), 1, 1, 1000});
    }
    assert_true(progress_encode(&progress, PROGRESS_MAX_TEXT, &text));
    decode("far", 1000, text.data, &back);
    check_attempts("far", &progress, &back, 3);
}

static void progress__says_no_more_than_it_reads(void **state)
{
    CLEANUP(progress_release)
    struct progress progress = {.watermark = 1000, .dispatched = 1000};
    CLEANUP(progress_release) struct progress back = {0};
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    add_many_attempts(&progress, 5000);
    assert_true(progress_encode(&progress, SIZE_MAX, &text));
    decode("many", 1000, text.data, &back);
    check_attempts("many", &progress, &back, 4096);
}

/* --- invalid metadata
 * ---------------------------------------------------------- */

static void refuse(const char *name, int64_t watermark, const char *text,
                   const char *why)
{
    struct progress progress = {.watermark = -77};
    struct error err = {0};

    check_number(name, progress_decode(watermark, text, &progress, &err), -1);
    check_kind(name, &err, ERROR_FATAL);
    check_text(name, err.message, why);
    check_number(name, progress.watermark, -77);
}

static void refuse_bytes(const char *name, int64_t watermark, const void *data,
                         size_t len, const char *why)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

    base64_encode(&text, data, len);
    refuse(name, watermark, text.data, why);
}

/* With a valid checksum */
static void sum_up(int64_t watermark, const void *data, size_t len,
                   struct str *out)
{
    str_clear(out);
    str_append(out, data, len);
    append_progress_sum(watermark, out);
}

#define FOREIGN "Waybill has not written it"
#define OF_ANOTHER "another version of Waybill has written it"
#define WRONG_SUM "its checksum does not match it and this offset"
#define UNREADABLE "it cannot be read"
#define TEXT "VwEKAAIKAgAAyqvU7Q==" /* of 100 */

static void progress__refuses_what_it_did_not_write(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"hello", FOREIGN},
        {" ", FOREIGN},
        {"====", FOREIGN},
        {TEXT " ", FOREIGN},
        {" " TEXT, FOREIGN},
        {TEXT TEXT, FOREIGN},
        {TEXT "A", FOREIGN},
        {TEXT "AAAA", FOREIGN},
        {"VwE", FOREIGN},
        {"Vw==", FOREIGN},
        {"VwE=", FOREIGN},
        {"VwEAAAA=", FOREIGN},
        {"bAEKAAIKAgAAyqvU7Q==", FOREIGN}, /* of Parallel Consumer */
        {"AAEKAAIKAgAAyqvU7Q==", FOREIGN},
        {"VwAKAAIKAgAAyqvU7Q==", OF_ANOTHER},
        {"VwMKAAIKAgAAyqvU7Q==", OF_ANOTHER},
        {"V4EKAAIKAgAAyqvU7Q==", OF_ANOTHER},
        {"VwELAAIKAgAAyqvU7Q==", WRONG_SUM},
        {"VwEKAAIKAgAAyqvU7g==", WRONG_SUM},
        {"VwEAAAAA", WRONG_SUM},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        refuse(cases[i].text, 100, cases[i].text, cases[i].why);
    }
}

static void progress__refuses_what_is_of_another_offset(void **state)
{
    static const int64_t others[] = {0, 1, 10, 99, 101, 1000, 1001, 5000000000};

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        refuse("other", others[i], TEXT, WRONG_SUM);
    }
}

static void progress__refuses_an_offset_that_cannot_be_one(void **state)
{
    CLEANUP(progress_release) struct progress progress = {0};
    const int64_t max = INT64_MAX - ((int64_t)1 << 41);

    refuse("-1", -1, "", "the offset is not valid");
    refuse("-1001", -1001, TEXT, "the offset is not valid");
    refuse("most", INT64_MAX, "", "the offset is not valid");
    refuse("most", max + 1, "", "the offset is not valid");
    decode("most", max, "", &progress);
    assert_true(progress.watermark == max);
    assert_true(progress.dispatched == max);
}

static void progress__refuses_a_text_that_was_cut(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        CLEANUP(progress_release) struct progress progress;
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);

        build(&states[i], &progress);
        assert_true(progress_encode(&progress, SIZE_MAX, &text));
        while (text.len > 1) {
            struct progress back;
            struct error err;

            text.data[--text.len] = '\0';
            check_number(
                states[i].name,
                progress_decode(progress.watermark, text.data, &back, &err),
                -1);
        }
    }
}

/* The checksum does not detect it here. */
static void progress__refuses_bytes_that_were_cut_or_added(void **state)
{
    for (size_t i = 1; i < ARRAY_SIZE(states); i++) {
        CLEANUP(progress_release) struct progress progress;
        CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
        CLEANUP(str_release) struct str cut = STR_INIT(STR_UNLIMITED);

        build(&states[i], &progress);
        assert_true(progress_encode(&progress, SIZE_MAX, &text));
        assert_true(
            base64_decode(text.data, text.len, BASE64_STANDARD, &bytes));
        bytes.len -= PROGRESS_SUM_BYTES;
        for (size_t len = 2; len < bytes.len; len++) {
            sum_up(progress.watermark, bytes.data, len, &cut);
            refuse_bytes(states[i].name, progress.watermark, cut.data, cut.len,
                         UNREADABLE);
        }
        bytes.data[bytes.len++] = 0;
        sum_up(progress.watermark, bytes.data, bytes.len, &cut);
        refuse_bytes(states[i].name, progress.watermark, cut.data, cut.len,
                     UNREADABLE);
    }
}

static void progress__refuses_every_changed_character(void **state)
{
    char text[] = TEXT;

    for (size_t i = 0; i + 3 < sizeof(text) - 1; i++) {
        for (int c = '0'; c <= 'z'; c++) {
            struct progress back;
            struct error err;
            char right = text[i];

            if (c != right) {
                text[i] = (char)c;
                assert_int_equal(progress_decode(100, text, &back, &err), -1);
                text[i] = right;
            }
        }
    }
}

#define ID "\0\0\0\0\0\0\0\x01"
#define ID_2 "\0\0\0\0\0\0\0\x02"
#define MAX_40 "\x80\x80\x80\x80\x80\x20"   /* 1 << 40 */
#define ABOVE_40 "\x81\x80\x80\x80\x80\x20" /* and one */
#define MAX_32 "\xFF\xFF\xFF\xFF\x0F"
#define ABOVE_32 "\x80\x80\x80\x80\x10"
#define SPAN MAX_40
#define ABOVE_SPAN ABOVE_40
#define NO_SET "\0\0"
#define ROW(is_good, label, bytes)                                             \
    {                                                                          \
        label, "W\x01" bytes, sizeof(bytes) + 1, is_good                       \
    }

/* After the checksum: dispatched, done, ids, sets, attempts */
static const struct {
    const char *name;
    const char *data;
    size_t len;
    bool good;
} bodies[] = {
    ROW(true, "least", "\0" NO_SET "\0\0"),
    ROW(true, "dispatched", MAX_40 NO_SET "\0\0"),
    ROW(false, "dispatched is too much", ABOVE_40 NO_SET "\0\0"),
    ROW(false, "dispatched has no end", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
    ROW(false, "dispatched has eight bytes",
        "\x80\x80\x80\x80\x80\x80\x80\0" NO_SET "\0\0"),
    ROW(false, "form 2", "\0\x02\0\0\0"),
    ROW(false, "form 255", "\0\xFF\0\0\0"),
    ROW(false, "a set that is longer than all", "\0\0\x03\xFF\0\0"),
    ROW(false, "a set of 8193 bytes", "\0\0\x81\x40\0\0"),
    ROW(true, "a set of all that can be", "\0\x01\x07\0" SPAN "\0\0"),
    ROW(false, "a set of one more", "\0\x01\x07\0" ABOVE_SPAN "\0\0"),
    ROW(false, "so, in two runs", "\0\x01\x07\x01" SPAN "\0\0"),
    ROW(false, "a run that is cut", "\0\x01\x02\0\x80\0\0"),
    ROW(false, "a run that would begin at the end",
        "\0\x01\x08" SPAN "\x01\0\0\0"),
    ROW(true, "one id", "\0" NO_SET "\x01" ID "\0\x01\x01\0"),
    ROW(true, "two ids", "\0" NO_SET "\x02" ID ID_2 "\0\x01\x01\0\x01\x01\0"),
    ROW(false, "an id twice",
        "\0" NO_SET "\x02" ID ID "\0\x01\x01\0\x01\x02\0"),
    ROW(false, "an id without a set", "\0" NO_SET "\x01" ID "\0"),
    ROW(false, "more ids than bytes", "\0" NO_SET "\x02" ID "\0\0\0\0\0\0\0"),
    ROW(false, "4096 ids", "\0" NO_SET "\x80\x20" ID NO_SET "\0"),
    ROW(false, "4097 ids", "\0" NO_SET "\x81\x20" ID NO_SET "\0"),
    ROW(true, "an attempt",
        "\0" NO_SET "\x01" ID NO_SET "\x01" SPAN "\0" MAX_32 MAX_40),
    ROW(false, "it is too far",
        "\0" NO_SET "\x01" ID NO_SET "\x01" ABOVE_SPAN "\0\x01\x01"),
    ROW(false, "two that are too far together",
        "\0" NO_SET "\x01" ID NO_SET "\x02" SPAN "\0\x01\x01\x01\0\x01\x01"),
    ROW(false, "it is nobody's",
        "\0" NO_SET "\x01" ID NO_SET "\x01\0\x01\x01\x01"),
    ROW(false, "it is nobody's at all",
        "\0" NO_SET "\x01" ID NO_SET "\x01\0\x81\x20\x01\x01"),
    ROW(false, "it is one of too many",
        "\0" NO_SET "\x01" ID NO_SET "\x01\0\0" ABOVE_32 "\x01"),
    ROW(false, "it was in the far future",
        "\0" NO_SET "\x01" ID NO_SET "\x01\0\0\x01" ABOVE_40),
    ROW(false, "there are fewer of them",
        "\0" NO_SET "\x01" ID NO_SET "\x02\0\0\x01\x01"),
    ROW(false, "there are more of them",
        "\0" NO_SET "\x01" ID NO_SET "\x01\0\0\x01\x01\0\0\x01\x01"),
    ROW(false, "4097 attempts",
        "\0" NO_SET "\x01" ID NO_SET "\x81\x20\0\0\x01\x01"),
    ROW(false, "something behind it", "\0" NO_SET "\0\0\0"),
};

static void progress__refuses_what_it_would_never_write(void **state)
{
    static const int64_t watermarks[] = {0, 100, 5000000000};

    for (size_t i = 0; i < ARRAY_SIZE(bodies) * 3; i++) {
        CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
        CLEANUP(progress_release) struct progress progress = {0};
        int64_t watermark = watermarks[i % 3];
        size_t at = i / 3;

        sum_up(watermark, bodies[at].data, bodies[at].len, &bytes);
        if (bodies[at].good) {
            decode_bytes(bodies[at].name, watermark, bytes.data, bytes.len,
                         &progress);
        } else {
            refuse_bytes(bodies[at].name, watermark, bytes.data, bytes.len,
                         UNREADABLE);
        }
    }
}

/* The version, the second byte, of progress whose only content is an attempt
 * that many offsets after the watermark */
static int version_with_attempt_after(int64_t distance)
{
    CLEANUP(str_release) struct str text = STR_INIT(STR_UNLIMITED);
    CLEANUP(str_release) struct str bytes = STR_INIT(STR_UNLIMITED);
    struct progress progress = {.watermark = 100, .dispatched = 100};
    const struct progress_attempts attempts = {100 + distance, GHCR, 1, 1000};

    progress_add_attempts(&progress, &attempts);
    assert_true(progress_encode(&progress, PROGRESS_MAX_TEXT, &text));
    assert_true(base64_decode(text.data, text.len, BASE64_STANDARD, &bytes));
    progress_release(&progress);
    return bytes.data[1];
}

static void progress__is_of_version_1_as_long_as_its_attempts_allow(
    void **state)
{
    assert_int_equal(version_with_attempt_after(65535), 1);
    assert_int_equal(version_with_attempt_after(65536), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress__is_written_as_it_always_was),
        cmocka_unit_test(progress__comes_back_as_it_was),
        cmocka_unit_test(progress__is_appended),
        cmocka_unit_test(progress__ids_stay_the_same),
        cmocka_unit_test(progress__has_the_parts_that_were_added),
        cmocka_unit_test(progress__takes_the_shorter_form_of_a_set),
        cmocka_unit_test(
            progress__parts_do_not_grow_when_records_become_complete),
        cmocka_unit_test(progress__says_nothing_of_parts_of_what_is_done),
        cmocka_unit_test(progress__is_never_longer_than_max),
        cmocka_unit_test(progress__leaves_out_what_is_only_good_to_know),
        cmocka_unit_test(progress__says_when_what_is_done_does_not_fit),
        cmocka_unit_test(progress__says_nothing_of_attempts_out_of_reach),
        cmocka_unit_test(progress__says_no_more_than_it_reads),
        cmocka_unit_test(progress__refuses_what_it_did_not_write),
        cmocka_unit_test(progress__refuses_what_is_of_another_offset),
        cmocka_unit_test(progress__refuses_an_offset_that_cannot_be_one),
        cmocka_unit_test(progress__refuses_a_text_that_was_cut),
        cmocka_unit_test(progress__refuses_bytes_that_were_cut_or_added),
        cmocka_unit_test(progress__refuses_every_changed_character),
        cmocka_unit_test(
            progress__is_of_version_1_as_long_as_its_attempts_allow),
        cmocka_unit_test(progress__refuses_what_it_would_never_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
