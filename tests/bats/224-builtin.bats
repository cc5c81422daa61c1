# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# The built-in services through berthd; 220 has their code by itself.
load ../lib/berth
load ../lib/limits
load ../lib/post

# builtin NAME [JSON]: on tcp, and as NAME-u on udp
builtin_service() {
	service "$1" "$(jq -nc --arg b "$1" --argjson more "${2:-{\}}" '{listen: "tcp:127.0.0.1:0", builtin: $b} * $more')"
	service "$1-u" "$(jq -nc --arg b "$1" --argjson more "${2:-{\}}" '{listen: "udp:127.0.0.1:0", builtin: $b} * $more')"
}

@test "echo over tcp and udp" {
	builtin_service echo
	start_berthd
	head -c 3000000 /dev/urandom >"$T/data"
	"$dial" "$(at echo)" <"$T/data" | cmp - "$T/data"
	run udp_ask echo-u hello 'and more'
	assert_output 'hello
and more'
	wait_log '^exit service=echo .* cause=exit status=0'
	service_is echo-u '.active == 1 and .accepted == 1'
}

@test "discard over tcp and udp" {
	builtin_service discard
	start_berthd
	run "$dial" "$(at discard)" < <(head -c 3000000 /dev/zero)
	assert_success
	assert_output ''
	client "$(port_of discard-u)" <<'PY'
s = udp()
s.sendto(b"x", ("127.0.0.1", int(sys.argv[1])))
quiet(s)
PY
	wait_log '^exit service=discard .* cause=exit status=0'
	service_is discard-u '.active == 1'
}

@test "chargen over tcp: 72 of 95 characters a line; over udp no more than was asked with" {
	builtin_service chargen
	start_berthd
	client "$(port_of chargen)" "$(port_of chargen-u)" <<'PY'
ring = bytes(range(32, 127)) * 2
lines = b"".join(ring[k:k + 72] + b"\r\n" for k in range(95))
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
got = b""
while len(got) < 2 * len(lines):
    got += c.recv(65536)
assert got[:2 * len(lines)] == 2 * lines
c.close()
s = udp()
for n in 0, 1, 74, 100, 1000:
    s.sendto(b"x" * n, ("127.0.0.1", int(sys.argv[2])))
    assert len(s.recv(70000)) == min(n, 512), n
PY
	wait_log '^exit service=chargen .* cause=exit status=0'
}

@test "daytime over tcp and udp" {
	builtin_service daytime
	start_berthd
	client "$(port_of daytime)" "$(port_of daytime-u)" <<'PY'
before = int(time.time())
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
got = b""
while part := c.recv(100):
    got += part
s = udp()
s.sendto(b"", ("127.0.0.1", int(sys.argv[2])))
may = [(time.ctime(t) + "\r\n").encode() for t in range(before, int(time.time()) + 2)]
assert got in may, got
assert s.recv(100) in may
PY
}

@test "time over tcp and udp" {
	builtin_service time
	start_berthd
	client "$(port_of time)" "$(port_of time-u)" <<'PY'
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
got = [b""]
while part := c.recv(100):
    got[0] += part
s = udp()
s.sendto(b"x" * 1000, ("127.0.0.1", int(sys.argv[2])))
got.append(s.recv(100))
for g in got:
    assert len(g) == 4
    assert abs(int.from_bytes(g, "big") - 2208988800 - time.time()) < 10, g
PY
}

