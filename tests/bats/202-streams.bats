# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "50 MB of binary data each way" {
	echo_service echo
	start_berthd
	head -c 50000000 /dev/urandom >"$T/in"
	"$dial" --timeout 60 "$(at echo)" <"$T/in" >"$T/out"
	cmp "$T/in" "$T/out"
}

@test "half-close: a handler sees the end of the input and can still answer" {
	sh_service sum 'sha256sum | cut -c1-64; head -c 1000000 /dev/zero | tr "\0" x'
	start_berthd
	run ask sum "some text"
	assert_output --partial "$(printf 'some text' | sha256sum | cut -c1-64)"
	((${#output} > 1000000))
}

@test "a client that stays silent does not hold up others" {
	echo_service echo
	start_berthd
	open_session silent "$(at echo)"
	wait_until 5 active_is echo 1
	run ask echo hello
	assert_output hello
	close_session silent
}

@test "clients that reset before they are accepted are nobody's fault" {
	sh_service peer 'echo "peer $TCPREMOTEIP $TCPREMOTEPORT"'
	start_berthd
	local i port
	port=$(at peer)
	kill -STOP "$DPID"
	for i in {1..50}; do
		"$dial" --linger0 "$port" </dev/null
	done
	background "$dial" "$port" </dev/null >"$T/out"
	kill -CONT "$DPID"
	wait_until 5 grep -qx 'peer 127.0.0.1 [0-9]*' "$T/out"
	run grep -c 'peer=:\|peer= \|peer="' "$LOG"
	assert_output 0
	run ask peer
	assert_output --regexp '^peer 127\.0\.0\.1 [0-9]+$'
	run log_count 'throttle|error|fail '
	assert_output 0
	# none was started for a client that is gone, and it is said so
	wait_log 'refuse service=peer .*reason=gone'
}

@test "a client that resets while it is served ends its handler only" {
	echo_service echo
	start_berthd
	open_session stays "$(at echo)"
	say stays one
	heard stays one
	"$dial" --linger0 "$(at echo)" <<<hello
	wait_until 5 active_is echo 1
	say stays two
	heard stays two
	close_session stays
}

@test "the client sees the end when the handler ends, at once" {
	sh_service bye 'echo bye'
	start_berthd
	local began
	began=$(now_ms)
	run "$dial" --no-stdin "$(at bye)"
	assert_output bye
	(($(now_ms) - began < 1000))
}

@test "a grandchild that keeps the socket keeps the connection" {
	sh_service daemonizer 'exec 3<&0; (setsid sh -c "read line <&3; echo late \$line" &) ; exit 0'
	start_berthd
	open_session client "$(at daemonizer)"
	wait_log 'exit service=daemonizer .*cause=exit status=0'
	wait_until 5 active_is daemonizer 0
	session_open client
	say client hello
	heard client 'late hello'
	session_ended client
}

@test "ten clients at once, each 5 MB both ways" {
	echo_service echo
	start_berthd
	local where i pids=()
	where=$(at echo)
	head -c 5000000 /dev/urandom >"$T/in"
	for i in {1..10}; do
		"$dial" --timeout 60 "$where" <"$T/in" >"$T/out$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in {1..10}; do
		cmp "$T/in" "$T/out$i"
	done
}

@test "urgent data and a peer that closes while its handler writes" {
	requires program python3
	sh_service writer 'while echo a line of text; do :; done'
	echo_service echo
	start_berthd
	python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.send(b"hello"); s.send(b"!", socket.MSG_OOB); s.shutdown(socket.SHUT_WR)
while s.recv(1000): pass
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
s.recv(1000); s.close()' "$(port_of echo)" "$(port_of writer)"
	# its handler ends by SIGPIPE, or by what echo makes of it
	wait_log 'exit service=writer .*cause=exit (signal=PIPE|status=)'
	wait_until 5 active_is writer 0
}
