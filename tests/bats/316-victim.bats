# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# "evict": nobody is taken in mid-work, and how a victim ends
load ../lib/berth
load ../lib/evict

BENCH=$BATS_TEST_DIRNAME/../bench

# ---- never in mid-work ----

@test "a handler that sleeps before its answer is never taken: 40 rounds, also right after the greeting" {
	conf '{"limits": {"connections": 20}}'
	service work "$("$BENCH/midwork" --sleep 0.5 --service)"
	start_berthd
	run timeout 50 "$BENCH/midwork" --rounds 40 --sleep 0.5 --parallel 20 --port "$(port_of work)"
	assert_success
	(($(jq .answers <<<"$output") == 40 && $(jq .lost <<<"$output") == 0)) || fail "$output"
	(($(services '.[0].peak') == 20))
	balanced
}

@test "200 clients send at random, for 180 places: none that had sent loses its reply" {
	conf '{"limits": {"connections": 180}}'
	service crowd "$("$BENCH/crowd" --service)"
	start_berthd
	run --separate-stderr timeout 50 "$BENCH/crowd" --seconds 5 --port "$(port_of crowd)"
	echo "# $output" >&3
	assert_success
	(($(jq .lost <<<"$output") == 0)) || fail "$output $stderr"
	# the test is none when nobody is evicted
	(($(jq .evicted <<<"$output") > 20 && $(jq .replies <<<"$output") > 200)) || fail "$output"
	(($(services '.[0].evicted') > 20 && $(services '.[0].peak') == 180))
	wait_until 10 active_is crowd 0
	balanced
}

# held_at OPTION: berthd stands still at its next SIGSTOP, for a while before or after it is sent
held_at() {
	background strace -qq -o /dev/null -p "$DPID" -e trace=kill -e "inject=kill:$1=1500000:when=1"
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
}
# It stands still: a call of its own would stop it for an instant only.
stands() {
	local i
	for i in 1 2 3 4 5; do
		[[ $(proc_state "$DPID") == t ]] || return 1
		sleep 0.02
	done
}
racer='while read -r line; do [ "$line" != two ] || sleep 2; echo "did $line"; done'
# race OPTION ENDPOINT
race() {
	open_session c1 "$2"
	say c1 one
	heard c1 'did one'
	held_at "$1"
	open_session new "$2"
	wait_until 10 stands
	say c1 two
	heard c1 'did two' 10 || fail "c1 got: $(cat "$T/c1.out") $(grep -a ^evict "$LOG")"
	say new three
	heard new 'did three' 15
	evictions_are 1
	close_all c1 new
}

@test "a request that comes after berthd has looked, and before the handler is stopped, is served" {
	requires program strace
	sh_service a "$racer" "$(jq -nc --argjson a "$evicting" '$a * {limits: {connections: 1}}')"
	start_berthd
	race delay_enter "$(at a)"
}

@test "a request that comes while the handler is stopped is served" {
	requires program strace
	sh_service a "$racer" "$(jq -nc --argjson a "$evicting" '$a * {limits: {connections: 1}}')"
	start_berthd
	race delay_exit "$(at a)"
}


@test "unix sockets: a request that comes after berthd has looked, and before the handler is stopped, is served" {
	requires program strace
	service a "$(unix_service "$(jq -nc --arg s "$racer" '{exec: ["/bin/sh", "-c", $s], limits: {connections: 1}}')")"
	start_berthd
	race delay_enter "unix:$T/a.sock"
}

@test "unix sockets: a request that comes while the handler is stopped is served" {
	requires program strace
	service a "$(unix_service "$(jq -nc --arg s "$racer" '{exec: ["/bin/sh", "-c", $s], limits: {connections: 1}}')")"
	start_berthd
	race delay_exit "unix:$T/a.sock"
}

# ---- how a victim ends ----

