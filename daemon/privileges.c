/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/privileges.h"

/* The trust graph:
 *
 *	supervisor --conf, sockets, certificates--> mta      network, spool
 *	     \------private keys------------------> keys     nothing but its channels
 *	                                mta --digest--> keys --signature--> mta
 *	                                mta --domain--> fetch --policy----> mta
 */
static const struct row {
	const char *name;
	size_t user;    /* the item of the configuration; 0: as started */
	bool by_exec;   /* a process of its own, started with --role */
	bool is_secret; /* no dump, no ptrace, no swap: it holds private keys */
	const char *holds;
} table[ROLES] = {
    [ROLE_SUPERVISOR] = {"supervisor", 0, false, false,
        "root until the end; listening sockets, the configuration; reads no byte of the network"},
    [ROLE_MTA] = {"mta", offsetof(struct hk_conf, user), true, false,
        "sessions, deliveries, the spool, TLS keys of listeners; no DKIM key"},
    [ROLE_KEYS] = {"keys", offsetof(struct hk_conf, keys_user), true, true,
        "DKIM keys; no file, no network"},
    [ROLE_FETCH] = {"fetch", offsetof(struct hk_conf, fetch_user), true, false,
        "HTTPS to policy hosts; no file, no mail, no key"},
    [ROLE_SINGLE] = {"single", offsetof(struct hk_conf, user), false, false,
        "everything, for debugging and tests"},
};

const char *role_name(enum role role)
{
	return table[role].name;
}

const char *role_holds(enum role role)
{
	return table[role].holds;
}

enum hk_status role_find(const char *name, enum role *ret)
{
	size_t i;

	for (i = 0; i < ROLES; i++)
		if (table[i].by_exec && strcmp(table[i].name, name) == 0) {
			*ret = (enum role)i;
			return HK_OK;
		}
	return HK_NOTFOUND;
}

enum { NAME_ROOM = 256 };

/* What may stand in place of a name is told by *ret_number, or name goes into text. false: neither. */
static bool read_name(struct hk_slice name, bool *ret_is_number, uint64_t *ret_number, char text[NAME_ROOM])
{
	*ret_is_number = hk_slice_u64(name, UINT32_MAX - 1, ret_number) == HK_OK;
	if (!*ret_is_number && (!name.n || name.n >= NAME_ROOM))
		return false;
	snprintf(text, NAME_ROOM, "%.*s", HK_FMT(name));
	return true;
}

/* A number stands for the user and the group of that number. */
static bool look_up(struct hk_slice name, struct identity *ret)
{
	const struct passwd *p;
	char text[NAME_ROOM];
	uint64_t number;
	bool is_number;

	if (!read_name(name, &is_number, &number, text))
		return false;
	p = is_number ? NULL : getpwnam(text);
	if (is_number)
		*ret = (struct identity){(uid_t)number, (gid_t)number};
	else if (p)
		*ret = (struct identity){p->pw_uid, p->pw_gid};
	return is_number || p;
}

static bool look_up_group(struct hk_slice name, gid_t *ret)
{
	const struct group *g;
	char text[NAME_ROOM];
	uint64_t number;
	bool is_number;

	if (!read_name(name, &is_number, &number, text))
		return false;
	g = is_number ? NULL : getgrnam(text);
	if (is_number)
		*ret = (gid_t)number;
	else if (g)
		*ret = g->gr_gid;
	return is_number || g;
}

enum hk_status privileges_find(
    enum role role, const struct hk_conf *conf, struct hk_buf *why, struct identity *ret)
{
	const struct hk_slice *name =
	    (const struct hk_slice *)((const char *)conf + table[role].user);
	struct identity found;

	if (geteuid() != 0) {
		*ret = (struct identity){geteuid(), getegid()};
		return HK_OK;
	}
	if (!look_up(*name, &found)) {
		hk_buf_addf(why,
		    "there is no user \"%.*s\" on this host; make one (useradd --system), or name "
		    "another one in the configuration",
		    HK_FMT(*name));
		return HK_NOTFOUND;
	}
	if (found.uid == 0 || found.gid == 0) {
		hk_buf_addf(why, "\"%.*s\" is root: the %s process never runs as root",
		    HK_FMT(*name), table[role].name);
		return HK_LIMIT;
	}
	*ret = found;
	return HK_OK;
}

enum hk_status privileges_owner(struct hk_slice text, struct hk_buf *why, struct identity *ret)
{
	size_t colon = hk_slice_find(text, ':');
	struct hk_slice user = hk_slice_sub(text, 0, colon), group = hk_slice_from(text, colon + 1);
	struct identity found = {(uid_t)-1, (gid_t)-1};

	if (user.n && !look_up(user, &found)) {
		hk_buf_addf(why, "there is no user \"%.*s\" on this host", HK_FMT(user));
		return HK_NOTFOUND;
	}
	if (colon < text.n && !look_up_group(group, &found.gid)) {
		hk_buf_addf(why, "there is no group \"%.*s\" on this host", HK_FMT(group));
		return HK_NOTFOUND;
	}
	*ret = found;
	return HK_OK;
}

bool privileges_become(const struct identity *who)
{
	static const struct rlimit none = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return false;
	umask(077);
	if (geteuid() != 0)
		return true;
	if (setgroups(0, NULL) != 0 || setresgid(who->gid, who->gid, who->gid) != 0 ||
	    setresuid(who->uid, who->uid, who->uid) != 0)
		return false;
	/* CVE-2024-35179 and its like: a drop that did not happen */
	errno = EPERM;
	return setuid(0) != 0 && setgid(0) != 0;
}

static const char *wrong_with_us(void)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0)
		return "its ids cannot be read";
	if (uid[0] == 0 || uid[1] == 0 || uid[2] == 0)
		return "it runs as root";
	if (uid[0] != uid[1] || uid[1] != uid[2] || gid[0] != gid[1] || gid[1] != gid[2])
		return "it could become somebody else";
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return "it could gain privileges";
	return NULL;
}

bool privileges_check(enum role role, struct hk_buf *why)
{
	const char *wrong = wrong_with_us();

	if (wrong) {
		hk_buf_addf(why, "the %s process refuses to run: %s", table[role].name, wrong);
		return false;
	}
	if (table[role].is_secret) {
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
			hk_buf_add_str(
			    why, "the keys process refuses to run: its memory could be read");
			return false;
		}
		/* as far as RLIMIT_MEMLOCK lets us: a key in swap is a smaller evil than no
		 * signatures */
		(void)!mlockall(MCL_CURRENT | MCL_FUTURE);
	}
	return true;
}
