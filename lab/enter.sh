#!/bin/sh
# SPDX-License-Identifier: MIT
# Gives the lab a network of its own, then runs it there. Outside a namespace that was made here the lab never uses the
# addresses 10.255.0.0/16: it then runs on 127.255.0.0/16.
#
# Stages: outer (decides) -> net (inside the new namespace, as its root) -> lab.py.
set -u
here=$(dirname "$0")

run_lab() {
	exec python3 -B "$here/lab.py" "$@"
}

wants() { # wants WORD ARG...: is WORD among the arguments
	word=$1
	shift
	for argument in "$@"; do
		[ "$argument" = "$word" ] && return 0
	done
	return 1
}

pcap_file() {
	while [ $# -gt 0 ]; do
		case $1 in
		--pcap) echo "${2:-}"; return ;;
		--pcap=*) echo "${1#--pcap=}"; return ;;
		esac
		shift
	done
}

if [ "${HIKYAKU_LAB_STAGE:-}" = net ]; then
	unset HIKYAKU_LAB_STAGE
	ip link set lo up || exit 3
	ip route add local 10.255.0.0/16 dev lo || exit 3
	# IPv6 has no such rule for bind(): there it takes the sysctl besides the route.
	if ip -6 route add local fd00:10:255::/48 dev lo 2>/dev/null; then
		echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind
	fi
	HIKYAKU_LAB_LOW=1
	export HIKYAKU_LAB_LOW
	file=$(pcap_file "$@")
	if [ -n "$file" ]; then
		python3 -B "$here/pcap.py" "$file" &
		capture=$!
		sleep 0.3
		trap 'kill "$capture" 2>/dev/null; wait "$capture"' EXIT
	fi
	if [ "$HIKYAKU_LAB_NETNS" = user ]; then
		# Root no more: Dovecot will not touch mail as uid 0.
		echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start || exit 3
		unshare --user --map-user="$HIKYAKU_LAB_UID" --map-group="$HIKYAKU_LAB_GID" -- python3 -B "$here/lab.py" "$@"
		exit $?
	fi
	python3 -B "$here/lab.py" "$@"
	exit $?
fi

state=$HIKYAKU_BUILD/lab.json
if wants stop "$@"; then
	[ -f "$state" ] || { echo "lab: none is running" >&2; exit 1; }
	pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$state")
	kill "$pid" 2>/dev/null
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -f "$state" ] || exit 0
		sleep 0.5
	done
	rm -f "$state"
	exit 0
fi
if wants reload "$@"; then
	[ -f "$state" ] || { echo "lab: none is running" >&2; exit 1; }
	kill -HUP "$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$state")"
	exit
fi
if [ -f "$state" ]; then
	pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$state")
	if kill -0 "$pid" 2>/dev/null; then
		HIKYAKU_LAB_ATTACH=$(cat "$state")
		export HIKYAKU_LAB_ATTACH
		case $HIKYAKU_LAB_ATTACH in
		*'"netns": "root"'*) exec nsenter -t "$pid" -n -- python3 -B "$here/lab.py" "$@" ;;
		*'"netns": "user"'*) exec nsenter -t "$pid" -U -n --preserve-credentials -- python3 -B "$here/lab.py" "$@" ;;
		*) run_lab "$@" ;;
		esac
	fi
	rm -f "$state"
fi

prefix=10.255
wants -6 "$@" && prefix=fd00:10:255
HIKYAKU_LAB_PREFIX=$prefix
HIKYAKU_LAB_STAGE=net
export HIKYAKU_LAB_PREFIX HIKYAKU_LAB_STAGE
if [ -z "${HIKYAKU_LAB_NO_NAMESPACE:-}" ]; then
	if [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
		HIKYAKU_LAB_NETNS=root
		export HIKYAKU_LAB_NETNS
		exec unshare --net -- sh "$0" "$@"
	fi
	if unshare --user --map-root-user --net true 2>/dev/null; then
		HIKYAKU_LAB_NETNS=user HIKYAKU_LAB_UID=65534 HIKYAKU_LAB_GID=65534
		if [ "$(id -u)" != 0 ] && id -un >/dev/null 2>&1 && id -gn >/dev/null 2>&1; then
			HIKYAKU_LAB_UID=$(id -u) HIKYAKU_LAB_GID=$(id -g) # whom Dovecot finds in /etc/passwd; else nobody
		fi
		export HIKYAKU_LAB_NETNS HIKYAKU_LAB_UID HIKYAKU_LAB_GID
		exec unshare --user --map-root-user --net -- sh "$0" "$@"
	fi
fi
unset HIKYAKU_LAB_STAGE
if wants -6 "$@"; then
	echo "lab: -6 needs a network namespace, and none is to be had here" >&2
	exit 3
fi
if [ -n "$(pcap_file "$@")" ]; then
	echo "lab: --pcap needs a network namespace, and none is to be had here" >&2
	exit 3
fi
HIKYAKU_LAB_PREFIX=127.255
export HIKYAKU_LAB_PREFIX
if [ "$(id -u)" = 0 ]; then
	HIKYAKU_LAB_LOW=1
	export HIKYAKU_LAB_LOW
fi
[ -n "${HIKYAKU_LAB_NO_NAMESPACE:-}" ] || echo "lab: no network namespace is to be had here; running on 127.255.0.0/16" >&2
run_lab "$@"
