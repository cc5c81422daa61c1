# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Whoever counts connections says the same: the log, the counters, the metrics, the statistics file, and the clients.
#
# BERTH_SUMS_COUNT: how many (20000); BERTH_SUMS_SEED: of a run that is to be repeated
load ../lib/berth
load ../lib/limits

export BATS_TEST_TIMEOUT=300

answer='read line; echo "$line"; case $line in 75) exit 75 ;; esac'

# what NAME KINDS: of the clients of a service, see tests/peers/mix.c
what() { KINDS[$1]=$2; }
all_services() {
	conf '{"log": {"format": "json"}, "limits": {"connections": 10}}'
	echo_service plain '{"limits": {"connections": 8}}'
	what plain as
	echo_service denied '{"access": {"deny": ["127.0.0.3", "127.0.0.4", "127.0.0.5"]}}'
	what denied a
	sh_service penal "$answer" '{"penalties": {"exit": {"75": "300ms"}, "threshold": "500ms", "max": "1s"}}'
	what penal ab
	echo_service sfull '{"limits": {"connections_per_source": 1, "source_prefix": {"ipv4": 24}}}'
	what sfull s
	echo_service srate '{"limits": {"rate_per_source": "5/s"}}'
	what srate a
	echo_service rate '{"limits": {"rate": "40/s", "burst": 5, "overflow": ["refuse"]}}'
	what rate a
	echo_service full '{"limits": {"connections": 2, "overflow": [{"wait": "20ms"}, "refuse"]}}'
	what full as
	echo_service banner '{"limits": {"connections": 2, "overflow": [{"banner": "421 busy\n"}]}}'
	what banner as
	echo_service pool '{"limits": {"overflow": ["refuse"]}}'
	what pool s
	echo_service load '{"limits": {"load": 0.0001, "overflow": ["refuse"]}}'
	what load a
	echo_service evict '{"limits": {"connections": 4, "overflow": ["evict", {"wait": "100ms"}, "refuse"]},
	    "evict": {"min_idle": "50ms", "goodbye": "goodbye\n"}}'
	what evict ts
	echo_service proxied '{"proxy_protocol": {"from": ["127.0.0.2/31", "127.0.0.4/30"]}, "access": {"deny": ["192.0.2.3"]}}'
	what proxied ppge
	echo_service gone '{"limits": {"connections": 1}}'
	what gone arl
}

# ---- reasons that no chance brings about ----

# told NAME JSON: what the clients of a service saw that are not of the mix
told() { jq -nc --arg n "$1" --argjson c "$2" '{($n): $c}' >"$T/clients.$1"; }

# A client is accepted, and then there is no descriptor for its handler, for ten seconds.
resources_are_short() {
	fds_left 1
	run "$dial" --no-stdin --timeout 30 "$1"
	fds_back
	assert_equal "$status" 3
	while ((FILLED > 0)); do close_session "fill$((--FILLED))"; done
	told short '{"all": 1, "reset": 1}'
}

# One has the only place, and one at each of the other sockets is held: those the service no longer has will not be served.
hold_for_draining() {
	local n
	open_session holder "tcp:127.0.1.1:$(port_of drain)"
	say holder hello
	heard holder hello
	for n in 0 1 2 3 4; do background reset_of "tcp:127.0.1.$((n + 1)):$(port_of drain "$n")"; done
	wait_until 10 service_is drain '.pending == 5'
}
reset_of() { run "$dial" --no-stdin --timeout 120 "$1"; echo "$status" >>"$T/drained"; }
drain() {
	edit drain '.listen = "tcp:127.0.1.9:0"'
	wait_until 10 eval '[[ $(grep -cx 3 "$T/drained") == 5 ]]'
	say holder again
	heard holder again
	close_session holder
	told drain '{"all": 6, "reset": 5, "left": 1}'
}

# Three of a service that cannot be started: one, then one when each throttle ends.
fail_thrice() { "$flood" -n 3 -c 3 --timeout 60 "$1" >"$T/flood" || :; }

@test "20,000 connections of all kinds: log, counters, metrics, statistics and clients agree exactly" {
	requires program python3 prlimit
	local -A KINDS
	local name targets=() count=${BERTH_SUMS_COUNT:-20000} seed=${BERTH_SUMS_SEED:-$RANDOM} mixing
	echo "seed $seed, $count connections"
	make_load
	all_services
	echo_service short
	echo_service drain '{"listen": ["tcp:127.0.1.1:0", "tcp:127.0.1.2:0", "tcp:127.0.1.3:0", "tcp:127.0.1.4:0", "tcp:127.0.1.5:0"],
	    "limits": {"connections": 1, "overflow": [{"wait": "5min"}, "refuse"]}}'
	service exec "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"]}"
	start_berthd
	for name in "${!KINDS[@]}"; do targets+=("$name=${KINDS[$name]}@$(at "$name")"); done
	resources_are_short "$(at short)"
	background fail_thrice "$(at exec)"
	hold_for_draining

	background "$PEERS/mix" --seed "$seed" -n $((count - 10)) -c 64 "${targets[@]}" >"$T/clients.mix"
	mixing=${JOBS[-1]}
	wait_until 120 service_is plain ".accepted > $((count / 40))"
	drain
	wait "$mixing" || fail "some saw what nobody should: $(<"$T/clients.mix")"
	wait_until 30 service_is exec '.failed == 3'
	told exec "$(jq '{all: 3, reset, end: .ok}' "$T/flood")"
	wait_until 30 eval '[[ $(services "all(.[]; .pending == 0 and .active == 0)") == true ]]'
	ctl list --json >"$T/list"
	ctl metrics >"$T/metrics"
	stop_berthd

	run python3 -S "$BATS_TEST_DIRNAME/../peers/sums.py" "$LOG" "$T/list" "$CONTROL.statistics" "$T/metrics" "$T"/clients.*
	assert_success
	# throttled and paused are not among them: those clients wait in the queue, and are not refused
	for name in denied penalty source-full source-rate service-full service-rate pool-full load draining resources bad-header gone; do
		jq -e --arg r "$name" '.[$r] > 0' <<<"$output" >/dev/null || fail "nobody was refused for $name: $output"
	done
	assert_equal "$(jq '[.services[].accepted] | add' "$T/list")" "$count"
	# so many refusals, and few lines of them
	(($(grep -c '"event":"refuse"' "$LOG") < 400))
}
