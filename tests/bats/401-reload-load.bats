# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Reloads under a steady stream: not one connection refused, not one live session lost.
load ../lib/berth

@test "add, remove, change, break, repair under load" {
	sh_service steady 'read line; echo "$line"' '{"log": {"connections": false}}'
	echo_service sessions
	start_berthd
	open_hold 20 "$(at sessions)"
	held
	background "$flood" --until "$T/stop" -c 4 --pause 2 --send $'hello\n' --expect $'hello\n' "$(at steady)" >"$T/flood"
	local i flood_pid=$!
	for i in 1 2 3; do
		echo_service "added$i"
		ctl reload >/dev/null
		jq ".limits.connections = $((50 + i)) | .description = \"change $i\"" "$SERVICES/steady.json" >"$T/new" && mv "$T/new" "$SERVICES/steady.json"
		ctl reload >/dev/null
		echo '{"listen": ' >"$SERVICES/sessions.json"
		ctl reload >/dev/null && fail "a broken file was accepted"
		echo_service sessions '{"description": "repaired"}'
		ctl reload >/dev/null
		rm "$SERVICES/added$i.json"
		ctl reload >/dev/null
		kill -HUP "$DPID"
	done
	# the kernel gave port 0: the sessions' listener is still the same
	echo hello >&"$HOLD_FD"
	wait_until 10 grep -q alive "$T/hold.out"
	assert_equal "$(tail -1 "$T/hold.out")" '{"alive":20,"lost":0}'
	: >"$T/stop"
	wait "$flood_pid" || fail "$(cat "$T/flood")"
	(($(jq .ok "$T/flood") > 50)) || fail "$(cat "$T/flood")"
	close_hold
	wait_until 5 active_is sessions 0
}

@test "a storm of 100 reloads under load, by every way at once" {
	sh_service steady 'read line; echo "$line"' '{"log": {"connections": false}}'
	echo_service sessions
	start_berthd
	open_session s "$(at sessions)"
	say s before
	heard s before
	background "$flood" --until "$T/stop" -c 4 --pause 1 --send $'hello\n' --expect $'hello\n' "$(at steady)" >"$T/flood"
	local i flood_pid=$!
	for i in {1..100}; do
		case $((i % 4)) in
		0) ctl reload >/dev/null ;;
		1) kill -HUP "$DPID" ;;
		2) jq ".limits.connections = $((100 + i))" "$SERVICES/steady.json" >"$T/new" && mv "$T/new" "$SERVICES/steady.json" ;;
		3) echo_service "storm$((i % 8))" ;;
		esac
	done
	run ctl reload
	assert_success
	: >"$T/stop"
	wait "$flood_pid" || fail "$(cat "$T/flood")"
	service_is steady '.limit == 198'
	say s after
	heard s after
	close_session s
	rm "$SERVICES"/storm*
	run ctl reload
	assert_success
}

@test "a thousand HUPs are a few reloads" {
	echo_service x
	start_berthd
	local i
	for i in {1..1000}; do kill -HUP "$DPID"; done
	run ask x hello
	assert_output hello
	ctl reload
	(($(log_count '^reload ') < 300))
}
