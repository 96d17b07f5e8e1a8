/* SPDX-License-Identifier: MIT
 *
 * Dialogues that use an extension, each whole, byte by byte and randomly split (T5).
 */
#include "smtpd_test_util.h"

#define ALL      (~0u)
#define HELLO    "EHLO a.test\r\n"
#define BEGIN    HELLO "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n"
#define BEGIN_B  HELLO "MAIL FROM:<a@a.test> BODY=BINARYMIME\r\nRCPT TO:<b@b.test>\r\n"
#define LOG      "EHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\n"
#define LOG_B    "EHLO a.test\nMAIL <a@a.test> BODY=BINARYMIME\nRCPT <b@b.test>\n"
#define AUTH_OK  "235 2.7.0 Authentication successful\r\n"
#define AUTH_BAD "535 5.7.8 Authentication failed\r\n"
#define UNKNOWN  "555 5.5.4 Parameter not recognised or not implemented (RFC 5321 4.1.1.11) [parameter-unknown]\r\n"

struct dialogue {
	const char *name;
	const char *in, *out, *log;
	size_t n; /* of in, when it holds a NUL */
	unsigned extensions;
	bool tls, lmtp, need_tls, no_auth, echo;
	size_t rcpts, mails, domains;
	enum hk_smtpd_profile profile;
	uint32_t min_by;
	bool shows_greeting; /* else the reply to EHLO or LHLO is left out of out */
};

