/*
 * The yardstick: the requests of so many pushes, made beforehand, through a
 * bare libcurl multi loop at a given concurrency. No Kafka, no JSON, no
 * authentication, no outcome: what is left of a push when everything is taken
 * away that Waybill exists for.
 *
 *     bench_bare HOST:PORT/REPOSITORY EVENTS CONCURRENCY PAYLOAD_BYTES
 *
 * Prints the CPU time (user + system) for one event, in microseconds.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "waybill/alloc.h"
#include "waybill/arena.h"
#include "waybill/oci.h"

struct push {
    struct oci_image image;
    char *post_url;
    char *manifest_url;
};

struct slot;

/* One transfer at a time. A slot has two, one for each blob. */
struct leg {
    struct slot *slot;
    CURL *easy;
    const struct oci_blob *blob;
    const struct oci_blob *body; /* NULL for a POST without a body */
    size_t sent;
    char location[2048];
    bool manifest;
};

struct slot {
    const struct push *push;
    struct leg legs[2];
    int blobs_left;
};

struct bench {
    CURLM *multi;
    struct push *pushes;
    size_t count;
    size_t next;
    size_t done;
    const char *registry;
    struct curl_slist *blob_headers;
    struct curl_slist *manifest_headers;
    struct curl_slist *post_headers;
};

static struct bench bench;

static void fail(const char *what)
{
    fprintf(stderr, "bench_bare: %s\n", what);
    exit(1);
}

static size_t on_body(char *data, size_t size, size_t count, void *payload)
{
    return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *payload)
{
    struct leg *leg = payload;
    size_t len = size * count;

    if (len > 10 && strncasecmp(data, "location: ", 10) == 0) {
        size_t end = len;

        while (end > 10 && (data[end - 1] == '\r' || data[end - 1] == '\n')) {
            end--;
        }
        snprintf(leg->location, sizeof(leg->location), "%.*s", (int)(end - 10),
                 data + 10);
    }
    return len;
}

static size_t on_send(char *data, size_t size, size_t count, void *payload)
{
    struct leg *leg = payload;
    size_t left = leg->body->data.len - leg->sent;
    size_t len = size * count < left ? size * count : left;

    memcpy(data, leg->body->data.data + leg->sent, len);
    leg->sent += len;
    return len;
}

