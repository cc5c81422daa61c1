# limits.bash - what the tests of limits, access and explain share: `load ../lib/limits` after berth
# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it

# edit NAME JQ-FILTER: change a service file, and reload
edit() {
	jq "$2" "$SERVICES/$1.json" >"$T/.edit" && mv "$T/.edit" "$SERVICES/$1.json"
	ctl reload
}

# of SERVICE JQ: one value of it, from the list
of() { services ".[] | select(.name == \"$1\") | $2"; }
refused() { of "$1" ".refused[\"$2\"]"; }
all_refused() { of "$1" '[.refused[]] | add'; }
refused_is() { [[ $(refused "$1" "$2") == "$3" ]]; }
wait_refused() { wait_until 5 refused_is "$@"; }

# The next refusal is said in a line of its own again.
new_burst() { ctl reload >/dev/null 2>&1 || :; }

# Every connection that was accepted is somewhere, and only once.
adds_up() {
	local all
	all=$(of "$1" '{accepted, pending, active, ended, failed, refused}')
	jq -e '.accepted == .pending + .active + .ended + .failed + ([.refused[]] | add)' \
	    >/dev/null <<<"$all" || fail "$1 does not add up: $all"
}

# session NAME SERVICE SOURCE [dial options]: open, and served: its handler has answered
session() {
	open_session "$1" "$(at "$2")" --source "$3" "${@:4}"
	say "$1" "hello $1"
	heard "$1" "hello $1" 10
}
heard_nothing() { [[ ! -s $T/$1.out ]] || fail "$1 heard: $(<"$T/$1.out")"; }
still_served() { say "$1" "again $1" && heard "$1" "again $1"; }

# from SOURCE SERVICE TEXT: ask it from there
from() { "$dial" --source "$1" --timeout 20 "$(at "$2")" <<<"$3"; }

# is_reset ENDPOINT [dial options]: connected, and reset without a byte
is_reset() {
	local got status=0
	got=$("$dial" --no-stdin --timeout 10 "${@:2}" "$1" 2>&1) || status=$?
	((status == 3)) || fail "not reset, but status $status: $got"
}
# refuses SERVICE SOURCE
refuses() { is_reset "$(at "$1")" --source "$2"; }
serves() { [[ $(from "$2" "$1" hello) == hello ]] || fail "$1 does not serve $2"; }

# connected_to SERVICE N: so many clients are connected, served or not
connected_to() { (($(ss -Htn state established "dport = :$(port_of "$1")" | wc -l) == $2)); }

# own_network COMMAND...: berthd in a network of its own; before it starts, the shell commands are done there
own_network() {
	requires root
	requires program unshare ip nsenter
	PREFIX=(unshare -n sh -c "ip link set lo up && $1"' && exec "$@"' sh)
}
# ... and from here on our clients are there too
enter_network() {
	printf '#!/bin/sh\nexec nsenter -t %s -n %s "$@"\n' "$DPID" "$dial" >"$T/dial"
	chmod 0755 "$T/dial"
	dial=$T/dial
}

# The load average is above 0: where nothing has run for long, something has to.
loaded() { awk '{ exit !($1 > 0) }' /proc/loadavg; }
make_load() {
	loaded || background timeout 40 sh -c 'while :; do :; done'
	wait_until 30 loaded
}