static const struct dialogue dialogues[] = {
    /* ---- CHUNKING ---- */
    {.name = "S3-031 BDAT in pieces", .extensions = ALL,
        .in = BEGIN "BDAT 9\r\nSubject: BDAT 6\r\n x\r\n\r\nBDAT 0\r\nBDAT 4 LAST\r\nhi\r\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT "250 2.0.0 9 octets received\r\n250 2.0.0 6 octets received\r\n"
                               "250 2.0.0 0 octets received\r\n" QUEUED OK_0,
        .log = LOG "BDAT\nBODY Subject:  x\\x0D\\x0A\\x0D\\x0Ahi\\x0D\\x0A\nMESSAGE\n"},
    {.name = "S3-031 an end mark is plain text in a chunk, and dots stay", .extensions = ALL,
        .in = BEGIN "BDAT 11 last\r\na\r\n.\r\n..b\r\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT QUEUED OK_0,
        .log = LOG "BDAT\nBODY a\\x0D\\x0A.\\x0D\\x0A..b\\x0D\\x0A\nMESSAGE\n", .n = 0},
    {.name = "a CRLF may lie across two chunks", .extensions = ALL,
        .in = BEGIN "BDAT 2\r\na\rBDAT 3 LAST\r\n\nb\nQUIT\r\n",
        .out = OK_MAIL OK_RCPT
        "250 2.0.0 2 octets received\r\n"
        "550 5.6.0 Message refused: bare LF at line 2 (RFC 5321 2.3.8) [message-bare-lf]\r\n" BYE,
        .log = LOG "BDAT\nBODY a\\x0D\\x0Ab\nABORT\nQUIT\n"},
    {.name = "security 1: a CR at the end of a chunk needs its LF in the next", .extensions = ALL,
        .in = BEGIN "BDAT 2\r\na\rBDAT 3 LAST\r\nb\r\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT "250 2.0.0 2 octets received\r\n"
                               "550 5.6.0 Message refused: bare CR at line 1 (RFC 5321 2.3.8) [message-bare-cr]\r\n" OK_0,
        .log = LOG "BDAT\nBODY a\\x0D\nABORT\n"},
    {.name = "security 1: and a last chunk must not end with one", .extensions = ALL,
        .in = BEGIN "BDAT 2 LAST\r\na\rNOOP\r\n",
        .out = OK_MAIL OK_RCPT
        "550 5.6.0 Message refused: bare CR at line 1 (RFC 5321 2.3.8) [message-bare-cr]\r\n" OK_0,
        .log = LOG "BDAT\nBODY a\\x0D\nABORT\n"},
    {.name = "S3-031 BINARYMIME takes any bytes", .extensions = ALL,
        .in = BEGIN_B "BDAT 6\r\na\n\0b\r\nBDAT 1 LAST\r\n\rNOOP\r\n",
        .n = sizeof BEGIN_B - 1 + 34,
        .out = OK_MAIL OK_RCPT "250 2.0.0 6 octets received\r\n" QUEUED OK_0,
        .log = LOG_B "BDAT\nBODY a\\x0A\\x00b\\x0D\\x0A\\x0D\nMESSAGE\n"},
    {.name = "S3-031 BODY=BINARYMIME only by BDAT", .extensions = ALL, .in = BEGIN_B "DATA\r\n",
        .out = OK_MAIL OK_RCPT
        "503 5.5.1 BODY=BINARYMIME goes by BDAT, not by DATA (RFC 3030 3) [data-binarymime]\r\n",
        .log = LOG_B},
    {.name = "S3-031 DATA after BDAT", .extensions = ALL,
        .in = BEGIN "BDAT 3\r\na\r\nDATA\r\nRCPT TO:<c@b.test>\r\nRSET\r\n",
        .out = OK_MAIL OK_RCPT "250 2.0.0 3 octets received\r\n"
                               "503 5.5.1 A message by BDAT is under way (RFC 3030 2) [bdat-under-way]\r\n"
                               "503 5.5.1 A message by BDAT is under way (RFC 3030 2) [bdat-under-way]\r\n" OK_0,
        .log = LOG "BDAT\nBODY a\\x0D\\x0A\nABORT\n"},
    {.name = "a chunk without a transaction is read over", .extensions = ALL,
        .in = "BDAT 10 LAST\r\nEHLO evil\nEHLO a.test\r\nBDAT 6\r\nRSET\r\nMAIL FROM:<a@a.test>\r\n"
              "BDAT 6\r\nRSET\r\nRCPT TO:<b@b.test>\r\n",
        .out = "503 5.5.1 BDAT needs MAIL and an accepted RCPT first (RFC 3030 2) [bdat-early]\r\n"
               "\x01" "503 5.5.1 BDAT needs MAIL and an accepted RCPT first (RFC 3030 2) [bdat-early]\r\n" OK_MAIL
               "503 5.5.1 BDAT needs MAIL and an accepted RCPT first (RFC 3030 2) [bdat-early]\r\n" OK_RCPT,
        .log = LOG},
    {.name = "a refused last chunk is the end of its message: the next one is not sent in the name of its sender", .extensions = ALL,
        .in = HELLO "MAIL FROM:<x@a.test>\r\nBDAT 6 LAST\r\nRSET\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\n",
        .out = OK_MAIL "503 5.5.1 BDAT needs MAIL and an accepted RCPT first (RFC 3030 2) [bdat-early]\r\n" OK_MAIL OK_RCPT,
        .log = "EHLO a.test\nMAIL <x@a.test>\nABORT\nMAIL <a@a.test>\nRCPT <b@b.test>\n"},
    {.name = "a refusal at the first chunk waits for its end", .extensions = ALL,
        .in = HELLO "MAIL FROM:<a@a.test>\r\nRCPT TO:<nodata@b.test>\r\nBDAT 6\r\nQUIT\r\n"
                    "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT
        "451 4.3.0 Not now\r\n"
        "503 5.5.1 BDAT needs MAIL and an accepted RCPT first (RFC 3030 2) [bdat-early]\r\n" OK_0,
        .log = "EHLO a.test\nMAIL <a@a.test>\nRCPT <nodata@b.test>\nBDAT\nABORT\n"},
    {.name = "a chunk whose size cannot be read ends the session", .extensions = ALL,
        .in = BEGIN "BDAT x LAST\r\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT "501 5.5.4 The form is BDAT size [LAST] (RFC 3030 2) [bdat-form]\r\n",
        .log = LOG "ABORT\nCLOSE The form is BDAT size [LAST] (RFC 3030 2)\n"},
    {.name = "BDAT that is not offered",
        .in = BEGIN "BDAT 3\r\nRSET\r\n", .extensions = HK_EXT_BASIC,
        .out = OK_MAIL OK_RCPT "502 5.5.1 Command not implemented (RFC 5321 4.2.4) [command-absent]\r\n" OK_0,
        .log = LOG "ABORT\n"},

    /* ---- DSN ---- */
    {.name = "S3-038 the parameters of DSN", .extensions = ALL,
        .in = HELLO "MAIL FROM:<a@a.test> RET=hdrs ENVID=QQ314159+2B1\r\n"
                    "RCPT TO:<b@b.test> NOTIFY=SUCCESS,delay ORCPT=rfc822;B+2Bb@b.test\r\n"
                    "RCPT TO:<c@b.test> NOTIFY=NEVER\r\nRCPT TO:<d@b.test> NOTIFY=FAILURE\r\n",
        .out = OK_MAIL OK_RCPT OK_RCPT OK_RCPT,
        .log = "EHLO a.test\nMAIL <a@a.test> RET=HDRS ENVID=QQ314159+2B1\n"
               "RCPT <b@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B+2Bb@b.test\n"
               "RCPT <c@b.test> NOTIFY=NEVER\nRCPT <d@b.test> NOTIFY=FAILURE\n"},
    {.name = "S3-038 and what is wrong with them (RFC 3461 4)", .extensions = ALL,
        .in = HELLO "MAIL FROM:<a@a.test> RET=ALL\r\nMAIL FROM:<a@a.test> RET=FULL RET=FULL\r\n"
                    "MAIL FROM:<a@a.test> ENVID=a+2b\r\nMAIL FROM:<a@a.test> ENVID=\r\n"
                    "MAIL FROM:<a@a.test> NOTIFY=NEVER\r\nMAIL FROM:<a@a.test>\r\n"
                    "RCPT TO:<b@b.test> NOTIFY=NEVER,DELAY\r\nRCPT TO:<b@b.test> NOTIFY=,\r\n"
                    "RCPT TO:<b@b.test> ORCPT=rfc822\r\nRCPT TO:<b@b.test> ORCPT=;b@b.test\r\n"
                    "RCPT TO:<b@b.test> RET=FULL\r\n",
        .out = "501 5.5.4 RET is FULL or HDRS, once (RFC 3461 4.3) [ret-form]\r\n"
               "501 5.5.4 RET is FULL or HDRS, once (RFC 3461 4.3) [ret-form]\r\n"
               "501 5.5.4 ENVID is xtext of at most 100 characters, once (RFC 3461 4.4) [envid-form]\r\n"
               "501 5.5.4 ENVID is xtext of at most 100 characters, once (RFC 3461 4.4) [envid-form]\r\n" UNKNOWN OK_MAIL
               "501 5.5.4 NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY, once (RFC 3461 4.1) [notify-form]\r\n"
               "501 5.5.4 NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY, once (RFC 3461 4.1) [notify-form]\r\n"
               "501 5.5.4 ORCPT is a type, a semicolon and xtext, once (RFC 3461 4.2) [orcpt-form]\r\n"
               "501 5.5.4 ORCPT is a type, a semicolon and xtext, once (RFC 3461 4.2) [orcpt-form]\r\n" UNKNOWN,
        .log = "EHLO a.test\nMAIL <a@a.test>\n"},
    {.name = "a parameter whose extension is not offered is not known",
        .extensions = HK_EXT_BASIC,
        .in = HELLO "MAIL FROM:<a@a.test> RET=FULL\r\nMAIL FROM:<a@a.test> SMTPUTF8\r\n"
                    "MAIL FROM:<a@a.test> BODY=BINARYMIME\r\nMAIL FROM:<a@a.test> BY=1;R\r\n",
        .out = UNKNOWN UNKNOWN "501 5.5.4 BODY is 7BIT or 8BITMIME, once (RFC 6152 2) [body-form]\r\n" UNKNOWN,
        .log = "EHLO a.test\n"},

    /* ---- SMTPUTF8 ---- */
    {.name = "S3-040 addresses in UTF-8", .extensions = ALL,
        .in = HELLO "MAIL FROM:<\xe5\xb1\xb1@a.test> SMTPUTF8\r\nRCPT TO:<\xe5\xb7\x9d@b.test>\r\n",
        .out = OK_MAIL OK_RCPT,
        .log = "EHLO a.test\nMAIL <\\xE5\\xB1\\xB1@a.test> SMTPUTF8\n"
               "RCPT <\\xE5\\xB7\\x9D@b.test>\n"},
    {.name = "S3-040 which need the parameter (RFC 6531 3.5)", .extensions = ALL,
        .in = HELLO "MAIL FROM:<\xe5\xb1\xb1@a.test>\r\nMAIL FROM:<a@a.test>\r\n"
                    "RCPT TO:<\xe5\xb7\x9d@b.test>\r\n",
        .out = "553 5.6.7 An address that is not ASCII needs SMTPUTF8 at MAIL (RFC 6531 3.5) [address-utf8]\r\n" OK_MAIL
               "553 5.6.7 An address that is not ASCII needs SMTPUTF8 at MAIL (RFC 6531 3.5) [address-utf8]\r\n",
        .log = "EHLO a.test\nMAIL <a@a.test>\n"},

    /* ---- AUTH ---- */
    {.name = "S3-039 AUTH PLAIN in one step", .extensions = ALL, .tls = true,
        .in = HELLO "AUTH PLAIN AGFiAGdvb2Q=\r\nAUTH PLAIN AGFiAGdvb2Q=\r\n",
        .out = AUTH_OK "503 5.5.1 You are authenticated already (RFC 4954 4) [auth-again]\r\n",
        .log = "EHLO a.test\nAUTH PLAIN \\x00ab\\x00good\n"},
    {.name = "S3-039 AUTH PLAIN in two steps, and a wrong password", .extensions = ALL, .tls = true,
        .in = HELLO "auth plain\r\nAGFiAGJhZA==\r\nAUTH PLAIN\r\nAGFiAGdvb2Q=\r\nNOOP\r\n",
        .out = "334 \r\n" AUTH_BAD "334 \r\n" AUTH_OK OK_0,
        .log = "EHLO a.test\nAUTH PLAIN\nAUTH response \\x00ab\\x00bad\n"
               "AUTH PLAIN\nAUTH response \\x00ab\\x00good\n"},
    {.name = "S3-039 AUTH LOGIN, the name at once or asked for", .extensions = ALL, .tls = true,
        .in = HELLO "AUTH LOGIN YWI=\r\nYmFk\r\nAUTH LOGIN\r\nYWI=\r\nZ29vZA==\r\n",
        .out = "334 UGFzc3dvcmQ6\r\n" AUTH_BAD
               "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n" AUTH_OK,
        .log = "EHLO a.test\nAUTH LOGIN ab\nAUTH response bad\nAUTH LOGIN\nAUTH response ab\nAUTH response good\n"},
    {.name = "E-09 a blob of PLAIN given to LOGIN arrives as it is", .extensions = ALL, .tls = true,
        .in = HELLO "AUTH LOGIN dGVzdAB0ZXN0ADEyMzQ=\r\n*\r\n",
        .out = "334 UGFzc3dvcmQ6\r\n501 5.7.0 Authentication cancelled (RFC 4954 4) [auth-cancelled]\r\n",
        .log = "EHLO a.test\nAUTH LOGIN test\\x00test\\x001234\nCANCEL\n"},
    {.name = "a line of an exchange that ends with a bare LF ends the exchange: what comes next is a command", .extensions = ALL, .tls = true,
        .in = HELLO "AUTH PLAIN\r\nAGFi\nAGdvb2Q=\r\nNOOP\r\n",
        .out = "334 \r\n500 5.5.2 A bare LF stands in the command line; only CRLF ends a line (RFC 5321 2.3.8) [line-bare-lf]\r\n" OK_0,
        .log = "EHLO a.test\nAUTH PLAIN\nCANCEL\n"},
    {.name = "S3-039 an empty initial response is =", .extensions = ALL, .tls = true,
        .in = HELLO "AUTH EXTERNAL =\r\n", .out = AUTH_BAD,
        .log = "EHLO a.test\nAUTH EXTERNAL \n"},
    {.name = "S3-039 no base64, no mechanism, not in a transaction, not before EHLO",
        .extensions = ALL, .tls = true,
        .in = "AUTH PLAIN AGFiAGdvb2Q=\r\n" HELLO
              "AUTH PLAIN A\r\nAUTH PLAIN AGFi AGdv\r\nAUTH PLAIN\r\n!\r\nAUTH GSSAPI\r\n"
              "MAIL FROM:<a@a.test>\r\nAUTH PLAIN AGFiAGdvb2Q=\r\n",
        .out = "503 5.5.1 AUTH needs EHLO first (RFC 4954 4) [auth-early]\r\n"
               "\x01" /* the greeting */
               "501 5.5.2 The response is no base64 (RFC 4954 4) [auth-base64]\r\n"
               "501 5.5.2 The response is no base64 (RFC 4954 4) [auth-base64]\r\n334 \r\n"
               "501 5.5.2 The response is no base64 (RFC 4954 4) [auth-base64]\r\n"
               "504 5.5.4 This mechanism is not offered (RFC 4954 4) [auth-mechanism]\r\n" OK_MAIL
               "503 5.5.1 AUTH does not belong in a transaction (RFC 4954 4) [auth-late]\r\n",
        .log = "EHLO a.test\nAUTH PLAIN\nCANCEL\nMAIL <a@a.test>\n"},
    {.name = "S3-039 no AUTH in clear", .extensions = ALL, .need_tls = true,
        .in = HELLO "AUTH PLAIN AGFiAGdvb2Q=\r\n",
        .out = "538 5.7.11 Authentication needs TLS first: STARTTLS (RFC 4954 4) [auth-needs-tls]\r\n",
        .log = "EHLO a.test\n"},
    {.name = "AUTH where no mechanism is configured", .extensions = ALL, .no_auth = true,
        .in = HELLO "AUTH PLAIN AGFiAGdvb2Q=\r\n",
        .out = "502 5.5.1 Command not implemented (RFC 5321 4.2.4) [command-absent]\r\n", .log = "EHLO a.test\n"},
    {.name = "RFC 4954 5: AUTH= at MAIL", .extensions = ALL, .tls = true,
        .in = HELLO "MAIL FROM:<a@a.test> AUTH=<>\r\nRSET\r\nMAIL FROM:<a@a.test> AUTH=e+3Dmc2@a.test\r\n",
        .out = OK_MAIL OK_0 OK_MAIL,
        .log = "EHLO a.test\nMAIL <a@a.test> AUTH=<>\nABORT\nMAIL <a@a.test> AUTH=e+3Dmc2@a.test\n"},

    /* ---- CLIENTID ---- */
    {.name = "S4-121 S4-122 CLIENTID before AUTH, once, and RSET discards it", .extensions = ALL,
        .tls = true,
        .in = HELLO "CLIENTID UUID 23bf83be-aad7-46aa-9e0f-39191ccf402f\r\nCLIENTID UUID 2\r\n"
                    "RSET\r\nCLIENTID MAC 00-11\r\nAUTH PLAIN AGFiAGdvb2Q=\r\nRSET\r\nCLIENTID UUID 3\r\n",
        .out = OK_0 "503 5.5.1 CLIENTID comes once and before AUTH (draft-storey-smtp-client-id) [clientid-again]\r\n" OK_0 OK_0 AUTH_OK OK_0
                    "503 5.5.1 CLIENTID comes once and before AUTH (draft-storey-smtp-client-id) [clientid-again]\r\n",
        .log = "EHLO a.test\nCLIENTID UUID\nCLIENTID MAC\nAUTH PLAIN \\x00ab\\x00good\n"},
    {.name = "S4-120 S4-123 CLIENTID without TLS", .extensions = ALL,
        .in = HELLO "CLIENTID UUID 2\r\n",
        .out = "530 5.7.0 CLIENTID needs TLS first (draft-storey-smtp-client-id) [clientid-needs-tls]\r\n",
        .log = "EHLO a.test\n"},
    {.name = "S4-121 its form", .extensions = ALL, .tls = true,
        .in = HELLO "CLIENTID UUID\r\nCLIENTID a_b x\r\nCLIENTID UUID a b\r\n"
                    "MAIL FROM:<a@a.test>\r\nCLIENTID UUID 2\r\n",
        .out = "501 5.5.4 The form is CLIENTID type token (draft-storey-smtp-client-id) [clientid-form]\r\n"
               "501 5.5.4 The form is CLIENTID type token (draft-storey-smtp-client-id) [clientid-form]\r\n"
               "501 5.5.4 The form is CLIENTID type token (draft-storey-smtp-client-id) [clientid-form]\r\n" OK_MAIL
               "503 5.5.1 CLIENTID does not belong in a transaction (RFC 5321 4.1.4) [clientid-late]\r\n",
        .log = "EHLO a.test\nMAIL <a@a.test>\n"},

    /* ---- REQUIRETLS, LIMITS, DELIVERBY, ETRN ---- */
    {.name = "S3-041 REQUIRETLS under TLS", .extensions = ALL, .tls = true,
        .in = HELLO "MAIL FROM:<a@a.test> REQUIRETLS=1\r\nMAIL FROM:<a@a.test> requiretls\r\n",
        .out = "501 5.5.4 REQUIRETLS has no value and comes once (RFC 8689 2) [requiretls-form]\r\n" OK_MAIL,
        .log = "EHLO a.test\nMAIL <a@a.test> REQUIRETLS\n"},
    {.name = "S3-041 REQUIRETLS is not known in clear", .extensions = ALL,
        .in = HELLO "MAIL FROM:<a@a.test> REQUIRETLS\r\n", .out = UNKNOWN, .log = "EHLO a.test\n"},
    {.name = "S4-132 RCPTMAX and MAILMAX", .extensions = ALL, .rcpts = 1, .mails = 2,
        .in = HELLO "MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<c@b.test>\r\nRSET\r\n"
                    "MAIL FROM:<a..@>\r\nMAIL FROM:<a@a.test>\r\n",
        .out = OK_MAIL OK_RCPT
        "452 4.5.3 Too many recipients, send the rest in another transaction (RFC 5321 4.5.3.1.10) [limit-recipients]\r\n" OK_0
        "501 5.1.7 The sender is no valid path (RFC 5321 4.1.2) [mail-path]\r\n"
        "451 4.5.3 Too many transactions, send the rest in another session (RFC 9422 4.1) [limit-transactions]\r\n",
        .log = LOG "ABORT\n"},
    {.name = "E-12 MAILMAX counts over the session, whatever EHLO and RSET", .extensions = ALL, .mails = 1,
        .in = HELLO "MAIL FROM:<a@a.test>\r\nRSET\r\n" HELLO "MAIL FROM:<a@a.test>\r\n",
        .out = OK_MAIL OK_0 "\x01"
        "451 4.5.3 Too many transactions, send the rest in another session (RFC 9422 4.1) [limit-transactions]\r\n",
        .log = "EHLO a.test\nMAIL <a@a.test>\nABORT\nEHLO a.test\n"},
    {.name = "S4-130 RCPTDOMAINMAX counts over the session", .extensions = ALL, .domains = 2,
        .in = BEGIN "RCPT TO:<c@c.test>\r\nRCPT TO:<c@B.TEST>\r\nRCPT TO:<d@d.test>\r\nRSET\r\n"
                    "MAIL FROM:<a@a.test>\r\nRCPT TO:<d@d.test>\r\n",
        .out = OK_MAIL OK_RCPT OK_RCPT OK_RCPT
        "452 4.5.3 Too many recipient domains, send the rest in another session (RFC 9422 4.3) [limit-domains]\r\n" OK_0 OK_MAIL
        "452 4.5.3 Too many recipient domains, send the rest in another session (RFC 9422 4.3) [limit-domains]\r\n",
        .log = LOG "RCPT <c@c.test>\nRCPT <c@B.TEST>\nABORT\nMAIL <a@a.test>\n"},
    {.name = "S3-036 DELIVERBY", .extensions = ALL, .min_by = 60,
        .in = HELLO "MAIL FROM:<a@a.test> BY=120;R\r\nRSET\r\nMAIL FROM:<a@a.test> BY=-5;nT\r\nRSET\r\n"
                    "MAIL FROM:<a@a.test> BY=59;R\r\nMAIL FROM:<a@a.test> BY=1\r\n"
                    "MAIL FROM:<a@a.test> BY=1;X\r\nMAIL FROM:<a@a.test> BY=1234567890;N\r\n",
        .out = OK_MAIL OK_0 OK_MAIL OK_0
        "501 5.5.4 BY with R needs the advertised time at least (RFC 2852 4) [by-too-soon]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n",
        .log = "EHLO a.test\nMAIL <a@a.test> BY=120;R\nABORT\nMAIL <a@a.test> BY=-5;NT\nABORT\n"},
    {.name = "S3-036 DELIVERBY: a sign, nine digits, letters of either case, once", .extensions = ALL, .min_by = 60,
        .in = HELLO "MAIL FROM:<a@a.test> BY=60;rt\r\nRSET\r\nMAIL FROM:<a@a.test> BY=+999999999;R\r\nRSET\r\n"
                    "MAIL FROM:<a@a.test> BY=-999999999;N\r\nRSET\r\nMAIL FROM:<a@a.test> BY=0;N\r\nRSET\r\n"
                    "MAIL FROM:<a@a.test> BY=-60;R\r\nMAIL FROM:<a@a.test> BY=0;R\r\n"
                    "MAIL FROM:<a@a.test> BY=;R\r\nMAIL FROM:<a@a.test> BY=60;RTT\r\nMAIL FROM:<a@a.test> BY=60;R BY=60;R\r\n"
                    "MAIL FROM:<a@a.test> BY=--6;N\r\n",
        .out = OK_MAIL OK_0 OK_MAIL OK_0 OK_MAIL OK_0 OK_MAIL OK_0
        "501 5.5.4 BY with R needs the advertised time at least (RFC 2852 4) [by-too-soon]\r\n"
        "501 5.5.4 BY with R needs the advertised time at least (RFC 2852 4) [by-too-soon]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n"
        "501 5.5.4 BY is seconds, then ;N or ;R, then perhaps T, once (RFC 2852 4) [by-form]\r\n",
        .log = "EHLO a.test\nMAIL <a@a.test> BY=60;RT\nABORT\nMAIL <a@a.test> BY=999999999;R\nABORT\n"
               "MAIL <a@a.test> BY=-999999999;N\nABORT\nMAIL <a@a.test> BY=0;N\nABORT\n"},
    {.name = "S3-042 ETRN", .extensions = ALL,
        .in = HELLO "ETRN example.com\r\nETRN @example.com\r\nETRN a b\r\nETRN example.com.\r\nMAIL FROM:<a@a.test>\r\nETRN x.test\r\n",
        .out = "250 2.0.0 Queuing for the node started\r\n250 2.0.0 Queuing for the node started\r\n"
               "501 5.5.4 ETRN needs a node name (RFC 1985 5) [etrn-name]\r\n"
               "501 5.5.4 ETRN needs a node name (RFC 1985 5) [etrn-name]\r\n" OK_MAIL
               "503 5.5.1 ETRN does not belong in a transaction (RFC 1985 3) [etrn-late]\r\n",
        .log = "EHLO a.test\nETRN example.com\nETRN @example.com\nMAIL <a@a.test>\n"},

    /* ---- LMTP ---- */
    {.name = "S3-060 LMTP begins with LHLO", .extensions = HK_EXT_BASIC, .lmtp = true,
        .shows_greeting = true, .in = "EHLO a.test\r\nHELO a.test\r\nLHLO a.test\r\n",
        .out = "500 This is LMTP, which begins with LHLO (RFC 2033 4.1) [lmtp-hello]\r\n"
               "500 This is LMTP, which begins with LHLO (RFC 2033 4.1) [lmtp-hello]\r\n" EHLO_REPLY,
        .log = "LHLO a.test\n"},
    {.name = "S3-062 one reply for each accepted recipient", .extensions = HK_EXT_BASIC, .lmtp = true,
        .in = "LHLO a.test\r\nMAIL FROM:<chris@foo.edu>\r\nRCPT TO:<pat@bar.com>\r\nRCPT TO:<refuse@bar.com>\r\n"
              "RCPT TO:<green@bar.com>\r\nDATA\r\nhi\r\n.\r\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT "550 5.1.1 No such user\r\n" OK_RCPT GO QUEUED
                               "452 4.2.2 <green@foo.edu> is temporarily over quota\r\n" OK_0,
        .log = "LHLO a.test\nMAIL <chris@foo.edu>\nRCPT <pat@bar.com>\nRCPT <refuse@bar.com>\nRCPT <green@bar.com>\n"
               "DATA\nBODY hi\\x0D\\x0A\nMESSAGE\nMESSAGE\n"},
    {.name = "S3-062 also for a message that the server refuses", .extensions = ALL, .lmtp = true,
        .in = "LHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nRCPT TO:<c@b.test>\r\n"
              "BDAT 3 LAST\r\na\n\nNOOP\r\n",
        .out = OK_MAIL OK_RCPT OK_RCPT
        "550 5.6.0 Message refused: bare LF at line 1 (RFC 5321 2.3.8) [message-bare-lf]\r\n"
        "550 5.6.0 Message refused: bare LF at line 1 (RFC 5321 2.3.8) [message-bare-lf]\r\n" OK_0,
        .log = "LHLO a.test\nMAIL <a@a.test>\nRCPT <b@b.test>\nRCPT <c@b.test>\nBDAT\nBODY a\nABORT\n"},
    {.name = "S3-064 no valid recipient: DATA is 503", .extensions = HK_EXT_BASIC, .lmtp = true,
        .in = "LHLO a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<refuse@b.test>\r\nDATA\r\n",
        .out = OK_MAIL "550 5.1.1 No such user\r\n503 5.5.1 DATA needs an accepted RCPT first (RFC 5321 3.3) [data-no-rcpt]\r\n",
        .log = "LHLO a.test\nMAIL <a@a.test>\nRCPT <refuse@b.test>\n"},

    /* ---- greetings and wordings ---- */
    {.name = "S3-003 S4-130 all that is offered under TLS", .extensions = ALL, .tls = true, .mails = 5, .rcpts = 20,
        .min_by = 60, .shows_greeting = true, .in = HELLO, .log = "EHLO a.test\n",
        .out = "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
               "250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-AUTH PLAIN LOGIN EXTERNAL\r\n"
               "250-REQUIRETLS\r\n250-LIMITS RCPTMAX=20 MAILMAX=5\r\n250-DELIVERBY 60\r\n250-ETRN\r\n250-CLIENTID\r\n250 CHECKPOINT\r\n"},
    {.name = "S3-053 S3-050 the greeting of Gmail", .profile = HK_PROFILE_GMAIL, .shows_greeting = true, .in = HELLO,
        .log = "EHLO a.test\n",
        .out = "250-mx.test\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n"
               "250-PIPELINING\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n"},
    {.name = "S3-053 S3-051 the greeting of Microsoft", .profile = HK_PROFILE_MICROSOFT, .shows_greeting = true,
        .in = HELLO, .log = "EHLO a.test\n",
        .out = "250-mx.test\r\n250-SIZE 49283072\r\n250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
               "250-STARTTLS\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n"},
    {.name = "S3-053 S3-052 the greeting of Hornetsecurity", .profile = HK_PROFILE_HORNETSECURITY,
        .shows_greeting = true, .in = HELLO, .log = "EHLO a.test\n",
        .out = "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 157286400\r\n250-ETRN\r\n250-STARTTLS\r\n"
               "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 DSN\r\n"},
    {.name = "S3-055 replies that name the address", .extensions = HK_EXT_BASIC, .echo = true,
        .in = HELLO "MAIL FROM:<chris@foo.edu>\r\nRCPT TO:<pat@bar.com>\r\nQUIT\r\n",
        .out = "250 2.1.0 Originator <chris@foo.edu> ok\r\n250 2.1.5 Recipient <pat@bar.com> ok\r\n221 2.0.0 Goodbye\r\n",
        .log = "EHLO a.test\nMAIL <chris@foo.edu>\nRCPT <pat@bar.com>\nABORT\nQUIT\n"},
};

