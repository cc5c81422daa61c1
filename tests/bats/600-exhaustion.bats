# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

cpu_ticks() { local s; s=$(<"/proc/$DPID/stat"); s=${s##*) }; set -- $s; echo $((${12} + ${13})); }

@test "no file descriptor left: no spin, the client is kept and served when there is one again" {
	requires program prlimit
	echo_service one
	start_berthd
	local where before
	where=$(at one)
	# the first free number is the limit
	no_fd_left
	open_session s "$where"
	say s hello
	wait_log '^shortage error="Too many open files"'
	before=$(cpu_ticks)
	sleep 1
	(($(cpu_ticks) - before <= 5)) || fail "$(($(cpu_ticks) - before)) ticks in a second"
	session_open s
	(($(log_count '^shortage') == 1))
	prlimit -p "$DPID" --nofile=20000:
	heard s hello
	wait_log '^shortage-over duration='
	close_session s
}

@test "no file descriptor left: berthctl is answered, and clients beyond that cost nothing" {
	requires program prlimit
	echo_service one
	start_berthd
	local before i
	no_fd_left
	for i in 1 2 3; do
		run ctl list
		assert_success
		assert_output --partial one
	done
	# one gets in by the fd in reserve, the others wait
	for i in 1 2 3; do open_session "c$i" "unix:$CONTROL"; done
	wait_until 5 eval '[[ $(ss -Hxln "src $CONTROL" | awk "{print \$3}") == 2 ]]'
	before=$(cpu_ticks)
	sleep 1
	(($(cpu_ticks) - before < 20)) || fail "$(($(cpu_ticks) - before)) ticks in a second"
	for i in 1 2 3; do close_session "c$i"; done
	run ctl list
	assert_success
	prlimit -p "$DPID" --nofile=20000:
	run ask one hello
	assert_output hello
}

@test "ENFILE at accept for a while: nobody is lost" {
	requires program strace
	echo_service one
	start_berthd
	local where
	where=$(at one)
	background strace -o /dev/null -p "$DPID" -e trace=accept4 -e inject=accept4:error=ENFILE:when=1..5
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	run "$dial" --timeout 10 "$where" <<<hello
	assert_output hello
	kill "${JOBS[-1]}"
	wait "${JOBS[-1]}" || :
}

@test "errors of one connection at accept concern one connection" {
	requires program strace
	echo_service one
	start_berthd
	local where error
	where=$(at one)
	for error in ECONNABORTED EPROTO ENOTCONN ENETDOWN EHOSTUNREACH EINTR; do
		background strace -o /dev/null -p "$DPID" -e trace=accept4 -e "inject=accept4:error=$error:when=1"
		wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
		run "$dial" --timeout 10 "$where" <<<hello
		assert_output hello
		kill "${JOBS[-1]}"
		wait "${JOBS[-1]}" || :
	done
	run log_count '^shortage|^waiting'
	assert_output 0
}

@test "clone that fails for lack of memory: the client is kept and served" {
	requires program strace
	echo_service one
	start_berthd
	local where
	where=$(at one)
	background strace -o /dev/null -p "$DPID" -e trace=clone -e inject=clone:error=ENOMEM:when=1..3
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	run "$dial" --timeout 10 "$where" <<<hello
	assert_output hello
	wait_log '^shortage error="Cannot allocate memory"'
	kill "${JOBS[-1]}"
	wait "${JOBS[-1]}" || :
	wait_log '^shortage-over'
}

@test "a pipe that cannot be made: the client waits" {
	requires program strace
	echo_service one
	start_berthd
	local where
	where=$(at one)
	background strace -o /dev/null -p "$DPID" -e trace=pipe2 -e inject=pipe2:error=EMFILE:when=1..2
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	run "$dial" --timeout 10 "$where" <<<hello
	assert_output hello
	kill "${JOBS[-1]}"
	wait "${JOBS[-1]}" || :
}

@test "a pipe that cannot be given to its user is a failure of that service, not a shortage" {
	requires root
	requires program setpriv
	echo_service one
	echo_service two '{"stderr": "null"}'
	echo_service three '{"user": "root"}'
	PREFIX=(setpriv --bounding-set -chown --inh-caps -chown --)
	start_berthd
	run ask one hello
	refute_output --partial hello
	wait_log '^fail service=one .*step=pipe error="Operation not permitted"'
	run ask two hello
	assert_output hello
	run ask three hello
	assert_output hello
	run log_count '^shortage|^start service=one'
	assert_output 0
}

@test "an accept that is broken for good takes one endpoint out, without a spin" {
	requires program strace
	echo_service one
	echo_service two
	start_berthd
	local where before
	where=$(at one)
	background strace -o /dev/null -p "$DPID" -e trace=accept4 -e inject=accept4:error=EINVAL:when=1..2
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	background "$dial" --no-stdin "$where"
	wait_log 'waiting service=one .*reason="accept:'
	kill "${JOBS[-2]}"
	wait "${JOBS[-2]}" || :
	run ask two hello
	assert_output hello
	wait_until 5 service_is one '.state == "open"'
	run ask one hello
	assert_output hello
}

@test "inotify that cannot be had: berthd runs, and reloads when it is told" {
	requires program strace
	echo_service one
	PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -o /dev/null -e trace=inotify_init1 -e inject=inotify_init1:error=EMFILE)
	start_traced
	wait_log '^warning .*inotify'
	echo_service two
	run ctl reload
	assert_success
	run ask two hello
	assert_output hello
	stop_traced
}

# strace stands between: what is to be stopped is its child
start_traced() {
	start_berthd
	TRACER=$DPID
	DPID=$(children_of "$TRACER" | tr -d ' ')
	mark_fds
}
stop_traced() {
	local pid=$DPID
	DPID=''
	kill -TERM "$pid"
	wait_until 10 gone "$pid"
	wait "$TRACER"
}

@test "watches that cannot be had: the same" {
	requires program strace
	echo_service one
	PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -o /dev/null -e trace=inotify_add_watch -e inject=inotify_add_watch:error=ENOSPC)
	start_traced
	wait_log 'changes are not noticed'
	run ask one hello
	assert_output hello
	echo_service two
	run ctl reload
	run ask two hello
	assert_output hello
	stop_traced
}

