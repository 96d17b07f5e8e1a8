/* SPDX-License-Identifier: MIT
 *
 * smtpd_internal.h - the state of the server, shared by its files:
 *
 *	smtpd.c           life, input and output, the order of things
 *	smtpd_line.c      cutting command lines out of the input
 *	smtpd_commands.c  the table of verbs
 *	smtpd_greet.c     the reply to EHLO
 *	smtpd_envelope.c  MAIL and RCPT
 *	smtpd_params.c    their parameters
 *	smtpd_auth.c      AUTH and CLIENTID
 *	smtpd_data.c      the text of the message and its end
 *	smtpd_chunk.c     the same by BDAT
 *	smtpd_answer.c    what an answer does
 */
#ifndef HIKYAKU_SMTPD_INTERNAL_H
#define HIKYAKU_SMTPD_INTERNAL_H

#include "smtp_internal.h"
#include "smtp_refusal.h"

/* Bits, so that the table of verbs can name sets of them. */
enum smtpd_state {
	SMTPD_GREETING = 1, /* no HELO yet */
	SMTPD_READY = 2,    /* greeted, no transaction */
	SMTPD_MAIL = 4,     /* a sender, no recipient */
	SMTPD_RCPT = 8,     /* at least one recipient */
	SMTPD_DATA = 16,    /* 354 was given */
	SMTPD_TLS = 32,     /* 220 to STARTTLS was given, the handshake is due */
	SMTPD_OVER = 64,    /* the last reply is queued */
	SMTPD_BDAT = 128,   /* between two chunks of a message */
	SMTPD_CHUNK = 256,  /* in a chunk */
	SMTPD_SKIP = 512,   /* in a chunk that nobody takes */
	SMTPD_AUTH = 1024,  /* a challenge was given */
};
#define SMTPD_TRANSACTION ((unsigned)(SMTPD_MAIL | SMTPD_RCPT | SMTPD_DATA | SMTPD_BDAT | SMTPD_CHUNK))
#define SMTPD_GREETED     ((unsigned)(SMTPD_READY | SMTPD_MAIL | SMTPD_RCPT | SMTPD_BDAT))
#define SMTPD_COMMAND     ((unsigned)SMTPD_GREETING | SMTPD_GREETED)

struct hk_smtpd {
	struct hk_smtpd_options options; /* its slices point into owned */
	struct hk_arena owned;
	struct hk_arena scratch; /* what the pending event points to, besides the input */

	uint8_t *in; /* unparsed: in_at to in_n; never moved while an event is pending */
	size_t in_at, in_n, in_cap;
	struct hk_buf out;
	size_t banner_left; /* bytes of the banner that were not taken yet */
	bool is_banner_held;
	bool early;         /* input came before the banner went */
	bool no_memory;

	unsigned state; /* one of enum smtpd_state */
	enum hk_smtp_proto proto;
	bool is_tls;
	uint8_t *helo; /* as long as it is: most names are short */
	size_t helo_n;
	unsigned errors, idle; /* idle: commands without effect in a row */
	enum hk_refusal mild;  /* the last refusal of this transaction that counts as no error */
	size_t recipients;     /* accepted in this transaction */
	size_t transactions;   /* MAIL commands in this session (RFC 9422 4.1) */
	uint64_t *domains;     /* hashes of the recipient domains of this session (RFC 9422 4.3) */
	size_t n_domains;
	enum hk_smtp_body body; /* of this transaction */
	uint64_t resumed_at;    /* octets of its message that were here before it */
	bool smtputf8;
	bool is_authenticated, has_clientid;
	bool is_hello; /* the command is EHLO, HELO or LHLO */
	struct hk_slice auth_secret; /* decoded, in scratch: wiped when it was answered */

	struct hk_smtpd_event event;
	bool pending;
	/* what comes after the pending event, in this order */
	enum hk_refusal told_due; /* REFUSED */
	char told_word[24];       /* a verb, or the number of a line */
	bool cancel_due; /* AUTH_CANCEL */
	bool abort_due;
	size_t refusals_due; /* LMTP: so many times more the reply in refusal goes out (RFC 2033 4.2) */
	size_t answers_due;  /* LMTP: recipients whose answer is awaited, the present one included */
	bool event_due;
	enum hk_smtpd_event_type due; /* STARTTLS, QUIT, CLOSE */
	struct hk_slice close_reason; /* static text */
	bool shutdown_due;

	/* command line */
	size_t scanned; /* bytes of the input known to hold no LF */
	bool skipping;  /* a bad line is read over up to its CRLF */
	bool skip_cr;   /* the last byte read over was a CR */
	size_t skipped;

	/* DATA */
	struct hk_smtp_text text;
	uint64_t size;         /* of the message, dots unstuffed (RFC 1870 5) */
	uint64_t discarded;    /* bytes read over after the refusal */
	unsigned refusal_code; /* not 0: the reply to the final dot stands already */
	struct hk_buf refusal;

