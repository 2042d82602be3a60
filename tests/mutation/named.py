"""Mutants that must be caught, because each breaks a guarantee: mutants that no test, or only
tests with a real Kafka, once caught, and similar ones. `tests/mutate --check`, which is one of
the lint tests, fails if a pattern does not match exactly once. The code has then changed, and
the pattern must be adapted.

A row: name, file, pattern (its group 1 is replaced, or all of it), replacement, and what breaks.
"""

TABLE = [
    # --- secrets
    (
        "scrubbing disabled",
        "consumer/base/secret_set.c",
        r"if \((!marked.is_secret\[at\])\) \{",
        "true",
        "secrets that responses repeat reach the log, outcomes and dead letters",
    ),
    (
        "scrubbed only up to the first secret",
        "consumer/base/secret_set.c",
        r"static void mark_whole\(.*?i < (set->count);",
        "(set->count > 0)",
        "a secret that is not the first of the set stays in the text",
    ),
    (
        "what a registry says is not scrubbed",
        "consumer/oci/error_body.c",
        r"secret_set_append_printable\((reported->secrets), ",
        "&(const struct secret_set){0}",
        "secrets that an error document repeats reach the log, outcomes and dead letters",
    ),
    (
        "why a connection broke is not scrubbed",
        "consumer/integration/http_endpoint.c",
        r"(secret_set_scrub\(&secrets, text\));",
        "(void)text",
        "secrets that the peer repeats reach the log, outcomes and dead letters",
    ),
    (
        "what an endpoint says is not scrubbed",
        "consumer/integration/http_endpoint.c",
        r"secret_set_append_printable\((&secrets), ",
        "&(const struct secret_set){0}",
        "secrets that an answer repeats reach the log, outcomes and dead letters",
    ),
    (
        "credentials for foreign hosts",
        "consumer/oci/trust.c",
        r"return (TRUST_ANONYMOUS);",
        "TRUST_CREDENTIALS",
        "a redirect to another host is sent the credentials",
    ),
    (
        "redirects to the metadata service",
        "consumer/oci/trust.c",
        r"return (class == ADDRESS_PUBLIC) \|\|",
        "true",
        "a registry on the internet reaches addresses that only we can reach",
    ),
    (
        "from https to http",
        "consumer/oci/trust.c",
        r"if \(from->https\) \{\s+return (false);",
        "true",
        "a redirect leads from https to http",
    ),
    # --- the transaction
    (
        "rejected metadata counted as committed",
        "consumer/kafka/transaction.c",
        r"RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE\s+\? (KAFKA_METADATA_TOO_LARGE)",
        "KAFKA_COMMITTED",
        "outcomes of an aborted transaction are forgotten",
    ),
    (
        "a lost producer judged by the offset alone",
        "consumer/kafka/batch.c",
        r"return offset == position->offset( && metadata.len == len &&\s+.*?== 0\));",
        "",
        "a commit that only changed the metadata counts as made",
    ),
    (
        "a failed commit aborted at once",
        "consumer/kafka/transaction.c",
        r"while \(\(error = rd_kafka_commit_transaction\(committer->producer, -1\)\) !=\s+NULL &&"
        r"\s+(rd_kafka_error_is_retriable\(error\)) &&",
        "false",
        "a commit whose response was late is aborted, although it may have succeeded",
    ),
    (
        "an unknown commit counts as aborted",
        "consumer/kafka/transaction.c",
        r"if \((committed >= 0)\) \{\s+return committed == 1;",
        "true",
        "outcomes are written twice",
    ),
    (
        "a resolved commit counts as aborted",
        "consumer/kafka/transaction.c",
        r"return (committed == 1);",
        "false",
        "outcomes are written twice",
    ),
    (
        "foreign partitions decide",
        "consumer/kafka/transaction.c",
        r"ours, at->topic, at->partition\) == NULL\) \{\s+return (0);",
        "1",
        "the next owner's commit is taken for the own one",
    ),
    (
        "offsets outside of the transaction",
        "consumer/kafka/transaction.c",
        r"if \((send_offsets\(committer, batch, err\) < 0)\)",
        "false",
        "outcomes are committed without their offsets",
    ),
    (
        "a producer kept after an unanswered request",
        "consumer/kafka/committer.c",
        r"if \((atomic_load\(&committer->has_unanswered_request\))\) \{",
        "false",
        "a late EndTxn ends the next transaction (KAFKA-17754)",
    ),
    (
        "reads what was aborted",
        "consumer/kafka/properties.c",
        r'\{"isolation.level", "(read_committed)"\}',
        "read_uncommitted",
        "records of aborted transactions are delivered",
    ),
    (
        "starts elsewhere when an offset is gone",
        "consumer/kafka/properties.c",
        r'\{"auto.offset.reset", "(error)"\}',
        "latest",
        "unread records are skipped",
    ),
    # --- progress
    (
        "progress that is too long",
        "consumer/ledger/room.c",
        r"return (size <= ledger_max_done_size\(ledger\)) \|\|",
        "true",
        "a commit that the broker rejects",
    ),
    (
        "the window's edge",
        "consumer/ledger/room.c",
        r"ledger_span\(ledger\) <= (\(int64_t\)max \* 8) \|\|",
        "(int64_t)max * 8 + 1",
        "one record more is read than has room in the metadata",
    ),
    (
        "the edge of the smallest window",
        "consumer/ledger/room.c",
        r"ledger_span\(ledger\) <= (MIN_WINDOW) \|\|",
        "MIN_WINDOW + 1",
        "one record more is read than is planned",
    ),
    (
        "the watermark passes open records",
        "consumer/ledger/commit.c",
        r"if \((!is_complete_from\(entry, min\))\) \{\s+return entry->offset;",
        "false",
        "records are lost by a restart",
    ),
    (
        "aborted outcomes are forgotten",
        "consumer/ledger/commit.c",
        r"void ledger_aborted.*?move_slots\(entry, SLOT_IN_COMMIT, (SLOT_FINISHED), SIZE_MAX\)",
        "SLOT_COMMITTED",
        "outcomes are lost by an aborted transaction",
    ),
    (
        "the checksum of the progress is ignored",
        "consumer/ledger/decode.c",
        r"return (memcmp\(bytes->data \+ len, sum, sizeof\(sum\)\) == 0);",
        "true",
        "metadata of another offset is believed",
    ),
    (
        "metadata that was rejected counts as committed",
        "consumer/pipeline/commit.c",
        r"if \((result->verdict == KAFKA_COMMITTED)\) \{\s+ledger_committed",
        "result->verdict == KAFKA_COMMITTED || result->verdict == KAFKA_METADATA_TOO_LARGE",
        "the outcomes of a transaction that the broker rejected are forgotten",
    ),
    # --- records
    (
        "committed deliveries are repeated",
        "consumer/pipeline/record.c",
        r"if \((!ledger_is_delivery_done\(past, record->input.offset, id\))\)",
        "true",
        "outcomes are written twice after a restart",
    ),
    (
        "lost partitions are kept",
        "consumer/pipeline/assignment.c",
        r"\} else if \((!fault_is_broken\(\"keep-lost\"\))\) \{",
        "false",
        "two members commit the same records",
    ),
    (
        "events of other types always skipped",
        "consumer/pipeline/record.c",
        r"record->event.other_type != NULL && (options->skip_other_types)",
        "true",
        "a wrong type disappears without a dead letter",
    ),
    (
        "no dead letters",
        "consumer/pipeline/commit.c",
        r"if \((outcome->dead_letter)\) \{",
        "false",
        "failed records disappear",
    ),
    (
        "outcomes announced before they are committed",
        "consumer/pipeline/commit.c",
        r"if \((result->verdict == KAFKA_COMMITTED)\) \{\s+announce_committed",
        "true",
        "log and metrics report outcomes that do not exist",
    ),
    (
        "given up by age alone or by attempts alone",
        "consumer/pipeline/retry.c",
        r">= settings->max_attempts (&&)",
        "||",
        "dead letters before attempts and age are used up",
    ),
    # --- events and outcomes
    (
        "the stated digest is not compared",
        "consumer/event/decode.c",
        r"(strcmp\(stated.text, event->envelope_digest.text\) != 0)",
        "false",
        "an attestation that was changed on its way is delivered",
    ),
    (
        "the id of an outcome without its attachment",
        "consumer/event/outcome_encode.c",
        r"attachment = (attachment != NULL \? attachment : \"\");",
        '""',
        "outcomes of two attachments have the same id",
    ),
    # --- registries and credentials
    (
        "another digest counts as stored",
        "consumer/oci/push.c",
        r"if \((stored == CONTENT_DIGEST_SAME) \|\|",
        "true",
        "a success for what the registry does not have",
    ),
    (
        "a refused credential is sent again at once",
        "consumer/oci/session.c",
        r"loop_now\(session->loop\) \+ (LIMIT_REFUSAL_MS);",
        "0",
        "token servers lock the account",
    ),
]
