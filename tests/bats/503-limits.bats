# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# The control socket with more clients, bytes and shortages than it has room for.
load ../lib/berth

varlink() { printf '%s\0' "$@" | "$dial" --timeout 10 "unix:$CONTROL" 2>/dev/null | tr '\0' '\n'; }
info='{"method":"org.varlink.service.GetInfo"}'

# Clients that were accepted, of all
clients() { find "/proc/$DPID/fd" -lname 'socket:*' | wc -l; }
clients_are() { (($(clients) == $1)); }
# crowd NAME COUNT [UID]: so many idle clients
crowd() {
	local n prefix=()
	n=$(clients)
	[[ -z ${3-} ]] || prefix=("${as[@]}" --reuid="$3")
	mkfifo "$T/$1.in"
	"${prefix[@]}" "$hold" -n "$2" "unix:$CONTROL" <"$T/$1.in" >"$T/$1.out" 2>&1 3>&- 4>&- &
	JOBS+=($!)
	exec {CROWD}>"$T/$1.in"
	wait_until 20 grep -q '^held' "$T/$1.out"
	wait_until 20 clients_are $((n + $2))
}
# They have a place as long as they are here.
all_have_places() { wait_until 5 clients_are "$1" && [[ $(log_count 'gets no place') == "${2:-0}" ]]; }

# who may connect and nothing else
as=(setpriv --regid=mail --clear-groups)
for_others() {
	requires root
	requires program setpriv
	conf '{"control": {"group": "mail"}}'
	hold=$(peer_handler hold)
	dial=$(peer_handler dial)
}
varlink_as() { printf '%s\0' "${@:2}" | "${as[@]}" --reuid="$1" "$dial" --timeout 10 "unix:$CONTROL" 2>/dev/null | tr '\0' '\n'; }

@test "a thousand idle clients leave berthd serving, and the 1,025th is told that there are too many" {
	echo_service one
	start_berthd
	local where before
	where=$(at one)
	before=$(clients)
	crowd many 1000
	run ctl list
	assert_success
	run "$dial" "$where" <<<hello
	assert_output hello
	crowd rest 24
	all_have_places $((before + 1024))
	run varlink "$info"
	assert_output '{"error":"io.berth.Control.TooManyClients","parameters":{"limit":1024}}'
	run ctl list
	assert_failure 69
	assert_output --partial 'too many clients'
	run "$dial" "$where" <<<hello
	assert_output hello
	wait_log 'control: uid .* gets no place'
	exec {CROWD}>&-
	wait_until 10 ctl list
}

@test "as root, one user has 64 places, and others still find theirs" {
	for_others
	start_berthd
	crowd mine 64 30001
	run varlink_as 30001 "$info"
	assert_output '{"error":"io.berth.Control.TooManyClients","parameters":{"limit":64}}'
	run varlink_as 30002 "$info"
	assert_output --partial '"product":"berthd"'
	run ctl list
	assert_success
	exec {CROWD}>&-
	wait_until 10 eval 'varlink_as 30001 "$info" | grep -q product'
}

@test "as root, all users together leave the last 64 places to administrators" {
	for_others
	start_berthd
	local uid before
	before=$(clients)
	for uid in {30001..30015}; do crowd "u$uid" 64 "$uid"; done
	all_have_places $((before + 960))
	run varlink_as 30016 "$info"
	assert_output '{"error":"io.berth.Control.TooManyClients","parameters":{"limit":960}}'
	crowd root 63
	run ctl list
	assert_success
}

@test "with no descriptor left one administrator after the other is served" {
	requires program prlimit
	echo_service one
	start_berthd
	local i
	no_fd_left
	for i in 1 2 3; do
		run ctl connections --json
		assert_success
		wait_until 5 no_control_clients
	done
	# one stays: the next waits for its descriptor
	open_session first "unix:$CONTROL"
	printf '%s\0' "$info" >&"${SESSION_FD[first]}"
	heard first berthd
	open_session second "unix:$CONTROL"
	printf '%s\0' "$info" >&"${SESSION_FD[second]}"
	: >"$T/first.out"
	printf '%s\0' "$info" >&"${SESSION_FD[first]}"
	heard first berthd
	[[ ! -s $T/second.out ]]
	close_session first
	heard second berthd
	close_session second
	# a descriptor that comes back is for the next administrator, not for a handler
	run ctl list
	assert_success
	prlimit -p "$DPID" --nofile=20000:
	run ask one hello
	assert_output hello
}

@test "berthd that was started with few descriptors, all in use, still answers an administrator" {
	requires program prlimit
	conf '{"limits": {"connections": 500}}'
	sh_service one 'exec cat' '{"stderr": "null"}'
	PREFIX=(prlimit --nofile=64:64)
	start_berthd
	open_hold 80 "$(at one)"
	wait_log '^shortage '
	local i
	for i in 1 2 3; do
		wait_until 5 no_control_clients
		run ctl list --json
		assert_success
		run ctl connections one
		assert_success
	done
	(($(wc -l <<<"$output") > 20))
	close_hold
	wait_until 10 active_is one 0
	run ask one hello
	assert_output hello
}

