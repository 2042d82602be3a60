#ifndef WAYBILL_CLI_ADMIN_CLIENT_H
#define WAYBILL_CLI_ADMIN_CLIENT_H

#include "waybill/config.h"
#include "waybill/error.h"
#include "waybill/str.h"

/*
 * Requests to the admin port of the service on this machine, for commands.
 * They block until the response is complete, for 5 seconds at most.
 */
struct admin_client;

/* The settings must outlive the client. Fails with ERROR_CONFIG if the
 * configuration does not have the address of the port. */
int admin_client_open(const struct admin_settings *admin,
                      struct admin_client **ret_client,
                      struct error *err) NODISCARD;
/* The address of the port: "http://127.0.0.1:9464" */
const char *admin_client_base(const struct admin_client *client);
/* Requests a path, with the token. Returns the status of the response, whose
 * body replaces *body, or -1 if there is none. */
int admin_client_get(struct admin_client *client, const char *path,
                     struct str *body, struct error *err);
void admin_client_free(struct admin_client *client); /* accepts NULL */

#endif
