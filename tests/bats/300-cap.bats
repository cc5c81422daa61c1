# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "at limits.connections new clients wait and are served later" {
	sh_service few 'echo $BERTH_ACTIVE/$BERTH_LIMIT; cat' '{"limits": {"connections": 2}}'
	start_berthd
	open_session a "$(at few)"
	heard a 1/2
	open_session b "$(at few)"
	heard b 2/2
	wait_until 5 service_is few '.gate == "service-full"'
	open_session c "$(at few)"
	open_session d "$(at few)"
	# connected, not refused, and not served
	wait_until 5 eval '(($(ss -Htn state established "dport = :$(port_of few)" | wc -l) == 4))'
	active_is few 2
	session_open c
	run cat "$T/c.out"
	assert_output ''
	close_session a
	heard c 2/2
	session_open d
	run cat "$T/d.out"
	assert_output ''
	close_session b
	heard d 2/2
	close_session c
	close_session d
	wait_until 5 active_is few 0
	service_is few '.gate == null'
}

@test "a full service costs nothing and hinders nobody" {
	echo_service few '{"limits": {"connections": 1}}'
	echo_service good
	start_berthd
	open_session a "$(at few)"
	wait_until 5 active_is few 1
	open_session b "$(at few)"
	open_session c "$(at few)"
	run ask good hello
	assert_output hello
	idle_for_a_second
	close_session a
	close_session b
	close_session c
}

# Less than 50 ms of processor in a second
idle_for_a_second() {
	local before after
	before=$(cpu_ticks)
	sleep 1
	after=$(cpu_ticks)
	((after - before <= 5)) || fail "$((after - before)) ticks in a second"
}
cpu_ticks() { local s; s=$(<"/proc/$DPID/stat"); s=${s##*) }; set -- $s; echo $((${12} + ${13})); }

@test "1,000 connections one after the other through a limit of one, without a stall" {
	echo_service one '{"limits": {"connections": 1}, "log": {"connections": false}}'
	start_berthd
	run "$flood" -n 1000 -c 4 --send hello --expect hello "$(at one)"
	assert_success
	(($(jq .slowest_ms <<<"$output") < 500)) || fail "$output"
}

@test "limits.connections of berth.json bounds all services together" {
	conf '{"limits": {"connections": 2}}'
	echo_service one
	echo_service two
	start_berthd
	open_session a "$(at one)"
	open_session b "$(at two)"
	wait_until 5 eval '[[ $(active_of one) == 1 && $(active_of two) == 1 ]]'
	open_session c "$(at one)"
	say c hello
	wait_until 5 service_is one '.gate == "pool-full"'
	run cat "$T/c.out"
	assert_output ''
	close_session b
	heard c hello
	close_session a
	close_session c
}

@test "a limit raised by a reload lets those in who wait" {
	echo_service few '{"limits": {"connections": 1}}'
	start_berthd
	open_session a "$(at few)"
	wait_until 5 active_is few 1
	open_session b "$(at few)"
	say b hello
	jq '.limits.connections = 2' "$SERVICES/few.json" >"$T/new" && mv "$T/new" "$SERVICES/few.json"
	heard b hello
	say a still
	heard a still
	close_session a
	close_session b
}

@test "limit 0 is none" {
	sh_service all 'echo $BERTH_LIMIT' '{"limits": {"connections": 0}}'
	start_berthd
	run ask all
	assert_output 0
	wait_log 'start service=all .*active=1/none'
}

@test "at the cap, one client in the queue that has gone costs the next nothing" {
	sh_service one 'echo hi; cat' '{"limits": {"connections": 1}}'
	start_berthd
	open_session a "$(at one)"
	heard a hi
	local i
	for i in {1..5}; do "$dial" --linger0 "$(at one)" </dev/null; done
	open_session b "$(at one)"
	close_session a
	heard b hi
	close_session b
	run log_count '^start service=one'
	((output == 2)) || fail "$output starts"
}
