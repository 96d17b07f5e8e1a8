/* SPDX-License-Identifier: MIT
 *
 * conf_kind.c - which reader and printer each kind of value has.
 */
#include "conf/conf_value.h"

const struct conf_kind_ops conf_kinds[CONF_KINDS] = {
    [CONF_KIND_TEXT] = {"TEXT", false, conf_parse_text, conf_print_text},
    [CONF_KIND_DOMAIN] = {"NAME", false, conf_parse_text, conf_print_text},
    [CONF_KIND_DOMAINS] = {"DOMAIN ...", true, conf_parse_domains, conf_print_texts},
    [CONF_KIND_PATH] = {"PATH", false, conf_parse_text, conf_print_text},
    [CONF_KIND_PATHS] = {"PATH ...", true, conf_parse_paths, conf_print_texts},
    [CONF_KIND_SELECTOR] = {"SELECTOR", false, conf_parse_text, conf_print_text},
    [CONF_KIND_MAILBOXES] = {"USER[@DOMAIN] ...", true, conf_parse_mailboxes, conf_print_texts},
    [CONF_KIND_ADDRESS] = {"ADDRESS", false, conf_parse_address, conf_print_text},
    [CONF_KIND_TABLE] = {"[refile:]PATH", false, conf_parse_text, conf_print_text},
    [CONF_KIND_RESOLVER] = {"IP[@PORT]", false, conf_parse_text, conf_print_text},
    [CONF_KIND_LOG] = {"stderr | PATH | syslog[:PATH] | journald[:PATH]", false, conf_parse_text, conf_print_text},
    [CONF_KIND_NUMBER] = {"a number", false, conf_parse_number, conf_print_number},
    [CONF_KIND_SIZE] = {"a size (k, m, g)", false, conf_parse_number, conf_print_number},
    [CONF_KIND_DURATION] = {"a time (s, m, h, d, w)", false, conf_parse_number, conf_print_number},
    [CONF_KIND_DURATIONS] = {"a time (s, m, h, d, w) ...", false, conf_parse_durations,
        conf_print_durations},
    [CONF_KIND_WORD] = {NULL, false, conf_parse_word, conf_print_word},
    [CONF_KIND_WORDS] = {NULL, false, conf_parse_words, conf_print_words},
    [CONF_KIND_NETS] = {"IP[/BITS] ...", true, conf_parse_nets, conf_print_nets},
    [CONF_KIND_LIST] = {"ZONE reject | tag | allow [IP[/BITS]]", true, conf_parse_list, conf_print_list},
    [CONF_KIND_SOCKETS] = {"IP:PORT | unix:PATH ...", false, conf_parse_sockets, conf_print_sockets},
    [CONF_KIND_LOCAL] = {"IP:PORT", false, conf_parse_local, conf_print_local},
    [CONF_KIND_VIA] = {"mx | smtp HOST[:PORT] | lmtp HOST:PORT | lmtp unix:PATH | maildir PATH",
        false, conf_parse_via, conf_print_via},
    [CONF_KIND_SOURCE] = {"IP[=NAME] ...", false, conf_parse_source, conf_print_source},
    [CONF_KIND_QUARANTINE] = {"header | hold | junk ADDRESS", false, conf_parse_quarantine,
        conf_print_quarantine},
    [CONF_KIND_AUTH] = {"off | file PATH | dovecot PATH", false, conf_parse_auth, conf_print_auth},
    [CONF_KIND_MECHANISMS] = {"NAME ...", false, conf_parse_mechanisms, conf_print_mechanisms},
    [CONF_KIND_RATE] = {"NUMBER/TIME", false, conf_parse_rate, conf_print_rate},
};