@test "over udp and IPv6, from the address that was asked" {
	requires ipv6
	service e '{"listen": "udp:0", "builtin": "echo"}'
	start_berthd
	client "$(port_of e)" <<'PY'
port = int(sys.argv[1])
for host, own in ("127.0.0.3", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.4", "127.0.0.1"):
    s = udp(own)
    s.sendto(b"x", (host, port))
    got, peer = s.recvfrom(100)
    assert got == b"x" and peer[:2] == (host, port), peer
PY
	service_is e '.accepted == 2'
}

@test "over unix sockets of each kind" {
	service e "{\"listen\": [\"unix:$T/s.sock\", \"unix-seqpacket:$T/q.sock\"], \"builtin\": \"echo\"}"
	service d "{\"listen\": \"unix-dgram:$T/d.sock\", \"builtin\": \"echo\", \"socket\": {\"mode\": \"0666\"}}"
	start_berthd
	client "$T" <<'PY'
for kind, name in (socket.SOCK_STREAM, "s"), (socket.SOCK_SEQPACKET, "q"), (socket.SOCK_DGRAM, "d"):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(10)
    if name == "d":
        s.bind(sys.argv[1] + "/me")
        os.chmod(sys.argv[1] + "/me", 0o666)
    s.connect("%s/%s.sock" % (sys.argv[1], name))
    s.send(b"hello")
    assert s.recv(100) == b"hello"
PY
}

@test "udp: sources that would answer are not answered, and a line says so" {
	requires root
	builtin_service echo
	builtin_service chargen
	builtin_service daytime
	own_network true
	start_berthd
	local name ports=()
	for name in echo chargen daytime; do ports+=("$(port_of "$name-u")"); done
	nsenter -t "$DPID" -n /usr/bin/python3 -S - "${ports[@]}" <<'PY'
import select, socket, sys
def asker(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    s.settimeout(10)
    return s
for port in 7, 13, 19, 53, 123, int(sys.argv[1]):
    s = asker(port) if port != int(sys.argv[1]) else None
    for to in sys.argv[1:] if s else ():
        s.sendto(b"x", ("127.0.0.1", int(to)))
    assert not s or not select.select([s], [], [], 0.2)[0], port
s = asker(0)
for to in sys.argv[1:]:
    s.sendto(b"x", ("127.0.0.1", int(to)))
    assert s.recv(100)
PY
	wait_log '^stderr service=echo-u .* line="echo: a datagram was not answered: source port 7 \(echo\)"'
	wait_log '^stderr service=chargen-u .* line="chargen: a datagram was not answered: source port 7'
}

@test "two of them cannot be set upon each other by a forged datagram" {
	requires root
	requires program unshare ip nsenter
	service a '{"listen": "udp:127.0.0.1:7", "builtin": "echo"}'
	service b '{"listen": "udp:127.0.0.2:19", "builtin": "chargen"}'
	own_network true
	start_berthd
	nsenter -t "$DPID" -n /usr/bin/python3 -S - <<'PY'
import socket, struct
# from b's address to a, as a forger would send it
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack("!HHHH", 19, 7, 13, 0) + b"hello"
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton("127.0.0.2"), socket.inet_aton("127.0.0.1"))
s.sendto(ip + udp, ("127.0.0.1", 0))
PY
	wait_log '^stderr service=a .* line="echo: a datagram was not answered: source port 19 \(chargen\)"'
	sleep 0.3
	(($(starts b) == 0))
}

# ---- what kind of process it is ----

# bare PID FDS: it has dropped everything
bare() {
	assert_equal "$(ls "/proc/$1/fd" | sort -n | xargs)" "$2"
	local status
	status=$(</proc/"$1"/status)
	grep -qE $'^SigBlk:\t0+$' <<<"$status"
	grep -qE $'^SigIgn:\t0+$' <<<"$status"
	grep -qE $'^SigCgt:\t0+$' <<<"$status"
	assert_equal "$(ps -o sid=,pgid= -p "$1" | xargs)" "$1 $1"
	if ((EUID == 0)); then
		grep -qE $'^Uid:\t65534\t65534\t65534\t65534$' <<<"$status"
		grep -qE $'^CapEff:\t0+$' <<<"$status"
		grep -qE $'^CapPrm:\t0+$' <<<"$status"
		assert_equal "$(sed -n 's/^Groups:[[:space:]]*//p' <<<"$status" | xargs)" "$(id -G nobody)"
	fi
}

@test "its process has the service's user, no privileges, and none of berthd's descriptors" {
	builtin_service echo
	service m '{"listen": "tcp:127.0.0.1:0", "builtin": "tcpmux"}'
	sh_service other 'cat'
	start_berthd
	session c0 other 127.0.0.1
	session c1 echo 127.0.0.1
	udp_ask echo-u x
	open_session c2 "$(at m)"
	wait_log '^start service=m '
	bare "$(pid_of echo)" '0 1 2'
	bare "$(pid_of echo-u)" '0 1 2'
	bare "$(pid_of m)" '0 1 2 3'
	[[ $(readlink "/proc/$(pid_of echo)/fd/0") == socket:* ]]
	[[ $(readlink "/proc/$(pid_of echo)/fd/2") == pipe:* ]]
}

@test "another process of its user cannot read its memory, which was berthd's" {
	requires root
	requires program setpriv
	builtin_service echo
	start_berthd
	session c1 echo 127.0.0.1
	run setpriv --reuid nobody --regid nogroup --clear-groups head -c 1 "/proc/$(pid_of echo)/environ"
	assert_failure
	assert_output --partial 'Permission denied'
}

@test "umask, niceness, rlimits and directory are the service's" {
	builtin_service echo '{"process": {"umask": "077", "nice": 5, "rlimits": {"nofile": 20}, "working_directory": "/tmp"}}'
	start_berthd
	session c1 echo 127.0.0.1
	local pid
	pid=$(pid_of echo)
	[[ $(ps -o nice= -p "$pid" | xargs) == 5 ]]
	grep -qE '^Max open files +20 +20 ' "/proc/$pid/limits"
	grep -qE $'^Umask:\t0077' "/proc/$pid/status"
	[[ $(readlink "/proc/$pid/cwd") == /tmp ]]
}

@test "limits, access and evict hold for a built-in" {
	service echo '{"listen": "tcp:127.0.0.1:0", "builtin": "echo", "limits": {"connections": 1, "overflow": ["evict"]},
	    "evict": {"min_idle": "300ms"}, "access": {"deny": ["127.0.0.9"]}}'
	start_berthd
	refuses echo 127.0.0.9
	session c1 echo 127.0.0.1
	open_session c2 "$(at echo)"
	say c2 hello
	heard c2 hello 15
	wait_log '^exit service=echo connection=1 .*cause=evicted'
	adds_up echo
}

