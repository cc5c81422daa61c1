# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "500 connections leave no zombie, no fd, no place taken" {
	sh_service x 'read line; echo "$line"; echo err >&2'
	start_berthd
	run "$flood" -n 500 -c 20 --send $'hello\n' --expect $'hello\n' "$(at x)"
	assert_success
	wait_until 5 active_is x 0
	assert_clean
	no_zombies
	assert_equal "$(log_count '^start service=x')" 500
	wait_logged 500 '^exit service=x .*cause=exit status=0'
}

@test "200 live at once" {
	echo_service x '{"limits": {"connections": 250}}'
	start_berthd
	open_hold 200 "$(at x)"
	wait_until 20 active_is x 200
	echo 'hello all' >&"$HOLD_FD"
	wait_until 20 grep -q alive "$T/hold.out"
	assert_equal "$(tail -1 "$T/hold.out")" '{"alive":200,"lost":0}'
	local began
	began=$(now_ms)
	assert_equal "$(connections length)" 200
	(($(now_ms) - began < 1000))
	close_hold
	wait_until 10 active_is x 0
	assert_clean
}

@test "a flood on one service: another is answered quickly" {
	sh_service busy 'exit 0' '{"log": {"connections": false}, "limits": {"connections": 20}}'
	service quiet '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}'
	start_berthd
	background "$flood" --until "$T/stop" -c 50 "$(at busy)" >"$T/flood"
	run "$flood" -n 50 --pause 10 --send hello --expect hello "$(at quiet)"
	: >"$T/stop"
	assert_success
	(($(jq .slowest_ms <<<"$output") < 500)) || fail "$output"
	wait "${JOBS[-1]}" || fail "$(cat "$T/flood")"
}

@test "1,000 at once through 50 places: all are served" {
	echo_service x '{"limits": {"connections": 50}, "log": {"connections": false}}'
	start_berthd
	run "$flood" -n 1000 -c 1000 --timeout 30 --send hello --expect hello "$(at x)"
	assert_success
	wait_until 5 active_is x 0
	assert_clean
}

@test "1,000 service files start in well under a second, and one changed is in force at once" {
	jq -nc --arg dir "$SERVICES" 'range(1000) | {listen: "tcp:127.0.0.1:0", exec: ["/bin/cat"], description: "\(.)"}' |
	    awk -v dir="$SERVICES" '{ f = dir "/s" NR ".json"; print >f; close(f) }'
	local began
	began=$(now_ms)
	start_berthd
	(($(now_ms) - began < 1500)) || fail "$(($(now_ms) - began)) ms to start"
	run services length
	assert_output 1000
	echo_service s500 '{"description": "changed"}'
	began=$(now_ms)
	ctl reload
	(($(now_ms) - began < 500))
	run ask s1000 hello
	assert_output hello
}
