/* SPDX-License-Identifier: MIT
 *
 * sendmail.h - the programs sendmail, mailq and newaliases, as other programs call them; options as of Postfix's sendmail(1).
 * They are hikyaku under another name, run as whoever calls them, and speak to the server as any client does.
 *
 *	sendmail.c           the command line and what it asks for
 *	sendmail_message.c   the message: line ends, recipients of -t, Bcc, fields that are missing
 *	sendmail_submit.c    to the server
 */
#ifndef HIKYAKU_CLI_SENDMAIL_H
#define HIKYAKU_CLI_SENDMAIL_H

#include <sysexits.h>

#include "smtp.h"

#define SENDMAIL_RCPTS_MAX 10000
#define SENDMAIL_SERVER    "127.0.0.1:25"
#define SENDMAIL_NAME_ROOM 256

struct sendmail {
	const char *name; /* we were called */
	const char *from, *full_name, *server, *operator;
	char host[SENDMAIL_NAME_ROOM], sender[SENDMAIL_NAME_ROOM], person[SENDMAIL_NAME_ROOM];
	char socket[SENDMAIL_NAME_ROOM], port[16], server_host[SENDMAIL_NAME_ROOM];
	const char *rcpt[SENDMAIL_RCPTS_MAX];
	size_t n_rcpt;
	bool takes_header, ignores_dot, json;
	char mode;        /* of -b */
	const char *flush; /* of -q: "", "I..." or "R..."; NULL: none */
	const char *envid;
	unsigned notify;
	enum hk_smtp_ret ret;
	struct hk_arena arena;
	struct hk_buf message;
};

/* sendmail_run(name, argv): the exit status of sysexits.h. */
int sendmail_run(const char *name, char **argv);
bool sendmail_is_name(const char *name);
/* The steps; each gives EX_OK, or what to exit with and said why. */
int sendmail_read(struct sendmail *);
int sendmail_submit(struct sendmail *);
int sendmail_speak(struct sendmail *); /* -bs */
/* sendmail_add_rcpt(s, address): copies; a name alone is one of this host; one that is there already is no second one. */
int sendmail_add_rcpt(struct sendmail *, struct hk_slice address);
/* sendmail_add_list(s, text, where): those of a list as in a field of the header; where: for the complaint. */
int sendmail_add_list(struct sendmail *, struct hk_slice text, const char *where);
void sendmail_complain(const struct sendmail *, const char *text, const char *about);

#endif
