/* SPDX-License-Identifier: MIT
 *
 * policy.h - the decisions of a session, as functions without state: who may send to whom, and what
 * a verdict means.
 */
#ifndef HIKYAKU_ENGINE_POLICY_H
#define HIKYAKU_ENGINE_POLICY_H

#include "conf/conf.h"
#include "lib/smtp/smtp_refusal.h"

/* A refusal: its row (lib/smtp/smtp_refusal.h), and what its sentence has places for. HK_REFUSAL_NONE: none. */
struct hk_policy_reply {
	enum hk_refusal why;
	struct hk_slice arg[HK_REFUSAL_ARGS]; /* borrowed until it was said */
};

/* What is known of the client before it says anything. */
struct hk_policy_client {
	struct hk_ip ip;
	bool may_relay;  /* in relay-from */
	bool is_user;    /* authenticated */
	bool is_trusted; /* in trusted-relays: an inner hop of ours */
};
struct hk_policy_client hk_policy_client(const struct hk_conf_listener *, const struct hk_ip *);

/* hk_policy_mail(l, client): may this client begin a transaction at all? */
struct hk_policy_reply hk_policy_mail(
    const struct hk_conf_listener *, const struct hk_policy_client *);

/* hk_policy_rcpt(conf, l, client, path, ret_address): may this client send there at all? Whether
 * there is such a mailbox is hk_user_check's question (user.h). *ret_address borrows from path, or is
 * conf's postmaster. */
struct hk_policy_reply hk_policy_rcpt(const struct hk_conf *, const struct hk_conf_listener *,
    const struct hk_policy_client *, const struct hk_path *, struct hk_slice *ret_address);

/* hk_policy_owns(conf, user, senders, local, domain): whether this address is one of the user's own: one of senders
 * ("a@b.test @c.test *"), or where there are none his name, at each accepted domain if it has none
 * itself. Letters' case makes no difference: nobody gives two people names that differ by it. */
bool hk_policy_owns(const struct hk_conf *, struct hk_slice user, struct hk_slice senders,
    struct hk_slice local, struct hk_slice domain);

/* hk_policy_checks(l, client): what is checked of this client's messages. */
unsigned hk_policy_checks(const struct hk_conf_listener *, const struct hk_policy_client *);

enum hk_action { HK_ACTION_ACCEPT, HK_ACTION_QUARANTINE, HK_ACTION_DEFER, HK_ACTION_REJECT };
/* hk_policy_verdict(l, client, verdict): what is done with the message (RFC 9989 7). */
enum hk_action hk_policy_verdict(const struct hk_conf_listener *, const struct hk_policy_client *,
    const struct hk_verify_verdict *);

#endif
