#include <string.h>

#include "oci_internal.h"
#include "token.h"
#include "waybill/alloc.h"
#include "waybill/base64.h"

const char *const oci_exchanges[] = {"auto", "oauth2", "basic", NULL};

struct oci_client *oci_client_new(const struct network *network)
{
    struct oci_client *client = mem_zalloc(sizeof(*client));

    client->network = network;
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

void oci_put_basic(struct str *out, const char *username, const char *password)
{
    CLEANUP(secret_release) struct secret both = SECRET_INIT(STR_UNLIMITED);

    str_printf(&both.text, "%s:%s", username, password);
    str_puts(out, "Authorization: Basic ");
    base64_encode(out, both.text.data, both.text.len);
}
