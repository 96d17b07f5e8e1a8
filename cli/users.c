/* SPDX-License-Identifier: MIT
 *
 * The command users: the password file of a submission listener (conf/users.h). A password never
 * stands on the command line, where every user of the host could read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cli_internal.h"
#include "io/password.h"

enum { SENDERS_MAX = 64, PASSWORD_LEAST = 8, PATH_ROOM = 4096 };

struct users {
	const char *action, *file, *name, *password_file;
	const char *sender[SENDERS_MAX];
	size_t n_senders;
	bool json, help;
	/* what is worked on */
	int folder; /* locked, so that two runs do not undo each other's work */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct hk_users *all;
};

static const char usage[] =
    "usage: hikyaku users add|passwd|remove|list --file FILE [options] [NAME]\n\n"
    "  add       a new user; asks for the password\n"
    "  passwd    another password, or with --sender other addresses\n"
    "  remove    the user goes\n"
    "  list      all users and their addresses, never what is kept of a password\n\n"
    "options:\n"
    "  --file FILE           the password file; add makes it\n"
    "  --sender ADDRESS      an address that the user may write from: user@domain, @domain or *;\n"
    "                        several times for several; without any it is his name\n"
    "  --password-file FILE  the first line is the password; - is the standard input\n"
    "  --json                list: as JSON\n"
    "  --help                this\n\n"
    "After a change a server reads the file again with a reload.\n";

/* ---- the words ---- */

static bool take_value(char ***argv, const char **ret)
{
	if (!(*argv)[1]) {
		cli_complain("the option needs a value", **argv);
		return false;
	}
	*ret = *++*argv;
	return true;
}

static bool take_sender(struct users *u, char ***argv)
{
	const char *value, *wrong;

	if (!take_value(argv, &value))
		return false;
	wrong = u->n_senders == SENDERS_MAX ? "one sender too many; 64 are taken"
	                                    : hk_user_sender_check(hk_slice_str(value));
	if (wrong)
		cli_complain(wrong, value);
	else
		u->sender[u->n_senders++] = value;
	return !wrong;
}

static bool take_word(struct users *u, const char *word)
{
	if (word[0] == '-') {
		cli_complain("no such option", word);
		return false;
	}
	if (u->name) {
		cli_complain("this is one word too many", word);
		return false;
	}
	*(u->action ? &u->name : &u->action) = word;
	return true;
}

static bool take_words(struct users *u, char **argv)
{
	bool ok = true;

	for (; ok && *argv; argv++) {
		if (strcmp(*argv, "--file") == 0)
			ok = take_value(&argv, &u->file);
		else if (strcmp(*argv, "--password-file") == 0)
			ok = take_value(&argv, &u->password_file);
		else if (strcmp(*argv, "--sender") == 0)
			ok = take_sender(u, &argv);
		else if (strcmp(*argv, "--json") == 0)
			u->json = true;
		else if (strcmp(*argv, "--help") == 0)
			u->help = true;
		else
			ok = take_word(u, *argv);
	}
	return ok;
}

/* ---- the password ---- */

static bool read_line(FILE *from, char to[HK_PASSWORD_MAX + 2])
{
	size_t n;

	if (!fgets(to, HK_PASSWORD_MAX + 2, from))
		return false;
	n = strcspn(to, "\r\n");
	if (n > HK_PASSWORD_MAX)
		return false;
	to[n] = '\0';
	return true;
}

/* Without showing what is typed. */
static bool ask(const char *what, char to[HK_PASSWORD_MAX + 2])
{
	struct termios shown, hidden;
	bool ok;

	fprintf(stderr, "%s: ", what);
	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	ok = read_line(stdin, to);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	return ok;
}

static bool ask_twice(char to[HK_PASSWORD_MAX + 2])
{
	char again[HK_PASSWORD_MAX + 2] = "";
	bool ok = ask("password", to) && ask("the same again", again);

	if (ok && strcmp(to, again) != 0) {
		cli_complain("these are two different passwords", NULL);
		ok = false;
	}
	explicit_bzero(again, sizeof again);
	return ok;
}

static bool get_password(const struct users *u, char to[HK_PASSWORD_MAX + 2])
{
	bool is_stdin = !u->password_file || strcmp(u->password_file, "-") == 0, ok;
	FILE *from = is_stdin ? stdin : fopen(u->password_file, "r");

	if (!from) {
		cli_complain(strerror(errno), u->password_file);
		return false;
	}
	setvbuf(from, NULL, _IONBF, 0); /* no copy of it in a buffer */
	ok = !u->password_file && isatty(STDIN_FILENO) ? ask_twice(to) : read_line(from, to);
	if (!is_stdin)
		fclose(from);
	if (ok && strlen(to) < PASSWORD_LEAST) {
		cli_complain("a password has 8 characters at least", NULL);
		return false;
	}
	if (!ok)
		cli_complain("no password was read", NULL);
	return ok;
}

