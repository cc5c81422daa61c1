# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What a handler says on its standard error becomes log lines, and nothing else.
load ../lib/berth

@test "each line, with service, connection and pid; what is left comes before the exit line" {
	sh_service talk 'echo $$; echo one >&2; echo "two words" >&2; printf last >&2; exit 3'
	start_berthd
	local pid
	pid=$(ask talk)
	wait_log "^stderr service=talk connection=[0-9]+ pid=$pid line=one"
	wait_log 'exit service=talk .*status=3'
	run grep -aE '^(stderr|exit) ' "$LOG"
	assert_line --index 0 --regexp 'line="?one"?$'
	assert_line --index 1 --regexp 'line="two words"$'
	assert_line --index 2 --regexp 'line="?last"?$'
	assert_line --index 3 --regexp '^exit'
}

@test "/dev/stderr can be opened by an unprivileged handler" {
	sh_service talk 'echo text >/dev/stderr'
	start_berthd
	ask talk
	wait_log 'stderr service=talk .*line="?text'
}

@test "nothing of stderr reaches the client" {
	sh_service talk 'echo secret >&2; echo public'
	start_berthd
	run ask talk
	assert_output public
}

@test "hostile bytes are escaped; one event is one line" {
	printf 'nul\0esc\033[31m\rcr "quote\\ bad\377\300\257 c1\302\233 utf\303\244\n' >"$T/nasty"
	printf 'exit service=fake cause=exit\nstart service=fake\n' >>"$T/nasty"
	sh_service nasty "cat $T/nasty >&2"
	start_berthd
	ask nasty
	wait_log 'exit service=nasty '
	run grep -acP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xff' "$LOG"
	assert_output 0
	wait_log 'line="nul\\x00esc\\x1b\[31m\\x0dcr \\x22quote\\x5c bad\\xff\\xc0\\xaf c1\\xc2\\x9b utfä"'
	run log_count '^(exit|start) service=fake'
	assert_output 0
}

@test "a long line is cut at 4 KiB with a mark" {
	sh_service long 'head -c 10000 /dev/zero | tr "\\0" x >&2; echo >&2; echo after >&2'
	start_berthd
	ask long
	wait_log 'exit service=long'
	wait_log 'stderr service=long .*line="?x{4096}"? cut=yes$'
	wait_log 'line="?after'
}

@test "a line of 10 MB neither fills the log nor the memory" {
	sh_service long 'head -c 10000000 /dev/zero | tr "\\0" x >&2; echo done'
	start_berthd
	run ask long
	assert_output "done"
	wait_log 'exit service=long' 10
	(($(stat -c %s "$LOG") < 2000000))
	(($(awk '/VmHWM/ {print $2}' "/proc/$DPID/status") < 65536))
}

@test "a flood is rate-limited with a count, starves nobody, and does not block its writer for ever" {
	sh_service flood 'echo go; while :; do echo flood flood flood; done >&2' '{"timeouts": {"lifetime": "2s", "stop": "200ms"}}'
	echo_service good
	start_berthd
	open_session s "$(at flood)"
	heard s go
	local i began
	for i in {1..20}; do
		began=$(now_ms)
		run ask good hello
		assert_output hello
		(($(now_ms) - began < 1000))
	done
	wait_log 'stderr service=flood count=[0-9]+ duration=[0-9.]+$' 5
	session_ended s 6
	wait_log 'exit service=flood .*cause=lifetime' 6
	(($(log_count 'stderr service=flood .*line=') < 1500))
}

@test "a grandchild that keeps the pipe open is read on until its end" {
	sh_service late '(exec <&- >&-; trap "" HUP; while [ ! -e '"$T"'/go ]; do sleep 0.05; done; echo late words >&2) & exit 0'
	start_berthd
	ask late
	wait_log 'exit service=late'
	: >"$T/go"
	wait_log 'stderr service=late .*line="late words"'
}

@test "a handler may write to its stderr after berthd has died" {
	sh_service writer 'echo hi; while read line; do echo "err $line" >&2 && echo "ok $line"; done'
	start_berthd
	open_session s "$(at writer)"
	heard s hi
	kill9_berthd
	say s one
	heard s 'ok one'
	say s two
	heard s 'ok two'
	close_session s
	LEAVES_SOCKET=yes
	rm -f "$CONTROL"
}

@test "log.connections false: no start and exit lines" {
	sh_service quiet 'echo hi; echo err >&2' '{"log": {"connections": false}}'
	start_berthd
	run ask quiet
	assert_output hi
	wait_log 'stderr service=quiet'
	wait_until 5 active_is quiet 0
	run log_count '^(start|exit) '
	assert_output 0
}

@test "with stderr null nothing is logged" {
	sh_service null 'echo lost >&2; echo hi' '{"stderr": "null"}'
	start_berthd
	ask null
	wait_log 'exit service=null'
	run log_count '^stderr'
	assert_output 0
}

@test "with stderr socket the client reads it" {
	sh_service both 'echo out; echo err >&2' '{"stderr": "socket"}'
	start_berthd
	run ask both
	assert_output $'out\nerr'
}

@test "a peer's path and a program's path with control bytes are escaped too" {
	requires program python3
	sh_service unix 'printf "%s" "$REMOTE_ADDR" | od -An -c' "{\"listen\": \"unix:$T/sock\"}"
	service path "$(jq -nc --arg p "$T/"$'no\nexit service=fake cause=exit\e[31m' '{listen: "tcp:127.0.0.1:0", exec: [$p]}')"
	start_berthd
	run python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + "/evil\nstart service=fake\x1b[31m")
s.connect(sys.argv[1] + "/sock")
print(s.makefile().read())' "$T"
	assert_success
	wait_log 'exit service=unix .*status=0'
	ask path || :
	wait_log 'fail service=path .*path='
	run ctl list
	assert_success
	run grep -acP '[\x00-\x08\x0b-\x1f\x7f]' - <<<"$output"
	assert_output 0
	run grep -acP '[\x00-\x08\x0b-\x1f\x7f]' "$LOG"
	assert_output 0
	run log_count '^(exit|start) service=fake'
	assert_output 0
}

@test "after a crowd on one service the pipes of another are used again too" {
	requires program strace
	mkfifo -m 0666 "$T/gate"
	# each leaves a process behind that holds its pipe until the gate opens
	sh_service crowd 'read x; (exec <&- >&-; : <'"$T"'/gate) & exit 0' '{"limits": {"connections": 300}, "log": {"connections": false}}'
	echo_service one
	start_berthd
	local where fd
	where=$(at one)
	open_hold 200 "$(at crowd)"
	wait_until 20 active_is crowd 200
	# berthd sees the end of a handler and of its pipe at once
	kill -STOP "$DPID"
	close_hold
	wait_until 20 eval '(($(ps -o stat= --ppid "$DPID" | grep -c Z) == 200))'
	exec {fd}<>"$T/gate"
	wait_until 20 no_handlers_left
	exec {fd}>&-
	kill -CONT "$DPID"
	wait_until 10 active_is crowd 0
	background strace -qq -o "$T/strace" -e trace=pipe2 -p "$DPID"
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	"$flood" -n 100 -c 1 --pause 5 --send x --expect x "$where"
	kill "${JOBS[-1]}"
	wait "${JOBS[-1]}" || :
	(($(grep -c '^pipe2(' "$T/strace") <= 40)) || fail "$(grep -c '^pipe2(' "$T/strace") pipes for 100 connections"
	(($(pipes) <= 2 * PIPES_KEPT))
}
