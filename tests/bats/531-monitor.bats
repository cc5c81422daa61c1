# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# berthctl monitor: what happens, event by event.
load ../lib/berth
load ../lib/limits

# monitor NAME ARGS: in the background, into a file; it has begun when it has shown what was recorded
monitor() {
	background "$BUILD/berthctl" --control "$CONTROL" monitor "${@:2}" >"$T/$1" 2>"$T/$1.err"
}
shown() { (($(wc -l <"$T/$1") >= $2)); }
# events NAME JQ: of those that it has shown
events() { jq -sr "$2" "$T/$1"; }

@test "events as they happen, in their order, with the fields of the log" {
	sh_service x 'read line; exit 3' '{"limits": {"connections_per_source": 1}}'
	start_berthd
	ask x first || :
	monitor seen -n 100
	wait_until 10 shown seen 2
	open_session a "$(at x)"
	wait_until 10 shown seen 3
	refuses x 127.0.0.1
	wait_until 10 shown seen 4
	say a bye
	wait_until 10 shown seen 5
	assert_equal "$(awk '{print $2}' "$T/seen" | xargs)" 'start exit start refuse exit'
	run sed -n 3p "$T/seen"
	assert_output --regexp "^[0-9:]{8}\.[0-9]{3} start service=x connection=2 pid=[0-9]+ peer=127\.0\.0\.1:[0-9]+$"
	run sed -n 4p "$T/seen"
	assert_output --regexp 'refuse service=x peer=127\.0\.0\.1:[0-9]+ reason=source-full$'
	run sed -n 5p "$T/seen"
	assert_output --regexp 'exit service=x connection=2 pid=[0-9]+ peer=127\.0\.0\.1:[0-9]+ cause=exit status=3 duration=[0-9.]+$'
	close_session a
}

@test "--json: one object a line, as it is written" {
	sh_service x 'exit 0'
	start_berthd
	ask x first || :
	monitor seen --json --past 2
	wait_until 10 shown seen 2
	ask x second || :
	wait_until 10 shown seen 4
	assert_equal "$(events seen 'map(.event) | join(" ")')" 'start exit start exit'
	assert_equal "$(events seen 'map(.number) | join(" ")')" '1 2 3 4'
	events seen '.[3] | select(.service == "x" and .cause == "exit" and .status == 0 and .signal == null) | .duration > 0' | grep -qx true
}

@test "--service: its events only; of one that there is not, exit status 1" {
	sh_service x 'exit 0'
	sh_service y 'exit 0'
	start_berthd
	ask x one || :
	ask y one || :
	ask x two || :
	wait_until 5 service_is x '.ended == 2'
	monitor seen --service y --json -n 9
	wait_until 10 shown seen 2
	ask x three || :
	ask y two || :
	wait_until 10 shown seen 4
	assert_equal "$(events seen 'map(.service) | unique | join(" ")')" y
	run ctl monitor --service none
	assert_failure 1
	assert_output --partial 'none: no such service'
}

@test "nothing is shown of what was before, unless it is asked for" {
	sh_service x 'exit 0'
	start_berthd
	ask x before || :
	wait_until 5 service_is x '.ended == 1'
	monitor seen --json
	wait_until 10 eval 'ask x now || :; shown seen 2'
	assert_equal "$(events seen '[.[].connection] | min >= 2')" true
}

@test "it ends when its reader has gone, also where nothing happens" {
	sh_service x 'exit 0'
	start_berthd
	ask x one || :
	wait_until 5 service_is x '.ended == 1'
	mkfifo "$T/pipe"
	background bash -c 'exec "$@" >"$0"' "$T/pipe" "$BUILD/berthctl" --control "$CONTROL" monitor -n 9
	local pid=${JOBS[-1]} status=0
	head -n 2 "$T/pipe" >"$T/seen"
	shown seen 2
	wait_until 10 gone "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" $((128 + 13))
}

@test "what is no event is not shown, also with --json" {
	LEAVES_SOCKET=1
	background python3 -c 'import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
c = s.accept()[0]
while not c.recv(4096).endswith(b"\0"): pass
c.sendall(json.dumps({"parameters": {"events": [None, 1, "x", [], {"event": "start"}], "lost": 0}}).encode() + b"\0")
c.recv(1)
c = s.accept()[0]
while not c.recv(4096).endswith(b"\0"): pass
c.sendall(json.dumps({"parameters": {"events": [7, {"event": "exit"}], "lost": 0}}).encode() + b"\0")
c.recv(1)' "$CONTROL"
	wait_until 10 test -S "$CONTROL"
	run ctl monitor --json
	assert_success
	assert_output '{"event":"start"}'
	run ctl monitor
	assert_success
	assert_output --regexp '^[0-9:.]+ exit$'
}

@test "it ends with berthd, and says so" {
	LEAVES_SOCKET=1
	sh_service x 'exit 0'
	start_berthd
	ask x one || :
	monitor seen -n 1
	local pid=${JOBS[-1]} status=0
	wait_until 10 shown seen 1
	kill9_berthd
	wait_until 10 gone "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 69
	grep -q 'the daemon is gone' "$T/seen.err"
}

@test "--recorded: from the file, whether berthd runs, hangs, has ended or was killed" {
	LEAVES_SOCKET=1
	sh_service x 'exit 0'
	sh_service y 'exit 0'
	start_berthd
	ask x one || :
	ask y one || :
	wait_until 5 service_is y '.ended == 1'
	wait_until 5 service_is x '.ended == 1'
	run ctl monitor --recorded
	assert_success
	assert_equal "${#lines[@]}" 4
	kill -STOP "$DPID"
	run ctl monitor --recorded --service y
	assert_success
	assert_equal "${#lines[@]}" 2
	assert_line --index 0 --partial 'start service=y '
	assert_line --index 1 --partial 'exit service=y '
	kill -CONT "$DPID"
	kill9_berthd
	run ctl monitor --recorded -n 1 --json
	assert_success
	assert_equal "$(jq -r '.number, .event' <<<"$output" | xargs)" '4 exit'
	rm "$CONTROL.statistics"
	run ctl monitor --recorded
	assert_failure 69
	assert_output --partial "$CONTROL.statistics: No such file"
}

@test "--recorded: the ring has room for 4096, the oldest make way" {
	echo_service x '{"limits": {"connections": 1, "overflow": ["refuse"]}, "log": {"connections": false}}'
	start_berthd
	open_session a "$(at x)"
	say a hello
	heard a hello
	"$flood" -c 8 -n 4200 "$(at x)" >/dev/null 2>&1 || :
	wait_until 20 eval '(($(refused x service-full) >= 4200))'
	run ctl monitor --recorded --json
	assert_success
	assert_equal "${#lines[@]}" 4096
	assert_equal "$(jq -s '[.[].number] | . == [range(.[0]; .[0] + 4096)]' <<<"$output")" true
	assert_equal "$(jq -s 'map(.event) | unique | join(" ")' <<<"$output")" '"refuse"'
	close_session a
}

@test "wrong usage: a number that is none" {
	run ctl monitor -n x
	assert_failure 64
	run ctl monitor --recorded -n 5000
	assert_failure 64
}
