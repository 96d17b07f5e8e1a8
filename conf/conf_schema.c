/* SPDX-License-Identifier: MIT
 *
 * conf_schema.c - every item of the configuration: the one table that parser, check, dump and
 * manual are made from.
 */
#include "conf/conf_internal.h"

static const struct conf_word roles[] = {
    {"mx", HK_ROLE_MX}, {"relay", HK_ROLE_RELAY}, {"submission", HK_ROLE_SUBMISSION}, {0}};
static const struct conf_word checks[] = {
    {"spf", HK_CHECK_SPF}, {"dkim", HK_CHECK_DKIM}, {"dmarc", HK_CHECK_DMARC}, {"arc", HK_CHECK_ARC},
    {"none", 0}, {0}};
static const struct conf_word modes[] = {{"0600", 0600}, {"0660", 0660}, {"0666", 0666}, {0}};
static const struct conf_word protocols[] = {{"smtp", false}, {"lmtp", true}, {0}};
static const struct conf_word extensions[] = {
    {"pipelining", HK_EXT(PIPELINING)}, {"size", HK_EXT(SIZE)}, {"starttls", HK_EXT(STARTTLS)},
    {"enhancedstatuscodes", HK_EXT(ENHANCEDSTATUSCODES)}, {"8bitmime", HK_EXT(8BITMIME)},
    {"auth", HK_EXT(AUTH)}, {"chunking", HK_EXT(CHUNKING)}, {"binarymime", HK_EXT(BINARYMIME)}, {"smtputf8", HK_EXT(SMTPUTF8)}, {"requiretls", HK_EXT(REQUIRETLS)}, {"dsn", HK_EXT(DSN)},
    {"limits", HK_EXT(LIMITS)}, {"etrn", HK_EXT(ETRN)}, {"deliverby", HK_EXT(DELIVERBY)},
    {"checkpoint", HK_EXT(CHECKPOINT)}, {0}};
static const struct conf_word profiles[] = {{"hikyaku", HK_PROFILE_OURS},
    {"gmail", HK_PROFILE_GMAIL}, {"microsoft", HK_PROFILE_MICROSOFT},
    {"hornetsecurity", HK_PROFILE_HORNETSECURITY}, {0}};
static const struct conf_word logins[] = {{"off", HK_SENDER_ANY}, {"envelope", HK_SENDER_ENVELOPE},
    {"header", HK_SENDER_HEADER}, {0}};
static const struct conf_word clientids[] = {{"off", HK_CLIENTID_OFF},
    {"on", HK_CLIENTID_OFFERED}, {"required", HK_CLIENTID_REQUIRED}, {0}};
static const struct conf_word switches[] = {{"on", 1}, {"off", 0}, {0}};
static const struct conf_word families[] = {{"ipv4", 0}, {"ipv6", 1}, {0}};
static const struct conf_word choices[] = {{"turn", HK_SOURCE_TURN}, {"sender", HK_SOURCE_SENDER}, {0}};
static const struct conf_word enforcements[] = {{"off", HK_ENFORCE_OFF},
    {"quarantine", HK_ENFORCE_QUARANTINE}, {"reject", HK_ENFORCE_REJECT},
    {"on", HK_ENFORCE_QUARANTINE}, {0}};
static const struct conf_word styles[] = {
    {"rfc", HK_AUTHRES_RFC}, {"rspamd", HK_AUTHRES_RSPAMD}, {0}};
static const struct conf_word recipients[] = {{"any", HK_RECIPIENTS_ANY},
    {"listed", HK_RECIPIENTS_LISTED}, {"maildir", HK_RECIPIENTS_MAILDIR}, {0}};
static const struct conf_word unpublished[] = {
    {"sign", HK_UNPUBLISHED_SIGN}, {"defer", HK_UNPUBLISHED_DEFER}, {0}};
static const struct conf_word levels[] = {{"off", HK_TLS_OFF},
    {"opportunistic", HK_TLS_OPPORTUNISTIC}, {"required", HK_TLS_REQUIRED},
    {"verified", HK_TLS_VERIFIED}, {"dane", HK_TLS_DANE}, {0}};

static const struct conf_word unconvertible[] = {
    {"as-is", HK_UNCONVERTIBLE_AS_IS}, {"bounce", HK_UNCONVERTIBLE_BOUNCE}, {0}};

static const struct conf_word log_formats[] = {{"own", HK_LOG_OWN}, {"json", HK_LOG_JSON}, {"postfix", HK_LOG_POSTFIX}, {0}};

#define GLOBAL(member)                                                                             \
	CONF_GLOBAL, .offset = offsetof(struct hk_conf, member),                                   \
	             .width = sizeof(((struct hk_conf *)0)->member)
#define LISTEN(member)                                                                             \
	CONF_LISTEN, .offset = offsetof(struct hk_conf_listener, member),                          \
	             .width = sizeof(((struct hk_conf_listener *)0)->member)
#define ROUTE(member)                                                                              \
	CONF_ROUTE, .offset = offsetof(struct hk_conf_route, member),                              \
	            .width = sizeof(((struct hk_conf_route *)0)->member)
#define SHAPE(member)                                                                              \
	CONF_SHAPE, .offset = offsetof(struct hk_conf_shape, member),                              \
	            .width = sizeof(((struct hk_conf_shape *)0)->member)
#define KEY(member)                                                                                \
	CONF_KEY, .offset = offsetof(struct hk_conf_key, member),                                  \
	          .width = sizeof(((struct hk_conf_key *)0)->member)

