#include "exchange.h"
#include "oci_internal.h"
#include "origin.h"
#include "waybill/alloc.h"

const char *const oci_exchanges[] = {"auto", "oauth2", "basic", NULL};

struct oci_client *oci_client_new(struct http *http, struct loop *loop,
                                  const struct oci_client_options *options)
{
    struct oci_client *client = mem_zalloc(sizeof(*client));

    client->http = http;
    client->loop = loop;
    client->options = *options;
    TAILQ_INIT(&client->origins);
    TAILQ_INIT(&client->tokens);
    TAILQ_INIT(&client->sessions);
    return client;
}

void oci_client_free(struct oci_client *client)
{
    struct origin *origin;
    struct session *session;
    struct token *token;

    if (client == NULL) {
        return;
    }
    while ((token = TAILQ_FIRST(&client->tokens)) != NULL) {
        token_free(token);
    }
    while ((session = TAILQ_FIRST(&client->sessions)) != NULL) {
        session_free(client, session);
    }
    while ((origin = TAILQ_FIRST(&client->origins)) != NULL) {
        TAILQ_REMOVE(&client->origins, origin, link);
        origin_free(origin);
    }
    mem_free(client);
}
