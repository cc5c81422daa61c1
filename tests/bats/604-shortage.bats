# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# No descriptor, memory or process to be had: an idle connection is ended where one may be, else everything waits.
load ../lib/berth

evictable='{"limits": {"overflow": ["evict"]}, "evict": {"min_idle": "300ms", "goodbye": "bye\n"}}'

cpu_ticks() { local s; s=$(<"/proc/$DPID/stat"); s=${s##*) }; set -- $s; echo $((${12} + ${13})); }
trace() { # ARGS: strace on berthd until the end of the test
	background strace "$@" -p "$DPID"
	TRACER=$!
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
}
untrace() { kill "$TRACER"; wait "$TRACER" || :; }
# dormant NAME ENDPOINT [SOURCE]: a session that has been answered, and long enough ago to be idle
dormant() {
	open_session "$1" "$2" "${@:3}"
	say "$1" hello
	heard "$1" hello
}
long_idle() { sleep 0.5; }
conservation() {
	[[ $(services 'all(.[]; .accepted == .pending + .active + .ended + .failed + ([.refused[]] | add))') == true ]]
}

# Five growing gaps between six vain attempts, by the stamps of strace
gaps_grow() {
	awk '/EMFILE/ { t = $1; if (n > 0) g[n] = t - last; last = t; n++ }
	    END { if (n < 6) exit 1; for (i = 2; i <= 5; i++) if (g[i] <= g[i - 1]) exit 1 }' "$1"
}

@test "EMFILE at accept: attempts after growing pauses, and few of them" {
	requires program strace prlimit
	echo_service x
	start_berthd
	local where i grew=''
	where=$(at x)
	# a machine with other work may stretch one pause or another: not three times in a row
	for i in 1 2 3; do
		fds_left 0
		trace -ttt -e trace=accept4 -o "$T/trace.$i"
		open_session "s$i" "$where"
		say "s$i" hello
		wait_until 10 eval "((\$(grep -c EMFILE '$T/trace.$i') >= 8))"
		untrace
		fds_back
		heard "s$i" hello
		gaps_grow "$T/trace.$i" && grew=yes && break
	done
	[[ -n $grew ]] || fail "$(cat "$T"/trace.*)"
}

@test "clients that wait out a shortage are all served, at no cost, and it is said once" {
	requires program prlimit
	echo_service x
	echo_service y
	start_berthd
	local x y i before
	x=$(at x) y=$(at y)
	fds_left 0
	for i in 1 2 3; do
		open_session "x$i" "$x"
		open_session "y$i" "$y"
		say "x$i" hello
		say "y$i" hello
	done
	wait_log '^shortage error="Too many open files"'
	before=$(cpu_ticks)
	sleep 2
	(($(cpu_ticks) - before <= 10)) || fail "$(($(cpu_ticks) - before)) ticks in 2 s"
	run log_count '^start'
	assert_output 0
	fds_back
	for i in 1 2 3; do
		heard "x$i" hello
		heard "y$i" hello
	done
	wait_log '^shortage-over duration=[0-9]+\.[0-9]+'
	run log_count '^shortage '
	assert_output 1
	run log_count '^shortage-over '
	assert_output 1
	conservation
}

@test "EMFILE, and one dormant connection: it is ended, and the newcomer served without a pause" {
	requires program strace prlimit
	echo_service x "$evictable"
	echo_service y
	start_berthd
	local where
	where=$(at y)
	dormant a "$(at x)"
	long_idle
	fds_left 0
	trace -ttt -e trace=accept4 -o "$T/trace"
	open_session b "$where"
	say b newcomer
	heard b newcomer
	untrace
	wait_log '^evict service=x connection=1 .*state=dormant .*for=resources'
	wait_log '^exit service=x connection=1 .*cause=evicted'
	run cat "$T/a.out"
	assert_line bye
	# one attempt in vain, and then the end of that one
	run awk '/EMFILE/ { n++ } /SOCK_CLOEXEC\) = [0-9]/ { exit } END { print n }' "$T/trace"
	assert_output 1
	fds_back
	service_is x '.evicted == 1 and .active == 0'
	wait_log '^shortage-over'
	conservation
}

@test "EMFILE, one dormant connection, and no pipes that would come free with it" {
	requires program prlimit
	echo_service x "$(jq -c '. + {stderr: "null"}' <<<"$evictable")"
	echo_service y '{"stderr": "null"}'
	start_berthd
	local where
	where=$(at y)
	dormant a "$(at x)"
	long_idle
	fds_left 0
	open_session b "$where"
	say b newcomer
	heard b newcomer
	wait_logged 1 '^evict service=x .*for=resources'
	fds_back
	conservation
}

@test "EMFILE, and a newcomer of the same service" {
	requires program prlimit
	echo_service x "$evictable"
	start_berthd
	local where
	where=$(at x)
	dormant a "$where"
	dormant b "$where"
	long_idle
	fds_left 0
	open_session c "$where"
	say c newcomer
	heard c newcomer
	# one place for one newcomer: the oldest
	wait_log '^evict service=x connection=1 .*for=resources'
	say b still
	heard b still
	fds_back
	service_is x '.evicted == 1 and .active == 2'
	conservation
}

@test "EAGAIN at clone, and one dormant connection: it is ended, and the newcomer served" {
	requires program strace
	echo_service x "$evictable"
	echo_service y
	start_berthd
	local where
	where=$(at y)
	dormant a "$(at x)"
	long_idle
	trace -o /dev/null -e trace=clone -e inject=clone:error=EAGAIN:when=1
	open_session b "$where"
	say b newcomer
	heard b newcomer
	untrace
	wait_log '^shortage error="Resource temporarily unavailable"'
	wait_log '^evict service=x connection=1 .*for=resources'
	wait_log '^shortage-over'
	service_is x '.evicted == 1'
	service_is y '.accepted == 1 and .active == 1'
	conservation
}

@test "no process to be had for real: one that is idle goes, and the newcomer is served" {
	requires root
	requires program setpriv prlimit
	local as=(setpriv --reuid=61235 --regid=61235 --clear-groups)
	PREFIX=("${as[@]}" prlimit --nproc=200 --)
	mkdir "$T/run" && chown 61235 "$T/run"
	CONTROL=$T/run/control OPTIONS=(-s "$SERVICES" --control "$T/run/control")
	jq 'del(.defaults.user)' "$CONF" >"$CONF.new" && mv "$CONF.new" "$CONF"
	echo_service x "$evictable"
	echo_service y
	start_berthd
	local where pid
	where=$(at y)
	dormant a "$(at x)"
	long_idle
	# as many as there are: berthd, that handler, and who looks at it
	"${as[@]}" prlimit -p "$DPID" --nproc="$(pgrep -c -u 61235)":
	open_session b "$where"
	say b newcomer
	heard b newcomer
	wait_log '^shortage error="Resource temporarily unavailable"'
	wait_log '^evict service=x connection=1 .*for=resources'
	"${as[@]}" prlimit -p "$DPID" --nproc=200:
}

@test "services without evict lose nobody, however short it is" {
	requires program prlimit
	echo_service x '{"evict": {"min_idle": "100ms", "keep_alive": "200ms"}}'
	echo_service y "$evictable"
	start_berthd
	local where
	where=$(at y)
	dormant a "$(at x)"
	dormant b "$(at x)"
	long_idle
	fds_left 0
	open_session c "$where"
	say c newcomer
	wait_log '^shortage '
	long_idle
	[[ $(log_count '^evict') == 0 && $(log_count '^exit') == 0 ]]
	say a still
	heard a still
	say b still
	heard b still
	fds_back
	heard c newcomer
	service_is x '.evicted == 0 and .active == 2'
}

@test "a connection at work is not taken for want of resources" {
	requires program prlimit
	sh_service x 'read line; sleep 2; echo "$line"; cat' "$evictable"
	echo_service y
	start_berthd
	local where
	where=$(at y)
	open_session a "$(at x)"
	say a question
	wait_log '^start service=x'
	long_idle
	fds_left 0
	open_session b "$where"
	say b newcomer
	heard a question 10
	# now it waits for its client
	heard b newcomer 10
	wait_log '^evict service=x'
	run head -1 "$T/a.out"
	assert_output question
	fds_back
}

@test "the end of any handler ends the shortage" {
	requires program prlimit
	echo_service x
	echo_service y
	start_berthd
	local where
	where=$(at y)
	dormant a "$(at x)"
	fds_left 0
	open_session b "$where"
	say b newcomer
	wait_log '^shortage '
	close_session a
	heard b newcomer
	wait_log '^shortage-over'
	fds_back
}

@test "a connection that was accepted before the shortage is served first" {
	requires program prlimit
	echo_service x
	local i
	for i in 1 2 3 4 5; do echo_service "a$i"; done
	start_berthd
	local -A where
	for i in x a1 a2 a3 a4 a5; do where[$i]=$(at $i); done
	# it is accepted, and there is none for its pipe
	fds_left 1
	open_session x "${where[x]}"
	wait_log '^shortage '
	for i in 1 2 3 4 5; do open_session "a$i" "${where[a$i]}"; done
	sleep 1
	service_is x '.pending == 1 and .accepted == 1'
	conservation
	fds_back
	wait_logged 6 '^start '
	run grep -m1 '^start ' "$LOG"
	assert_output --partial 'service=x '
}

@test "a connection that was accepted and got no handler for 10 s is refused as resources; those in the queue are not" {
	requires program prlimit
	echo_service x
	echo_service y
	start_berthd
	local x y i
	x=$(at x) y=$(at y)
	fds_left 1
	open_session a "$x" --source 127.0.0.2
	wait_log '^shortage '
	open_session b "$y" --source 127.0.0.3
	say b hello
	wait_log '^refuse service=x peer=127\.0\.0\.2:[0-9]+ reason=resources' 20
	session_is_reset a
	run ctl list
	assert_success
	service_is x '.refused.resources == 1 and .active == 0'
	conservation
	session_open b
	fds_back
	heard b hello
	wait_log '^shortage-over'
	run log_count '^shortage '
	assert_output 1
}

@test "with no descriptor left the control socket answers, about connections too" {
	requires program prlimit
	echo_service x "$evictable"
	start_berthd
	dormant a "$(at x)"
	long_idle
	fds_left 0
	local i
	for i in 1 2 3; do
		run connections '.[] | "\(.service) \(.connection)"'
		assert_output 'x 1'
		run ctl explain x --peer 127.0.0.1
		assert_success
		run ctl penalties
		assert_success
	done
	fds_back
}

@test "a victim whose end its user holds up holds up nobody else" {
	requires root
	requires program prlimit setpriv python3
	local where tracer
	service x "$(jq -c '. + {listen: "tcp:127.0.0.1:0", exec: ["/bin/cat"], user: 61234, group: 61234}' <<<"$evictable")"
	echo_service y
	start_berthd
	where=$(at y)
	dormant a "$(at x)"
	# its tracer gets to know of its end, and does not wait for it: a zombie that nobody can reap
	background setpriv --reuid=61234 --regid=61234 --clear-groups /usr/bin/python3 -c '
import ctypes, sys, time
c = ctypes.CDLL(None, use_errno=True)
if c.ptrace(0x4206, int(sys.argv[1]), None, None) != 0: sys.exit(1)
print("traced", flush=True)
time.sleep(100)' "$(pid_of x)" >"$T/traced"
	tracer=$!
	wait_until 5 eval '[[ -s $T/traced ]] || gone '"$!"
	[[ -s $T/traced ]] || cannot_run "needs ptrace"
	long_idle
	fds_left 0
	open_session b "$where"
	say b newcomer
	wait_log '^shortage '
	wait_log '^evict service=x '
	fds_back
	heard b newcomer
	kill "$tracer"
	wait "$tracer" || :
	wait_until 5 active_is x 0
}