@test "as root, with no descriptor left a user is told of the shortage, and root is served" {
	for_others
	start_berthd
	no_fd_left
	local i
	for i in 1 2 3; do
		run varlink_as 30001 "$info"
		assert_output '{"error":"io.berth.Control.Shortage","parameters":{}}'
		run ctl list
		assert_success
	done
	prlimit -p "$DPID" --nofile=20000:
	wait_until 5 eval 'varlink_as 30001 "$info" | grep -q product'
}

@test "half messages of many clients and of any length are kept within bounds" {
	echo_service one
	start_berthd
	background python3 -c '
import socket, sys, time
kept = []
for i in range(300):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(b"{\"method\":\"org.varlink.service.GetInfo\"" + b" " * (200 * i))
    kept.append(s)
open(sys.argv[2], "w").close()
sys.stdin.read()
for i, s in enumerate(kept):
    s.sendall(b"}\0")
    if b"berthd" not in s.recv(65536): sys.exit(1)
open(sys.argv[3], "w").close()' "$CONTROL" "$T/sent" "$T/good" < <(wait_until 30 test -e "$T/go")
	wait_until 20 test -e "$T/sent"
	run ctl list
	assert_success
	run ask one hello
	assert_output hello
	: >"$T/go"
	wait_until 20 test -e "$T/good"
}

@test "a call of 65,535 bytes is answered, a longer one ends the connection" {
	start_berthd
	call() { python3 -c 'import sys; t = sys.argv[1]; sys.stdout.write(t + " " * (int(sys.argv[2]) - len(t)) + "\0")' "$info" "$1"; }
	run bash -c "$(declare -f call); info='$info'; call 65535 | '$dial' --timeout 10 'unix:$CONTROL' | tr '\0' '\n'"
	assert_output --partial berthd
	run bash -c "$(declare -f call); info='$info'; call 65536 | '$dial' --timeout 10 'unix:$CONTROL' | tr '\0' '\n'"
	refute_output --partial parameters
	run ctl list
	assert_success
}

@test "parameters of any depth, name and size are refused by name, or end the connection" {
	start_berthd
	python3 - "$CONTROL" <<-'E'
	import json, socket, sys
	def ask(text):
	    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20)
	    got = b""
	    try:
	        s.sendall(text + b"\0")
	        while not got.endswith(b"\0"):
	            more = s.recv(65536)
	            if not more: return None
	            got += more
	    except (BrokenPipeError, ConnectionResetError):
	        return None
	    return json.loads(got[:-1])
	def call(parameters): return b'{"method":"io.berth.Control.List","parameters":' + parameters + b'}'
	def bad(name): return {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": name}}
	for depth in 1, 100, 1000:
	    assert ask(call(b'{"x":' + b"[" * depth + b"]" * depth + b"}")) == bad("x"), depth
	    assert ask(call(b'{"service":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")) == bad("service"), depth
	for depth in 5000, 30000:
	    assert ask(call(b'{"x":' + b"[" * depth + b"]" * depth + b"}")) is None, depth
	assert ask(call(b'{"' + b"n" * 60000 + b'":1}')) == bad("n" * 60000)
	assert ask(call('{"ключ":1}'.encode())) == bad("ключ")
	assert ask(call(b'{"":1}')) == bad("")
	assert ask(call(b'{"a b\\n\\"":1}')) == bad('a b\n"')
	assert ask(call(b'{"service":1e400}')) is None
	assert ask(call(b'{"service":99999999999999999999}')) is None
	assert ask(call(b'{"service":null,"buckets":null}'))["parameters"] == {"services": []}
	E
}

@test "a client that reads nothing delays no connection and no other client" {
	local i
	for i in {1..30}; do echo_service "service$i" '{"description": "some text to make the answer long, some text to make the answer long"}'; done
	sh_service one 'echo hello'
	start_berthd
	background python3 -c '
import socket, sys
kept = []
for i in range(40):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.setblocking(False)
    try:
        while True: s.send(b"{\"method\":\"io.berth.Control.List\",\"parameters\":{\"buckets\":true}}\0")
    except BlockingIOError: pass
    kept.append(s)
open(sys.argv[2], "w").close()
sys.stdin.read()' "$CONTROL" "$T/full" < <(sleep 60)
	wait_until 30 test -e "$T/full"
	run "$flood" -n 300 -c 10 --expect $'hello\n' "$(at one)"
	assert_success
	run ctl list --json
	assert_success
	(($(awk '/VmHWM/ {print $2}' "/proc/$DPID/status") < 131072))
}
