/* SPDX-License-Identifier: MIT */
#include "io/tls_tickets.h"
#include "tests/unit.h"

static const uint8_t here[32] = {1}, there[32] = {2};

static struct hk_tls_tickets *tickets(uint64_t now)
{
	struct hk_tls_tickets *t = NULL;

	assert_int_equal(hk_tls_tickets_new(now, &t), HK_OK);
	return t;
}

static struct hk_tls_ticket_keys made(
    struct hk_tls_tickets *t, uint64_t now, const uint8_t place[32], const char *name)
{
	struct hk_tls_ticket_keys k;

	assert_int_equal(hk_tls_tickets_make(t, now, place, hk_slice_str(name), &k), HK_OK);
	return k;
}

/* What comes of a ticket made with k: 0 no session, 1 one, 2 one and a new ticket. */
static int found(struct hk_tls_tickets *t, uint64_t now, const uint8_t place[32], const char *name,
    const struct hk_tls_ticket_keys *k)
{
	struct hk_tls_ticket_keys got;
	bool is_old;
	enum hk_status status = hk_tls_tickets_find(t, now, place, hk_slice_str(name), k->name, &got, &is_old);

	if (status == HK_NOTFOUND)
		return 0;
	assert_int_equal(status, HK_OK);
	assert_memory_equal(&got, k, sizeof got);
	return is_old ? 2 : 1;
}

static void a_ticket_is_for_one_place_and_one_name(void **state)
{
	struct hk_tls_tickets *t = tickets(0), *others = tickets(0);
	struct hk_tls_ticket_keys k = made(t, 0, here, "mx.b.test"), nameless = made(t, 0, here, "");

	(void)state;
	/* SEC-12 */
	assert_int_equal(found(t, 1, here, "mx.b.test", &k), 1);
	assert_int_equal(found(t, 1, there, "mx.b.test", &k), 0);
	assert_int_equal(found(t, 1, here, "mx2.b.test", &k), 0);
	assert_int_equal(found(t, 1, here, "", &k), 0);
	assert_int_equal(found(t, 1, here, "", &nameless), 1);
	assert_int_equal(found(t, 1, here, "mx.b.test", &nameless), 0);
	assert_int_equal(found(others, 1, here, "mx.b.test", &k), 0);
	assert_memory_not_equal(k.cipher, k.mac, sizeof k.mac);
	assert_memory_not_equal(k.cipher, nameless.cipher, sizeof k.cipher);
	hk_tls_tickets_free(t);
	hk_tls_tickets_free(others);
}

static void keys_change_with_time_and_open_for_two_turns_at_most(void **state)
{
	static const uint64_t turn = HK_TLS_TICKETS_MS, start = 12345;
	struct hk_tls_tickets *t = tickets(start);
	struct hk_tls_ticket_keys k = made(t, start, here, "a"), later;

	(void)state;
	assert_int_equal(found(t, start + turn - 1, here, "a", &k), 1);
	assert_int_equal(found(t, start + turn, here, "a", &k), 2);
	later = made(t, start + turn, here, "a");
	assert_memory_not_equal(&later, &k, sizeof k);
	assert_int_equal(found(t, start + 2 * turn - 1, here, "a", &k), 2);
	assert_int_equal(found(t, start + 2 * turn, here, "a", &k), 0);
	assert_int_equal(found(t, start + 2 * turn, here, "a", &later), 2);
	hk_tls_tickets_free(t);
}

static void a_long_sleep_is_no_longer_life(void **state)
{
	static const uint64_t turn = HK_TLS_TICKETS_MS;
	uint64_t slept;

	(void)state;
	for (slept = 2 * turn; slept <= 1000 * turn; slept += turn / 2 + 1) {
		struct hk_tls_tickets *t = tickets(0);
		struct hk_tls_ticket_keys k = made(t, 0, here, "a"), late;

		assert_int_equal(found(t, slept, here, "a", &k), 0);
		late = made(t, slept, here, "a");
		assert_int_equal(found(t, slept + turn / 4, here, "a", &late) > 0, 1);
		hk_tls_tickets_free(t);
	}
}

static void the_longest_name_has_keys_and_a_longer_one_has_none(void **state)
{
	struct hk_tls_tickets *t = tickets(0);
	char name[HK_TLS_NAME_MAX + 2];
	struct hk_tls_ticket_keys k;
	size_t n;

	(void)state;
	memset(name, 'a', sizeof name);
	for (n = HK_TLS_NAME_MAX - 1; n <= HK_TLS_NAME_MAX + 1; n++)
		assert_int_equal(hk_tls_tickets_make(t, 0, here, hk_slice_of(name, n), &k),
		    n > HK_TLS_NAME_MAX ? HK_LIMIT : HK_OK);
	hk_tls_tickets_free(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_ticket_is_for_one_place_and_one_name),
	    cmocka_unit_test(keys_change_with_time_and_open_for_two_turns_at_most),
	    cmocka_unit_test(a_long_sleep_is_no_longer_life),
	    cmocka_unit_test(the_longest_name_has_keys_and_a_longer_one_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
