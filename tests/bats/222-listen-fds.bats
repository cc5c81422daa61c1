# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: python3-systemd
# socket_as "listen_fds": the sockets at 3 and up, as programs for systemd's socket activation expect them
load ../lib/berth
load ../lib/limits
load ../lib/post

fact() { grep -qE -- "^$1\$" <<<"$REPORT" || fail "no line $1 in
$REPORT"; }

# ---- a connection at 3 ----

# reports JSON: fdcheck behind a shell that makes 3 its output, but not before it has listed what was there
reports() {
	service r "$(jq -nc --arg p "$(peer_handler fdcheck)" --argjson more "$1" \
	    '{listen: "tcp:127.0.0.1:0", socket_as: "listen_fds", exec: ["/bin/sh", "-c", "exec \($p) >/dev/stderr"]} * $more')"
}

@test "one connection is fd 3; 0 and 1 are /dev/null; nothing else is open; LISTEN_PID is the handler itself" {
	reports '{}'
	start_berthd
	"$dial" --no-stdin "$(at r)"
	wait_log '^stderr service=r .* line=end'
	REPORT=$(sed -nE 's/^stderr service=r .* line="?([^"]*)"?$/\1/p' "$LOG")
	fact 'fd 0 /dev/null blocking (both|read)'
	fact 'fd 2 pipe:\[[0-9]+\] blocking both'
	fact 'fd 3 socket:\[[0-9]+\] blocking both'
	# 1 is where its words went
	(($(grep -c '^fd ' <<<"$REPORT") == 4))
	fact "env LISTEN_PID=$(sed -n 's/^pid //p' <<<"$REPORT")"
	fact 'env LISTEN_FDS=1'
	fact 'env LISTEN_FDNAMES=connection'
	fact 'env REMOTE_ADDR=127.0.0.1'
	fact "sid $(sed -n 's/^pid //p' <<<"$REPORT")"
}

@test "1 is /dev/null too, and what is written there is lost" {
	py_service r 'print("to nobody", flush=True); note(*(os.readlink("/proc/self/fd/%d" % n) for n in (0, 1))); sock(3).sendall(b"to you\n")' \
	    '{"listen": "tcp:127.0.0.1:0", "socket_as": "listen_fds"}'
	start_berthd
	run "$dial" --no-stdin "$(at r)"
	assert_output 'to you'
	wait_log 'line="/dev/null /dev/null"'
}

@test "with stderr to the socket, 2 is the connection" {
	py_service r 'note("over 2"); sock(3).sendall(b"over 3\n")' '{"listen": "tcp:127.0.0.1:0", "socket_as": "listen_fds", "stderr": "socket"}'
	start_berthd
	run "$dial" --no-stdin "$(at r)"
	assert_output "over 2
over 3"
}

@test "each of many handlers at once has its own number in LISTEN_PID" {
	py_service r 'sock(3).sendall(b"%d %s\n" % (me, os.environb[b"LISTEN_PID"])); sock(3).recv(1)' \
	    '{"listen": "tcp:127.0.0.1:0", "socket_as": "listen_fds"}'
	start_berthd
	run client "$(port_of r)" <<'PY'
cs = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) for n in range(20)]
got = [c.recv(100).split() for c in cs]
assert all(a == b for a, b in got), got
print(len({a for a, b in got}))
PY
	assert_output 20
}

@test "a unix connection is fd 3 too" {
	py_service r 'sock(3).sendall(os.environb[b"LISTEN_FDNAMES"] + b" " + os.environb[b"UNIXREMOTEEUID"])' \
	    "{\"listen\": \"unix:$T/r.sock\", \"socket_as\": \"listen_fds\"}"
	start_berthd
	run "$dial" --no-stdin "unix:$T/r.sock"
	assert_output "connection $EUID"
}

@test "limits, access and evict hold for connections handed over so" {
	py_service r 'c = sock(3); c.sendall(b"hello\n"); c.recv(1)' '{"listen": "tcp:127.0.0.1:0", "socket_as": "listen_fds",
	    "limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "300ms"}, "access": {"deny": ["127.0.0.9"]}}'
	start_berthd
	refuses r 127.0.0.9
	open_session c1 "$(at r)"
	heard c1 hello
	open_session c2 "$(at r)"
	heard c2 hello 15
	session_ended c1 10
	wait_log 'cause=evicted'
	close_session c2
	adds_up r
}

# ---- all sockets of a service in one handler ----

