# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What a review of the admission code found: each of these failed once.
load ../lib/berth
load ../lib/evict
load ../lib/limits

# python_service NAME SCRIPT [JSON]
python_service() {
	requires program python3
	service "$1" "$(jq -nc --arg s "$2" --argjson more "${3:-{\}}" \
	    '{listen: "tcp:127.0.0.1:0", exec: ["/usr/bin/python3", "-S", "-c", $s]} * $more')"
}
# ports NAME N [JSON]: an echo on so many endpoints; all_at NAME: they are in WHERE, in order
ports() {
	echo_service "$1" "$(jq -nc --argjson n "$2" --argjson more "${3:-{\}}" \
	    '{listen: [range($n) | "tcp:127.0.1.\(. + 1):0"]} * $more')"
}
all_at() { mapfile -t WHERE < <(services ".[] | select(.name == \"$1\") | .endpoints[] | \"tcp:\(.address)\""); }
# trace ARGS: strace on berthd
trace() {
	requires program strace
	background strace -qq "$@" -p "$DPID"
	TRACER=$!
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
}
untrace() { kill "$TRACER"; wait "$TRACER" || :; }
# leaves NAME: one that was opened with --linger0 goes, and is reset
leaves() {
	local fd=${SESSION_FD[$1]}
	exec {fd}>&-
	wait_until 5 gone "${SESSION_PID[$1]}"
}
# quick_answers COUNT: of the service `other`, and of the control socket
quick_answers() {
	local began i
	began=$(now_ms)
	for ((i = 0; i < $1; i++)); do
		[[ $(timeout 10 "$dial" --timeout 10 "$OTHER" <<<hello) == hello ]] || fail "no answer after $(($(now_ms) - began)) ms"
		timeout 10 "$BUILD/berthctl" --control "$CONTROL" list >/dev/null || fail "no list after $(($(now_ms) - began)) ms"
	done
	echo "$1 answers: $(($(now_ms) - began)) ms" >&2
	(($(now_ms) - began < 8000)) || fail "$1 answers took $(($(now_ms) - began)) ms"
}
turned_away() { wait_log '^warning .*locks: looking at a handler took too long' 10; }

# ---- no process to be had ----

no_process() { trace -o /dev/null -e trace=clone -e inject=clone:error=EAGAIN; }
# all_come: a client from 127.0.0.2, and one for each endpoint of WHERE, all at once; then how long the first waits
all_come() {
	requires program python3
	background python3 -S -c '
import os, signal, socket, sys, time
berthd, to = int(sys.argv[1]), [x.split(":")[1:] for x in sys.argv[2:]]
os.kill(berthd, signal.SIGSTOP)
first = socket.create_connection((to[7][0], int(to[7][1])), 10, ("127.0.0.2", 0))
others = [socket.create_connection((x[0], int(x[1])), 10, ("127.0.0.3", 0)) for x in to]
os.kill(berthd, signal.SIGCONT)
began = time.monotonic()
print("all there", flush=True)
first.settimeout(30)
try: first.recv(1)
except ConnectionResetError: print("reset after", int(time.monotonic() - began), "s", flush=True)
time.sleep(100)' "$DPID" "${WHERE[@]}" >"$T/come"
	wait_until 10 grep -q there "$T/come"
	wait_log '^shortage '
}

@test "with many endpoints a connection that gets no process is refused after 10 s all the same" {
	ports a 60
	start_berthd
	all_at a
	no_process
	all_come
	wait_until 30 grep -q reset "$T/come"
	run grep reset "$T/come"
	assert_output --regexp 'after (9|10|11|12) s'
	wait_log '^refuse service=a peer=127\.0\.0\.2:[0-9]+ reason=resources'
	service_is a '.refused.resources == 1'
	untrace
	wait_until 10 active_is a 60
	balanced
}

@test "with many endpoints a connection that gets no process is tried before all that come after it" {
	ports a 30
	start_berthd
	all_at a
	no_process
	all_come
	# for some tries
	sleep 1.5
	service_is a '.pending == 1 and .accepted == 1'
	untrace
	wait_logged 31 '^start ' 10
	run grep -m1 '^start ' "$LOG"
	assert_output --partial 'peer=127.0.0.2:'
	balanced
}

@test "a reload does not take its turn from a connection that gets no process" {
	local i
	for i in 0 1 2 3; do echo_service "b$i"; done
	echo_service a
	start_berthd
	local a where=()
	a=$(at a)
	for i in 0 1 2 3; do where[i]=$(at "b$i"); done
	no_process
	open_session first "$a" --source 127.0.0.2
	say first hello
	wait_log '^shortage '
	for i in 0 1 2 3; do open_session "n$i" "${where[i]}"; done
	edit a '.limits.weight = 2'
	# for some tries
	sleep 1.5
	service_is a '.pending == 1 and .accepted == 1'
	[[ $(services '[.[].accepted] | add') == 1 ]] || fail "others were accepted: $(services '.[] | "\(.name) \(.accepted)"')"
	untrace
	wait_logged 5 '^start ' 10
	run grep -m1 '^start ' "$LOG"
	assert_output --partial 'peer=127.0.0.2:'
	balanced
}