static bool set_password(const struct users *u, struct hk_buf *hash, struct hk_user *user)
{
	char text[HK_PASSWORD_MAX + 2] = "", *prepared = NULL;
	enum hk_status status;

	if (!get_password(u, text)) {
		explicit_bzero(text, sizeof text);
		return false;
	}
	status = hk_password_prepare(hk_slice_str(text), &prepared);
	if (status == HK_OK)
		status = hk_password_set(prepared, hash, user);
	hk_password_wipe(prepared);
	explicit_bzero(text, sizeof text);
	if (status != HK_OK)
		cli_complain("this cannot be a password", hk_status_text(status));
	return status == HK_OK;
}

/* ---- the file ---- */

static bool said(const char *about)
{
	cli_complain(strerror(errno), about);
	return false;
}

static bool open_folder(struct users *u)
{
	char path[PATH_ROOM];

	if (strlen(u->file) >= sizeof path - 8) {
		cli_complain("the path is too long", u->file);
		return false;
	}
	snprintf(path, sizeof path, "%s", u->file);
	u->folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return u->folder >= 0 && flock(u->folder, LOCK_EX) == 0 ? true : said(u->file);
}

static bool read_all(struct users *u)
{
	struct hk_buf text = {0}, why;
	enum hk_status status;
	struct stat st;

	u->mode = 0600;
	u->uid = (uid_t)-1;
	u->gid = (gid_t)-1;
	if (stat(u->file, &st) == 0) {
		u->mode = st.st_mode & 0777;
		u->uid = st.st_uid;
		u->gid = st.st_gid;
		if (!cli_read_file(u->file, HK_USERS_TEXT_MAX, &text))
			return false;
	} else if (errno != ENOENT || strcmp(u->action, "add") != 0) {
		return said(u->file);
	}
	hk_buf_init(&why, 1024);
	status = hk_users_parse(hk_buf_slice(&text), &why, &u->all);
	if (status != HK_OK) {
		hk_buf_addf(&why, "%s", why.n ? "" : hk_status_text(status));
		hk_buf_add_byte(&why, 0);
		cli_complain((const char *)why.p, u->file);
	}
	if (text.n)
		if (text.p)
			explicit_bzero(text.p, text.n);
	hk_buf_done(&text);
	hk_buf_done(&why);
	return status == HK_OK;
}