static void start(struct leg *leg, const char *url, struct curl_slist *headers)
{
    curl_easy_setopt(leg->easy, CURLOPT_URL, url);
    curl_easy_setopt(leg->easy, CURLOPT_HTTPHEADER, headers);
    if (leg->body == NULL) {
        curl_easy_setopt(leg->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(leg->easy, CURLOPT_POSTFIELDSIZE, 0L);
    } else {
        leg->sent = 0;
        curl_easy_setopt(leg->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(leg->easy, CURLOPT_INFILESIZE_LARGE,
                         (curl_off_t)leg->body->data.len);
    }
    curl_multi_add_handle(bench.multi, leg->easy);
}

static void begin(struct slot *slot)
{
    const struct push *push;

    if (bench.next == bench.count) {
        return;
    }
    push = &bench.pushes[bench.next++];
    slot->push = push;
    slot->blobs_left = 2;
    slot->legs[0].blob = &push->image.layer;
    slot->legs[1].blob = &push->image.config;
    for (int i = 0; i < 2; i++) {
        slot->legs[i].body = NULL;
        slot->legs[i].manifest = false;
        start(&slot->legs[i], push->post_url, bench.post_headers);
    }
}

static void append_blob(struct leg *leg)
{
    char url[4096];

    leg->body = leg->blob;
    snprintf(url, sizeof(url), "%s&digest=%s", leg->location,
             leg->blob->digest.text);
    start(leg, url, bench.blob_headers);
}

static void put_manifest(struct leg *leg)
{
    leg->manifest = true;
    leg->body = &leg->slot->push->image.manifest;
    start(leg, leg->slot->push->manifest_url, bench.manifest_headers);
}

static void advance(struct leg *leg)
{
    long status = 0;

    curl_easy_getinfo(leg->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(bench.multi, leg->easy);
    if (status / 100 != 2) {
        fail("the registry refuses");
    }
    if (leg->body == NULL) {
        append_blob(leg);
    } else if (leg->manifest) {
        bench.done++;
        begin(leg->slot);
    } else if (--leg->slot->blobs_left == 0) {
        put_manifest(leg);
    }
}

static void run(void)
{
    while (bench.done < bench.count) {
        int running;
        int left;
        CURLMsg *msg;

        curl_multi_perform(bench.multi, &running);
        while ((msg = curl_multi_info_read(bench.multi, &left)) != NULL) {
            struct leg *leg;

            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                              (char **)&leg);
            if (msg->data.result != CURLE_OK) {
                fail(curl_easy_strerror(msg->data.result));
            }
            advance(leg);
        }
        curl_multi_poll(bench.multi, NULL, 0, 1000, NULL);
    }
}

static void make_push(struct push *push, struct arena *arena,
                      const char *repository, size_t index, size_t payload)
{
    const char *slash = strchr(repository, '/');
    char *envelope = arena_alloc(arena, payload + 64);
    struct digest digest;
    size_t len;

    /* The content is unique, as that of every attestation is. */
    len = (size_t)snprintf(envelope, 64, "%d-%zu-", (int)getpid(), index);
    memset(envelope + len, 'x', payload);
    digest_of(envelope, payload, &digest);
    oci_chainloop_image((struct bytes){(unsigned char *)envelope, payload},
                        &digest, arena, &push->image);
    push->post_url = arena_printf(
        arena, "http://%.*s/v2/%s/chainloop-%s/blobs/uploads/",
        (int)(slash - repository), repository, slash + 1, digest_hex(&digest));
    push->manifest_url = arena_printf(
        arena, "http://%.*s/v2/%s/chainloop-%s/manifests/latest",
        (int)(slash - repository), repository, slash + 1, digest_hex(&digest));
}

static void init_slot(struct slot *slot)
{
    for (int i = 0; i < 2; i++) {
        struct leg *leg = &slot->legs[i];

        leg->slot = slot;
        leg->easy = curl_easy_init();
        curl_easy_setopt(leg->easy, CURLOPT_PRIVATE, leg);
        curl_easy_setopt(leg->easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(leg->easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(leg->easy, CURLOPT_HEADERDATA, leg);
        curl_easy_setopt(leg->easy, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(leg->easy, CURLOPT_READDATA, leg);
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) /
               1e6;
}

static struct curl_slist *header(const char *line)
{
    return curl_slist_append(curl_slist_append(NULL, line), "Expect:");
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    size_t slots_count;
    struct slot *slots;
    double before;

    if (argc != 5 || strchr(argv[1], '/') == NULL) {
        fail("usage: bench_bare HOST:PORT/REPOSITORY EVENTS CONCURRENCY BYTES");
    }
    bench.count = strtoul(argv[2], NULL, 10);
    slots_count = strtoul(argv[3], NULL, 10);
    bench.pushes = mem_zalloc(bench.count * sizeof(struct push));
    for (size_t i = 0; i < bench.count; i++) {
        make_push(&bench.pushes[i], arena, argv[1], i,
                  strtoul(argv[4], NULL, 10));
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bench.multi = curl_multi_init();
    curl_multi_setopt(bench.multi, CURLMOPT_MAXCONNECTS, 256L);
    bench.post_headers = header("Accept: */*");
    bench.blob_headers = header("Content-Type: application/octet-stream");
    bench.manifest_headers =
        header("Content-Type: application/vnd.oci.image.manifest.v1+json");
    slots = mem_zalloc(slots_count * sizeof(*slots));
    for (size_t i = 0; i < slots_count; i++) {
        init_slot(&slots[i]);
    }
    before = cpu_seconds();
    for (size_t i = 0; i < slots_count; i++) {
        begin(&slots[i]);
    }
    run();
    printf("%.1f\n", (cpu_seconds() - before) * 1e6 / (double)bench.count);
    return 0;
}
