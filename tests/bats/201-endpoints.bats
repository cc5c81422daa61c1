# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

# socket(AF_INET6) fails as on a kernel that was built without it: a seccomp filter says so
without_ipv6() {
	PREFIX=(python3 -c '
import ctypes, os, platform, struct, sys
nr = {"x86_64": 41, "aarch64": 198}[platform.machine()]
op = lambda code, jt, jf, k: struct.pack("HBBI", code, jt, jf, k)
ld, jeq, ret = 0x20, 0x15, 0x06
prog = b"".join([op(ld, 0, 0, 0), op(jeq, 0, 3, nr), op(ld, 0, 0, 16), op(jeq, 0, 1, 10),
    op(ret, 0, 0, 0x00050000 | 97), op(ret, 0, 0, 0x7fff0000)])
buf = ctypes.create_string_buffer(prog, len(prog))
fprog = struct.pack("HxxxxxxQ", len(prog) // 8, ctypes.addressof(buf))
c = ctypes.CDLL(None, use_errno=True)
assert c.prctl(22, 2, fprog, 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[1], sys.argv[1:])')
}

where='echo "$PROTO $TCPLOCALIP $TCPREMOTEIP $UNIXLOCALPATH"'

@test "port 0 is one port for both families, and handlers see native addresses" {
	requires ipv6
	sh_service any "$where" '{"listen": "tcp:0"}'
	start_berthd
	run services '.[].endpoints | length'
	assert_output 2
	assert_equal "$(port_of any 0)" "$(port_of any 1)"
	run "$dial" "tcp:127.0.0.1:$(port_of any)" </dev/null
	assert_output 'TCP 127.0.0.1 127.0.0.1 '
	run "$dial" "tcp:[::1]:$(port_of any)" </dev/null
	assert_output 'TCP ::1 ::1 '
	wait_log 'start service=any .*peer=\[::1\]:[0-9]+ local=\[::1\]:'
}

@test "0.0.0.0 is IPv4 only and [::] is IPv6 only" {
	requires ipv6
	sh_service four "$where" '{"listen": "tcp:0.0.0.0:0"}'
	sh_service six "$where" '{"listen": "tcp:[::]:0"}'
	start_berthd
	run "$dial" "tcp:[::1]:$(port_of four)" </dev/null
	assert_failure 2
	run "$dial" "tcp:127.0.0.1:$(port_of six)" </dev/null
	assert_failure 2
	run "$dial" "tcp:[::1]:$(port_of six)" </dev/null
	assert_output 'TCP ::1 ::1 '
}

@test "where the kernel has no IPv6, IPv4 alone is opened" {
	requires root
	sh_service any "$where" '{"listen": "tcp:0"}'
	without_ipv6
	start_berthd
	run state_of any
	assert_output open
	run services '[.[].endpoints[] | select(.state == "listening")] | length'
	assert_output 1
	run "$dial" "tcp:127.0.0.1:$(port_of any)" </dev/null
	assert_output 'TCP 127.0.0.1 127.0.0.1 '
}

@test "a range is as many listeners" {
	local port
	port=$(free_port)
	sh_service range 'echo $TCPLOCALPORT' "{\"listen\": \"tcp:127.0.0.1:$port-$((port + 3))\"}"
	start_berthd
	run services '.[].endpoints | length'
	assert_output 4
	wait_until 5 service_is range 'all(.endpoints[]; .state == "listening")' || skip "the range was not free"
	run "$dial" "tcp:127.0.0.1:$((port + 3))" </dev/null
	assert_output $((port + 3))
}

@test "a port by its name in services(5)" {
	requires root
	requires program unshare ip
	sh_service named 'echo $TCPLOCALPORT' '{"listen": "tcp:127.0.0.1:finger"}'
	PREFIX=(unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
	start_berthd
	run port_of named
	assert_output 79
}

@test "several endpoints of one service" {
	sh_service many "$where" "{\"listen\": [\"tcp:127.0.0.1:0\", \"tcp:127.0.0.2:0\", \"unix:$T/sock\"]}"
	start_berthd
	run "$dial" "tcp:127.0.0.2:$(port_of many 1)" </dev/null
	assert_output --partial 'TCP 127.0.0.2'
	run "$dial" "unix:$T/sock" </dev/null
	assert_output --partial "UNIX   $T/sock"
}

@test "a unix path has the mode, owner and group that the file says" {
	requires root
	sh_service sock 'echo $UNIXREMOTEEUID $UNIXREMOTEEGID $UNIXREMOTEPID' \
	    "{\"listen\": \"unix:$T/sock\", \"socket\": {\"mode\": \"0620\", \"owner\": \"daemon\", \"group\": \"mail\"}}"
	start_berthd
	run stat -c '%a %U %G %F' "$T/sock"
	assert_output '620 daemon mail socket'
	"$dial" "unix:$T/sock" </dev/null >"$T/out" &
	local pid=$!
	wait $pid
	assert_equal "$(<"$T/out")" "0 0 $pid"
	wait_log "start service=sock .*peer=uid:0 local=$T/sock"
	# read again on a reload, without opening anew
	local inode
	inode=$(stat -c %i "$T/sock")
	jq '.socket.mode = "0600"' "$SERVICES/sock.json" >"$T/new" && mv "$T/new" "$SERVICES/sock.json"
	wait_until 5 eval '[[ $(stat -c %a "$T/sock") == 600 ]]'
	assert_equal "$(stat -c %i "$T/sock")" "$inode"
}

@test "the default mode of a unix path is 0660" {
	echo_service sock "{\"listen\": \"unix:$T/sock\"}"
	start_berthd
	run stat -c %a "$T/sock"
	assert_output 660
}

@test "a link that the service's user put in the place of its unix path is never followed" {
	requires root
	requires program setpriv
	mkdir "$T/u"
	chown nobody "$T/u"
	(umask 077 && echo secret >"$T/victim")
	echo_service sock "{\"listen\": \"unix:$T/u/sock\", \"socket\": {\"mode\": \"0666\"}}"
	start_berthd
	setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'mv "$1/u/sock" "$1/u/old" && ln -s "$1/victim" "$1/u/sock"' sh "$T"
	local edit
	for edit in '.description = "changed"' '.socket.mode = "0604"' '.socket.owner = "nobody" | .socket.group = "daemon"'; do
		mark_log
		jq "$edit" "$SERVICES/sock.json" >"$T/new" && mv "$T/new" "$SERVICES/sock.json"
		wait_fresh '^reload .*changed=1'
		fresh '^warning message="sock: unix:.*/u/sock: .*is not the socket that was bound' || fail "$(tail -n 5 "$LOG")"
		assert_equal "$(stat -c '%a %U %G %F' "$T/victim")" '600 root root regular file'
	done
	# the link is theirs
	[[ -L $T/u/sock ]]
	stop_berthd
	[[ -L $T/u/sock ]]
	assert_equal "$(<"$T/victim")" secret
}

@test "an owner and a group that leave the file give the unix path back to root" {
	requires root
	echo_service sock "{\"listen\": \"unix:$T/sock\", \"socket\": {\"mode\": \"0620\", \"owner\": \"daemon\", \"group\": \"mail\"}}"
	start_berthd
	local inode
	inode=$(stat -c %i "$T/sock")
	assert_equal "$(stat -c '%a %U %G' "$T/sock")" '620 daemon mail'
	jq 'del(.socket.owner)' "$SERVICES/sock.json" >"$T/new" && mv "$T/new" "$SERVICES/sock.json"
	wait_until 5 eval '[[ $(stat -c "%a %U %G" "$T/sock") == "620 root mail" ]]'
	jq 'del(.socket.group)' "$SERVICES/sock.json" >"$T/new" && mv "$T/new" "$SERVICES/sock.json"
	wait_until 5 eval '[[ $(stat -c "%a %U %G" "$T/sock") == "620 root root" ]]'
	assert_equal "$(stat -c %i "$T/sock")" "$inode"
	run "$dial" "unix:$T/sock" <<<hello
	assert_output hello
}

@test "a unix path without a group of its own keeps that of its setgid directory over a reload" {
	requires root
	mkdir "$T/d"
	chgrp daemon "$T/d"
	chmod 2775 "$T/d"
	echo_service sock "{\"listen\": \"unix:$T/d/sock\"}"
	start_berthd
	local born
	born=$(stat -c '%a %U %G %i' "$T/d/sock")
	assert_regex "$born" '^660 root daemon '
	jq '.description = "changed"' "$SERVICES/sock.json" >"$T/new" && mv "$T/new" "$SERVICES/sock.json"
	wait_log '^reload .*changed=1'
	assert_equal "$(stat -c '%a %U %G %i' "$T/d/sock")" "$born"
}

@test "an abstract unix socket" {
	sh_service abstract 'echo $UNIXLOCALPATH' "{\"listen\": \"unix:@berth-$$-$RANDOM\"}"
	start_berthd
	local name
	name=$(jq -r .listen "$SERVICES/abstract.json")
	run "$dial" "$name" </dev/null
	assert_output "${name#unix:}"
	wait_log "start service=abstract .*local=@berth"
}

@test "a stale unix path is replaced" {
	python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/sock"
	[[ -S $T/sock ]]
	echo_service sock "{\"listen\": \"unix:$T/sock\"}"
	start_berthd
	run "$dial" "unix:$T/sock" <<<hello
	assert_output hello
}

@test "a unix path that somebody serves is left to them" {
	background python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
while True:
    c, _ = s.accept()
    try: c.send(b"mine\n")
    except OSError: pass
    c.close()' "$T/sock"
	wait_until 5 "$dial" --no-stdin "unix:$T/sock"
	echo_service sock "{\"listen\": \"unix:$T/sock\"}"
	echo_service good
	start_berthd
	run state_of sock
	assert_output waiting
	run "$dial" --no-stdin "unix:$T/sock"
	assert_output mine
	run ask good hello
	assert_output hello
}

@test "a file at a unix path is never touched" {
	echo precious >"$T/sock"
	echo_service sock "{\"listen\": \"unix:$T/sock\"}"
	start_berthd
	run state_of sock
	assert_output waiting
	run services '.[].endpoints[0].reason'
	refute_output ''
	refute_output null
	stop_berthd
	assert_equal "$(<"$T/sock")" precious
}

@test "an address that this host does not have is bound all the same, and list says so" {
	echo_service free '{"listen": "tcp:192.0.2.77:0"}'
	start_berthd
	run services '.[].endpoints[0] | .state, .reason'
	assert_line --index 0 listening
	assert_line --index 1 --partial 'this host does not have the address'
	run ctl list
	assert_output --partial 'this host does not have the address'
}

@test "an address that comes later is served without a reload" {
	requires root
	requires program unshare ip nsenter
	echo_service free '{"listen": "tcp:192.0.2.77:7777"}'
	PREFIX=(unshare -n sh -c 'ip link set lo up && exec "$@"' sh)
	start_berthd
	nsenter -t "$DPID" -n ip addr add 192.0.2.77/32 dev lo
	run nsenter -t "$DPID" -n "$dial" tcp:192.0.2.77:7777 <<<hello
	assert_output hello
}

@test "without free_bind such an endpoint waits, and everything else runs" {
	echo_service bound '{"listen": "tcp:192.0.2.77:0", "socket": {"free_bind": false}}'
	echo_service good
	start_berthd
	run state_of bound
	assert_output waiting
	wait_log 'waiting service=bound endpoint=tcp:192.0.2.77:0 .*retry='
	run ask good hello
	assert_output hello
}

@test "bind_to_device" {
	requires root
	echo_service dev '{"listen": "tcp:0", "socket": {"bind_to_device": "lo"}}'
	start_berthd
	run ask dev hello
	assert_output hello
	run ss -Htln "sport = :$(port_of dev)"
	assert_output --partial '%lo:'
}

@test "socket options of a connection" {
	requires program python3
	service opts "$(jq -nc '{listen: "tcp:127.0.0.1:0", exec: ["/usr/bin/python3", "-c",
	    "import socket; s = socket.socket(fileno=0); print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), s.getsockopt(6, socket.TCP_NODELAY), flush=True)"]}')"
	start_berthd
	run ask opts
	assert_output '1 1'
	jq '.socket = {keep_alive: false, no_delay: false}' "$SERVICES/opts.json" >"$T/new" && mv "$T/new" "$SERVICES/opts.json"
	ctl reload
	run ask opts
	assert_output '0 0'
}

@test "enabled false is shown and not opened" {
	echo_service off '{"enabled": false}'
	start_berthd
	run state_of off
	assert_output disabled
	run services '[.[].endpoints[] | select(.state == "listening")] | length'
	assert_output 0
}
