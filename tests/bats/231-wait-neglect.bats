# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Handlers with wait that do not do what they were started for, and floods.
load ../lib/berth
load ../lib/limits
load ../lib/post

# ---- handlers that do not do what they were started for ----

# lazy NAME JSON: it ends at once, unless $T/mended is there
lazy() {
	py_service "$1" "
if not os.path.exists('$T/mended'):
    sys.exit(0)
serve(sock(), 1)" "$2"
}

@test "a datagram that three handlers in a row left is dropped, and the next one is served" {
	lazy u '{}'
	start_berthd
	local before
	before=$(ticks)
	udp_send u stale
	wait_log '^throttle service=u seconds=1\.000'
	(($(starts u) == 3))
	wait_log '^drop service=u endpoint="?udp:127.0.0.1:0"? peer="?127.0.0.1:[0-9]+"? bytes=5 reason='
	: >"$T/mended"
	run udp_ask u fresh
	assert_output --regexp '^[0-9]+ fresh$'
	(($(log_count '^drop ') == 1))
	(($(ticks) - before < 30))
	adds_up u
}

@test "what was dropped is counted" {
	lazy u '{}'
	start_berthd
	udp_send u stale
	wait_log '^drop service=u '
	service_is u '.dropped == 1'
}

@test "the same on a unix-dgram socket, with the descriptor that was passed in it" {
	lazy u "{\"listen\": \"unix-dgram:$T/u.sock\", \"socket\": {\"mode\": \"0666\"}}"
	start_berthd
	client "$T/u.sock" <<'PY'
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
a, b = socket.socketpair()
s.connect(sys.argv[1])
socket.send_fds(s, [b"stale"], [b.fileno()])
b.close()
a.settimeout(20)
assert a.recv(1) == b"", "the descriptor is still held"
PY
	wait_log '^drop service=u endpoint=.* bytes=5 reason='
	wait_log '^throttle service=u seconds=1\.000'
}

@test "an empty datagram that nobody reads is dropped too" {
	lazy u '{}'
	start_berthd
	udp_send u ''
	wait_log '^drop service=u .* bytes=0 '
	: >"$T/mended"
	run udp_ask u fresh
	assert_output --regexp '^[0-9]+ fresh$'
}

@test "a handler that exits without accepting does not spin berthd, and the client is served when it is mended" {
	lazy t '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	local before
	before=$(ticks)
	open_session c "$(at t)"
	say c hello
	wait_log '^throttle service=t seconds=1\.000'
	(($(starts t) == 3))
	throttled t
	wait_logged 4 '^start service=t'
	(($(starts t) <= 7))
	(($(ticks) - before < 30))
	: >"$T/mended"
	close_session c
	run "$dial" --timeout 20 "$(at t)" <<<more
	assert_output --regexp '^[0-9]+ more$'
}

@test "the same on a unix socket" {
	lazy t "{\"listen\": \"unix:$T/t.sock\", \"wait\": true}"
	start_berthd
	open_session c "unix:$T/t.sock"
	wait_log '^throttle service=t seconds=1\.000'
	(($(starts t) == 3))
}

@test "a handler that leaves what it was started for and exits with 1 is throttled like one that exits with 0" {
	py_service u 'sys.exit(1)'
	start_berthd
	udp_send u stale
	wait_log '^drop service=u '
	wait_log '^throttle service=u seconds=1\.000'
	(($(starts u) == 3))
}

@test "a program that is not there is tried again by the throttle, and the datagram waits for it" {
	service u "{\"listen\": \"udp:127.0.0.1:0\", \"exec\": [\"$T/absent\"]}"
	start_berthd
	client "$(port_of u)" "$T/absent" <<'PY' >"$T/answer" &
s = udp()
s.settimeout(20)
s.sendto(b"patient", ("127.0.0.1", int(sys.argv[1])))
print(s.recv(100).decode())
PY
	local pid=$!
	JOBS+=("$pid")
	wait_log '^throttle service=u seconds=2\.000' 10
	service_is u '.failed == 2 and .active == 0'
	printf '#!/usr/bin/python3 -S\n%s\nserve(sock(), 1)\n' "$POST_PY" >"$T/new"
	chmod 0755 "$T/new"
	mv "$T/new" "$T/absent"
	wait "$pid"
	grep -qE '^[0-9]+ patient$' "$T/answer"
	(($(log_count '^drop ') == 0))
	adds_up u
}

@test "handlers that serve one datagram each and end serve ten that look the same" {
	py_service u 'answer(sock())'
	start_berthd
	run client "$(port_of u)" <<'PY'
s = udp()
for n in range(10):
    s.sendto(b"same", ("127.0.0.1", int(sys.argv[1])))
print(len({s.recv(100) for n in range(10)}))
PY
	assert_output 10
	(($(log_count '^drop |^throttle ') == 0))
}