@test "a udp one that is asked to end does" {
	builtin_service echo
	start_berthd
	udp_ask echo-u x
	rm "$SERVICES/echo-u.json"
	ctl reload
	wait_log '^exit service=echo-u .*cause=stop signal=TERM'
}

# rejects JSON TEXT
rejects() {
	jq -nc --argjson more "$1" '{listen: "tcp:127.0.0.1:0"} * $more' >"$T/x.json"
	run check "$T/x.json"
	assert_failure 1
	assert_output --partial "$2"
}

@test "what cannot stand beside builtin is refused" {
	rejects '{"builtin": "echo", "exec": ["/bin/cat"]}' 'builtin: cannot stand beside exec'
	rejects '{"builtin": "ecko"}' 'builtin'
	rejects '{"builtin": "echo", "argv0": "x"}' 'argv0'
	rejects '{"builtin": "echo", "socket_as": "listen_fds"}' 'socket_as'
	rejects '{"builtin": "echo", "stderr": "socket"}' 'stderr'
	rejects '{"builtin": "echo", "wait": true}' 'wait'
	rejects '{"builtin": "echo", "listen": "udp:127.0.0.1:0", "handlers": {"max": 2}}' 'handlers'
	rejects '{"builtin": "tcpmux", "listen": "udp:127.0.0.1:0"}' 'tcpmux is served over tcp only'
	rejects '{"builtin": "tcpmux", "tcpmux": true}' 'tcpmux'
	rejects '{"exec": ["/bin/cat"], "listen": "unix:/tmp/x", "tcpmux": true}' 'tcpmux'
}