@test "a kernel without close_range: handlers are as clean as ever" {
	requires program strace
	service report "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$(peer_handler fdcheck)\"]}"
	PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=close_range -e inject=close_range:error=ENOSYS)
	start_traced
	run ask report
	assert_output --partial end
	assert_equal "$(grep -c '^fd ' <<<"$output")" 3
	run ask report
	assert_equal "$(grep -c '^fd ' <<<"$output")" 3
	stop_traced
}

@test "a kernel that refuses CLONE_FILES with what we ask: the fd table is copied" {
	requires program strace
	service report "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$(peer_handler fdcheck)\"]}"
	PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=close_range -e inject=close_range:error=EINVAL)
	start_traced
	run ask report
	assert_output --partial end
	assert_equal "$(grep -c '^fd ' <<<"$output")" 3
	stop_traced
}

@test "a seccomp filter that refuses the first form of clone: a plainer one is used" {
	requires program strace
	service report "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$(peer_handler fdcheck)\"]}"
	start_berthd
	local where
	where=$(at report)
	background strace -o /dev/null -p "$DPID" -e trace=clone -e inject=clone:error=EINVAL:when=1
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	run "$dial" --no-stdin --timeout 10 "$where"
	assert_output --partial end
	assert_equal "$(grep -c '^fd ' <<<"$output")" 3
	kill "${JOBS[-1]}"
	wait "${JOBS[-1]}" || :
	run ask report
	assert_output --partial end
}

@test "a huge limit of open files starts fast" {
	local hard began
	hard=$(ulimit -Hn)
	PREFIX=(prlimit "--nofile=$hard:$hard")
	echo_service one
	began=$(now_ms)
	start_berthd
	(($(now_ms) - began < 1000))
	run ask one hello
	assert_output hello
}

@test "a service with 100 endpoints beside" {
	conf '{"limits": {"connections": 100}}'
	service many "$(jq -nc '{listen: [range(1; 101) | "tcp:127.0.1.\(.):0"], exec: ["/bin/true"]}')"
	echo_service one
	start_berthd
	run services '[.[].endpoints[] | select(.state == "listening")] | length'
	assert_output 101
	run "$flood" -n 50 --send x --expect x "$(at one)"
	assert_success
}

@test "500 handlers that end while berthd is stopped are all reaped" {
	sh_service x 'read line; echo bye' '{"limits": {"connections": 300}, "log": {"connections": false}}'
	start_berthd
	open_hold 200 "$(at x)"
	wait_until 20 active_is x 200
	kill -STOP "$DPID"
	close_hold
	wait_until 10 eval '(($(ps -o stat= --ppid "$DPID" | grep -c Z) == 200))'
	kill -CONT "$DPID"
	wait_until 5 active_is x 0
	no_zombies
}