@test "handlers that accept one connection each and end serve ten that wait, without a throttle" {
	py_service t 'answer(sock())' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	run client "$(port_of t)" <<'PY'
cs = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) for n in range(10)]
for c in cs:
    c.sendall(b"x")
    c.shutdown(socket.SHUT_WR)
print(len({c.recv(100) for c in cs}))
PY
	assert_output 10
	(($(log_count '^throttle ') == 0))
}

@test "the same where for each that is served another one comes" {
	py_service t 'answer(sock())' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	run client "$(port_of t)" <<'PY'
def new():
    c = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
    c.sendall(b"x")
    c.shutdown(socket.SHUT_WR)
    return c
cs = [new() for n in range(3)]
for n in range(12):
    assert cs.pop(0).recv(100)
    cs.append(new())
print("served")
PY
	assert_output served
	(($(log_count '^throttle ') == 0))
}

@test "handlers that accept one connection each and end serve ten that wait on a unix socket" {
	py_service t 'answer(sock())' "{\"listen\": \"unix:$T/t.sock\", \"wait\": true}"
	start_berthd
	run client "$T/t.sock" <<'PY'
cs = []
for n in range(10):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(20)
    c.connect(sys.argv[1])
    c.sendall(b"x")
    c.shutdown(socket.SHUT_WR)
    cs.append(c)
print(len({c.recv(100) for c in cs}))
PY
	assert_output 10
	(($(log_count '^throttle ') == 0))
}

@test "a listener that its handler has shut down is opened again at the same port, and served" {
	local port
	port=$(free_port)
	py_service t "
s = sock()
answer(s)
if not os.path.exists('$T/w/mended'):
    open('$T/w/mended', 'w')
    s.shutdown(socket.SHUT_RDWR)" "{\"listen\": \"tcp:127.0.0.1:$port\", \"wait\": true}"
	mkdir -m 0777 "$T/w"
	start_berthd
	run ask t one
	assert_output --regexp ' one$'
	wait_log '^waiting service=t .*reason='
	wait_log '^listen service=t ' 10
	run ask t two
	assert_output --regexp ' two$'
}

@test "a udp socket that its handler has shut down is opened again, and served" {
	local port
	port=$(free_port)
	py_service u "
s = sock()
answer(s)
if not os.path.exists('$T/w/mended'):
    open('$T/w/mended', 'w')
    try:
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass" "{\"listen\": \"udp:127.0.0.1:$port\"}"
	mkdir -m 0777 "$T/w"
	start_berthd
	run udp_ask u one
	assert_output --regexp ' one$'
	wait_log '^listen service=u ' 10
	run udp_ask u two
	assert_output --regexp ' two$'
	(($(starts u) == 2))
}

# connecting NAME ENDPOINT: its handlers answer one datagram, by connect(2)
connecting() {
	py_service "$1" '
s = sock()
text, peer = s.recvfrom(100)
s.connect(peer)
s.send(b"%d %s" % (me, text))' "{\"listen\": \"$2\"}"
	start_berthd
}
others_are_served() {
	run udp_ask u one
	assert_output --regexp ' one$'
	wait_log '^exit service=u '
	run udp_ask u two
	assert_output --regexp ' two$'
	(($(starts u) == 2))
}

@test "a udp socket that its handler has connected to one client serves the others" {
	connecting u "udp:127.0.0.1:$(free_port)"
	others_are_served
}

@test "the same where the kernel has picked its port, which it keeps" {
	connecting u udp:127.0.0.1:0
	local port
	port=$(port_of u)
	others_are_served
	(($(port_of u) == port))
}

@test "the same on every address" {
	connecting u "udp:0.0.0.0:$(free_port)"
	others_are_served
}

# ---- floods ----

# flood_udp SERVICE: for a second
flood_udp() {
	client "$(port_of "$1")" <<'PY'
s = udp()
end = time.monotonic() + 1.5
while time.monotonic() < end:
    for n in range(50):
        s.sendto(b"x" * (n + 1), ("127.0.0.1", int(sys.argv[1])))
    time.sleep(0.001)
PY
}

@test "a flood of datagrams that a live handler does not read costs berthd nothing" {
	py_service u 'time.sleep(100)'
	start_berthd
	udp_send u first
	wait_log '^start service=u '
	local before
	before=$(ticks)
	flood_udp u
	(($(ticks) - before < 5)) || fail "$(($(ticks) - before)) ticks"
	(($(starts u) == 1))
}

@test "a flood of datagrams for handlers that end at once costs berthd little" {
	lazy u '{}'
	start_berthd
	local before
	before=$(ticks)
	flood_udp u
	(($(ticks) - before < 15)) || fail "$(($(ticks) - before)) ticks"
	(($(starts u) <= 9)) || fail "$(starts u) handlers"
}
