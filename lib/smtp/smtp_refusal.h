/* SPDX-License-Identifier: MIT
 *
 * smtp_refusal.h - every 4xx and 5xx that a server of ours says: one row each. The id stands at the end of the text,
 * "[rcpt-path]", behind a slash with the id of the transaction where there is one, "[relay-denied/0019d1f2e4c5000b]";
 * `hikyaku explain rcpt-path` tells what is in lib/explain/explain_refusal.c, which has a row for each of these.
 * docs/decisions/0020.
 */
#ifndef HIKYAKU_SMTP_REFUSAL_H
#define HIKYAKU_SMTP_REFUSAL_H

#include <hikyaku/base.h>

/* clang-format off: one refusal a row */
/* X(ID, id, reply code, enhanced code (RFC 3463, 5248), sentence with {n} for what differs, where the rule stands) */

/* By lib/smtp itself. */
#define HK_REFUSAL_SMTP_TABLE(X)                                                                                      \
	X(LINE_TOO_LONG, "line-too-long", 500, "5.5.2", "Line too long", "RFC 5321 4.5.3.1.4")                        \
	X(LINE_BARE_LF, "line-bare-lf", 500, "5.5.2",                                                                 \
	    "A bare LF stands in the command line; only CRLF ends a line", "RFC 5321 2.3.8")                          \
	X(LINE_BARE_CR, "line-bare-cr", 500, "5.5.2", "A bare CR stands in the command line", "RFC 5321 2.3.8")       \
	X(LINE_NUL, "line-nul", 500, "5.5.2", "A NUL stands in the command line", "RFC 5321 2.3.1")                   \
	X(LINE_ENDLESS, "line-endless", 421, "4.7.0", "The command line does not end", "RFC 5321 4.5.3.1.4")          \
	X(COMMAND_UNKNOWN, "command-unknown", 500, "5.5.2", "Command not recognised", "RFC 5321 4.2.4")               \
	X(COMMAND_ABSENT, "command-absent", 502, "5.5.1", "Command not implemented", "RFC 5321 4.2.4")                \
	X(HTTP, "http", 421, "4.7.0", "This is SMTP, not HTTP", "RFC 5321 4.1.1")                                     \
	X(ARGUMENT_UNWANTED, "argument-unwanted", 501, "5.5.4", "{0} takes no argument", "RFC 5321 4.1.1")            \
	X(ARGUMENT_MISSING, "argument-missing", 501, "5.5.4", "{0} needs an argument", "RFC 5321 4.1.1")              \
	X(ERRORS, "errors", 421, "4.7.0", "Too many errors in this session", "RFC 5321 7.8")                          \
	X(IDLE, "idle", 421, "4.7.0", "Too many commands without effect", "limit of this host; RFC 5321 7.8")         \
	X(TIMEOUT, "timeout", 421, "4.4.2", "Timeout, closing the connection", "RFC 5321 4.5.3.2")                    \
	X(SHUTDOWN, "shutdown", 421, "4.3.2", "Service is shutting down", "RFC 5321 3.8")                             \
	X(EARLY_TALKER, "early-talker", 554, "5.5.0", "You spoke before the greeting was sent", "RFC 5321 3.1")       \
	X(PIPELINED, "pipelined", 554, "5.5.0", "More came behind a command before it was answered",            \
	    "RFC 2920 3.1")                                                                                           \
	X(LMTP_HELLO, "lmtp-hello", 500, "5.5.1", "This is LMTP, which begins with LHLO", "RFC 2033 4.1")             \
	X(HELO_ARGUMENT, "helo-argument", 501, "5.5.4", "One name and no further text belong here",                   \
	    "RFC 5321 4.1.1.1")                                                                                       \
	X(HELO_NAME, "helo-name", 501, "5.5.4", "Neither a domain name nor an address literal", "RFC 5321 4.1.1.1")   \
	X(STARTTLS_EARLY, "starttls-early", 503, "5.5.1", "STARTTLS needs EHLO first", "RFC 3207 4")                  \
	X(STARTTLS_ACTIVE, "starttls-active", 503, "5.5.1", "TLS is active already", "RFC 3207 4.2")                  \
	X(STARTTLS_ABSENT, "starttls-absent", 502, "5.5.1", "STARTTLS is not offered", "RFC 3207 4")                  \
	X(MAIL_EARLY, "mail-early", 503, "5.5.1", "MAIL needs EHLO or HELO first", "RFC 5321 4.1.4")                  \
	X(MAIL_AGAIN, "mail-again", 503, "5.5.1", "MAIL was given already, one sender per transaction",               \
	    "RFC 5321 4.1.4")                                                                                         \
	X(RCPT_EARLY, "rcpt-early", 503, "5.5.1", "RCPT needs MAIL first", "RFC 5321 4.1.4")                          \
	X(DATA_EARLY, "data-early", 503, "5.5.1", "DATA needs MAIL and RCPT first", "RFC 5321 4.1.4")                 \
	X(DATA_NO_RCPT, "data-no-rcpt", 503, "5.5.1", "DATA needs an accepted RCPT first", "RFC 5321 3.3")            \
	X(DATA_BINARYMIME, "data-binarymime", 503, "5.5.1", "BODY=BINARYMIME goes by BDAT, not by DATA",              \
	    "RFC 3030 3")                                                                                             \
	X(CLIENTID_EARLY, "clientid-early", 503, "5.5.1", "CLIENTID needs EHLO first", "RFC 5321 4.1.4")              \
	X(CLIENTID_LATE, "clientid-late", 503, "5.5.1", "CLIENTID does not belong in a transaction",                  \
	    "RFC 5321 4.1.4")                                                                                         \
	X(CLIENTID_NEEDS_TLS, "clientid-needs-tls", 530, "5.7.0", "CLIENTID needs TLS first",                         \
	    "draft-storey-smtp-client-id")                                                                            \
	X(CLIENTID_AGAIN, "clientid-again", 503, "5.5.1", "CLIENTID comes once and before AUTH",                      \
	    "draft-storey-smtp-client-id")                                                                            \
	X(CLIENTID_FORM, "clientid-form", 501, "5.5.4", "The form is CLIENTID type token",                            \
	    "draft-storey-smtp-client-id")                                                                            \
	X(AUTH_EARLY, "auth-early", 503, "5.5.1", "AUTH needs EHLO first", "RFC 4954 4")                              \
	X(AUTH_LATE, "auth-late", 503, "5.5.1", "AUTH does not belong in a transaction", "RFC 4954 4")                \
	X(AUTH_AGAIN, "auth-again", 503, "5.5.1", "You are authenticated already", "RFC 4954 4")                      \
	X(AUTH_NEEDS_TLS, "auth-needs-tls", 538, "5.7.11", "Authentication needs TLS first: STARTTLS",                \
	    "RFC 4954 4")                                                                                             \
	X(AUTH_MECHANISM, "auth-mechanism", 504, "5.5.4", "This mechanism is not offered", "RFC 4954 4")              \
	X(AUTH_BASE64, "auth-base64", 501, "5.5.2", "The response is no base64", "RFC 4954 4")                        \
	X(AUTH_LINE_TOO_LONG, "auth-line-too-long", 500, "5.5.6",                                                     \
	    "The authentication exchange line is too long", "RFC 4954 4")                                             \
	X(AUTH_CANCELLED, "auth-cancelled", 501, "5.7.0", "Authentication cancelled", "RFC 4954 4")                   \
	X(BDAT_FORM, "bdat-form", 501, "5.5.4", "The form is BDAT size [LAST]", "RFC 3030 2")                         \
	X(BDAT_EARLY, "bdat-early", 503, "5.5.1", "BDAT needs MAIL and an accepted RCPT first", "RFC 3030 2")         \
	X(BDAT_UNDER_WAY, "bdat-under-way", 503, "5.5.1", "A message by BDAT is under way", "RFC 3030 2")             \
	X(BDAT_SMALL, "bdat-small", 421, "4.7.0", "Too many small chunks", "limit of this host; RFC 3030 2")          \
	X(BDAT_UNWANTED, "bdat-unwanted", 421, "4.7.0", "Too much was sent that nobody takes", "RFC 3030 2")          \
	X(ETRN_EARLY, "etrn-early", 503, "5.5.1", "ETRN needs EHLO first", "RFC 1985 3")                              \
	X(ETRN_LATE, "etrn-late", 503, "5.5.1", "ETRN does not belong in a transaction", "RFC 1985 3")                \
	X(ETRN_NAME, "etrn-name", 501, "5.5.4", "ETRN needs a node name", "RFC 1985 5")                               \
	X(MAIL_FORM, "mail-form", 501, "5.5.4", "The form is MAIL FROM:<address>", "RFC 5321 4.1.1.2")                \
	X(MAIL_PATH, "mail-path", 501, "5.1.7", "The sender is no valid path", "RFC 5321 4.1.2")                      \
	X(MAIL_PATH_TOO_LONG, "mail-path-too-long", 501, "5.1.7", "The path is too long",                    \
	    "RFC 5321 4.5.3.1")                                                                                       \
	X(MAIL_ROUTE, "mail-route", 550, "5.1.7", "Source routes are not taken", "RFC 5321 appendix F.2")             \
	X(RCPT_FORM, "rcpt-form", 501, "5.5.4", "The form is RCPT TO:<address>", "RFC 5321 4.1.1.3")                  \
	X(RCPT_PATH, "rcpt-path", 501, "5.1.3", "The recipient is no valid path", "RFC 5321 4.1.2")                   \
	X(RCPT_PATH_TOO_LONG, "rcpt-path-too-long", 501, "5.1.3", "The path is too long",                 \
	    "RFC 5321 4.5.3.1")                                                                                       \
	X(RCPT_ROUTE, "rcpt-route", 550, "5.1.3", "Source routes are not taken", "RFC 5321 appendix F.2")             \
	X(ADDRESS_UTF8, "address-utf8", 553, "5.6.7", "An address that is not ASCII needs SMTPUTF8 at MAIL",          \
	    "RFC 6531 3.5")                                                                                           \
	X(LIMIT_RECIPIENTS, "limit-recipients", 452, "4.5.3",                                                         \
	    "Too many recipients, send the rest in another transaction", "RFC 5321 4.5.3.1.10")                       \
	X(LIMIT_TRANSACTIONS, "limit-transactions", 451, "4.5.3",                                                     \
	    "Too many transactions, send the rest in another session", "RFC 9422 4.1")                                \
	X(LIMIT_DOMAINS, "limit-domains", 452, "4.5.3",                                                               \
	    "Too many recipient domains, send the rest in another session", "RFC 9422 4.3")                           \
	X(PARAMETER_UNKNOWN, "parameter-unknown", 555, "5.5.4", "Parameter not recognised or not implemented",        \
	    "RFC 5321 4.1.1.11")                                                                                      \
	X(SIZE_FORM, "size-form", 501, "5.5.4", "SIZE needs one number", "RFC 1870 3")                                \
	X(SIZE_EXCEEDED, "size-exceeded", 552, "5.3.4", "Message exceeds the size limit", "RFC 1870 6.1")             \
	X(BODY_FORM, "body-form", 501, "5.5.4", "BODY is 7BIT or 8BITMIME, once", "RFC 6152 2")                       \
	X(BODY_FORM_BINARY, "body-form-binary", 501, "5.5.4", "BODY is 7BIT, 8BITMIME or BINARYMIME, once",           \
	    "RFC 6152 2, RFC 3030 3")                                                                                 \
	X(SMTPUTF8_FORM, "smtputf8-form", 501, "5.5.4", "SMTPUTF8 has no value and comes once", "RFC 6531 3.4")       \
	X(REQUIRETLS_FORM, "requiretls-form", 501, "5.5.4", "REQUIRETLS has no value and comes once", "RFC 8689 2")   \
	X(RET_FORM, "ret-form", 501, "5.5.4", "RET is FULL or HDRS, once", "RFC 3461 4.3")                            \
	X(ENVID_FORM, "envid-form", 501, "5.5.4", "ENVID is xtext of at most 100 characters, once", "RFC 3461 4.4")   \
	X(AUTH_FORM, "auth-form", 501, "5.5.4", "AUTH is <> or a mailbox in xtext, once", "RFC 4954 5")               \
	X(BY_FORM, "by-form", 501, "5.5.4", "BY is seconds, then ;N or ;R, then perhaps T, once", "RFC 2852 4")       \
	X(BY_TOO_SOON, "by-too-soon", 501, "5.5.4", "BY with R needs the advertised time at least", "RFC 2852 4")     \
	X(TRANSID_FORM, "transid-form", 501, "5.5.4", "TRANSID is <id@domain> of at most 80 characters, once",        \
	    "RFC 1845 2")                                                                                             \
	X(NOTIFY_FORM, "notify-form", 501, "5.5.4",                                                                   \
	    "NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY, once", "RFC 3461 4.1")                           \
	X(ORCPT_FORM, "orcpt-form", 501, "5.5.4", "ORCPT is a type, a semicolon and xtext, once", "RFC 3461 4.2")     \
	X(MESSAGE_BARE_LF, "message-bare-lf", 550, "5.6.0", "Message refused: bare LF at line {0}", "RFC 5321 2.3.8") \
	X(MESSAGE_BARE_CR, "message-bare-cr", 550, "5.6.0", "Message refused: bare CR at line {0}", "RFC 5321 2.3.8") \
	X(MESSAGE_NUL, "message-nul", 550, "5.6.0", "Message refused: NUL at line {0}", "RFC 5321 2.3.8")             \
	X(MESSAGE_TOO_LARGE, "message-too-large", 552, "5.3.4", "Message exceeds the size limit", "RFC 1870 6.3")

