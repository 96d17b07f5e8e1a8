/* SPDX-License-Identifier: MIT
 *
 * The operator's thread, beside an owner whose answers are late: what it said of a message's place is true no more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/owner_rig.h"
#include "io/operator.h"
#include "io/owner_thread.h"

enum { SECOND = 2 };

/* One client, served by an operator's thread; the test is the owner. */
struct desk {
	struct rig rig;
	struct hk_mailbox owner;
	struct hk_operator *operator;
	int client;
	unsigned asked, wrong; /* answers with messages; so many of them, the first, are wrong about the place of the second message */
};

static void begin(struct desk *d, const char *request)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t n = sizeof at.sun_family; /* the kernel finds a name that nobody has */
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsigned i;

	start(&d->rig, CONF_MX);
	for (i = 0; i < 3; i++)
		assert_int_equal(put(&d->rig, make(&d->rig, "s@a.test", "u@b.test", 0)), HK_OK);
	assert_int_equal(hk_mailbox_init(&d->owner), HK_OK);
	assert_return_code(bind(listening, (const struct sockaddr *)&at, n), errno);
	assert_return_code(listen(listening, 1), errno);
	n = sizeof at;
	assert_return_code(getsockname(listening, (struct sockaddr *)&at, &n), errno);
	assert_int_equal(hk_operator_start(&(struct hk_operator_options){.listening = listening,
	                                       .group = HK_OPERATOR_NO_GROUP,
	                                       .owner = &d->owner,
	                                       .disk = &d->rig.disk.disk,
	                                       .spool = "/spool"},
	                     &d->operator),
	    HK_OK);
	d->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(connect(d->client, (const struct sockaddr *)&at, n), errno);
	assert_int_equal(send(d->client, request, strlen(request), 0), (ssize_t)strlen(request));
}

static void mislead(struct hk_queue_call *call)
{
	size_t i;

	for (i = 0; i < call->n_entries; i++) {
		if (call->entry[i].id == SECOND)
			call->entry[i].place.generation++;
	}
}

static void think(struct desk *d, struct hk_queue_call *call)
{
	struct hk_order order;

	hk_owner_call(d->rig.owner, call);
	hk_owner_step(d->rig.owner, &d->rig.now);
	while (next_order(&d->rig, &order) && order.type == HK_ORDER_DELIVER)
		hk_job_free(order.job);
	assert_int_equal(order.type, HK_ORDER_CALLED);
	assert_ptr_equal(order.call, call);
	if (call->verb == HK_QUEUE_SHOW && d->asked++ < d->wrong)
		mislead(call);
}

/* All that the client reads, ended by a zero. */
static void serve(struct desk *d, char *room, size_t most)
{
	struct hk_post *post, *next;
	size_t have = 0;
	ssize_t n;

	for (;;) {
		n = recv(d->client, room + have, most - 1 - have, MSG_DONTWAIT);
		assert_true(n >= 0 || errno == EAGAIN);
		if (n == 0)
			break;
		have += n > 0 ? (size_t)n : 0;
		hk_mailbox_wait(&d->owner, 10);
		for (post = hk_mailbox_take(&d->owner); post; post = next) {
			struct hk_call_post *asked = (struct hk_call_post *)post;

			next = post->next;
			think(d, asked->call); /* which stays the post's: the other thread looks at it */
			asked->post.type = HK_POST_CALLED;
			hk_mailbox_post(asked->back, &asked->post);
		}
	}
	room[have] = 0;
}

static void end(struct desk *d)
{
	close(d->client);
	hk_operator_stop(d->operator);
	hk_mailbox_done(&d->owner);
	finish(&d->rig);
}

static void a_message_that_was_moved_meanwhile_is_asked_for_once_more(void **state)
{
	static const struct {
		const char *text, *request;
		unsigned wrong, asked;
		const char *end;
	} rows[] = {
	    {"nothing moved", "{\"verb\":\"list\"}\n", 0, 1, "\"count\":3"},
	    {"moved, of a list", "{\"verb\":\"list\"}\n", 1, 2, "\"count\":3"},
	    {"moved, by its id", "{\"verb\":\"show\",\"ids\":[\"00000000000002\"]}\n", 1, 2, "\"count\":1"},
	    {"never where it is said to be", "{\"verb\":\"list\"}\n", 9, 2, "\"count\":2"},
	};
	char room[64 * 1024];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct desk d = {.wrong = rows[i].wrong};

		begin(&d, rows[i].request);
		serve(&d, room, sizeof room);
		if (!strstr(room, rows[i].end) || d.asked != rows[i].asked)
			fail_msg("%s: asked %u times: %s", rows[i].text, d.asked, room);
		end(&d);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_that_was_moved_meanwhile_is_asked_for_once_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