enum { HOUR = 3600, DAY = 86400 };

const struct conf_item conf_items[] = {
    {"hostname", GLOBAL(hostname), .kind = CONF_KIND_DOMAIN, .required = true,
        .manual = "The name of this host, in greetings, trace fields and bounces. It should "
                  "resolve to this host's address."},
    {"product", GLOBAL(product), .kind = CONF_KIND_TEXT, .preset = "Hikyaku",
        .manual = "The word in the banner and in Received fields."},
    {"spool", GLOBAL(spool), .kind = CONF_KIND_PATH, .preset = "/var/spool/hikyaku",
        .restart = true,
        .manual = "The directory of the queue, of long bodies and of the evidence."},
    {"spool-segment", GLOBAL(spool_segment), .kind = CONF_KIND_SIZE, .least = 4 * 1024 * 1024, .most = 1024 * 1024 * 1024, .preset = "64m",
        .restart = true, .manual = "How large a file of the queue's journal gets; small ones suit small disks. Messages have to fit in half of one: max-recipients over 1024 needs more than 4m."},
    {"user", GLOBAL(user), .kind = CONF_KIND_TEXT, .preset = "hikyaku", .restart = true,
        .manual = "Whom the mail process becomes before it reads a byte."},
    {"keys-user", GLOBAL(keys_user), .kind = CONF_KIND_TEXT, .preset = "hikyaku-keys",
        .restart = true, .manual = "Whom the process that holds the private keys becomes."},
    {"resolver", GLOBAL(resolver), .kind = CONF_KIND_RESOLVER,
        .preset_words = "the system's resolvers", .manual = "The DNS resolver to ask."},
    {"resolver-timeout", GLOBAL(resolver_timeout), .kind = CONF_KIND_DURATION, .least = 1,
        .most = 60, .preset = "5s", .manual = "How long an answer of the DNS is waited for."},
    {"trust-anchor", GLOBAL(trust_anchor), .kind = CONF_KIND_PATH,
        .preset_words = "none: nothing is validated, and there is no DANE",
        .manual = "A file with DS or DNSKEY records that answers of the DNS are validated from (DNSSEC), such as "
                  "/usr/share/dns/root.key of Debian's dns-root-data. The resolver must pass DNSSEC on. An answer "
                  "that fails validation is none: mail waits."},
    {"authorities", GLOBAL(authorities), .kind = CONF_KIND_PATH, .preset_words = "the system's",
        .manual = "A PEM file of the authorities that certificates of mail servers and of MTA-STS policies are checked against."},
    {"mta-sts", GLOBAL(mta_sts), .kind = CONF_KIND_WORD, .words = switches, .preset = "on",
        .manual = "Whether policies of recipients' domains are looked for and obeyed (RFC 8461)."},
    {"mta-sts-server", GLOBAL(sts_server), .kind = CONF_KIND_RESOLVER, .preset_words = "each policy's own host",
        .manual = "IP@PORT that is asked in place of each policy's own host and port 443; the certificate must be for the right "
                  "host all the same. For laboratories."},
    {"smtp-tls-srv", GLOBAL(smtp_tls_srv), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether _smtp-tls._tcp SRV records of a domain are looked for before its MX "
                  "(draft-nurpmeso-smtp-tls-srv): they name hosts that have TLS, from the first byte on ports other than 25."},
    {"certificate-check", GLOBAL(certificate_check), .kind = CONF_KIND_DURATION, .least = 0, .most = DAY,
        .preset = "1m",
        .manual = "How often it is looked whether files of certificates have changed, which is then a reload; 0 never looks. One "
                  "that cannot be used is refused, and the one before it stays. So does one that a TLSA record of its "
                  "listener's names and ports does not fit, where trust-anchor lets that be known: it is looked again as often, and the "
                  "log has an alarm until it fits. What was in force is not known over a restart."},
    {"fetch-user", GLOBAL(fetch_user), .kind = CONF_KIND_TEXT, .restart = true, .preset_words = "user",
        .manual = "Whom the process becomes that fetches MTA-STS policies."},
    {"timezone", GLOBAL(timezone), .kind = CONF_KIND_TEXT, .restart = true, .preset_words = "the system's zone",
        .manual = "The time zone of dates in trace fields, such as Asia/Tokyo."},
    {"workers", GLOBAL(workers), .kind = CONF_KIND_NUMBER, .least = 0, .most = 15, .preset = "0",
        .restart = true, .manual = "How many threads serve sessions; 0 is one for each processor."},
    {"sessions", GLOBAL(sessions), .kind = CONF_KIND_NUMBER, .least = 0, .most = 1000000, .preset = "0",
        .restart = true,
        .manual = "How many sessions of clients there are at once, at all workers; one more gets 421 in place "
                  "of the greeting. 0 is as many as the system grants descriptors for."},
    {"overload-wait", GLOBAL(overload_wait), .kind = CONF_KIND_NUMBER, .least = 0, .most = 60000, .preset = "500",
        .manual = "For how many milliseconds clients may wait to be let in, or many messages for the disk, before more of them are told to "
                  "come back later: 421 in place of the greeting, 452 to MAIL. 0 tells nobody, and all wait."},
    {"accept", GLOBAL(accept), .kind = CONF_KIND_DOMAINS,
        .manual = "Domains that mail is taken for from anyone; a leading dot means everything "
                  "below the domain."},
    {"mailboxes", GLOBAL(mailboxes), .kind = CONF_KIND_MAILBOXES,
        .manual = "Mailboxes that there are, for routes whose recipients are listed; a user without a "
                  "domain is one of every such route. Upper and lower case are the same."},
    {"mailboxes-file", GLOBAL(mailboxes_file), .kind = CONF_KIND_PATH,
        .manual = "More of them, one a line; what follows a colon or a blank is not looked at, so "
                  "/etc/passwd will do. It is read when the configuration is, before root is given up."},
    {"postmaster", GLOBAL(postmaster), .kind = CONF_KIND_ADDRESS,
        .preset_words = "postmaster at the first accepted domain",
        .manual = "Where mail for a postmaster without a domain goes (RFC 5321 4.5.1)."},
    {"retry", GLOBAL(retry), .kind = CONF_KIND_DURATIONS, .least = 1, .most = 7 * DAY,
        .preset = "5m 10m 20m 30m 1h 2h 4h",
        .manual = "The time from each failed attempt to the next; the last one repeats (RFC 5321 "
                  "4.5.4.1)."},
    {"lifetime", GLOBAL(lifetime), .kind = CONF_KIND_DURATION, .least = 1, .most = 30 * DAY,
        .preset = "5d",
        .manual = "How long delivery is attempted before the sender is told that it failed (RFC "
                  "5321 4.5.4.1: 4 to 5 days)."},
    {"delay-notice", GLOBAL(delay_notice), .kind = CONF_KIND_DURATIONS, .least = 0, .most = 30 * DAY, .preset = "4h",
        .manual = "How old a message gets before its sender is told, after the next attempt that fails, that it is late; "
                  "with several times he is told so often. Whom the sender asked not to hear of is not told of (RFC 3461 "
                  "4.1). 0 tells nobody."},
    {"shaping", GLOBAL(shaping), .kind = CONF_KIND_PATH,
        .manual = "A file of shape blocks, what large providers take, such as /usr/share/hikyaku/shaping.conf, which is shipped. It is read "
                  "when the configuration is."},
    {"evidence-size", GLOBAL(evidence_size), .kind = CONF_KIND_SIZE, .least = 0,
        .most = UINT64_C(1) << 44, .preset = "1g", .restart = true,
        .manual = "How much is kept of what verdicts rested on; 0 keeps nothing."},
    {"evidence-days", GLOBAL(evidence_days), .kind = CONF_KIND_NUMBER, .least = 0, .most = 36500,
        .preset = "30", .restart = true, .manual = "For how many days it is kept."},
    {"checkpoint-messages", GLOBAL(checkpoint_messages), .kind = CONF_KIND_NUMBER, .least = 1, .most = 65536, .preset = "1000",
        .manual = "With the extension checkpoint (RFC 1845): how many messages that broke off are kept, so that their clients need "
                  "not send again what is here. A client (an IPv6 one by its /64) has a quarter of that and of checkpoint-size; "
                  "the oldest goes first. They outlive a restart, but not a crash: then all of a message is sent again."},
    {"checkpoint-size", GLOBAL(checkpoint_size), .kind = CONF_KIND_SIZE, .least = 64 * 1024, .most = UINT64_C(1) << 44,
        .preset = "1g", .manual = "How much of the disk they may take; a message of more than a quarter of it is not kept."},
    {"checkpoint-age", GLOBAL(checkpoint_age), .kind = CONF_KIND_DURATION, .least = 60, .most = 30 * DAY, .preset = "2d",
        .manual = "How long they are kept, and how long it is known that a transaction is complete whose client has not shown "
                  "that it has the reply (RFC 1845 3 recommends 48 hours)."},
    {"history-size", GLOBAL(history_size), .kind = CONF_KIND_SIZE, .least = 0, .most = UINT64_C(1) << 44, .preset = "256m", .restart = true,
        .manual = "How much is kept of what the log says of transactions, accepted and refused, for hikyaku find; 0 keeps nothing. A message "
                  "takes about 600 octets. hikyaku find --erase ADDRESS takes out those of an address."},
    {"history-days", GLOBAL(history_days), .kind = CONF_KIND_NUMBER, .least = 0, .most = 36500, .preset = "30", .restart = true,
        .manual = "For how many days it is kept."},
    {"log", GLOBAL(log), .kind = CONF_KIND_LOG, .preset = "stderr", .restart = true,
        .manual = "Where log lines go: stderr; a file, made with mode 0640 where there is none, which a reload opens anew; syslog, as facility "
                  "mail, or journald, with each member of a line as a field (journalctl HIKYAKU_QID=ID). Their sockets are /dev/log and "
                  "/run/systemd/journal/socket where no PATH is given. No target stops mail: a slow one is waited for with 1 MiB of lines, what comes then is dropped and counted."},
    {"log-format", GLOBAL(log_format), .kind = CONF_KIND_WORD, .words = log_formats, .preset = "own",
        .manual = "The form of its lines: own, json (an object a line), or postfix: those that Postfix would write, which "
                  "pflogsumm and fail2ban's filter for Postfix read. The words of a refusal are ours there."},
    {"metrics", GLOBAL(metrics), .kind = CONF_KIND_LOCAL, .restart = true, .preset_words = "none",
        .manual = "An address of this host alone, such as 127.0.0.1:9154, where /metrics is served by HTTP in the text form of Prometheus: "
                  "what was accepted, refused, delivered and deferred, TLS, the queue, the journal, lines of the log that were dropped. No "
                  "label names an address or a domain. For others put a proxy in front that asks who they are."},
    {"pid-file", GLOBAL(pid_file), .kind = CONF_KIND_PATH, .restart = true,
        .manual = "A file for the number of the main process."},
    {"operator-socket", GLOBAL(operator_socket), .kind = CONF_KIND_PATH, .restart = true, .preset_words = "none",
        .manual = "A unix socket by which hikyaku queue and mailq look into the queue and change it, such as "
                  "/run/hikyaku/operator. Root may, the user may, and the members of operator-group."},
    {"operator-group", GLOBAL(operator_group), .kind = CONF_KIND_TEXT, .restart = true, .preset_words = "none",
        .manual = "The group, a name or a number, whose members may use the operator-socket."},
    {"keys-folder", GLOBAL(keys_folder), .kind = CONF_KIND_PATH,
        .manual = "A folder of hikyaku keys: each of its domains signs mail from addresses of the "
                  "domain, with its active keys, or where they are not published those before "
                  "them. It is read at the start and at each reload, as the tables below are."},
    {"key-table", GLOBAL(key_table), .kind = CONF_KIND_TABLE,
        .manual = "A KeyTable of OpenDKIM, read as it stands; it needs signing-table. A row that "
                  "has no equal here is an error, told with its line."},
    {"signing-table", GLOBAL(signing_table), .kind = CONF_KIND_TABLE,
        .manual = "A SigningTable of OpenDKIM: with refile: before the path its patterns are "
                  "tried in their order. Rows of one pattern sign together, as with "
                  "MultipleSignatures."},
    {"rspamd-keys", GLOBAL(rspamd_keys), .kind = CONF_KIND_PATH,
        .manual = "A folder of rspamd with files named DOMAIN.SELECTOR.key, each for its domain "
                  "and all below it; of several selectors the one that sorts last comes first."},
    {"key-check", GLOBAL(key_check), .kind = CONF_KIND_DURATION, .least = 0, .most = 7 * DAY,
        .preset = "1h",
        .manual = "How often the published record of each signing key is looked up at least; a "
                  "shorter TTL makes it oftener. Mail never waits for it. 0 looks nothing up: "
                  "then the first key always signs."},
    {"unpublished-key", GLOBAL(unpublished_key), .kind = CONF_KIND_WORD, .words = unpublished,
        .preset = "sign",
        .manual = "What becomes of a message when none of its keys is published: sign signs it "
                  "with the first one all the same, defer lets it wait in the queue. Either way a "
                  "warning is logged."},
    {"clientid-key", GLOBAL(clientid_key), .kind = CONF_KIND_PATH,
        .preset_words = "a new key at each start",
        .manual = "A file of 16 octets at least: the key of the HMAC that a CLIENTID is known by."},
    {"port-map-25", GLOBAL(port_map_25), .kind = CONF_KIND_NUMBER, .least = 0, .most = 65535,
        .preset = "0",
        .manual = "Connect to this port where port 25 is meant; 0 is 25. For laboratories."},

    /* NOLINTNEXTLINE(bugprone-sizeof-expression): the member is a pointer, and so wide it is */
    {"address", LISTEN(socket), .kind = CONF_KIND_SOCKETS, .required = true,
        .manual = "Addresses and ports to listen on, and unix sockets. A socket that nobody listens on any more is replaced; "
                  "anything else of that name stays, and is an error. Who connects by a unix socket has no address: SPF "
                  "and what is counted or listed by address do not apply to it, and it is in no relay-from."},
    {"socket-mode", LISTEN(socket_mode), .kind = CONF_KIND_WORD, .words = modes, .preset = "0660",
        .manual = "Who may connect to the unix sockets: their mode."},
    {"socket-owner", LISTEN(socket_owner), .kind = CONF_KIND_TEXT, .preset_words = "user",
        .manual = "USER, USER:GROUP or :GROUP that the unix sockets belong to."},
    {"role", LISTEN(role), .kind = CONF_KIND_WORD, .words = roles, .preset = "mx",
        .manual = "Whom the listener serves: mx takes mail for accepted domains from anyone, relay "
                  "takes mail for anyone from "
                  "relay-from, submission the same from authenticated users."},
    {"protocol", LISTEN(lmtp), .kind = CONF_KIND_WORD, .words = protocols, .preset = "smtp",
        .manual = "What is spoken: lmtp gives each recipient an answer of its own after the message (RFC 2033); "
                  "it is never spoken on port 25."},
    {"extensions", LISTEN(extensions), .kind = CONF_KIND_WORDS, .words = extensions,
        .preset = "pipelining size starttls enhancedstatuscodes 8bitmime auth chunking binarymime smtputf8 dsn requiretls limits",
        .manual = "What EHLO may offer; what a client has not to know is left out, and refused."},
    {"ehlo-profile", LISTEN(profile), .kind = CONF_KIND_WORD, .words = profiles, .preset = "hikyaku",
        .manual = "Offer what a known service offers, in its order and with its size, in place of extensions and "
                  "max-message: to test clients."},
    {"reply-addresses", LISTEN(echo_addresses), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether replies to MAIL and RCPT name the address."},
    {"hostname", LISTEN(hostname), .kind = CONF_KIND_DOMAIN, .preset_words = "the global hostname",
        .manual = "The host name in this listener's banner, greeting and trace fields."},
    {"authserv-id", LISTEN(authserv_id), .kind = CONF_KIND_DOMAIN,
        .preset_words = "the listener's hostname",
        .manual = "The name under which results are written (RFC 8601 2.5)."},
    {"checks", LISTEN(checks), .kind = CONF_KIND_WORDS, .words = checks, .preset = "none",
        .manual = "What is checked of each message. arc (RFC 8617) is historic."},
    {"trusted-sealers", LISTEN(trusted_sealers), .kind = CONF_KIND_TEXT,
        .manual = "For arc: domains, separated by commas. A message that fails DMARC is not treated as "
                  "its policy says where each sealer of its chain is among them and the first says that "
                  "DMARC passed (RFC 8617 7.2). Nobody by default."},
    {"enforce", LISTEN(enforce), .kind = CONF_KIND_WORD, .words = enforcements, .preset = "off",
        .manual = "What is done about a message that fails DMARC. off: only the verdict is "
                  "written. quarantine (or on): it is "
                  "quarantined where its policy says quarantine or reject, and refused where the "
                  "policy is reject, SPF is "
                  "fail and no DKIM signature passed. reject: it is refused where its policy says "
                  "reject."},
    {"authres-style", LISTEN(authres_style), .kind = CONF_KIND_WORD, .words = styles,
        .preset = "rfc", .manual = "The wording of Authentication-Results."},
    {"relay-from", LISTEN(relay_from), .kind = CONF_KIND_NETS,
        .manual = "Clients that may send to any domain."},
    {"trusted-relays", LISTEN(trusted_relays), .kind = CONF_KIND_NETS,
        .manual = "Our own inner hops: SPF is not checked for them and their "
                  "Authentication-Results stay (RFC 7208 2.2)."},
    {"starttls", LISTEN(starttls), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether STARTTLS is offered."},
    {"implicit-tls", LISTEN(implicit_tls), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether TLS begins with the first byte, as on ports 465 (RFC 8314) and 842 (draft-nurpmeso-smtp-tls-srv)."},
    {"certificate", LISTEN(certificate), .kind = CONF_KIND_PATHS,
        .manual = "PEM files with certificate chains. A client that names a host gets the one that is for it, by its own list of "
                  "names with their wildcards; any other the first. Of two for the same names with keys of different kinds "
                  "(RSA beside ECDSA) the client's algorithms choose. Files that change are read again within certificate-check."},
    {"certificate-key", LISTEN(certificate_key), .kind = CONF_KIND_PATHS,
        .manual = "PEM files with the private keys, in the order of the certificates."},
    {"client-authorities", LISTEN(client_authorities), .kind = CONF_KIND_PATH, .preset_words = "none: clients are asked for no certificate",
        .manual = "A PEM file of authorities. Clients are asked for a certificate; who shows one that they signed may use the mechanism "
                  "EXTERNAL as the user of the password file whose name is an e-mail address of the certificate, or where it has none its "
                  "common name. The mail process reads the file at the start and at each reload."},
    {"strict-envelopes", LISTEN(strict_envelopes), .kind = CONF_KIND_WORD, .words = switches,
        .preset = "off",
        .manual = "Whether MAIL and RCPT need angle brackets, have no space after the colon, and no "
                  "underscore in a domain."},
    {"strict-dots", LISTEN(strict_dots), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether a..b@ and a.@ are refused, as RFC 5321 4.1.2 has it. They were given out by "
                  "Japanese mobile operators; taken, they are sent on as they are."},
    {"refuse-source-routes", LISTEN(refuse_source_routes), .kind = CONF_KIND_WORD,
        .words = switches, .preset = "off",
        .manual =
            "Whether a source route is refused; otherwise it is stripped (RFC 5321 appendix C)."},
    {"reject-early-talkers", LISTEN(reject_early_talkers), .kind = CONF_KIND_WORD,
        .words = switches, .preset_words = "on for the role mx, else off",
        .manual = "Whether a client that talks before the banner is sent away, along with a PROXY header too, and one that glues more behind EHLO, HELO, DATA, "
                  "NOOP or VRFY, or behind any command where it did not say EHLO: it does not heed our replies (RFC 2920 3.1)."},
    {"dns-list", LISTEN(lists), .kind = CONF_KIND_LIST,
        .manual = "A list of addresses in the DNS (RFC 5782) that each client is looked up in, unless it is in "
                  "relay-from or trusted-relays. reject: one that is listed gets 554 5.7.1 with the list's reason for "
                  "each recipient but a postmaster; tag: its messages get a field X-Hikyaku-Listed; allow: what "
                  "other lists say does not count, nor does greylisting. IP/BITS are the answers that count; without "
                  "them those in 127.0.0.0/8 but for 127.255.255.0/24. A list that does not answer lists nobody."},
    {"greylist", LISTEN(greylist), .kind = CONF_KIND_DURATION, .least = 0, .most = 86400, .preset = "0",
        .manual = "How long a client's net (/24 or /64), a sender and a recipient that are seen together for the first "
                  "time have to wait: until then they get 451 4.7.1 (RFC 6647). Who came again is known for 36 days, and "
                  "after five of them the whole net. Not for relay-from, trusted-relays, users and those that a dns-list "
                  "allows. 0 asks nobody to wait."},
    {"check-sender-domain", LISTEN(check_sender_domain), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether MAIL FROM is refused with 550 5.7.27 where its domain has a null MX (RFC 7505)."},
    {"client-connections", LISTEN(client_connections), .kind = CONF_KIND_NUMBER, .least = 0, .most = 65535, .preset = "50",
        .manual = "How many sessions one client may have at once, an IPv6 one by its /64; the next gets 421 4.7.0 in place of "
                  "the greeting. 0 is any number. None of the client limits is for loopback, relay-from, trusted-relays or users: name hosts of your own there."},
    {"client-arrivals", LISTEN(client_arrivals), .kind = CONF_KIND_RATE, .preset = "600/1m",
        .manual = "How many sessions one client may begin in a time."},
    {"client-messages", LISTEN(client_messages), .kind = CONF_KIND_RATE, .preset = "1200/1m",
        .manual = "How many messages one client may bring in a time; more get 450 4.7.1."},
    {"client-recipients", LISTEN(client_recipients), .kind = CONF_KIND_RATE, .preset = "12000/1m",
        .manual = "How many recipients one client may name in a time."},
    {"client-errors", LISTEN(client_errors), .kind = CONF_KIND_RATE, .preset = "100/10m",
        .manual = "How many refused commands, addresses and messages one client may have in a time. From then on it waits a second "
                  "after each further one, two after the next, up to ten. Over ten in one session it waits a second in any case; "
                  "over twenty the session ends with 421."},
    {"unknown-recipients", LISTEN(unknown_recipients), .kind = CONF_KIND_NUMBER, .least = 0, .most = 10000, .preset = "25",
        .manual = "How many recipients that do not exist a client may name in one session; the next gets 421 4.7.0 and the session "
                  "ends. 0 is any number. Accepted messages in between make no difference."},
    {"greet-delay", LISTEN(greet_delay), .kind = CONF_KIND_DURATION, .least = 0, .most = 60, .preset = "0",
        .manual = "How long a client waits for the banner, unless it is in relay-from or trusted-relays. With "
                  "reject-early-talkers one that talks meanwhile is sent away, as much of what sends spam does."},
    {"minimum-rate", LISTEN(minimum_rate), .kind = CONF_KIND_NUMBER, .least = 0, .most = 1000000, .preset = "50",
        .manual = "Octets in a second that a message must come with; one that falls five minutes behind is sent away. "
                  "0 is any rate."},
    {"proxy-from", LISTEN(proxy_from), .kind = CONF_KIND_NETS,
        .manual = "Load balancers that put a PROXY header, version 1 or 2, in front of each connection: what it says "
                  "is the client's address for everything. A connection from there without one is closed; from "
                  "elsewhere such a header is an unknown command."},
    {"max-message", LISTEN(max_message), .kind = CONF_KIND_SIZE, .least = 64 * 1024,
        .most = UINT64_C(2) << 30, .preset = "50m",
        .manual = "The largest message taken (RFC 1870; RFC 5321 4.5.3.1.7 wants 64k at least)."},
    {"max-recipients", LISTEN(max_recipients), .kind = CONF_KIND_NUMBER, .least = 100,
        .most = 10000, .preset = "1000",
        .manual = "The most recipients of one message (RFC 5321 4.5.3.1.8 wants 100 at least)."},
    {"max-transactions", LISTEN(max_transactions), .kind = CONF_KIND_NUMBER, .least = 0, .most = 999999,
        .preset = "0", .manual = "The most MAIL commands of one session; 0 is any number (RFC 9422 4.1)."},
    {"max-domains", LISTEN(max_domains), .kind = CONF_KIND_NUMBER, .least = 0, .most = HK_SMTP_DOMAINS_MAX,
        .preset = "0", .manual = "The most recipient domains of one session; 0 is any number (RFC 9422 4.3)."},
    {"deliverby-minimum", LISTEN(min_by), .kind = CONF_KIND_DURATION, .least = 0, .most = 30 * DAY, .preset = "0",
        .manual = "With the extension deliverby: the least time in which a message may be asked to be delivered or else returned; EHLO "
                  "says it, and less is refused (RFC 2852 4). 0 names none."},
    {"auth", LISTEN(auth), .kind = CONF_KIND_AUTH, .preset = "off",
        .manual = "Who knows the users: file is a password file, which hikyaku users writes and a "
                  "reload reads again; dovecot is the socket auth-client of a Dovecot, which may know "
                  "further mechanisms such as OAUTHBEARER."},
    {"auth-mechanisms", LISTEN(auth_mechanisms), .kind = CONF_KIND_MECHANISMS,
        .preset_words = "all that the back end has",
        .manual = "The SASL mechanisms that are offered, the strongest first."},
    {"auth-without-tls", LISTEN(auth_in_clear), .kind = CONF_KIND_WORD, .words = switches,
        .preset = "off",
        .manual = "Whether users may authenticate without TLS; else they are told 538 (RFC 4954 4)."},
    {"sender-login", LISTEN(sender_login), .kind = CONF_KIND_WORD, .words = logins,
        .preset = "header",
        .manual = "Where an authenticated user must use an address of his own: in MAIL FROM "
                  "(envelope), in the field From too (header), nowhere (off). His are those of the "
                  "password file, or where it names none his name, with each accepted domain if it has "
                  "none of its own."},
    {"auth-failures", LISTEN(auth_failures), .kind = CONF_KIND_RATE, .preset = "20/10m",
        .manual = "How often authentication may fail for one client, an IPv6 one by its /64; after "
                  "that it is sent away with 421 until time has passed. Each failure of a client or "
                  "for a user also delays the next answer, up to half a minute. 0 is any number."},
    {"user-messages", LISTEN(user_messages), .kind = CONF_KIND_RATE, .preset = "0",
        .manual = "How many messages one user may send in a time."},
    {"user-recipients", LISTEN(user_recipients), .kind = CONF_KIND_RATE, .preset = "0",
        .manual = "How many recipients one user may name in a time."},
    {"user-connections", LISTEN(user_connections), .kind = CONF_KIND_NUMBER, .least = 0,
        .most = 65535, .preset = "0", .manual = "How many sessions one user may have at once."},
    {"clientid", LISTEN(clientid), .kind = CONF_KIND_WORD, .words = clientids, .preset = "off",
        .manual = "Whether a client may name its device under TLS before it authenticates "
                  "(draft-storey-smtp-client-id); required: it must. What it says is never kept, only "
                  "an HMAC of it: for the log, the limits and the back end."},
    {"device-messages", LISTEN(device_messages), .kind = CONF_KIND_RATE, .preset = "0",
        .manual = "How many messages one device may send in a time."},
    {"device-recipients", LISTEN(device_recipients), .kind = CONF_KIND_RATE, .preset = "0",
        .manual = "How many recipients one device may name in a time."},
    {"device-connections", LISTEN(device_connections), .kind = CONF_KIND_NUMBER, .least = 0,
        .most = 65535, .preset = "0", .manual = "How many sessions one device may have at once."},
    {"legacy-clients", LISTEN(legacy_clients), .kind = CONF_KIND_NETS,
        .manual = "Old machines: for them alone TLS 1.0 and 1.1 are spoken, and bare line feeds in a "
                  "message become line ends. Both let through what an attacker can use; name single "
                  "addresses."},

    {"via", ROUTE(via), .kind = CONF_KIND_VIA, .required = true,
        .manual = "How: mx looks the domain up; smtp and lmtp name a host; maildir names a "
                  "directory, where %u stands for "
                  "the local part in lower case, without quotes, and %d for the domain."},
    {"source", ROUTE(source), .kind = CONF_KIND_SOURCE, .preset_words = "the system's choice",
        .manual = "The source addresses of connections; of several of the family that is spoken source-choice takes one. With a name behind it "
                  "an address has a name of its own in EHLO: it should resolve to it."},
    {"source-choice", ROUTE(source_choice), .kind = CONF_KIND_WORD, .words = choices, .preset = "turn",
        .manual = "turn: the sources take turns, one delivery each; sender: all mail from one domain has the same one, as long as the list is the same, so that "
                  "what receivers think of an address is about one sender."},
    {"address-preference", ROUTE(prefers_ipv6), .kind = CONF_KIND_WORD, .words = families, .preset = "ipv4",
        .manual = "Which addresses of a host with both kinds come first; after that they take turns. A family by which hosts of a next hop are not "
                  "reached, while they are by the other, comes last there for an hour."},
    {"helo", ROUTE(helo), .kind = CONF_KIND_DOMAIN, .preset_words = "the global hostname",
        .manual = "The name in EHLO."},
    {"tls", ROUTE(tls), .kind = CONF_KIND_WORD, .words = levels, .preset = "opportunistic",
        .manual = "Whether TLS is used: off never; opportunistic goes on in clear where it fails, unless DANE, MTA-STS or the "
                  "sender say otherwise; required never goes on in clear; verified wants a certificate for the host's name by a "
                  "known authority, or DANE; dane wants DANE."},
    {"implicit-tls", ROUTE(implicit_tls), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "For smtp: whether TLS begins with the first byte, without STARTTLS (RFC 8314)."},
    {"quarantine", ROUTE(quarantine), .kind = CONF_KIND_QUARANTINE, .preset = "header",
        .manual = "What becomes of a message that is quarantined: it gets a header field, is held "
                  "in the queue until the "
                  "configuration lets it go, or goes by this route to the junk address instead."},
    {"recipients", ROUTE(recipients), .kind = CONF_KIND_WORD, .words = recipients, .preset = "any",
        .manual = "Which recipients there are: any takes every local part, listed those among the "
                  "mailboxes, maildir those whose Maildir is there already. Others are refused at RCPT with "
                  "550 5.1.1; a postmaster never is (RFC 5321 4.5.1)."},
    {"sub-addresses", ROUTE(sub_addresses), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether user+detail is user's mailbox, for recipients and in a maildir; the address itself "
                  "goes on as it is."},
    {"return-path", ROUTE(add_return_path), .kind = CONF_KIND_WORD, .words = switches,
        .preset_words = "on for maildir, else off",
        .manual =
            "Whether Return-Path is written: by whoever makes the final delivery (RFC 5321 4.4)."},
    {"retry", ROUTE(retry), .kind = CONF_KIND_DURATIONS, .least = 1, .most = 7 * DAY, .preset_words = "the global times",
        .manual = "The time from each failed attempt to the next. A message for several routes goes by the shortest of theirs."},
    {"lifetime", ROUTE(lifetime), .kind = CONF_KIND_DURATION, .least = 1, .most = 30 * DAY,
        .preset_words = "the global lifetime", .manual = "How long delivery to this route is attempted."},
    {"delay-notice", ROUTE(delay_notice), .kind = CONF_KIND_DURATIONS, .least = 0, .most = 30 * DAY,
        .preset_words = "the global times", .manual = "When the sender is told that mail for this route is late."},
    {"concurrency", ROUTE(concurrency), .kind = CONF_KIND_NUMBER, .least = 1, .most = 1000,
        .preset = "20", .manual = "How many deliveries go to one next hop at once."},
    {"messages-per-connection", ROUTE(connection_messages), .kind = CONF_KIND_NUMBER, .least = 1, .most = 100000,
        .preset = "100",
        .manual = "How many messages one connection serves, one after the other; it is kept for two seconds for the next one."},
    {"recipients-per-message", ROUTE(message_rcpts), .kind = CONF_KIND_NUMBER, .least = 1, .most = 100,
        .preset = "100", .manual = "How many recipients one transaction names at most (RFC 5321 4.5.3.1.8: every server takes 100)."},
    {"rate", ROUTE(rate), .kind = CONF_KIND_RATE, .preset = "0",
        .manual = "How many deliveries to one next hop are begun in a time at most, whatever the time is counted from; 0 is any number. By mx "
                  "a next hop is all domains that have the same hosts."},
    {"chunking", ROUTE(chunking), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether messages go by BDAT where it is offered (RFC 3030). BINARYMIME always does."},
    {"checkpoint", ROUTE(checkpoint), .kind = CONF_KIND_WORD, .words = switches, .preset = "off",
        .manual = "Whether transactions have an id where the next hop offers CHECKPOINT (RFC 1845). A connection that is lost in the "
                  "message is then made anew, up to three times, and the rest is sent; where only the last reply was lost, it is asked for, so that nothing comes twice."},
    {"pipelining", ROUTE(pipelining), .kind = CONF_KIND_WORD, .words = switches, .preset = "on",
        .manual = "Whether several commands are sent at once where that is offered (RFC 2920): off for a next hop that "
                  "offers what it cannot do."},
    {"unconvertible", ROUTE(unconvertible), .kind = CONF_KIND_WORD, .words = unconvertible, .preset = "as-is",
        .manual = "What becomes of 8-bit mail for a next hop without 8BITMIME that cannot be made 7-bit mail: since others "
                  "signed it, or by its form. as-is: it goes as it came; bounce: it goes back (5.6.3)."},

    {"mx", SHAPE(mx), .kind = CONF_KIND_DOMAINS, .required = true,
        .manual = "Hosts; with a leading dot all below it. A shape is for the domains whose MX are all among them."},
    {"concurrency", SHAPE(concurrency), .kind = CONF_KIND_NUMBER, .least = 1, .most = 1000, .preset_words = "the route's",
        .manual = "How many deliveries go there at once."},
    {"messages-per-connection", SHAPE(connection_messages), .kind = CONF_KIND_NUMBER, .least = 1, .most = 100000,
        .preset_words = "the route's", .manual = "How many messages one connection serves."},
    {"recipients-per-message", SHAPE(message_rcpts), .kind = CONF_KIND_NUMBER, .least = 1, .most = 100, .preset_words = "the route's",
        .manual = "How many recipients one transaction names."},
    {"rate", SHAPE(rate), .kind = CONF_KIND_RATE, .preset = "0", .manual = "How many deliveries are begun in a time; 0 is any number."},
    {"together", SHAPE(is_together), .kind = CONF_KIND_WORD, .words = switches, .preset = "on",
        .manual = "Whether all that fits is one next hop, and has these numbers together; off: each set of hosts has them for itself."},

    {"domain", KEY(domain), .kind = CONF_KIND_DOMAIN, .required = true,
        .manual = "The signing domain (d=)."},
    {"selector", KEY(selector), .kind = CONF_KIND_SELECTOR, .required = true,
        .manual = "The selector (s=)."},
    {"file", KEY(file), .kind = CONF_KIND_PATH, .required = true,
        .manual = "A PEM file with the private key."},
};
_Static_assert(sizeof conf_items / sizeof conf_items[0] <= CONF_ITEMS_MAX, "more items than a block can note");
const size_t conf_n_items = sizeof conf_items / sizeof conf_items[0];

const struct conf_block_info conf_blocks[CONF_BLOCKS] = {
    [CONF_GLOBAL] = {NULL, NULL, "Items outside of a block:"},
    [CONF_LISTEN] = {"listen", "NAME", "Where mail comes in:"},
    [CONF_ROUTE] = {"route", "PATTERN",
        "Where mail goes, by the recipient's domain: PATTERN is a domain, .domain for everything "
        "below it, or *; the first that fits wins."},
    [CONF_SHAPE] = {"shape", "NAME",
        "What the hosts of a provider take, for routes via mx; of each number the lower one counts, this or the route's, and the first shape that "
        "fits. Shapes of a shaping file come after those that stand here:"},
    [CONF_KEY] = {"key", "NAME", "A DKIM signing key:"},
};
const char conf_sign_manual[] =
    "Sign messages whose From address fits PATTERN (*@domain or domain, .domain, user@domain, *) "
    "with the keys NAME...; the first "
    "PATTERN that fits wins, and those of this file come before those of tables. A message gets one signature for each domain and algorithm among the "
    "keys (RFC 8463 6: RSA beside Ed25519): that of the first key whose record is published, "
    "so the newest stands first and the one before it after it. Only mail that came in by a listener of the role relay or submission is "
    "signed, and our own bounces: mail "
    "from anyone that merely says it is from our domain must never get our signature.";