@test "a goodbye of 4096 bytes arrives whole, before the end" {
	local text
	text=$(printf 'g%.0s' {1..4095})
	ev a "{\"limits\": {\"connections\": 1}, \"evict\": {\"goodbye\": \"$text\\n\"}}"
	start_berthd
	idle c1 a
	rest
	idle new a
	gone_with c1 $'hello c1\n'"$text"$'\n'
	close_session new
}

@test "without a goodbye there is the end alone" {
	echo_service a '{"limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "200ms"}}'
	start_berthd
	idle c1 a
	rest
	idle new a
	gone_with c1 $'hello c1\n'
	close_session new
}

@test "a victim may end by itself: what it does at the end of its input is done" {
	sh_service a 'while read -r line; do echo "$line"; done; echo "tidied up" >&2; exit 3' \
	    "$(jq -nc --argjson a "$evicting" '$a * {limits: {connections: 1}}')"
	start_berthd
	idle c1 a
	rest
	idle new a
	evicted_is c1
	wait_log 'service=a .*tidied up'
	wait_log '^exit service=a connection=1 .* cause=evicted status=3'
	close_session new
}

@test "a victim that dies by our signal is no fault of its service, and costs its source nothing" {
	sh_service a 'read -r line; echo "$line"; read -r line; sleep 20' "$(jq -nc --argjson a "$evicting" \
	    '$a * {limits: {connections: 1}, evict: {min_idle: "50ms"}, penalties: {signal: "1min", threshold: "1s"}}')"
	start_berthd
	local i
	# four in a row within a second of their start, of four sources
	for i in 1 2 3 4 5; do idle "c$i" a --source "127.0.0.$((i + 1))"; done
	(($(log_count '^exit service=a .* cause=evicted signal=TERM') == 4)) || fail "$(grep -a ^exit "$LOG")"
	(($(log_count '^(throttle|refuse)') == 0))
	[[ $(ctl penalties --json | jq '.penalties | length') == 0 ]]
	idle again a --source 127.0.0.2
	service_is a '.refused.penalty == 0 and .evicted == 5'
	balanced
	close_all c5 again
}

# It minds neither the end of its input nor TERM, and outlives both by more than the second that it is given
stubborn='trap "" TERM; echo hi; while read -r line; do echo "$line"; done; sleep 3'

@test "a victim that minds neither the end of its input nor TERM is killed; its place is the newcomer's then, and no second one is taken" {
	pool 3
	sh_service a "$stubborn" "$(jq -nc --argjson a "$evicting" '$a * {evict: {keep_alive: "300ms"}}')"
	ev b
	start_berthd
	open_session d "$(at a)"
	heard d hi
	say d hello
	heard d hello
	# these may be taken too, but are not overdue
	idle c1 b
	idle c2 b
	wait_until 5 eval '[[ $(connections "[.[].state] | sort | join(\" \")") == "dormant dormant overdue" ]]'
	open_session new "$(at b)"
	say new hello
	wait_logged 1 '^evict service=a '
	gone_with d $'hi\nhello\ngoodbye\n'
	# the client has gone, its handler not yet
	service_is b '.active == 2 and .pending == 1'
	[[ ! -s $T/new.out ]]
	heard new hello 10
	wait_log '^exit service=a connection=1 .* cause=evicted signal=KILL'
	there c1 c2
	# its place was free before it was taken
	grep -aoE '^(start|evict|exit) service=. connection=[0-9]+' "$LOG" | sed 's/service=. connection=//' >"$T/order"
	run xargs <"$T/order"
	assert_output "start 1 start 2 start 3 evict 1 exit 1 start 4"
	service_is a '.evicted == 1'
	service_is b '.evicted == 0 and .peak == 3'
	balanced
	close_all c1 c2 new
}