/* By the mail server's mind (engine/). */
#define HK_REFUSAL_ENGINE_TABLE(X)                                                                                    \
	X(CLIENT_ARRIVALS, "client-arrivals", 421, "4.7.0",                                                           \
	    "Too many connections of this client in a time, come back later", "RFC 5321 7.8")                         \
	X(CLIENT_CONNECTIONS, "client-connections", 421, "4.7.0", "Too many connections of this client at once",      \
	    "RFC 5321 7.8")                                                                                           \
	X(CLIENT_MESSAGES, "client-messages", 450, "4.7.1", "Too many messages of this client, come back later",      \
	    "RFC 5321 7.8")                                                                                           \
	X(CLIENT_RECIPIENTS, "client-recipients", 450, "4.7.1",                                                       \
	    "Too many recipients of this client, come back later", "RFC 5321 7.8")                                    \
	X(UNKNOWN_RECIPIENTS, "unknown-recipients", 421, "4.7.0", "Too many unknown recipients in this session",      \
	    "RFC 5321 7.8")                                                                                           \
	X(SERVER_FULL, "server-full", 421, "4.3.2", "Too many sessions at this host, come back later",                \
	    "RFC 5321 4.2.2")                                                                                         \
	X(SERVER_BUSY, "server-busy", 421, "4.3.2", "More clients come than this host can serve now, come back later",        \
	    "RFC 5321 4.2.2")                                                                                         \
	X(MAIL_BUSY, "mail-busy", 452, "4.4.5", "More mail comes than this host can store now, try again later",              \
	    "RFC 3463 3.5")                                                                                           \
	X(USER_CONNECTIONS, "user-connections", 421, "4.7.0", "Too many sessions of this user at once",               \
	    "RFC 5321 7.8")                                                                                           \
	X(USER_MESSAGES, "user-messages", 450, "4.7.1", "Too many messages of this user, try again later",            \
	    "RFC 5321 7.8")                                                                                           \
	X(USER_RECIPIENTS, "user-recipients", 450, "4.7.1", "Too many recipients of this user, try again later",      \
	    "RFC 5321 7.8")                                                                                           \
	X(DEVICE_CONNECTIONS, "device-connections", 421, "4.7.0", "Too many sessions of this device at once",         \
	    "RFC 5321 7.8")                                                                                           \
	X(DEVICE_MESSAGES, "device-messages", 450, "4.7.1", "Too many messages of this device, try again later",      \
	    "RFC 5321 7.8")                                                                                           \
	X(DEVICE_RECIPIENTS, "device-recipients", 450, "4.7.1",                                                       \
	    "Too many recipients of this device, try again later", "RFC 5321 7.8")                                    \
	X(AUTH_REQUIRED, "auth-required", 530, "5.7.0", "Authentication required", "RFC 4954 6")                      \
	X(AUTH_DENIED, "auth-denied", 535, "5.7.8", "The credentials are not valid", "RFC 4954 6")                    \
	X(AUTH_MALFORMED, "auth-malformed", 501, "5.5.2", "This is no response of the mechanism", "RFC 4954 4")       \
	X(AUTH_UNAVAILABLE, "auth-unavailable", 454, "4.7.0", "The users cannot be asked now", "RFC 4954 4.7")        \
	X(AUTH_FAILURES, "auth-failures", 421, "4.7.0",                                                               \
	    "Authentication failed too often for this client, come back later", "RFC 4954 9")                         \
	X(CLIENTID_REQUIRED, "clientid-required", 530, "5.7.0", "CLIENTID is required before AUTH",                   \
	    "draft-storey-smtp-client-id")                                                                            \
	X(SENDER_NOT_OWN, "sender-not-own", 553, "5.7.1", "This address is not one of the user who authenticated",    \
	    "RFC 6409 6.1")                                                                                           \
	X(AUTHOR_NOT_OWN, "author-not-own", 550, "5.7.1", "From names an address that is not the user's",             \
	    "RFC 6409 6.1")                                                                                           \
	X(AUTHOR_MISSING, "author-missing", 550, "5.7.1", "No address of the user stands in From", "RFC 6409 8.1")    \
	X(SENDER_NULL_MX, "sender-null-mx", 550, "5.7.27",                                                            \
	    "The sender's domain takes no mail, so nothing can come from it", "RFC 7505 4.2")                         \
	X(RELAY_DENIED, "relay-denied", 550, "5.7.1", "Relaying denied", "RFC 5321 3.6.2")                            \
	X(NO_POSTMASTER, "no-postmaster", 550, "5.1.1", "This host has no postmaster", "RFC 5321 4.5.1")              \
	X(MAILBOX_UNKNOWN, "mailbox-unknown", 550, "5.1.1", "No such mailbox here", "RFC 5321 3.3")                   \
	X(MAILBOX_UNSURE, "mailbox-unsure", 451, "4.3.0", "It cannot be told now whether there is such a mailbox",    \
	    "RFC 5321 4.2.2")                                                                                         \
	X(DOMAIN_NO_ALABEL, "domain-no-alabel", 553, "5.1.2", "The domain is none that can be looked up",             \
	    "RFC 5891 5")                                                                                             \
	X(DNS_LISTED, "dns-listed", 554, "5.7.1", "{0} is listed by {1}: {2}", "RFC 5782")                            \
	X(GREYLISTED, "greylisted", 451, "4.7.1", "Come again in {0} seconds, who is new here has to", "RFC 6647")    \
	X(TRANSID_BUSY, "transid-busy", 451, "4.5.0", "This transaction is under way on another connection yet",      \
	    "RFC 1845 3")                                                                                             \
	X(TRANSID_RCPT, "transid-rcpt", 451, "4.5.1", "This transaction goes on with the recipients that it has",     \
	    "RFC 1845 3")                                                                                             \
	X(TRANSID_BDAT, "transid-bdat", 451, "4.5.1", "The rest of a transaction that broke off goes by DATA",        \
	    "limit of this host; RFC 1845 3")                                                                         \
	X(ETRN_ABSENT, "etrn-absent", 458, "4.3.0", "This queue cannot be run now", "RFC 1985 5.3")                   \
	X(ETRN_DENIED, "etrn-denied", 459, "4.7.1", "Not allowed to you", "RFC 1985 5.3")                             \
	X(NO_MEMORY, "no-memory", 452, "4.3.1", "No memory for this message now", "RFC 5321 4.2.2")                   \
	X(NO_SPACE, "no-space", 452, "4.3.1", "No space for mail now", "RFC 5321 4.2.2")                              \
	X(NO_STORAGE, "no-storage", 451, "4.3.0", "Mail cannot be stored now", "RFC 5321 4.2.2")                      \
	X(HEADER_CONTINUES, "header-continues", 554, "5.6.0", "The header begins with a continuation line",           \
	    "RFC 5322 2.2.3")                                                                                         \
	X(HEADER_FIELDS, "header-fields", 552, "5.3.4", "Too many header fields", "limit of this host: 2000")         \
	X(HEADER_LINE, "header-line", 552, "5.3.4", "A header line is over 64 KiB",                                   \
	    "limit of this host; RFC 5322 2.1.1")                                                                     \
	X(HEADER_TOO_LARGE, "header-too-large", 552, "5.3.4", "The header section is over 256 KiB",                   \
	    "limit of this host; RFC 5321 4.5.3.1.9")                                                                 \
	X(BINARY_UNLABELLED, "binary-unlabelled", 554, "5.6.0",                                                       \
	    "Bytes that are no lines stand outside of the parts labelled binary", "RFC 3030 3, RFC 2045 6.2")         \
	X(BINARY_PARTS, "binary-parts", 554, "5.6.0", "The parts of this BINARYMIME message cannot be told apart",    \
	    "RFC 3030 3, RFC 2045 5, 6")                                                                              \
	X(HOPS, "hops", 554, "5.4.6", "Too many hops, this mail is in a loop", "RFC 5321 6.3")                        \
	X(AUTHOR_SEVERAL_FIELDS, "author-several-fields", 550, "5.7.1", "There are several From fields",              \
	    "RFC 5322 3.6")                                                                                           \
	X(AUTHOR_SEVERAL_DOMAINS, "author-several-domains", 550, "5.7.1", "From names several domains",               \
	    "RFC 9989 11.5")                                                                                          \
	X(AUTHOR_UNREADABLE, "author-unreadable", 550, "5.7.1", "No author can be read from the From field",          \
	    "RFC 5322 3.6.2")                                                                                         \
	X(DMARC_REJECT, "dmarc-reject", 550, "5.7.1", "Email rejected per DMARC policy for {0}", "RFC 9989 7.2")      \
	X(DMARC_LATER, "dmarc-later", 451, "4.7.0", "DMARC cannot be evaluated now, the DNS did not answer",          \
	    "RFC 9989 7")