@test "clients that are denied do not end a shortage" {
	echo_service a
	echo_service b '{"access": {"deny": ["127.0.0.3"]}}'
	start_berthd
	local a b i
	a=$(at a) b=$(at b)
	no_process
	open_session first "$a" --linger0
	wait_log '^shortage '
	leaves first
	wait_refused a gone 1
	for i in 1 2 3; do is_reset "$b" --source 127.0.0.3; done
	refused_is b denied 3
	open_session next "$a"
	say next hello
	wait_until 5 service_is a '.pending == 1'
	run log_count '^shortage-over'
	assert_output 0
	untrace
	heard next hello
	wait_log '^shortage-over'
	run log_count '^shortage '
	assert_output 1
}

# ---- a handler that makes looking at it slow ----

# Its last write never ends, and has the lock of its connection: it is of memory that does not come.
HOLDS_LOCK='
import ctypes, os, struct, sys, threading, select, fcntl
c = ctypes.CDLL(None, use_errno=True)
c.mmap.restype = ctypes.c_void_p
size = 16 * os.sysconf("SC_PAGE_SIZE")
number = {"x86_64": 323, "i686": 374, "armv7l": 388, "ppc64le": 364, "s390x": 355}.get(os.uname().machine, 282)
u = c.syscall(number, os.O_CLOEXEC | os.O_NONBLOCK)
def cannot():
    print("cannot hold", file=sys.stderr, flush=True)
    sys.exit(0)
if u < 0: cannot()
p = c.mmap(None, ctypes.c_size_t(size), 3, 0x22, -1, ctypes.c_long(0))
try:
    fcntl.ioctl(u, 0xc018aa3f, struct.pack("QQQ", 0xaa, 0, 0))	# UFFDIO_API
    fcntl.ioctl(u, 0xc020aa00, struct.pack("QQQQ", p, size, 1, 0))	# UFFDIO_REGISTER, MISSING
except OSError: cannot()
def told():
    select.select([u], [], [])
    print("holds it", file=sys.stderr, flush=True)
threading.Thread(target=told, daemon=True).start()
c.write(1, ctypes.c_void_p(p), ctypes.c_size_t(size))'

# locks_held [JSON]: the service `locks` has such a handler; the service `other` has not
locks_held() {
	requires root
	python_service locks "$HOLDS_LOCK" "$(jq -nc --argjson more "${1:-{\}}" '{user: "root"} * $more')"
	echo_service other
	start_berthd
	OTHER=$(at other) LOCKS=$(at locks)
	open_session m "$LOCKS"
	wait_log 'service=locks .*(holds it|cannot hold)' 10
	! grep -q 'cannot hold' "$LOG" || cannot_run "needs userfaultfd"
	# it is ended at the end, first of all: a berthd that it holds could not be
	JOBS=("$(sed -n 's/^start service=locks .*pid=\([0-9]*\) .*/\1/p' "$LOG")" "${JOBS[@]}")
}

@test "a handler that holds the lock of its connection holds up nobody: timeouts.idle" {
	locks_held '{"timeouts": {"idle": "500ms"}}'
	sleep 0.7
	quick_answers 3
	turned_away
	quick_answers 3
}

@test "a handler that holds the lock of its connection holds up nobody: berthctl connections" {
	locks_held
	run timeout 10 "$BUILD/berthctl" --control "$CONTROL" connections
	assert_success
	assert_line --partial locks
	quick_answers 3
	turned_away
}

@test "a handler that holds the lock of its connection holds up nobody: a newcomer that wants its place" {
	locks_held '{"limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "100ms"}}'
	open_session n "$LOCKS" --linger0
	turned_away
	quick_answers 3
	service_is locks '.active == 1 and .pending == 1 and .evicted == 0'
	leaves n # it would be the next
}

# Waits for its client, by an epoll set of very many more
EPOLL_SET='
import os, resource, select, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
e = select.epoll()
e.register(0, select.EPOLLIN)
n = 0
try:
    for i in range(100):
        # each is another file by the same number
        r = os.pipe()[0]
        for fd in range(400, min(hard, 20000)):
            os.dup2(r, fd)
            e.register(fd, select.EPOLLIN)
            n += 1
            if n == 100000: raise OSError
