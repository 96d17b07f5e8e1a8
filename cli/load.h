/* SPDX-License-Identifier: MIT
 *
 * load.h - what the command load counts.
 */
#ifndef HIKYAKU_CLI_LOAD_H
#define HIKYAKU_CLI_LOAD_H

#include <hikyaku/smtp.h>

#include "cli_internal.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "io/tls.h"

struct load_options {
	struct hk_conf_socket to;
	uint64_t connections, messages, per_connection, octets, recipients, rate, timeout;
	const char *from, *rcpt, *helo, *message;
	bool tls, lmtp, no_pipelining, no_chunking, json, help;
};

enum { LOAD_CODES = 8, LOAD_TEXT = 78 * 800 };

struct load {
	struct load_options options;
	struct hk_loop loop;
	struct hk_tls_context *tls;
	struct runner *all;
	uv_signal_t stop[2];
	struct hk_timer look;   /* for servers that fell silent */
	bool is_stopping;
	char complaint[600];    /* why it was given up; "": it was not */
	size_t running;         /* clients that are not over */
	uint64_t begun, connections, lost; /* lost: those that ended in a way that nobody had asked for */
	uint64_t broken;        /* in a row, without a message between them */
	uint64_t start_ms, start_us, end_us;
	uint64_t accepted;
	struct {
		unsigned code; /* 0: it could not be begun */
		uint64_t n;
	} other[LOAD_CODES]; /* the last one takes what has no place */
	uint32_t *latency_us; /* of accepted ones */
	size_t n_latencies, room;
	struct hk_buf given;     /* --message */
	uint8_t text[LOAD_TEXT]; /* lines that bodies are cut from */
};

/* load_count(l, code, us): the reply to one message, and how long it took since MAIL. */
void load_count(struct load *, unsigned code, uint64_t us);
/* load_report(l): on stdout; the exit code: OK when all were accepted. */
enum cli_exit load_report(struct load *);
void load_done(struct load *);

#endif