/* Made anew beside the old one and renamed: whoever reads it sees one or the other. */
static bool save(const struct users *u, const struct hk_buf *text)
{
	char path[PATH_ROOM];
	bool ok;
	int fd;

	snprintf(path, sizeof path, "%s.new", u->file);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	ok = fd >= 0 && hk_buf_status(text) == HK_OK && cli_write_durably(fd, hk_buf_slice(text)) &&
	     (u->uid == (uid_t)-1 || fchown(fd, u->uid, u->gid) == 0) && fchmod(fd, u->mode) == 0 &&
	     rename(path, u->file) == 0 && fsync(u->folder) == 0;
	if (!ok)
		(void)said(u->file);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* All others as they are, and `user` in its place; NULL: nobody in that of the name. */
static bool put(const struct users *u, const struct hk_user *user)
{
	struct hk_buf text;
	size_t i;
	bool ok;

	hk_buf_init(&text, HK_USERS_TEXT_MAX);
	hk_buf_add_str(&text, "# Written by hikyaku users. NAME HASH SCRAM [SENDER...]\n");
	for (i = 0; i < hk_users_count(u->all); i++)
		if (hk_users_at(u->all, i) != hk_users_find(u->all, hk_slice_str(u->name)))
			hk_user_format(hk_users_at(u->all, i), &text);
	if (user)
		hk_user_format(user, &text);
	ok = save(u, &text);
	if (text.n)
		explicit_bzero(text.p, text.n);
	hk_buf_done(&text);
	return ok;
}

/* ---- the actions ---- */

static void join_senders(const struct users *u, struct hk_buf *out)
{
	size_t i;

	for (i = 0; i < u->n_senders; i++)
		hk_buf_addf(out, "%s%s", i ? " " : "", u->sender[i]);
}

static enum cli_exit change(const struct users *u, const struct hk_user *known)
{
	struct hk_user user = known ? *known : (struct hk_user){.name = hk_slice_str(u->name)};
	struct hk_buf hash, senders;
	bool ok = true;

	hk_buf_init(&hash, HK_USER_HASH_MAX);
	hk_buf_init(&senders, 65536);
	join_senders(u, &senders);
	if (senders.n)
		user.senders = hk_buf_slice(&senders);
	/* only other addresses: the password stays */
	if (!known || !u->n_senders || u->password_file)
		ok = set_password(u, &hash, &user);
	ok = ok && put(u, &user);
	explicit_bzero(&user, sizeof user);
	hk_buf_done(&hash);
	hk_buf_done(&senders);
	return ok ? CLI_OK : CLI_USAGE;
}

static enum cli_exit add(const struct users *u, const struct hk_user *known)
{
	if (!known)
		return change(u, NULL);
	cli_complain("there is such a user already", u->name);
	return CLI_FAIL;
}

static enum cli_exit passwd(const struct users *u, const struct hk_user *known)
{
	return change(u, known);
}

static enum cli_exit remove_user(const struct users *u, const struct hk_user *known)
{
	(void)known;
	return put(u, NULL) ? CLI_OK : CLI_USAGE;
}

static void list_json(const struct hk_user *user, struct hk_json_writer *w)
{
	struct hk_slice rest = user->senders;

	hk_json_object(w, NULL);
	hk_json_string(w, "name", user->name);
	hk_json_bool(w, "password", user->hash.n > 0);
	hk_json_bool(w, "scram", user->has_scram);
	hk_json_array(w, "senders");
	while (rest.n) {
		struct hk_slice word = hk_slice_sub(rest, 0, hk_slice_find(rest, ' '));

		if (word.n)
			hk_json_string(w, NULL, word);
		rest = hk_slice_from(rest, word.n + 1);
	}
	hk_json_close_array(w);
	hk_json_close_object(w);
}

static enum cli_exit list(const struct users *u, const struct hk_user *known)
{
	struct hk_json_writer w;
	struct hk_buf out;
	size_t i;

	(void)known;
	hk_buf_init(&out, CLI_OUTPUT_MAX);
	hk_json_begin(&w, &out);
	if (u->json)
		hk_json_array(&w, NULL);
	for (i = 0; i < hk_users_count(u->all); i++) {
		const struct hk_user *user = hk_users_at(u->all, i);

		if (u->json) {
			list_json(user, &w);
			continue;
		}
		hk_quote_add(&out, user->name, CLI_VALUE_SHOWN);
		hk_buf_add_byte(&out, ' ');
		hk_quote_add(&out, user->senders.n ? user->senders : user->name, CLI_VALUE_SHOWN);
		hk_buf_add_byte(&out, '\n');
	}
	if (u->json) {
		hk_json_close_array(&w);
		hk_buf_add_byte(&out, '\n');
	}
	cli_write(&out);
	hk_buf_done(&out);
	return CLI_OK;
}

static const struct {
	const char *name;
	bool needs_name, needs_user;
	enum cli_exit (*run)(const struct users *, const struct hk_user *known);
} actions[] = {
    {"add", true, false, add},
    {"passwd", true, true, passwd},
    {"remove", true, true, remove_user},
    {"list", false, false, list},
};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

static const char *wrong_with(const struct users *u, size_t action)
{
	if (action == ACTIONS)
		return "users takes add, passwd, remove or list";
	if (!u->file)
		return "users needs --file";
	if (actions[action].needs_name != (u->name != NULL))
		return u->name ? "list takes no name" : "whom? a name is needed";
	return u->name && hk_user_name_check(hk_slice_str(u->name))
	           ? "a name has 1 to 255 characters and no space"
	           : NULL;
}

static enum cli_exit run(struct users *u, size_t action)
{
	const struct hk_user *known;

	if (!open_folder(u) || !read_all(u))
		return CLI_USAGE;
	known = u->name ? hk_users_find(u->all, hk_slice_str(u->name)) : NULL;
	if (actions[action].needs_user && !known) {
		cli_complain("there is no such user", u->name);
		return CLI_FAIL;
	}
	return actions[action].run(u, known);
}

enum cli_exit cli_users(char **argv)
{
	struct users u = {.folder = -1};
	const char *wrong;
	enum cli_exit code;
	size_t action;

	if (!take_words(&u, argv))
		return CLI_USAGE;
	if (u.help) {
		fputs(usage, stdout);
		return CLI_OK;
	}
	for (action = 0; action < ACTIONS; action++)
		if (u.action && strcmp(u.action, actions[action].name) == 0)
			break;
	wrong = wrong_with(&u, action);
	if (wrong) {
		cli_complain(wrong, u.action);
		return CLI_USAGE;
	}
	code = run(&u, action);
	hk_users_free(u.all);
	if (u.folder >= 0)
		close(u.folder);
	return code;
}
