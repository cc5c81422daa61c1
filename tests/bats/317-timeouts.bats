# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# timeouts.idle and timeouts.first_byte: hard ends, told by the kernel, without a look at what was sent.
load ../lib/berth

# still_there SECONDS SERVICE: so long, its handler has not ended.  That time passes is the condition.
still_there() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	while ((${EPOCHREALTIME/./} < end)); do
		[[ $(log_count "^exit service=$2 ") == 0 ]] || return 1
		sleep 0.1
	done
}

# silent_reader ENDPOINT: a client that connects, asks for its answer, and never reads it
silent_reader() {
	background python3 -c '
import socket, sys, time
host, port = sys.argv[1].split(":")[1:]
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect((host, int(port))); s.send(b"go\n")
time.sleep(100)' "$1"
}

@test "idle ends a handler in the middle of its work, too" {
	sh_service x 'read line; echo working; sleep 100; echo never' '{"timeouts": {"idle": "500ms"}}'
	start_berthd
	open_session a "$(at x)"
	say a go
	heard a working
	wait_log '^exit service=x .*cause=idle signal=TERM'
	session_ended a || :
	run cat "$T/a.out"
	assert_output working
	service_is x '.active == 0 and .ended == 1 and .evicted == 0'
}

@test "idle ends one that has sent nothing at all, and one that was greeted" {
	sh_service x 'echo hi; exec cat' '{"timeouts": {"idle": "500ms"}}'
	echo_service y '{"timeouts": {"idle": "500ms"}}'
	start_berthd
	open_session a "$(at x)"
	heard a hi
	open_session b "$(at y)"
	wait_log '^exit service=x .*cause=idle'
	wait_log '^exit service=y .*cause=idle'
	session_ended a
	session_ended b
}

@test "a handler that ignores the end is killed after timeouts.stop" {
	sh_service x 'trap "" TERM; echo hi; while :; do sleep 0.1; done' '{"timeouts": {"idle": "300ms", "stop": "300ms"}}'
	start_berthd
	open_session a "$(at x)"
	heard a hi
	wait_log '^exit service=x .*cause=idle signal=KILL' 10
}

@test "a client that sends now and then lives on, though nothing is answered; then it stops" {
	sh_service x 'echo hi; exec cat >/dev/null' '{"timeouts": {"idle": "1500ms"}}'
	start_berthd
	open_session a "$(at x)"
	heard a hi
	background sh -c 'while sleep 0.2 && [ ! -e "$1" ]; do echo more; done >"$2"' sh "$T/enough" "$T/a.in"
	still_there 2 x
	: >"$T/enough"
	wait_log '^exit service=x .*cause=idle' 10
}

@test "a client that only receives lives on; then there is no more" {
	sh_service x 'while [ ! -e '"$T"'/enough ]; do echo more; sleep 0.2; done; exec sleep 100' '{"timeouts": {"idle": "1500ms"}}'
	start_berthd
	background "$dial" --no-stdin --timeout 60 "$(at x)" >"$T/out"
	wait_log '^start service=x'
	still_there 2 x
	: >"$T/enough"
	wait_log '^exit service=x .*cause=idle' 10
}

@test "a client that never reads what is sent is idle: retransmissions and probes do not count" {
	requires program python3
	sh_service x 'read line; exec cat /dev/zero' '{"timeouts": {"idle": "1s"}}'
	start_berthd
	silent_reader "$(at x)"
	wait_log '^start service=x'
	wait_log '^exit service=x .*cause=idle' 10
}

@test "a client that reads slowly is not idle" {
	requires program python3
	sh_service x 'exec cat /dev/zero' '{"timeouts": {"idle": "1500ms"}}'
	start_berthd
	background python3 -c '
import socket, sys, time
host, port = sys.argv[1].split(":")[1:]
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
s.connect((host, int(port)))
while s.recv(16384): time.sleep(0.05)' "$(at x)"
	wait_log '^start service=x'
	still_there 2 x
	kill "${JOBS[-1]}"
	wait_until 5 active_is x 0
}

@test "a handler that works on after its client has gone is ended when that is idle long enough" {
	sh_service x 'echo hi; exec sleep 100' '{"timeouts": {"idle": "1s"}}'
	start_berthd
	local fd
	open_session a "$(at x)" --linger0
	heard a hi
	fd=${SESSION_FD[a]}
	exec {fd}>&-
	session_ended a
	run log_count '^exit'
	assert_output 0
	wait_log '^exit service=x .*cause=idle' 10
}

@test "first_byte ends who is silent; who has sent a byte stays" {
	echo_service x '{"timeouts": {"first_byte": "1s"}}'
	start_berthd
	open_session b "$(at x)" --source 127.0.0.3
	say b hello
	heard b hello
	open_session a "$(at x)" --source 127.0.0.2
	wait_log '^exit service=x .*cause=first-byte' 10
	session_ended a
	wait_until 5 service_is x '.active == 1 and .ended == 1'
	say b again
	heard b again
	run log_count '^exit service=x'
	assert_output 1
}

@test "first_byte counts what the client sends, not what it is sent" {
	sh_service x 'while :; do echo more; sleep 0.1; done' '{"timeouts": {"first_byte": "500ms"}}'
	start_berthd
	open_session a "$(at x)"
	heard a more
	wait_log '^exit service=x .*cause=first-byte'
}

