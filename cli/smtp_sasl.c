/* SPDX-License-Identifier: MIT
 *
 * The client's half of AUTH, by libgsasl.
 */
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "smtp.h"

/* The strongest first. With SCRAM (RFC 7677) the password stays here, and the server proves that it
 * knows it too. */
static const struct {
	const char *name;
	bool first; /* it begins before the server asks */
} mechanisms[] = {{"SCRAM-SHA-256", true}, {"PLAIN", true}, {"LOGIN", false}};

enum { N_MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

struct smtp_sasl {
	Gsasl *library;
	Gsasl_session *session;
	bool first, done;
};

const char *smtp_sasl_mechanism(size_t i)
{
	return i < N_MECHANISMS ? mechanisms[i].name : NULL;
}

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < N_MECHANISMS && !hk_slice_eq_nocase(hk_slice_str(name), hk_slice_str(mechanisms[i].name)))
		i++;
	return i;
}

bool smtp_sasl_is_known(const char *mechanism)
{
	return find(mechanism) < N_MECHANISMS;
}

struct smtp_sasl *smtp_sasl_new(const char *mechanism, const char *user, const char *password)
{
	struct smtp_sasl *x = calloc(1, sizeof *x);
	size_t i = find(mechanism);

	if (!x || i == N_MECHANISMS || gsasl_init(&x->library) != GSASL_OK)
		goto fail;
	x->first = mechanisms[i].first;
	if (gsasl_client_start(x->library, mechanisms[i].name, &x->session) != GSASL_OK ||
	    gsasl_property_set(x->session, GSASL_AUTHID, user) != GSASL_OK ||
	    gsasl_property_set(x->session, GSASL_PASSWORD, password) != GSASL_OK)
		goto fail;
	return x;
fail:
	smtp_sasl_free(x);
	return NULL;
}

void smtp_sasl_free(struct smtp_sasl *x)
{
	if (!x)
		return;
	if (x->session)
		gsasl_finish(x->session);
	if (x->library)
		gsasl_done(x->library);
	free(x);
}

bool smtp_sasl_is_first(const struct smtp_sasl *x)
{
	return x->first;
}

bool smtp_sasl_is_done(const struct smtp_sasl *x)
{
	return x->done;
}

bool smtp_sasl_step(struct smtp_sasl *x, struct hk_slice challenge, struct hk_buf *response)
{
	char *out = NULL;
	size_t n = 0;
	int result = gsasl_step(x->session, (const char *)challenge.p, challenge.n, &out, &n);

	x->done = result == GSASL_OK;
	if (out) {
		hk_buf_add(response, hk_slice_of(out, n));
		explicit_bzero(out, n);
		gsasl_free(out);
	}
	return result == GSASL_OK || result == GSASL_NEEDS_MORE;
}