except OSError: pass
print("entries: %d" % n, file=sys.stderr, flush=True)
while True:
    e.poll()
    if not os.read(0, 100): break'

@test "a handler with a very large epoll set holds up nobody" {
	python_service locks "$EPOLL_SET" '{"limits": {"connections": 4, "overflow": ["evict"]}, "evict": {"min_idle": "100ms"}}'
	echo_service other
	start_berthd
	OTHER=$(at other) LOCKS=$(at locks)
	open_hold 4 "$LOCKS"
	wait_logged 4 'service=locks .*entries: ' 30
	[[ -n $(sed -n '/entries: [0-9]\{5\}/p' "$LOG") ]] || cannot_run "needs more than 10000 entries of an epoll set"
	open_session n "$LOCKS"
	wait_until 10 service_is locks '.pending == 1'
	quick_answers 20
	turned_away
	service_is locks '.evicted == 0'
	close_hold
}

# ---- who is to be looked at again ----

@test "a service with a reserve that finds the pool full goes through its chain" {
	pool 4
	echo_service b
	echo_service a '{"limits": {"reserve": 1, "overflow": [{"wait": "300ms"}, "refuse"]}}'
	# the reserve is made when the pool is full already
	jq '.limits.reserve = 0' "$SERVICES/a.json" >"$T/a" && mv "$T/a" "$SERVICES/a.json"
	start_berthd
	open_hold 4 "$(at b)"
	wait_until 10 active_is b 4
	edit a '.limits.reserve = 1'
	refuses a 127.0.0.2
	refused_is a pool-full 1
	balanced
	close_hold
}

# Very many clients come to a service that is full; while they are refused, a victim ends, and who waits for its place gets it.
FLOOD='
import os, resource, signal, socket, sys, time
berthd, victim, to = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(":")
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
os.kill(berthd, signal.SIGSTOP)
clients = [socket.create_connection((to[1], int(to[2])), 10) for i in range(int(sys.argv[4]))]
os.kill(berthd, signal.SIGCONT)
time.sleep(0.02)
try: os.kill(victim, signal.SIGKILL)
except ProcessLookupError: pass	# berthd was first: it had its second
print("all there", flush=True)
for s in clients:
    s.settimeout(10)
    try: s.recv(1)
    except ConnectionResetError: pass
print("all refused", flush=True)'

@test "who is refusing goes on when another has got the last place" {
	requires program python3
	[[ $(</proc/sys/net/core/somaxconn) -gt 3000 && $(ulimit -Hn) -gt 3100 ]] || cannot_run "needs a queue of 3000"
	pool 2
	echo_service a '{"limits": {"connections": 1, "weight": 100, "overflow": ["refuse"]}}'
	# ends when it is killed
	sh_service b 'trap "" TERM; while read line; do echo "$line"; done; exec sleep 100' "$evicting"
	start_berthd
	local a victim
	a=$(at a)
	open_session a "$a"
	say a hello
	heard a hello
	idle v b
	victim=$(pid_of b)
	rest
	open_session n "$(at b)"
	say n hello
	wait_log '^evict service=b connection=2 '
	background python3 -S -c "$FLOOD" "$DPID" "$victim" "$a" 3000 >"$T/flood"
	heard n hello 20
	wait_until 20 grep -q 'all refused' "$T/flood" || fail "$(refused a service-full) refused: $(cat "$T/flood")"
	refused_is a service-full 3000
	service_is a '.active == 1'
	service_is b '.active == 1'
	balanced
	kill -KILL "$(pid_of b)"
}

@test "who was held back by the load of the machine is served when it has fallen" {
	requires program strace
	[[ $(uname -m) =~ ^(x86_64|aarch64)$ ]] || cannot_run "needs x86_64 or aarch64" # for the layout of struct sysinfo
	conf '{"limits": {"connections": 2, "load": 1000}}'
	echo_service a
	echo_service b
	echo_service c
	start_berthd
	open_session a "$(at a)"
	say a hello
	heard a hello
	open_session c "$(at c)"
	say c hello
	heard c hello
	open_session b "$(at b)"
	say b hello
	wait_until 5 service_is b '.gate == "pool-full"'
	# the next two samples are of a load of 2000: a second is between two of them
	trace -o "$T/trace" -e trace=sysinfo -e inject=sysinfo:poke_exit=@arg1=00000000000000000000d00700000000:when=1..2
	wait_until 10 eval 'ctl list && grep -q "^sysinfo" "$T/trace"'
	close_session a
	wait_log '^exit service=a'
	# and nobody says anything to berthd
	heard b hello 20
	untrace
}

