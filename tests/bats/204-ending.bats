# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

# A handler that ignores TERM, with a child in its group and one that left it
stubborn='trap "" TERM HUP; sh -c "trap \"\" TERM; echo child \$\$; exec sleep 600" & echo leader $$; wait; while :; do sleep 600; done'

@test "lifetime: TERM, and KILL after timeouts.stop, to the whole group" {
	sh_service stubborn "$stubborn" '{"timeouts": {"lifetime": "300ms", "stop": "300ms"}}'
	start_berthd
	open_session s "$(at stubborn)"
	heard s leader
	heard s child
	local leader child
	leader=$(sed -n 's/leader //p' "$T/s.out") child=$(sed -n 's/child //p' "$T/s.out")
	session_ended s 5
	wait_until 2 gone "$leader"
	wait_until 2 gone "$child"
	wait_log 'exit service=stubborn .*cause=lifetime signal=KILL duration=0\.[5-9]'
}

@test "lifetime: a handler that heeds TERM ends at once" {
	sh_service polite 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done' '{"timeouts": {"lifetime": "300ms", "stop": "10s"}}'
	start_berthd
	open_session s "$(at polite)"
	session_ended s 3
	heard s bye
	wait_log 'exit service=polite .*cause=lifetime status=3 duration=0\.'
}

@test "a child that outlives its leader after TERM is killed too" {
	sh_service orphan 'sh -c "trap \"\" TERM; echo child \$\$; exec sleep 600" & sleep 600' '{"timeouts": {"lifetime": "200ms", "stop": "300ms"}}'
	start_berthd
	open_session s "$(at orphan)"
	heard s child
	local child
	child=$(sed -n 's/child //p' "$T/s.out")
	wait_until 3 gone "$child"
	wait_log 'exit service=orphan .*cause=lifetime signal=TERM'
}

@test "lifetime reaches a stopped handler" {
	sh_service stopped 'echo pid $$; kill -STOP $$; echo never' '{"timeouts": {"lifetime": "200ms", "stop": "300ms"}}'
	start_berthd
	open_session s "$(at stopped)"
	session_ended s 5
	run cat "$T/s.out"
	refute_output --partial never
}

@test "after an ordinary exit nothing is signalled" {
	sh_service leaves 'exec 3<&0; sh -c "trap \"echo signalled\" TERM HUP; echo child \$\$; read x; echo alive \$x" <&3 & exit 0'
	start_berthd
	open_session s "$(at leaves)"
	heard s child
	wait_log 'exit service=leaves .*cause=exit status=0'
	say s still
	heard s 'alive still'
	refute_file_has "$T/s.out" signalled
}
refute_file_has() { run grep -c "$2" "$1"; assert_output 0; }

@test "the exit line has the status, or the signal's name" {
	sh_service status 'exit 42'
	sh_service signal 'kill -SEGV $$'
	start_berthd
	ask status
	ask signal || :
	wait_log 'exit service=status .*cause=exit status=42 duration='
	wait_log 'exit service=signal .*cause=exit signal=SEGV duration='
}

