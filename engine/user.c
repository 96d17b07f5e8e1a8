/* SPDX-License-Identifier: MIT */
#include "engine/user.h"

#include <string.h>

#include <hikyaku/dns.h>

/* Letters, digits and ._+-, and never hidden, never a path. */
static bool is_safe(const struct hk_user *u)
{
	size_t i;

	if (!u->n || u->name[0] == '.')
		return false;
	for (i = 0; i < u->n; i++)
		if (!hk_is_alnum(u->name[i]) && !(u->name[i] && strchr("._+-", u->name[i])))
			return false;
	return true;
}

/* false when it is too long */
static bool normalise(const struct hk_conf_route *route, struct hk_slice local, struct hk_user *ret)
{
	size_t i, detail;

	if (local.n > HK_LOCAL_MAX)
		return false;
	ret->n = 0;
	/* RFC 5321 4.1.2: the quotes and backslashes of a Quoted-string are no part of what it says */
	if (local.n >= 2 && local.p[0] == '"' && local.p[local.n - 1] == '"') {
		local = hk_slice_sub(local, 1, local.n - 2);
		for (i = 0; i < local.n; i++) {
			if (local.p[i] == '\\' && i + 1 < local.n)
				i++;
			ret->name[ret->n++] = hk_to_lower(local.p[i]);
		}
	} else {
		for (; ret->n < local.n; ret->n++)
			ret->name[ret->n] = hk_to_lower(local.p[ret->n]);
	}
	detail = hk_slice_find(hk_slice_of(ret->name, ret->n), '+');
	if (route->sub_addresses && detail > 0)
		ret->n = detail;
	return true;
}

enum hk_status hk_user_of(const struct hk_conf_route *route, struct hk_slice local, struct hk_user *ret)
{
	struct hk_user u;

	if (!normalise(route, local, &u) || !is_safe(&u))
		return HK_SYNTAX;
	*ret = u;
	return HK_OK;
}

enum hk_status hk_user_maildir(const struct hk_conf_route *route, struct hk_slice address, struct hk_buf *ret)
{
	size_t at = hk_slice_rfind(address, '@'), i, j;
	struct hk_slice domain = hk_slice_from(address, at + 1), template = route->maildir;
	struct hk_user user;

	if (hk_user_of(route, hk_slice_sub(address, 0, at), &user) != HK_OK || domain.n > HK_DOMAIN_MAX ||
	    !hk_is_hostname(domain, false))
		return HK_SYNTAX;
	for (i = 0; i < template.n; i++) {
		uint8_t c = template.p[i];

		if (c == '%' && i + 1 < template.n)
			c = template.p[++i] == '%' ? '%' : 0;
		if (c)
			hk_buf_add_byte(ret, c);
		else if (template.p[i] == 'u')
			hk_buf_add(ret, hk_slice_of(user.name, user.n));
		else
			for (j = 0; j < domain.n; j++)
				hk_buf_add_byte(ret, hk_to_lower(domain.p[j]));
	}
	hk_buf_add_byte(ret, 0);
	ret->n -= ret->n > 0;
	return hk_buf_status(ret);
}

static bool is_listed(const struct hk_conf *conf, const struct hk_conf_route *route, struct hk_slice local,
    struct hk_slice domain)
{
	struct hk_user user;

	return normalise(route, local, &user) &&
	       hk_conf_has_mailbox(conf, hk_slice_of(user.name, user.n), domain);
}

static enum hk_status find_maildir(struct hk_disk *disk, const struct hk_conf_route *route, struct hk_slice address)
{
	struct hk_buf path;
	enum hk_status status;

	hk_buf_init(&path, HK_CONF_PATH_MAX);
	status = hk_user_maildir(route, address, &path);
	if (status == HK_OK)
		status = disk->ops->find_dir(disk, (const char *)path.p);
	hk_buf_done(&path);
	return status;
}

struct hk_policy_reply hk_user_check(const struct hk_conf *conf, struct hk_disk *disk, struct hk_slice address)
{
	static const struct hk_policy_reply none = {HK_REFUSAL_MAILBOX_UNKNOWN};
	static const struct hk_policy_reply unknown = {HK_REFUSAL_MAILBOX_UNSURE};
	size_t at = hk_slice_rfind(address, '@');
	struct hk_slice local = hk_slice_sub(address, 0, at), domain = hk_slice_from(address, at + 1);
	const struct hk_conf_route *route = hk_conf_find_route(conf, domain);
	struct hk_user user;
	enum hk_status status = HK_OK;

	if (at == address.n)
		return none;
	if (!route)
		return (struct hk_policy_reply){0};
	/* What the route is sure to refuse is refused here: a bounce later would go to whoever the sender says it is. */
	if (route->via == HK_VIA_MAILDIR &&
	    (hk_user_of(route, local, &user) != HK_OK || !hk_is_hostname(domain, false)))
		return none;
	if (hk_slice_eq_nocase(local, HK_S("postmaster")))
		return (struct hk_policy_reply){0};
	if (route->recipients == HK_RECIPIENTS_LISTED)
		status = is_listed(conf, route, local, domain) ? HK_OK : HK_NOTFOUND;
	else if (route->recipients == HK_RECIPIENTS_MAILDIR)
		status = find_maildir(disk, route, address);
	if (status == HK_OK)
		return (struct hk_policy_reply){0};
	return status == HK_NOTFOUND || status == HK_SYNTAX ? none : unknown;
}