/* clang-format on */

enum hk_refusal {
	HK_REFUSAL_NONE, /* so that {0} is no refusal */
#define X(ID, ...) HK_REFUSAL_##ID,
	HK_REFUSAL_SMTP_TABLE(X)
#undef X
	    HK_REFUSALS_OF_SMTP,
	HK_REFUSAL_BEFORE_ENGINE = HK_REFUSALS_OF_SMTP - 1,
#define X(ID, ...) HK_REFUSAL_##ID,
	HK_REFUSAL_ENGINE_TABLE(X)
#undef X
	    HK_REFUSALS
};

struct hk_refusal_row {
	const char *id;
	unsigned code;
	const char *enhanced;
	const char *text, *source;
	const char *said; /* text (source) */
};
/* hk_refusal_row(why): the row; of NONE, and past the end, one of empty words. */
const struct hk_refusal_row *hk_refusal_row(enum hk_refusal);
/* hk_refusal_find(id): NONE when there is none of this id. */
enum hk_refusal hk_refusal_find(struct hk_slice id);
/* hk_refusal_in(text, transaction): that whose id, in brackets, ends the text of a reply, or that text is itself the id of;
 * NONE. *transaction is what stands behind its slash, or empty. */
enum hk_refusal hk_refusal_in(struct hk_slice text, struct hk_slice *transaction);

#define HK_REFUSAL_ARGS 3
/* One refusal as it is said. */
struct hk_refusal_said {
	enum hk_refusal why;
	struct hk_slice about;                /* the address that it is about, or empty: "<a@b>: " in front */
	struct hk_slice arg[HK_REFUSAL_ARGS]; /* {0}, {1}, ...: bytes of anybody */
	const char *transaction;              /* its id, or NULL */
};
/* hk_refusal_add(out, said): the text of the reply, under HK_SMTP_REPLY_TEXT_MAX; what is too long is cut in front of where
 * the rule stands, so that the id is always whole. */
void hk_refusal_add(struct hk_buf *out, const struct hk_refusal_said *);
/* hk_refusal_sentence_add(out, said): the sentence and where the rule stands, nothing more. */
void hk_refusal_sentence_add(struct hk_buf *out, const struct hk_refusal_said *);

#endif
