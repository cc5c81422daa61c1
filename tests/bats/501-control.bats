# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# The control socket speaks Varlink, also with clients that do not.
load ../lib/berth

# varlink JSON...: send messages, print the replies one a line
varlink() { printf '%s\0' "$@" | "$dial" --timeout 5 "unix:$CONTROL" | tr '\0' '\n'; }

@test "GetInfo and GetInterfaceDescription answer" {
	start_berthd
	run varlink '{"method":"org.varlink.service.GetInfo"}'
	assert_success
	jq -e '.parameters | .vendor, .product, .version, .url, (.interfaces | index("org.varlink.service")), (.interfaces | index("io.berth.Control")) | select(. == null) | error' <<<"$output" || [[ $? == 4 ]]
	run varlink '{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.berth.Control"}}'
	assert_output --partial 'interface io.berth.Control'
	assert_output --partial 'method Reload('
}

@test "errors are Varlink errors" {
	start_berthd
	run varlink '{"method":"io.berth.Control.NoSuch"}'
	assert_output --partial org.varlink.service.MethodNotFound
	run varlink '{"method":"no.such.Interface"}'
	assert_output --partial org.varlink.service.InterfaceNotFound
	run varlink '{"method":"io.berth.Control.Show","parameters":{"service":5}}'
	assert_output --partial org.varlink.service.InvalidParameter
	run varlink '{"method":"io.berth.Control.Show","parameters":{"service":"none"}}'
	assert_output --partial NoSuchService
	run varlink '{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"x.y"}}'
	assert_output --partial InterfaceNotFound
}

@test "several messages on one connection are answered in order" {
	start_berthd
	run varlink '{"method":"org.varlink.service.GetInfo"}' '{"method":"io.berth.Control.List"}' '{"method":"org.varlink.service.GetInfo"}'
	assert_equal "${#lines[@]}" 3
	assert_line --index 1 --partial services
	run varlink '{"method":"io.berth.Control.List","oneway":true}' '{"method":"org.varlink.service.GetInfo"}'
	assert_equal "${#lines[@]}" 1
}

@test "a message that comes in pieces is one message" {
	start_berthd
	open_session c "unix:$CONTROL"
	printf '{"method":"org.varlink' >&"${SESSION_FD[c]}"
	run ctl list
	assert_success
	printf '.service.GetInfo"}\0' >&"${SESSION_FD[c]}"
	heard c io.berth.Control
	close_session c
}

@test "junk ends that connection and nothing else" {
	echo_service one
	start_berthd
	local junk
	for junk in 'hello\n' '\0' '\0\0\0\0' '[]\0' '5\0' '{}\0' '{"method":5}\0' '{"method":"a.b","parameters":[]}\0' '\377\376\0' \
	    '{"method":"org.varlink.service.GetInfo"' 'GET / HTTP/1.0\r\n\r\n\0' '{"method":"","parameters":{}}\0'; do
		printf "$junk" | "$dial" --timeout 5 "unix:$CONTROL" >/dev/null || (($? == 3)) || fail "$junk: $?"
	done
	head -c 1000000 /dev/urandom | "$dial" --timeout 10 "unix:$CONTROL" >/dev/null || (($? == 3))
	head -c 30000000 /dev/zero | tr '\0' x | "$dial" --timeout 10 "unix:$CONTROL" >/dev/null || (($? == 3))
	{ head -c 200000 /dev/zero | tr '\0' '['; printf '\0'; } | "$dial" --timeout 10 "unix:$CONTROL" >/dev/null || (($? == 3))
	run ctl list
	assert_success
	run ask one hello
	assert_output hello
	(($(awk '/VmHWM/ {print $2}' "/proc/$DPID/status") < 65536))
}

@test "a silent client and a half-writing one delay nobody" {
	echo_service one
	start_berthd
	open_hold 20 "unix:$CONTROL"
	held
	open_session half "unix:$CONTROL"
	printf '{"method":' >&"${SESSION_FD[half]}"
	local began
	began=$(now_ms)
	run ask one hello
	assert_output hello
	run ctl list
	assert_success
	(($(now_ms) - began < 1500))
	close_hold
	close_session half
}

@test "a thousand control clients leave room for accepting" {
	echo_service one
	start_berthd
	local where
	where=$(at one)
	open_hold 500 "unix:$CONTROL"
	run "$dial" "$where" <<<hello
	assert_output hello
	close_hold
	wait_until 5 ctl list
}

@test "a client that asks and never reads is bounded, one that leaves before the reply harms nothing" {
	local i
	for i in {1..50}; do echo_service "service$i" '{"description": "some text to make the answer long, some text to make the answer long"}'; done
	start_berthd
	background python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(1)
try:
    while True: s.send(b"{\"method\":\"io.berth.Control.List\"}\0")
except OSError: pass
open(sys.argv[2], "w").close()
time.sleep(100)' "$CONTROL" "$T/full"
	wait_until 20 test -e "$T/full"
	local began
	began=$(now_ms)
	run ctl list
	assert_success
	(($(now_ms) - began < 1000))
	for i in {1..20}; do
		printf '{"method":"io.berth.Control.List"}\0' | "$dial" --linger0 "unix:$CONTROL"
	done
	run ask service1 hello
	assert_output hello
	(($(awk '/VmHWM/ {print $2}' "/proc/$DPID/status") < 131072))
	kill "${JOBS[-1]}"
}

@test "as root, one who may only read is told so over Varlink" {
	requires root
	conf '{"control": {"group": "mail"}}'
	start_berthd
	install -m 0755 "$dial" "$T/dial"
	run bash -c 'printf "{\"method\":\"io.berth.Control.Reload\"}\0" | setpriv --reuid=nobody --regid=mail --clear-groups "$1" "unix:$2" | tr "\0" "\n"' sh "$T/dial" "$CONTROL"
	assert_output --partial PermissionDenied
}

@test "a descriptor that a client sends, whose close(2) waits, does not stop berthd" {
	echo_service e
	start_berthd
	run timeout 20 python3 -S - "$CONTROL" <<-'END' 3>&- 4>&-
	import array, errno, socket, struct, sys
	k = socket.socket(socket.AF_UNIX)
	k.connect(sys.argv[1])
	try:
	    k.sendmsg([b"{"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
	    print("was sent")
	except PermissionError:
	    print("is refused")
	END
	# before that no kernel can refuse it
	printf '%s\n' 6.16 "$(uname -r)" | sort -VC || return 0
	assert_output 'is refused'
	ctl list
}