@test "the end of what a client sends is no first byte" {
	sh_service x 'exec sleep 100' '{"timeouts": {"first_byte": "500ms"}}'
	start_berthd
	background "$dial" --timeout 30 "$(at x)" </dev/null
	wait_log '^exit service=x .*cause=first-byte'
}

@test "a byte that the handler has not read yet is a byte" {
	sh_service x 'echo hi; exec sleep 100' '{"timeouts": {"first_byte": "1s"}}'
	start_berthd
	open_session a "$(at x)"
	heard a hi
	say a x
	still_there 2 x
	kill "$(pid_of x)"
}

@test "of idle and first_byte the earlier one ends a connection" {
	echo_service x '{"timeouts": {"first_byte": "300ms", "idle": "1h"}}'
	echo_service y '{"timeouts": {"first_byte": "1h", "idle": "300ms"}}'
	start_berthd
	open_session a "$(at x)"
	open_session b "$(at y)"
	wait_log '^exit service=x .*cause=first-byte'
	wait_log '^exit service=y .*cause=idle'
}

@test "penalties.first_byte: who was silent too often is refused, who was idle is not" {
	echo_service x '{"timeouts": {"first_byte": "300ms", "idle": "500ms"}, "penalties": {"first_byte": "1h", "signal": "1h", "threshold": "90min", "max": "10h"}}'
	start_berthd
	open_session a "$(at x)" --source 127.0.0.2
	say a hello
	heard a hello
	wait_log '^exit service=x .*cause=idle'
	run ctl penalties
	assert_output 'no penalties'
	local i
	for i in 1 2; do "$dial" --no-stdin --source 127.0.0.2 --timeout 10 "$(at x)" || :; done
	wait_logged 2 '^exit service=x .*cause=first-byte'
	run "$dial" --source 127.0.0.2 --timeout 10 "$(at x)" <<<hello
	refute_output --partial hello
	wait_log 'refuse service=x peer=127\.0\.0\.2:[0-9]+ reason=penalty'
	run "$dial" --source 127.0.0.3 --timeout 10 "$(at x)" <<<hello
	assert_output hello
}

@test "where connections cannot be looked at, nobody who talks is ended" {
	local i look
	# one whose connections may have to be judged at any time keeps the one that looks there
	echo_service other '{"limits": {"overflow": ["evict"]}}'
	echo_service x '{"timeouts": {"idle": "500ms", "first_byte": "500ms"}}'
	start_berthd
	wait_until 5 pgrep -P "$DPID" -x berthd-look
	look=$(pgrep -P "$DPID" -x berthd-look)
	kill -STOP "$look"
	open_session a "$(at x)"
	for i in {1..15}; do
		say a "hello $i"
		heard a "hello $i\$"
		sleep 0.1
	done
	wait_log '^warning .*x: looking at a handler took too long'
	run log_count '^exit'
	assert_output 0
	close_session a
	wait_until 5 active_is x 0
}

wakeups() { awk '/^voluntary_ctxt_switches/ {print $2}' "/proc/$DPID/status"; }

@test "with no timeout, and with one far away, live connections wake nobody" {
	echo_service x
	echo_service y '{"timeouts": {"idle": "1h", "first_byte": "1h"}}'
	start_berthd
	local i before
	for i in 1 2 3 4 5; do
		open_session "x$i" "$(at x)"
		open_session "y$i" "$(at y)"
		say "x$i" hello
		heard "x$i" hello
	done
	wait_until 5 service_is y '.active == 5'
	wait_until 5 no_control_clients
	before=$(wakeups)
	sleep 2
	# one a second and connection would be 20
	(($(wakeups) - before <= 3)) || fail "$(($(wakeups) - before)) wake-ups in 2 s"
}

@test "a new idle timeout holds for connections from then on" {
	echo_service x
	start_berthd
	open_session a "$(at x)" --source 127.0.0.2
	say a hello
	heard a hello
	jq '.timeouts.idle = "500ms"' "$SERVICES/x.json" >"$T/new" && mv "$T/new" "$SERVICES/x.json"
	ctl reload
	open_session b "$(at x)" --source 127.0.0.3
	wait_log '^exit service=x .*cause=idle'
	session_ended b
	say a still
	heard a still
}

@test "in the file of a service with a unix endpoint both are refused by name" {
	start_berthd
	local key
	for key in idle first_byte; do
		service x "{\"listen\": [\"tcp:127.0.0.1:0\", \"unix:$T/x.sock\"], \"exec\": [\"/bin/cat\"], \"timeouts\": {\"$key\": \"1s\"}}"
		run check "$SERVICES/x.json"
		assert_failure
		assert_output --partial "timeouts.$key"
		assert_output --partial unix
		run ctl reload
		assert_failure 1
		assert_output --partial "timeouts.$key"
	done
	service_is x '.state == "invalid" and (.endpoints | length) == 0'
}

@test "in defaults both are passed over there, and hold elsewhere" {
	conf '{"defaults": {"timeouts": {"idle": "500ms", "first_byte": "300ms"}}}'
	service x "{\"listen\": \"unix:$T/x.sock\", \"exec\": [\"/bin/cat\"]}"
	echo_service y
	run check "$SERVICES/x.json"
	assert_success
	start_berthd
	open_session a "unix:$T/x.sock"
	open_session b "$(at y)"
	wait_log '^exit service=y .*cause=first-byte'
	still_there 1 x
	say a hello
	heard a hello
}
