# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Handlers that receive, or accept, by themselves: berthd starts them and looks away until they have ended.
load ../lib/berth
load ../lib/limits
load ../lib/post

# ---- who serves what ----

@test "a udp handler starts on the first datagram, serves more, ends, and the next one starts another" {
	py_service u 'serve(sock(), 1.5)'
	start_berthd
	(($(starts u) == 0))
	run udp_ask u one two three
	assert_success
	local first=${lines[0]%% *}
	assert_output "$first one
$first two
$first three"
	[[ $(accounts u) == "1 1 0 0" ]]
	wait_log "^exit service=u connection=1 pid=$first cause=exit status=0"
	run udp_ask u four
	assert_output --regexp ' four$'
	[[ ${output%% *} != "$first" ]]
	[[ $(accounts u) == "2 1 1 0" ]]
	adds_up u
}

@test "so does one of a unix-dgram socket" {
	py_service u 'serve(sock(), 1.5)' "{\"listen\": \"unix-dgram:$T/u.sock\", \"socket\": {\"mode\": \"0666\"}}"
	start_berthd
	unix_ask() {
		client "$T" "$@" <<'PY'
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(10)
s.bind("%s/me.%d" % (sys.argv[1], os.getpid()))
os.chmod(s.getsockname(), 0o666)
for text in sys.argv[2:]:
    s.sendto(text.encode(), sys.argv[1] + "/u.sock")
    print(s.recv(100).decode())
PY
	}
	run unix_ask one two
	local first=${lines[0]%% *}
	assert_output "$first one
$first two"
	wait_log "^exit service=u connection=1 pid=$first cause=exit status=0"
	run unix_ask three
	assert_output --regexp ' three$'
	[[ ${output%% *} != "$first" ]]
	(($(starts u) == 2))
}

@test "with wait a tcp handler accepts by itself, one client after the other" {
	py_service t 'serve(sock(), 1.5)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	local first
	first=$(ask t one)
	run ask t two
	assert_output "${first%% *} two"
	[[ $(accounts t) == "1 1 0 0" ]]
	wait_log '^exit service=t .* cause=exit status=0'
	run ask t three
	assert_output --regexp '^[0-9]+ three$'
	[[ ${output%% *} != "${first%% *}" ]]
	adds_up t
}

@test "with wait a unix handler accepts by itself" {
	py_service t 'serve(sock(), 0.5)' "{\"listen\": \"unix:$T/t.sock\", \"wait\": true}"
	start_berthd
	run "$dial" "unix:$T/t.sock" <<<one
	assert_output --regexp '^[0-9]+ one$'
	wait_log '^exit service=t .* cause=exit status=0'
	run "$dial" "unix:$T/t.sock" <<<two
	assert_output --regexp '^[0-9]+ two$'
	(($(starts t) == 2))
}

@test "each endpoint has a handler of its own" {
	py_service u 'serve(sock(), 1.5)' '{"listen": ["udp:127.0.0.1:0", "udp:127.0.0.2:0"]}'
	start_berthd
	run client "$(port_of u 0)" "$(port_of u 1)" <<'PY'
s = udp()
for host, port in ("127.0.0.1", sys.argv[1]), ("127.0.0.2", sys.argv[2]), ("127.0.0.1", sys.argv[1]):
    s.sendto(b"x", (host, int(port)))
    print(s.recv(100).decode())
PY
	[[ ${lines[0]} == "${lines[2]}" && ${lines[0]} != "${lines[1]}" ]]
	[[ $(accounts u) == "2 2 0 0" ]]
}

@test "datagrams and connections in one service, with wait: true" {
	py_service b 'serve(sock(), 1.5)' '{"listen": ["tcp:127.0.0.1:0", "udp:127.0.0.1:0"], "wait": true}'
	start_berthd
	run ask b stream
	assert_output --regexp '^[0-9]+ stream$'
	run client "$(port_of b 1)" <<'PY'
s = udp()
s.sendto(b"datagram", ("127.0.0.1", int(sys.argv[1])))
print(s.recv(100).decode())
PY
	assert_output --regexp '^[0-9]+ datagram$'
	[[ $(accounts b) == "2 2 0 0" ]]
}

# ---- what it finds ----