# trace PID: hold on to it, and to its zombie, until the tracer is ended (it is ${JOBS[-1]})
trace() {
	background python3 -c '
import ctypes, os, sys
c = ctypes.CDLL(None, use_errno=True)
ptrace = lambda request, data=0: c.ptrace(request, pid, ctypes.c_void_p(0), ctypes.c_void_p(data))
pid = int(sys.argv[1])
assert ptrace(0x4206) == 0, os.strerror(ctypes.get_errno())	# PTRACE_SEIZE
while True:
    # until it has ended: that is left for later
    info = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if info.si_code not in (os.CLD_TRAPPED, os.CLD_STOPPED): break
    ptrace(7, info.si_status & 0x7f)	# PTRACE_CONT
os.kill(os.getpid(), 19)' "$1"
	wait_until 5 grep -q "TracerPid:.${JOBS[-1]}\$" "/proc/$1/status"
}
is_zombie() { [[ $(proc_state "$1") == Z ]]; }
cpu_ticks() { local s; s=$(<"/proc/$DPID/stat"); s=${s##*) }; set -- $s; echo $((${12} + ${13})); }
# costs_nothing: over a second
costs_nothing() {
	local before
	before=$(cpu_ticks)
	sleep 1
	(($(cpu_ticks) - before < 20)) || fail "$(($(cpu_ticks) - before)) ticks in a second"
}
end_tracer() { kill -KILL "${JOBS[-1]}"; wait "${JOBS[-1]}" || :; }

@test "a handler whose zombie a tracer holds keeps its place and costs nothing; then its status is logged" {
	requires root
	requires program python3
	sh_service x 'read line; exit 3'
	start_berthd
	open_session s "$(at x)"
	wait_until 5 active_is x 1
	local pid
	pid=$(pid_of x)
	trace "$pid"
	say s go
	wait_until 5 is_zombie "$pid"
	costs_nothing
	run log_count '^exit service=x'
	assert_output 0
	active_is x 1
	end_tracer
	wait_log "^exit service=x .*pid=$pid cause=exit status=3"
	wait_until 2 active_is x 0
	no_zombies
}

@test "the same for one that was ended by its lifetime" {
	requires root
	requires program python3
	# long enough for the tracer to come
	sh_service x 'trap "exit 4" TERM; echo ready; while :; do sleep 0.05; done' '{"timeouts": {"lifetime": "6s", "stop": "20s"}}'
	start_berthd
	open_session s "$(at x)"
	heard s ready
	local pid
	pid=$(pid_of x)
	trace "$pid"
	wait_until 20 is_zombie "$pid"
	costs_nothing
	run log_count '^exit service=x'
	assert_output 0
	end_tracer
	wait_log "^exit service=x .*pid=$pid cause=lifetime status=4"
	wait_until 2 active_is x 0
	no_zombies
}

@test "a held zombie is not forgotten when another handler of its service dies" {
	requires root
	requires program python3
	sh_service x 'read line; [ "$line" = crash ] && kill -SEGV $$; exit 3'
	start_berthd
	open_session other "$(at x)"
	wait_until 5 active_is x 1
	open_session s "$(at x)"
	wait_until 5 active_is x 2
	local pid
	pid=$(connections 'max_by(.connection).pid' x)
	trace "$pid"
	say s go
	wait_until 5 is_zombie "$pid"
	say other crash
	wait_log '^exit service=x .*signal=SEGV'
	end_tracer
	wait_log "^exit service=x .*pid=$pid cause=exit status=3"
	wait_until 2 active_is x 0
}

@test "a killed handler whose zombie a tracer holds does not keep a stopping berthd" {
	requires root
	requires program python3
	conf '{"stop_grace": "1s"}'
	sh_service x 'trap "" TERM; echo ready; while :; do sleep 0.05; done' '{"timeouts": {"stop": "1s"}}'
	start_berthd
	local early late
	open_session early "$(at x)"
	heard early ready
	early=$(pid_of x)
	trace "$early"
	open_session late "$(at x)"
	heard late ready
	late=$(connections 'max_by(.connection).pid' x)
	trace "$late"
	# one by somebody else, before; the other by berthd, while it stops
	kill -KILL "$early"
	wait_until 5 is_zombie "$early"
	stop_berthd
	is_zombie "$early"
	is_zombie "$late"
	wait_log "^exit service=x .*pid=$early cause=stop signal=KILL"
	wait_log "^exit service=x .*pid=$late cause=stop signal=KILL"
}

@test "a handler that kills its group, and all of its user, harms nobody else" {
	requires root
	sh_service bomb 'kill -9 0; kill -9 -1' '{"user": 61113}'
	sh_service mass 'kill -9 -1' '{"user": 61114}'
	echo_service good
	start_berthd
	open_session s "$(at good)"
	ask bomb || :
	ask mass || :
	say s hello
	heard s hello
	close_session s
}

@test "TERM stops: no new connection, live ones end by themselves within stop_grace, exit 0" {
	conf '{"stop_grace": "20s"}'
	echo_service echo "{\"listen\": [\"tcp:127.0.0.1:0\", \"unix:$T/sock\"]}"
	start_berthd
	local where pid=$DPID
	where=$(at echo)
	open_session s "$where"
	say s one
	heard s one
	kill -TERM "$DPID"
	wait_log '^stop signal=TERM'
	run "$dial" --no-stdin --timeout 5 "$where"
	assert_failure 2
	[[ ! -e $T/sock ]]
	say s two
	heard s two
	close_session s
	DPID=''
	wait_until 5 gone "$pid"
	wait "$pid"
	wait_log '^stopped'
	[[ ! -e $CONTROL ]]
}

@test "TERM ends at once when there are no handlers" {
	conf '{"stop_grace": "60s"}'
	echo_service echo
	start_berthd
	local began
	began=$(now_ms)
	stop_berthd TERM
	(($(now_ms) - began < 2000))
}

@test "INT does the same" {
	echo_service echo
	start_berthd
	stop_berthd INT
	wait_log '^stop signal=INT'
}

@test "after stop_grace TERM, then KILL, to the whole group" {
	conf '{"stop_grace": "200ms"}'
	sh_service stubborn "$stubborn" '{"timeouts": {"stop": "300ms"}}'
	start_berthd
	open_session s "$(at stubborn)"
	heard s leader
	heard s child
	local child
	child=$(sed -n 's/child //p' "$T/s.out")
	stop_berthd
	gone "$child"
	wait_log 'exit service=stubborn .*cause=stop signal=KILL'
	session_ended s
}

@test "a second TERM skips the grace" {
	conf '{"stop_grace": "60s"}'
	sh_service polite 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'
	start_berthd
	open_session s "$(at polite)"
	heard s ready
	local began pid=$DPID
	began=$(now_ms)
	kill -TERM "$pid"
	wait_log '^stop signal=TERM'
	run gone "$pid"
	assert_failure
	stop_berthd TERM
	(($(now_ms) - began < 5000))
	wait_log 'exit service=polite .*cause=stop'
}

@test "stop_grace leave: exit at once, handlers live on" {
	conf '{"stop_grace": "leave"}'
	sh_service echo 'while read line; do echo "$line"; echo "err $line" >&2; done'
	start_berthd
	open_session s "$(at echo)"
	say s one
	heard s one
	stop_berthd
	say s two
	heard s two
	close_session s
	wait_until 5 no_handlers_left
}

@test "what a queue held when TERM came is served" {
	sh_service slow 'echo served'
	start_berthd
	local where port i pids=()
	where=$(at slow)
	kill -STOP "$DPID"
	for i in {1..10}; do
		"$dial" --no-stdin --timeout 10 "$where" >"$T/out$i" 2>&1 &
		pids+=($!)
	done
	port=${where##*:}
	wait_until 5 eval '(($(ss -Htn state established "dport = :$port" | wc -l) == 10))'
	kill -TERM "$DPID"
	kill -CONT "$DPID"
	wait "${pids[@]}"
	run cat "$T"/out*
	assert_equal "$(grep -c served <<<"$output")" 10
	stop_berthd
}

@test "HUP during a stop, TERM during a reload" {
	conf '{"stop_grace": "10s"}'
	echo_service echo
	start_berthd
	open_session s "$(at echo)"
	wait_until 5 active_is echo 1
	local pid=$DPID
	kill -TERM "$pid"
	kill -HUP "$pid"
	wait_log '^stop signal=TERM'
	close_session s
	DPID=''
	wait_until 5 gone "$pid"
	wait "$pid"
	start_berthd
	kill -HUP "$DPID"
	stop_berthd TERM
}

@test "signals that mean nothing are survived" {
	echo_service echo
	start_berthd
	local s
	for s in USR1 ALRM WINCH VTALRM PIPE URG IO; do
		kill -s "$s" "$DPID"
	done
	run ask echo hello
	assert_output hello
}
