/* SPDX-License-Identifier: MIT
 *
 * fetch.c - libcurl, many fetches at once in one thread.
 */
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/fetch.h"

struct fetch {
	uint64_t seq;
	CURL *curl;
	struct curl_slist *connect_to;
	char host[sizeof HK_STS_PREFIX + HK_DNS_NAME_MAX];
	struct hk_buf text;
};
struct server {
	int fd;
	CURLM *multi;
	struct fetch *open[HK_FETCH_OPEN_MAX];
};

/* ---- one fetch ---- */

static size_t take(char *p, size_t one, size_t n, void *user)
{
	struct fetch *f = user;

	(void)one; /* always 1 */
	hk_buf_add(&f->text, hk_slice_of(p, n));
	/* what is too long ends here: anything but n is an error */
	return hk_buf_status(&f->text) == HK_OK ? n : 0;
}

/* RFC 8461 3.3: by a DNS-ID alone; libcurl would take a common name where there is none. */
static CURLcode check_name(CURL *curl, void *ssl_ctx, void *user)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl_ctx);
	const struct fetch *f = user;

	(void)curl;
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(param, f->host, 0) == 1 ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

/* host:443:IP:PORT; an IPv6 address in brackets */
static bool set_server(struct fetch *f, struct hk_slice server)
{
	size_t at = hk_slice_find(server, '@');
	struct hk_slice ip = hk_slice_sub(server, 0, at), port = hk_slice_from(server, at + 1);
	bool is_6 = hk_slice_find(ip, ':') < ip.n;
	char text[sizeof f->host + 100];

	if (!server.n)
		return true;
	if (server.n > 60)
		return false;
	snprintf(text, sizeof text, "%s:443:%s%.*s%s:%.*s", f->host, is_6 ? "[" : "", HK_FMT(ip),
	    is_6 ? "]" : "", port.n ? (int)port.n : 3, port.n ? (const char *)port.p : "443");
	f->connect_to = curl_slist_append(NULL, text);
	return f->connect_to && curl_easy_setopt(f->curl, CURLOPT_CONNECT_TO, f->connect_to) == CURLE_OK;
}

/* Nothing of the environment, no redirect, no other scheme: just this one request (RFC 8461 3.3). */
static bool set_up(struct fetch *f, const struct hk_fetch_request *r)
{
	char url[sizeof "https://" + sizeof f->host + sizeof HK_STS_PATH], ca[4096];
	CURL *c = f->curl;
	bool ok;

	snprintf(f->host, sizeof f->host, HK_STS_PREFIX "%.*s", HK_FMT(r->domain));
	snprintf(url, sizeof url, "https://%s" HK_STS_PATH, f->host);
	ok = set_server(f, r->server) && r->authorities.n < sizeof ca &&
	     curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)HK_FETCH_MS) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long)HK_STS_POLICY_MAX) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, check_name) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, f) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_USERAGENT, "hikyaku") == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_WRITEDATA, f) == CURLE_OK &&
	     curl_easy_setopt(c, CURLOPT_PRIVATE, f) == CURLE_OK;
	if (ok && r->authorities.n) {
		snprintf(ca, sizeof ca, "%.*s", HK_FMT(r->authorities));
		ok = curl_easy_setopt(c, CURLOPT_CAINFO, ca) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	}
	return ok;
}

static void fetch_free(struct fetch *f)
{
	curl_easy_cleanup(f->curl);
	curl_slist_free_all(f->connect_to);
	hk_buf_done(&f->text);
	free(f);
}

static struct fetch *fetch_new(const struct hk_fetch_request *r)
{
	struct fetch *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->seq = r->seq;
	f->curl = curl_easy_init();
	hk_buf_init(&f->text, HK_STS_POLICY_MAX);
	if (f->curl && set_up(f, r))
		return f;
	fetch_free(f);
	return NULL;
}

