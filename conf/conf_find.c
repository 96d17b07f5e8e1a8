/* SPDX-License-Identifier: MIT
 *
 * conf_find.c - what the engine asks a configuration.
 */
#include <string.h>

#include "conf/conf_internal.h"

bool hk_conf_socket_eq(const struct hk_conf_socket *a, const struct hk_conf_socket *b)
{
	return a->port == b->port && hk_ip_eq(&a->ip, &b->ip) && strcmp(a->path, b->path) == 0;
}

bool hk_conf_nets_have(const struct hk_conf_nets *nets, const struct hk_ip *ip)
{
	size_t i;

	for (i = 0; i < nets->n; i++)
		if (hk_ip_in(ip, &nets->at[i].ip, nets->at[i].bits))
			return true;
	return false;
}

/* "*", "domain", or ".domain" for what is below it */
static bool fits_domain(struct hk_slice pattern, struct hk_slice domain)
{
	if (hk_slice_eq(pattern, HK_S("*")))
		return true;
	if (pattern.n && pattern.p[0] == '.')
		return domain.n > pattern.n && hk_slice_ends_nocase(domain, pattern);
	return hk_slice_eq_nocase(pattern, domain);
}

static bool fits_address(struct hk_slice pattern, struct hk_slice local, struct hk_slice domain)
{
	size_t split = hk_slice_rfind(pattern, '@');
	struct hk_slice user = hk_slice_sub(pattern, 0, split);

	if (split == pattern.n)
		return fits_domain(pattern, domain);
	return hk_slice_eq_nocase(hk_slice_from(pattern, split + 1), domain) &&
	       (hk_slice_eq(user, HK_S("*")) || hk_slice_eq(user, local));
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" with an address that a listener has (RFC 5321 4.1.3) */
static bool is_own_literal(const struct hk_conf *c, struct hk_slice domain)
{
	struct hk_slice inside;
	struct hk_ip ip;
	size_t i, j;

	if (domain.n < 2 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']')
		return false;
	inside = hk_slice_sub(domain, 1, domain.n - 2);
	if (hk_slice_starts_nocase(inside, HK_S("ipv6:")))
		inside = hk_slice_from(inside, 5);
	if (hk_ip_parse(inside, &ip) != HK_OK)
		return false;
	for (i = 0; i < c->n_listeners; i++)
		for (j = 0; j < c->listener[i].n_sockets; j++)
			if (hk_ip_eq(&c->listener[i].socket[j].ip, &ip))
				return true;
	return false;
}

bool hk_conf_names_tables(const struct hk_conf *c)
{
	return c->mailboxes_file.n || c->shaping.n || c->keys_folder.n || c->key_table.n || c->rspamd_keys.n;
}

bool hk_conf_has_tls(const struct hk_conf_listener *l)
{
	return l->starttls || l->implicit_tls;
}

bool hk_conf_accepts(const struct hk_conf *c, struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < c->accept.n; i++)
		if (fits_domain(c->accept.at[i], domain))
			return true;
	return is_own_literal(c, domain);
}

/* The list is sorted, whatever the case. */
static bool is_listed(const struct hk_conf_texts *list, struct hk_slice name)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = hk_slice_cmp_nocase(list->at[middle], name);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool hk_conf_has_mailbox(const struct hk_conf *c, struct hk_slice user, struct hk_slice domain)
{
	uint8_t text[HK_PATH_MAX + 64];

	if (is_listed(&c->mailboxes, user))
		return true;
	if (user.n + 1 + domain.n > sizeof text)
		return false;
	memcpy(text, user.p, user.n);
	text[user.n] = '@';
	memcpy(text + user.n + 1, domain.p, domain.n);
	return is_listed(&c->mailboxes, hk_slice_of(text, user.n + 1 + domain.n));
}

const struct hk_conf_route *hk_conf_find_route(const struct hk_conf *c, struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < c->n_routes; i++)
		if (fits_domain(c->route[i].pattern, domain))
			return &c->route[i];
	return NULL;
}

static bool fits_shape(const struct hk_conf_shape *shape, struct hk_slice host)
{
	size_t i;

	for (i = 0; i < shape->mx.n; i++)
		if (fits_domain(shape->mx.at[i], host))
			return true;
	return false;
}

const struct hk_conf_shape *hk_conf_find_shape(const struct hk_conf *c, const struct hk_slice *host, size_t n)
{
	size_t i, k;

	for (i = 0; n && i < c->n_shapes; i++) {
		for (k = 0; k < n && fits_shape(&c->shape[i], host[k]); k++)
			;
		if (k == n)
			return &c->shape[i];
	}
	return NULL;
}

const struct hk_conf_sign *hk_conf_find_sign(
    const struct hk_conf *c, struct hk_slice local, struct hk_slice domain)
{
	size_t i;

	for (i = 0; i < c->n_signs; i++)
		if (fits_address(c->sign[i].pattern, local, domain))
			return &c->sign[i];
	return NULL;
}
