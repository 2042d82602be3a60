#include <string.h>

#include "exchange.h"
#include "oci_internal.h"
#include "waybill/alloc.h"
#include "waybill/limits.h"

/* The state that is kept between two requests to a token server. */

static void append_key(struct str *key, const struct token_query *query)
{
    const struct challenge *challenge = query->challenge;

    str_printf(key, "%p\n%s\n%s\n%llu", (const void *)query->origin,
               challenge->realm, challenge->service ? challenge->service : "",
               (unsigned long long)query->credential->id);
}

void session_free(struct oci_client *client, struct session *session)
{
    TAILQ_REMOVE(&client->sessions, session, link);
    client->session_count--;
    secret_release(&session->refresh_token);
    mem_free(session->key);
    mem_free(session);
}

static void forget_oldest(struct oci_client *client)
{
    struct session *session;

    TAILQ_FOREACH(session, &client->sessions, link)
    {
        if (session->users == 0) {
            session_free(client, session);
            return;
        }
    }
}

struct session *session_of(struct oci_client *client,
                           const struct token_query *query)
{
    CLEANUP(str_release) struct str key = STR_INIT(STR_UNLIMITED);
    struct session *session;

    append_key(&key, query);
    TAILQ_FOREACH(session, &client->sessions, link)
    {
        if (strcmp(session->key, key.data) == 0) {
            TAILQ_REMOVE(&client->sessions, session, link);
            TAILQ_INSERT_TAIL(&client->sessions, session, link);
            return session;
        }
    }
    if (client->session_count >= LIMIT_SESSIONS) {
        forget_oldest(client);
    }
    session = mem_zalloc(sizeof(*session));
    session->loop = client->network->loop;
    session->key = str_take(&key);
    TAILQ_INIT(&session->queue);
    TAILQ_INSERT_TAIL(&client->sessions, session, link);
    client->session_count++;
    return session;
}

bool session_is_refused(const struct session *session)
{
    return loop_now(session->loop) < session->refused_until_ms;
}

void session_refuse(struct session *session, const struct error *err)
{
    session->is_credential_valid = false;
    session->refusal = *err;
    session->refused_until_ms = loop_now(session->loop) + LIMIT_REFUSAL_MS;
}