@test "a wait handler finds fds 0, 1 and 2, the socket blocking, and the variables of the local side" {
	local look='
fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1]
note("fds", *fds, "blocking", os.get_blocking(0), "same", os.path.sameopenfile(0, 1))
note("env", *sorted(n + "=" + v for n, v in os.environ.items() if n[:3] in ("PRO", "TCP", "UNI", "REM", "BER")))
serve(sock(), 0.2)'
	py_service u "$look"
	py_service t "$look" '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	py_service x "$look" "{\"listen\": \"unix:$T/x.sock\", \"wait\": true}"
	start_berthd
	udp_ask u x
	ask t x
	"$dial" "unix:$T/x.sock" <<<x
	wait_logged 3 ' line="?env '
	assert_equal "$(log_count ' line="fds 0 1 2 blocking True same True"')" 3
	assert_equal "$(log_count '^stderr service=u .* line="env BERTH_ACTIVE=1 BERTH_CONNECTION=[0-9] BERTH_LIMIT=1 BERTH_SERVICE=u PROTO=UDP"')" 1
	assert_equal "$(log_count "^stderr service=t .* line=\"env BERTH_ACTIVE=1 BERTH_CONNECTION=[0-9] BERTH_LIMIT=1 BERTH_SERVICE=t PROTO=TCP TCPLOCALIP=127.0.0.1 TCPLOCALPORT=$(port_of t)\"")" 1
	assert_equal "$(log_count "^stderr service=x .* line=\"env BERTH_ACTIVE=1 BERTH_CONNECTION=[0-9] BERTH_LIMIT=1 BERTH_SERVICE=x PROTO=UNIX UNIXLOCALPATH=$T/x.sock\"")" 1
}

@test "a handler that has made the socket non-blocking leaves it blocking for the next one" {
	py_service u 's = sock(); note("blocking", os.get_blocking(0)); answer(s); os.set_blocking(0, False)'
	start_berthd
	run udp_ask u one two
	assert_success
	wait_logged 2 '^stderr service=u .* line="blocking True"'
}

# ---- unix-seqpacket ----

@test "unix-seqpacket: a handler for each connection, whose packets stay packets" {
	service q "{\"listen\": \"unix-seqpacket:$T/q.sock\", \"exec\": [\"/bin/cat\"]}"
	start_berthd
	run client "$T/q.sock" <<'PY'
cs = []
for n in range(2):
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.settimeout(10)
    c.connect(sys.argv[1])
    cs.append(c)
for c in cs:
    c.send(b"one")
    c.send(b"and two")
for c in cs:
    print(c.recv(100), c.recv(100))
    c.shutdown(socket.SHUT_WR)
    assert c.recv(100) == b""
PY
	assert_output "b'one' b'and two'
b'one' b'and two'"
	wait_logged 2 '^exit service=q .* cause=exit status=0'
	adds_up q
}

@test "unix-seqpacket: credentials in the environment, and access rules of unix sockets" {
	service q "{\"listen\": \"unix-seqpacket:$T/q.sock\", \"exec\": [\"/bin/sh\", \"-c\", \"echo \$PROTO \$UNIXLOCALPATH \$UNIXREMOTEEUID\"]}"
	start_berthd
	ask_q() {
		client "$T/q.sock" <<'PY'
c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
c.settimeout(10)
c.connect(sys.argv[1])
print(c.recv(1000).decode(), end="")
PY
	}
	run ask_q
	assert_output "UNIX $T/q.sock $EUID"
	edit q '.access = {"deny": ["local"]}'
	run ask_q
	assert_output ''
	wait_refused q denied 1
}

@test "one path for two kinds of unix socket in one file is refused" {
	echo_service one "{\"listen\": [\"unix:$T/p.sock\", \"unix-seqpacket:$T/p.sock\"]}"
	run check "$SERVICES/one.json"
	assert_failure 1
	assert_output --partial listen
}

@test "one path for two kinds of unix socket in two files: the first keeps it" {
	echo_service one "{\"listen\": \"unix:$T/p.sock\"}"
	service two "{\"listen\": \"unix-dgram:$T/p.sock\", \"exec\": [\"/bin/cat\"]}"
	start_berthd
	service_is one '.state == "open"'
	service_is two '.state == "waiting"'
	wait_log '^waiting service=two .*held by service one'
	run "$dial" "unix:$T/p.sock" <<<hello
	assert_output hello
}