# what each of them is, on the log
ALL='
n = int(os.environ["LISTEN_FDS"])
kinds = {socket.SOCK_STREAM: "stream", socket.SOCK_DGRAM: "dgram", socket.SOCK_SEQPACKET: "seqpacket"}
note("pid", os.environ["LISTEN_PID"] == str(me), "names", os.environ["LISTEN_FDNAMES"])
all = [sock(fd) for fd in range(3, 3 + n)]
for s in all:
    name = s.getsockname()
    note("socket", s.fileno(), kinds[s.type], name if isinstance(name, str) else name[0], os.get_blocking(s.fileno()))
note("open", *sorted(int(x) for x in os.listdir("/proc/self/fd"))[:-1])
def turn(seconds):
    ready = select.select(all, [], [], seconds)[0]
    for s in ready:
        answer(s)
    return ready
'

@test "with wait one handler gets all sockets, in the order of listen, IPv4 before IPv6" {
	requires ipv6
	py_service w "$ALL"'
while turn(1.5):
    pass' "{\"listen\": [\"unix:$T/w.sock\", \"tcp:0\", \"unix-dgram:$T/d.sock\", \"udp:127.0.0.1:0\", \"tcp:127.0.0.2:0\", \"unix-seqpacket:$T/q.sock\"],
	    \"wait\": true, \"socket_as\": \"listen_fds\"}"
	start_berthd
	run client "$(port_of w 4)" <<'PY'
s = udp()
s.sendto(b"first", ("127.0.0.1", int(sys.argv[1])))
print(s.recv(100).decode())
PY
	local first=${output%% *}
	assert_output "$first first"
	run "$dial" "unix:$T/w.sock" <<<second
	assert_output "$first second"
	run "$dial" "tcp:127.0.0.2:$(port_of w 5)" <<<third
	assert_output "$first third"
	run "$dial" "tcp:[::1]:$(port_of w 2)" <<<fourth
	assert_output "$first fourth"
	REPORT=$(sed -nE 's/^stderr service=w .* line="?([^"]*)"?$/\1/p' "$LOG")
	assert_equal "$REPORT" "pid True names w:w:w:w:w:w:w
socket 3 stream $T/w.sock True
socket 4 stream 0.0.0.0 True
socket 5 stream :: True
socket 6 dgram $T/d.sock True
socket 7 dgram 127.0.0.1 True
socket 8 stream 127.0.0.2 True
socket 9 seqpacket $T/q.sock True
open 0 1 2 3 4 5 6 7 8 9"
	[[ $(accounts w) == "1 1 0 0" ]]
	wait_log '^exit service=w .*cause=exit status=0'
	run "$dial" "unix:$T/w.sock" <<<fifth
	assert_output --regexp '^[0-9]+ fifth$'
	[[ ${output%% *} != "$first" ]]
	adds_up w
}

@test "forty sockets" {
	py_service w "$ALL"'
while turn(1.5):
    pass' '{"listen": "tcp:127.0.0.1:0", "wait": true, "socket_as": "listen_fds"}'
	jq --argjson l "$(jq -nc '[range(1; 41) | "tcp:127.0.1.\(.):0"]')" '.listen = $l' "$SERVICES/w.json" >"$T/new"
	mv "$T/new" "$SERVICES/w.json"
	start_berthd
	run "$dial" "tcp:127.0.1.33:$(port_of w 32)" <<<hello
	assert_output --regexp '^[0-9]+ hello$'
	local i
	for i in {1..40}; do
		assert_equal "$(log_count "line=\"socket $((i + 2)) stream 127.0.1.$i True\"")" 1
	done
	assert_equal "$(log_count "line=\"open $(seq -s ' ' 0 42)\"")" 1
}

@test "one endpoint whose address is taken does not hold back the others" {
	local port
	port=$(free_port)
	background /usr/bin/python3 -S -c 'import socket, sys, time; s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); time.sleep(100)' "$port"
	wait_until 5 eval '[[ -n $(ss -Htln "sport = :'"$port"'") ]]'
	py_service w "$ALL"'
while turn(1.5):
    pass' "{\"listen\": [\"tcp:127.0.0.1:$port\", \"unix:$T/w.sock\"], \"wait\": true, \"socket_as\": \"listen_fds\"}"
	start_berthd
	service_is w '.endpoints[0].state == "waiting" and .endpoints[1].state == "listening"'
	run "$dial" --timeout 5 "unix:$T/w.sock" <<<hello
	assert_output --regexp '^[0-9]+ hello$'
}