/* RFC 8461 3.3: 200 alone, and text/plain, so that nobody who may put files on a web server makes policies. */
static enum hk_tls_result result_of(struct fetch *f, CURLcode code)
{
	char *type = NULL;
	long status = 0;

	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM)
		return HK_TLS_RESULT_STS_WEBPKI;
	if (code != CURLE_OK ||
	    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200 ||
	    curl_easy_getinfo(f->curl, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK ||
	    !hk_slice_starts_nocase(hk_slice_str(type), HK_S("text/plain")))
		return HK_TLS_RESULT_STS_FETCH;
	return HK_TLS_RESULT_NONE;
}

/* ---- the channel ---- */

static void reply(const struct server *s, uint64_t seq, enum hk_tls_result result, struct hk_slice text)
{
	struct hk_fetch_reply r = {seq, result, result == HK_TLS_RESULT_NONE ? text : (struct hk_slice){0}};
	struct hk_buf b;

	hk_buf_init(&b, HK_FETCH_REPLY_MAX);
	hk_fetch_reply_format(&r, &b);
	/* a reader that is gone shows when we read */
	if (hk_buf_status(&b) == HK_OK)
		(void)!send(s->fd, b.p, b.n, MSG_NOSIGNAL);
	hk_buf_done(&b);
}

static void end_fetch(struct server *s, struct fetch *f, CURLcode code)
{
	size_t i;

	reply(s, f->seq, result_of(f, code), hk_buf_slice(&f->text));
	for (i = 0; i < HK_FETCH_OPEN_MAX; i++)
		if (s->open[i] == f)
			s->open[i] = NULL;
	curl_multi_remove_handle(s->multi, f->curl);
	fetch_free(f);
}

static void begin_fetch(struct server *s, const struct hk_fetch_request *r)
{
	struct fetch *f;
	size_t i = 0;

	while (i < HK_FETCH_OPEN_MAX && s->open[i])
		i++;
	f = i < HK_FETCH_OPEN_MAX ? fetch_new(r) : NULL;
	if (f && curl_multi_add_handle(s->multi, f->curl) == CURLM_OK) {
		s->open[i] = f;
		return;
	}
	if (f)
		fetch_free(f);
	reply(s, r->seq, HK_TLS_RESULT_STS_FETCH, (struct hk_slice){0});
}

/* false when the other end is gone. */
static bool take_requests(struct server *s)
{
	uint8_t message[HK_FETCH_REQUEST_MAX];
	struct hk_fetch_request r;
	ssize_t n;

	for (;;) {
		n = recv(s->fd, message, sizeof message, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (hk_fetch_request_parse(hk_slice_of(message, (size_t)n), &r) == HK_OK)
			begin_fetch(s, &r);
	}
}

static void end_all(struct server *s)
{
	size_t i;

	for (i = 0; i < HK_FETCH_OPEN_MAX; i++) {
		if (!s->open[i])
			continue;
		curl_multi_remove_handle(s->multi, s->open[i]->curl);
		fetch_free(s->open[i]);
	}
	curl_multi_cleanup(s->multi);
}

void hk_fetch_serve(int fd)
{
	enum { POLL_MS = 10000 };
	struct server s = {.fd = fd, .multi = curl_multi_init()};
	struct curl_waitfd wait = {.fd = fd, .events = CURL_WAIT_POLLIN};
	CURLMsg *m;
	int running, left;
	void *f;

	while (s.multi && take_requests(&s)) {
		curl_multi_perform(s.multi, &running);
		while ((m = curl_multi_info_read(s.multi, &left)))
			if (m->msg == CURLMSG_DONE &&
			    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f) == CURLE_OK)
				end_fetch(&s, f, m->data.result);
		curl_multi_poll(s.multi, &wait, 1, POLL_MS, NULL);
	}
	if (s.multi)
		end_all(&s);
}

static void *serve_channel(void *argument)
{
	int fd = *(int *)argument;

	free(argument);
	hk_fetch_serve(fd);
	close(fd);
	return NULL;
}

enum hk_status hk_fetch_serve_apart(int fd)
{
	int *argument = malloc(sizeof *argument);
	pthread_t thread;

	/* here, where no other thread is at it: the process may end while the new one still begins */
	if (argument && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		*argument = fd;
		if (pthread_create(&thread, NULL, serve_channel, argument) == 0) {
			pthread_detach(thread);
			return HK_OK;
		}
	}
	free(argument);
	close(fd);
	return HK_NOMEM;
}