static struct hk_smtpd_options options_of(const struct dialogue *d)
{
	struct hk_smtpd_options options = plain;

	options.extensions = d->extensions;
	options.lmtp = d->lmtp;
	options.mechanisms = d->no_auth ? HK_S("") : HK_S("PLAIN LOGIN EXTERNAL");
	options.auth_needs_tls = d->need_tls;
	options.max_recipients = d->rcpts;
	options.max_transactions = d->mails;
	options.max_domains = d->domains;
	options.profile = d->profile;
	options.min_by = d->min_by;
	options.echo_addresses = d->echo;
	return options;
}

/* Without the banner; the reply to EHLO becomes \x01, and nothing where it comes first. */
static void cut_greetings(const struct dialogue *d, struct hk_buf *out)
{
	struct hk_slice rest = hk_buf_slice(out);
	struct hk_buf kept;
	bool in_greeting = false;

	hk_buf_init(&kept, (size_t)1 << 20);
	rest = hk_slice_from(rest, hk_slice_find(rest, '\n') + 1);
	while (rest.n) {
		struct hk_slice line = hk_slice_sub(rest, 0, hk_slice_find(rest, '\n') + 1);
		bool begins = hk_slice_starts_nocase(line, HK_S("250-mx.test"));

		rest = hk_slice_from(rest, line.n);
		if (d->shows_greeting) {
			hk_buf_add(&kept, line);
			continue;
		}
		if (begins && kept.n)
			hk_buf_add_byte(&kept, 1);
		if (!begins && !in_greeting)
			hk_buf_add(&kept, line);
		in_greeting = (begins || in_greeting) && line.p[3] == '-';
	}
	hk_buf_done(out);
	*out = kept;
}