	/* BDAT */
	uint64_t chunk_size, chunk_left;
	size_t chunks; /* of this message */
	bool chunk_is_last;
	bool chunk_cr;       /* the last chunk ended with a CR */
	unsigned chunk_back; /* SKIP: the state that comes back */
};

/* ---- smtpd.c ---- */
struct hk_slice smtpd_input(const struct hk_smtpd *);
void smtpd_consume(struct hk_smtpd *, size_t n);
void smtpd_drop_input(struct hk_smtpd *);
/* smtpd_pend(s, type): makes it the pending event; the caller fills in the rest of s->event. */
struct hk_smtpd_event *smtpd_pend(struct hk_smtpd *, enum hk_smtpd_event_type);
void smtpd_reply(struct hk_smtpd *, unsigned code, const char *enhanced, const char *text);
/* smtpd_refuse(s, why): a reply that counts as an error; 421 instead of the one error too many. smtpd_refuse_word(s, why,
 * word): the same with the word that the sentence has a place for. smtpd_refuse_mildly(s, why): one that counts as none. */
void smtpd_refuse(struct hk_smtpd *, enum hk_refusal);
void smtpd_refuse_word(struct hk_smtpd *, enum hk_refusal, const char *word);
void smtpd_refuse_mildly(struct hk_smtpd *, enum hk_refusal);
/* smtpd_tell(s, why, word): HK_SMTPD_REFUSED is due. */
void smtpd_tell(struct hk_smtpd *, enum hk_refusal, struct hk_slice word);
/* smtpd_refuse_slice(s, ...): as smtpd_refuse for text of the caller. */
void smtpd_refuse_slice(
    struct hk_smtpd *, unsigned code, const char *enhanced, struct hk_slice text);
/* smtpd_end_transaction(s): as after RSET; HK_SMTPD_ABORT is due when one was open. */
void smtpd_end_transaction(struct hk_smtpd *);
/* smtpd_close(s, reason): no input is parsed any more; HK_SMTPD_CLOSE is due. The last reply is
 * queued already. */
void smtpd_close(struct hk_smtpd *, const char *reason);
/* smtpd_give_up(s, why): the reply and the end. */
void smtpd_give_up(struct hk_smtpd *, enum hk_refusal);

/* ---- the steps: OK when something happened, AGAIN when more input is needed ---- */
enum hk_status smtpd_line_step(struct hk_smtpd *);
enum hk_status smtpd_data_step(struct hk_smtpd *);
void smtpd_data_begin(struct hk_smtpd *);
enum hk_status smtpd_chunk_step(struct hk_smtpd *);
enum hk_status smtpd_skip_step(struct hk_smtpd *);
void smtpd_chunk_begin(struct hk_smtpd *);
/* smtpd_text(s, run): so much of the message, handed out or read over. */
void smtpd_text(struct hk_smtpd *, struct hk_slice run);
/* smtpd_refuse_byte(s, stop): the message holds what no message may hold. */
void smtpd_refuse_byte(struct hk_smtpd *, enum hk_smtp_stop);
/* smtpd_end_of_data(s): the message is complete; the state is as after RSET whatever the reply
 * will be. */
void smtpd_end_of_data(struct hk_smtpd *);
/* smtpd_data_refuse(s, code, enhanced, text): the first refusal stands; what follows is read over.
 */
void smtpd_data_refuse(
    struct hk_smtpd *, unsigned code, const char *enhanced, struct hk_slice text);

/* ---- commands ---- */
void smtpd_command(struct hk_smtpd *, struct hk_slice line);
void smtpd_mail(struct hk_smtpd *, struct hk_slice argument);
void smtpd_rcpt(struct hk_smtpd *, struct hk_slice argument);
void smtpd_bdat(struct hk_smtpd *, struct hk_slice argument);
void smtpd_auth(struct hk_smtpd *, struct hk_slice argument);
void smtpd_auth_line(struct hk_smtpd *, struct hk_slice line);
/* smtpd_auth_fail(s, why): the exchange is over, as its line could not be read. */
void smtpd_auth_fail(struct hk_smtpd *, enum hk_refusal why);
/* smtpd_auth_forget(s): what was decoded of an exchange is wiped. */
void smtpd_auth_forget(struct hk_smtpd *);
/* smtpd_mechanisms_add(s, out): those that can be used now, separated by a space. */
void smtpd_mechanisms_add(const struct hk_smtpd *, struct hk_buf *out);
void smtpd_clientid(struct hk_smtpd *, struct hk_slice argument);
/* smtpd_take_params(s, event, rest): what follows the path; false when the reply was given. */
bool smtpd_take_params(struct hk_smtpd *, struct hk_smtpd_event *, struct hk_slice rest);
/* smtpd_greet(s): the reply to an accepted HELO or EHLO. */
void smtpd_greet(struct hk_smtpd *);
/* smtpd_offered(s): the extensions that this client can use now. */
unsigned smtpd_offered(const struct hk_smtpd *);
/* smtpd_play(options): the profile's extensions and size instead of ours. */
void smtpd_play(struct hk_smtpd_options *);

#endif