# dying: a pool of 3 with two on c; the victim d of a does not end before it is killed; the newcomer is one of b
dying() {
	pool 3
	sh_service a "$stubborn" "$evicting"
	echo_service c
	echo_service b "$(jq -nc --argjson a "$asking" --argjson b "${1:-{\}}" '$a * $b')"
	start_berthd
	idle c1 c
	idle c2 c
	open_session d "$(at a)"
	heard d hi
	say d hello
	heard d hello
	rest
	open_session new "$(at b)" "${@:2}"
	wait_logged 1 '^evict service=a '
	active_is a 1
}
# after_it: the victim's place serves one client of SERVICE, nobody else was taken
after_it() {
	wait_logged 1 '^exit service=a .* cause=evicted signal=KILL' 10
	idle last "$1"
	evictions_are 1
	there c1 c2 last
	wait_until 5 balanced
	close_all c1 c2 last
}

@test "a newcomer that resets its connection meanwhile harms nothing" {
	dying '{}' --linger0
	local fd=${SESSION_FD[new]}
	exec {fd}>&-
	session_ended new
	after_it b
	service_is b '.refused.gone == 1 and .accepted == 2'
}

@test "a newcomer that closes its connection meanwhile harms nothing" {
	dying
	close_session new
	after_it b
	service_is b '.failed == 0 and .accepted == 2'
}

@test "a reload of the newcomer's service meanwhile harms nothing" {
	dying
	echo_service b "$(jq -nc --argjson a "$asking" '$a * {description: "another", limits: {connections: 7}, process: {nice: 1}}')"
	ctl reload
	say new hello
	heard new hello 10
	evictions_are 1
	there c1 c2
	balanced
	close_all c1 c2 new
}

@test "a newcomer whose service does not evict any more gets the place all the same" {
	dying
	echo_service b
	ctl reload
	say new hello
	heard new hello 10
	evictions_are 1
	close_all c1 c2 new
}

@test "the removal of the newcomer's service meanwhile harms nothing" {
	dying
	rm "$SERVICES/b.json"
	ctl reload
	wait_log '^refuse service=b .* reason=draining'
	after_it c
}

@test "the removal of the victim's service meanwhile harms nothing" {
	dying
	rm "$SERVICES/a.json"
	ctl reload
	say new hello
	heard new hello 10
	wait_log '^exit service=a .* cause=evicted signal=KILL'
	there c1 c2
	evictions_are 1
	close_all c1 c2 new
}

@test "an endpoint that moves to another file meanwhile takes its newcomer with it" {
	local port
	port=$(free_port)
	dying "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	jq '.description = "moved"' "$SERVICES/b.json" >"$SERVICES/.z" && mv "$SERVICES/.z" "$SERVICES/z.json"
	rm "$SERVICES/b.json"
	ctl reload
	say new hello
	heard new hello 10
	wait_log '^start service=z '
	evictions_are 1
	there c1 c2
	balanced
	close_all c1 c2 new
}

@test "a place that comes free otherwise meanwhile is used; the victim's serves the next" {
	dying
	say new hello
	close_session c1
	heard new hello
	idle next b
	wait_log '^exit service=a .* cause=evicted signal=KILL'
	evictions_are 1
	there c2 new next
	close_all c2 new next
}

@test "berthd can be stopped meanwhile" {
	dying
	stop_berthd
	wait_log '^exit service=a .* cause=evicted '
}

@test "100 newcomers one after the other, each in the place of the one before: the books are right" {
	echo_service a '{"limits": {"connections": 10, "overflow": ["evict"]}, "evict": {"min_idle": "10ms", "goodbye": "bye\n"}}'
	start_berthd
	open_hold 100 --greeted "$(at a)" --timeout 60 2>/dev/null
	wait_until 40 service_is a '.accepted == 100 and .active == 10 and .evicted == 90 and .ended == 90 and .pending == 0'
	balanced
	evictions_are 90
	[[ $(log_count '^exit .* cause=evicted') == 90 ]]
	service_is a '.peak == 10'
	close_hold
}