/* S3-034 RFC 2034 4: each reply of class 2, 4 and 5 has an enhanced code of its class; what is left here has no greeting in it. */
static void check_codes(const char *name, struct hk_slice replies)
{
	while (replies.n) {
		struct hk_slice line = hk_slice_sub(replies, 0, hk_slice_find(replies, '\n') + 1);

		replies = hk_slice_from(replies, line.n);
		if (line.p[0] == '3' || line.p[0] == 1)
			continue;
		if (line.n < 11 || line.p[4] != line.p[0] || line.p[5] != '.' || !hk_is_digit(line.p[6]) || line.p[7] != '.' || !hk_is_digit(line.p[8]))
			fail_msg("%s: %.*s", name, HK_FMT(line));
	}
}

static void run_dialogue(const struct dialogue *d, enum cut cut, uint64_t seed)
{
	struct hk_smtpd_options options = options_of(d);
	struct harness h;

	harness_init(&h, &options);
	h.seed = seed;
	if (d->tls)
		hk_smtpd_tls_done(h.session);
	harness_run(&h, hk_slice_of(d->in, d->n ? d->n : strlen(d->in)), cut);
	cut_greetings(d, &h.out);
	check_text(d->name, "replies", &h.out, d->out);
	check_text(d->name, "events", &h.log, d->log);
	if (!d->shows_greeting)
		check_codes(d->name, hk_buf_slice(&h.out));
	harness_done(&h);
}

/* S3-003 S3-031 S3-033 to S3-042 S3-050 to S3-053 S3-055 S3-060 S3-062 S3-064 S4-120 to S4-123 S4-130 S4-132 E-09 E-12 */
static void dialogues_give_the_same_whole_bytewise_and_split(void **state)
{
	size_t i;
	uint64_t seed;

	(void)state;
	for (i = 0; i < sizeof dialogues / sizeof dialogues[0]; i++) {
		run_dialogue(&dialogues[i], CUT_WHOLE, 1);
		run_dialogue(&dialogues[i], CUT_BYTES, 1);
		for (seed = 1; seed < 20; seed++)
			run_dialogue(&dialogues[i], CUT_RANDOM, seed * 0x9e3779b97f4a7c15u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dialogues_give_the_same_whole_bytewise_and_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
