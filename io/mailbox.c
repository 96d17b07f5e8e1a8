/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/mailbox.h"

enum hk_status hk_mailbox_init(struct hk_mailbox *box)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return HK_IO;
	pthread_mutex_init(&box->mutex, NULL);
	box->first = NULL;
	box->last = &box->first;
	box->fd = fd;
	return HK_OK;
}

void hk_mailbox_done(struct hk_mailbox *box)
{
	close(box->fd);
	pthread_mutex_destroy(&box->mutex);
}

void hk_mailbox_post(struct hk_mailbox *box, struct hk_post *post)
{
	bool was_empty;

	post->next = NULL;
	pthread_mutex_lock(&box->mutex);
	was_empty = !box->first;
	*box->last = post;
	box->last = &post->next;
	pthread_mutex_unlock(&box->mutex);
	/* After the lock: whom this wakes need not wait for it. The counter cannot overflow: only the first post of a
	 * batch adds to it. */
	if (was_empty)
		eventfd_write(box->fd, 1);
}

/* The descriptor is cleared before the posts are taken: a post that finds the box empty after that writes again, and one that finds
 * it not empty is among those taken. A box that is readable and empty is possible, and harmless. */
struct hk_post *hk_mailbox_take(struct hk_mailbox *box)
{
	struct hk_post *first;
	eventfd_t n;

	eventfd_read(box->fd, &n);
	pthread_mutex_lock(&box->mutex);
	first = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->mutex);
	return first;
}

void hk_mailbox_wait(struct hk_mailbox *box, int ms)
{
	struct pollfd p = {.fd = box->fd, .events = POLLIN};

	poll(&p, 1, ms);
}
