/*
 * A Kafka broker for the demo, inside one small process: librdkafka's mock
 * cluster. It keeps everything in memory, listens on a loopback port of the
 * kernel's choice, and knows groups and transactions well enough for a look. It
 * forgets offsets that are committed in a transaction, so it proves nothing:
 * the tests use Apache Kafka.
 *
 *     waybill-demo-broker TOPIC[:PARTITIONS]...
 *
 * Prints its address, then runs until SIGTERM.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_topic(rd_kafka_mock_cluster_t *cluster, char *word)
{
    char *colon = strchr(word, ':');
    char *end = NULL;
    long partitions = 1;

    if (colon != NULL) {
        *colon = '\0';
        partitions = strtol(colon + 1, &end, 10);
    }
    if (partitions < 1 || partitions > 64 || (end != NULL && *end != '\0')) {
        fprintf(stderr, "demo broker: '%s' has a bad number of partitions\n",
                word);
        return -1;
    }
    if (rd_kafka_mock_topic_create(cluster, word, (int)partitions, 1) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "demo broker: topic '%s' cannot be made\n", word);
        return -1;
    }
    return 0;
}

static void wait_for_end(void)
{
    sigset_t set;
    int signal_number;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigwait(&set, &signal_number);
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_mock_cluster_t *cluster;
    rd_kafka_t *client;
    char why[256];
    sigset_t set;

    if (argc < 2) {
        fputs("usage: waybill-demo-broker TOPIC[:PARTITIONS]...\n", stderr);
        return 2;
    }
    /* They are blocked before there are threads: see wait_for_end(). */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* Otherwise it would warn that it has no broker, which is intended. */
    rd_kafka_conf_set(conf, "log_level", "3", why, sizeof(why));
    client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (client == NULL) {
        fprintf(stderr, "demo broker: %s\n", why);
        return 1;
    }
    cluster = rd_kafka_mock_cluster_new(client, 1);
    if (cluster == NULL) {
        fputs("demo broker: cannot listen on the loopback\n", stderr);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (make_topic(cluster, argv[i]) < 0) {
            return 2;
        }
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    wait_for_end();
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(client);
    return 0;
}