@test "a wish for a place outlives that of the rate" {
	ports a 2 '{"limits": {"connections": 1, "rate": "1/s", "burst": 1, "overflow": ["evict", {"wait": "20s"}, "refuse"]},
	    "evict": {"min_idle": "500ms"}}'
	jq --arg s 'read line; [ "$line" = work ] && exec sleep 100; echo "$line"; exec cat' '.exec = ["/bin/sh", "-c", $s]' \
	    "$SERVICES/a.json" >"$T/a" && mv "$T/a" "$SERVICES/a.json"
	start_berthd
	all_at a
	open_session work "${WHERE[0]}"
	say work work
	wait_log '^start service=a'
	# the rate has recovered when they are accepted
	open_session c1 "${WHERE[0]}"
	open_session c2 "${WHERE[1]}"
	say c1 hello
	say c2 hello
	wait_until 10 service_is a '.pending == 2'
	kill "$(pid_of a)"
	# one has the place at once and the rate is used up; then the other takes it
	heard c1 hello 15
	heard c2 hello 15
	evictions_are 1
	balanced
}

# ---- whose place is taken ----

@test "after limits.connections was lowered a newcomer takes nobody's place in vain, and one at last" {
	ev a '{"limits": {"connections": 6}}'
	start_berthd
	local i
	for i in {1..6}; do idle "c$i" a; done
	rest
	edit a '.limits.connections = 2'
	open_session new "$(at a)"
	say new hello
	wait_until 5 service_is a '.pending == 1'
	sleep 1
	service_is a '.active == 6 and .evicted == 0 and .pending == 1'
	there c1 c2 c3 c4 c5 c6
	close_all c3 c4 c5 c6
	heard new hello 10
	service_is a '.active == 2 and .evicted == 1'
	evictions_are 1
	balanced
}

@test "after limits.connections of berth.json was lowered a newcomer takes nobody's place in vain, and one at last" {
	pool 6
	ev a
	ev b
	start_berthd
	local i
	for i in {1..6}; do idle "c$i" a; done
	rest
	pool 2
	ctl reload
	open_session new "$(at b)"
	say new hello
	wait_until 5 service_is b '.pending == 1'
	sleep 1
	service_is a '.active == 6 and .evicted == 0'
	there c1 c2 c3 c4 c5 c6
	close_all c3 c4 c5 c6
	heard new hello 10
	service_is a '.active == 1 and .evicted == 1'
	evictions_are 1
	balanced
}

# void_reserve COMMAND...: after it, the reserve of a is nobody's
void_reserve() {
	pool 3
	ev a '{"limits": {"reserve": 3}}'
	ev b
	start_berthd
	local i
	for i in 1 2 3; do idle "c$i" a; done
	rest
	"$@"
	idle new b
	evicted_is c1
	there c2 c3 new
	evictions_are 1
	balanced
}
remove_a() { rm "$SERVICES/a.json" && ctl reload; }

@test "the reserve of a removed service shields nobody" { void_reserve remove_a; }
@test "the reserve of a disabled service shields nobody" { void_reserve edit a '.enabled = false'; }

@test "a victim that is held up and a reload meanwhile: the newcomer gets another's place" {
	requires root
	requires program setpriv python3
	pool 2
	ev x '{"user": 61234, "group": 61234}'
	echo_service new "$asking"
	start_berthd
	local where tracer
	idle c1 x
	idle c2 x
	where=$(at new)
	# its tracer is told of its end, and does not ask: nobody can reap it
	background setpriv --reuid=61234 --regid=61234 --clear-groups /usr/bin/python3 -c '
import ctypes, sys, time
c = ctypes.CDLL(None, use_errno=True)
if c.ptrace(0x4206, int(sys.argv[1]), None, None) != 0: sys.exit(1)
print("traced", flush=True)
time.sleep(100)' "$(sed -n 's/^start service=x connection=1 pid=\([0-9]*\) .*/\1/p' "$LOG")" >"$T/traced"
	tracer=$!
	wait_until 5 eval '[[ -s $T/traced ]] || gone '"$tracer"
	[[ -s $T/traced ]] || cannot_run "needs ptrace"
	rest
	open_session n "$where"
	say n hello
	wait_log '^evict service=x connection=1 '
	edit new '.limits.weight = 2'
	heard n hello 10
	wait_log '^evict service=x connection=2 '
	kill "$tracer"
	wait "$tracer" || :
	evictions_are 2
	wait_until 5 active_is x 0
	balanced
}

# ---- what one source may ----

@test "a rate of sources that a reload raises holds at once" {
	echo_service a '{"limits": {"rate_per_source": "1/h"}}'
	start_berthd
	serves a 127.0.0.2
	refuses a 127.0.0.2
	edit a '.limits.rate_per_source = "100/s"'
	serves a 127.0.0.2
	refused_is a source-rate 1
	balanced
}