@test "a handler that leaves what waits in any of its sockets does not spin berthd" {
	py_service w 'sys.exit(0)' '{"listen": ["tcp:127.0.0.1:0", "udp:127.0.0.1:0", "tcp:127.0.0.2:0"], "wait": true, "socket_as": "listen_fds"}'
	start_berthd
	client "$(port_of w 1)" <<'PY'
udp().sendto(b"stale", ("127.0.0.1", int(sys.argv[1])))
PY
	wait_log '^throttle service=w seconds=1\.000'
	(($(starts w) <= 4)) || fail "$(starts w) handlers"
	wait_log '^drop service=w endpoint=udp:127.0.0.1:0 .*bytes=5 '
}

@test "a connection left in the second of them does not spin berthd either" {
	py_service w 'sys.exit(0)' '{"listen": ["tcp:127.0.0.1:0", "tcp:127.0.0.2:0"], "wait": true, "socket_as": "listen_fds"}'
	start_berthd
	open_session c "tcp:127.0.0.2:$(port_of w 1)"
	wait_log '^throttle service=w seconds=1\.000'
	(($(starts w) <= 4)) || fail "$(starts w) handlers"
}

@test "a listener that its handler has shut down, and that is not its first, is opened again" {
	local port
	port=$(free_port)
	mkdir -m 0777 "$T/w"
	py_service w "$ALL
turn(5)
if not os.path.exists('$T/w/mended'):
    open('$T/w/mended', 'w')
    all[1].shutdown(socket.SHUT_RDWR)" "{\"listen\": [\"unix:$T/w.sock\", \"tcp:127.0.0.1:$port\"], \"wait\": true, \"socket_as\": \"listen_fds\"}"
	start_berthd
	run "$dial" "tcp:127.0.0.1:$port" <<<one
	assert_output --regexp ' one$'
	wait_log '^listen service=w ' 10
	run "$dial" "tcp:127.0.0.1:$port" <<<two
	assert_output --regexp ' two$'
}

# slow_to_end JSON: a handler that goes on for a while when it is asked to end
slow_to_end() {
	py_service w "$ALL
signal.signal(signal.SIGTERM, lambda *a: note('asked'))
answer(all[0])
while not os.path.exists('$T/go'):
    time.sleep(0.02)
note('blocking', *(os.get_blocking(s.fileno()) for s in all))" \
	    "$(jq -nc --argjson more "$1" '{listen: ["tcp:127.0.0.1:0", "tcp:127.0.0.2:0"], wait: true, socket_as: "listen_fds", timeouts: {stop: "8s"}} * $more')"
}

@test "wait turned off: all of its sockets stay blocking and unpolled until the handler has ended" {
	slow_to_end '{}'
	start_berthd
	ask w one
	edit w 'del(.wait, .socket_as) | .exec = ["/bin/cat"]'
	wait_log 'line="?asked'
	open_session c "tcp:127.0.0.2:$(port_of w 1)"
	say c hello
	sleep 0.4
	heard_nothing c
	(($(starts w) == 1))
	: >"$T/go"
	heard c hello
	wait_log 'line="blocking True True"'
}

@test "the order of listen changed: nobody is started beside the one that ends" {
	slow_to_end '{}'
	start_berthd
	ask w one
	edit w '.listen |= reverse'
	wait_log 'line="?asked'
	open_session c "tcp:127.0.0.2:$(port_of w 0)"
	open_session d "tcp:127.0.0.1:$(port_of w 1)"
	sleep 0.4
	(($(starts w) == 1))
	: >"$T/go"
	wait_logged 2 '^start service=w '
}

@test "the first of listen removed: nobody is started beside the one that ends" {
	slow_to_end '{}'
	start_berthd
	ask w one
	edit w '.listen |= .[1:]'
	wait_log 'line="?asked'
	open_session c "tcp:127.0.0.2:$(port_of w 0)"
	sleep 0.4
	(($(starts w) == 1))
	: >"$T/go"
	wait_logged 2 '^start service=w '
}

# ---- real programs ----

@test "python3-systemd finds what sd_listen_fds finds, with names" {
	py_service w '
sys.path[0:0] = ["/usr/lib/python3/dist-packages"]
from systemd import daemon
names = daemon.listen_fds_with_names(unset_environment=False)
note("names", sorted(names.items()), "tcp", daemon.is_socket_inet(3, type=socket.SOCK_STREAM, listening=1), "unix", daemon.is_socket_unix(4, listening=1))
serve(sock(4), 1)' "{\"listen\": [\"tcp:127.0.0.1:0\", \"unix:$T/w.sock\"], \"wait\": true, \"socket_as\": \"listen_fds\"}"
	start_berthd
	run "$dial" "unix:$T/w.sock" <<<hello
	assert_output --regexp ' hello$'
	wait_log "line=\"names \[\(3, 'w'\), \(4, 'w'\)\] tcp (True|1) unix (True|1)\""
}
