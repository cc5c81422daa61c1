# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Options of the sockets, and how much of a client the log may say
load ../lib/berth
load ../lib/limits

# What a handler finds on its connection
look='import socket
s = socket.socket(fileno=0)
s.recv(100)
def get(level, name):
    try:
        return s.getsockopt(level, name)
    except OSError as e:
        return e.errno
six = s.family == socket.AF_INET6
ip = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
print("mark", get(socket.SOL_SOCKET, 36))
if s.family != socket.AF_UNIX:
    print("user_timeout", get(socket.IPPROTO_TCP, 18))
    print("keep_alive", get(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
    print("no_delay", get(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    print("ip_tos", get(ip, socket.IPV6_TCLASS if six else socket.IP_TOS))
    print("transparent", get(ip, 75 if six else 19))
print("receive_buffer", get(socket.SOL_SOCKET, socket.SO_RCVBUF))
print("send_buffer", get(socket.SOL_SOCKET, socket.SO_SNDBUF), flush=True)'

# The same of berthd's own sockets: the one of the port
of_listener='import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(int(sys.argv[1]))
for name in os.listdir("/proc/%s/fd" % sys.argv[1]):
    fd = libc.syscall(438, pidfd, int(name), 0)
    try:
        s = socket.socket(fileno=fd)
    except OSError:
        if fd >= 0: os.close(fd)
        continue
    try:
        mine = s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and s.family != socket.AF_UNIX and s.getsockname()[1] == int(sys.argv[2])
    except OSError:
        mine = False
    if mine:
        print("defer_accept", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT))
        print("user_timeout", s.getsockopt(socket.IPPROTO_TCP, 18))
        print("mark", s.getsockopt(socket.SOL_SOCKET, 36))
        print("keep_alive", s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        print("no_delay", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        print("ip_tos", s.getsockopt(socket.IPPROTO_IP, socket.IP_TOS))
        print("transparent", s.getsockopt(socket.IPPROTO_IP, 19))
        print("receive_buffer", s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
        print("send_buffer", s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
    s.close()'

# looker SOCKET-JSON [JSON]: the service p
looker() {
	service p "$(jq -nc --arg s "$look" --argjson socket "$1" --argjson more "${2:-{\}}" \
	    '{listen: "tcp:127.0.0.1:0", exec: ["/usr/bin/python3", "-S", "-c", $s], socket: $socket} * $more')"
}
connection_has() {
	local line
	run "$dial" --timeout 20 "$where" <<<x
	for line; do assert_line "$line"; done
}
listener_has() {
	local line
	run timeout 20 python3 -S -c "$of_listener" "$DPID" "${where##*:}"
	for line; do assert_line "$line"; done
}
start_p() { start_berthd && where=$(at p); }
not_root() {
	requires root
	requires program setpriv
	chown -R nobody: "$T"
	PREFIX=(setpriv --reuid=nobody --regid=nogroup --clear-groups --bounding-set=-all)
}

@test "each option is set on the listener, and its connections have it" {
	requires root
	looker '{"user_timeout": "7s", "mark": 42, "ip_tos": 16, "receive_buffer": "64K", "send_buffer": "48K", "transparent": true, "defer_accept": "3s",
	    "keep_alive": false, "no_delay": false}'
	start_p
	connection_has 'user_timeout 7000' 'mark 42' 'ip_tos 16' 'receive_buffer 131072' 'send_buffer 98304' 'transparent 1' \
	    'keep_alive 0' 'no_delay 0'
	listener_has 'user_timeout 7000' 'mark 42' 'ip_tos 16' 'receive_buffer 131072' 'send_buffer 98304' 'transparent 1' 'defer_accept 3' \
	    'keep_alive 0' 'no_delay 0'
	run ss -Htlnme "sport = :${where##*:}"
	assert_output --partial 'fwmark:0x2a'
	assert_output --partial 'rb131072'
	assert_output --partial 'tb98304'
}

@test "without them both have the kernel's own, and keep_alive and no_delay" {
	requires root
	looker '{}'
	start_p
	connection_has 'user_timeout 0' 'mark 0' 'ip_tos 0' 'transparent 0' 'keep_alive 1' 'no_delay 1'
	listener_has 'user_timeout 0' 'mark 0' 'ip_tos 0' 'transparent 0' 'defer_accept 0'
}

@test "IPv6 connections have the traffic class" {
	requires root
	requires ipv6
	looker '{"ip_tos": 32, "mark": 7, "transparent": true}' '{"listen": "tcp:[::1]:0"}'
	start_berthd
	where="tcp:[::1]:$(port_of p)"
	connection_has 'ip_tos 32' 'mark 7' 'transparent 1'
}

@test "buffers of a unix endpoint are accepted, as is the connection" {
	looker '{"receive_buffer": "64K", "send_buffer": "48K", "mode": "0666"}' "{\"listen\": \"unix:$T/p.sock\"}"
	start_berthd
	where=unix:$T/p.sock
	run "$dial" --timeout 20 "$where" <<<x
	# accepted ones have the kernel's own: nothing of the listener is handed down there
	assert_line --regexp '^send_buffer [0-9]+$'
	run log_count 'socket\.'
	assert_output 0
}

@test "defer_accept: a client that says nothing is not accepted" {
	looker '{"defer_accept": "20s"}'
	start_p
	open_session silent "$where"
	wait_until 5 eval '[[ -n $(ss -Htn state established "dport = :${where##*:}") ]]'
	connection_has 'keep_alive 1'
	service_is p '.accepted == 1'
	say silent x
	heard silent keep_alive 10
	service_is p '.accepted == 2'
}

@test "a reload sets another value, for connections that come after it" {
	requires root
	looker '{"user_timeout": "7s", "mark": 42, "ip_tos": 16, "send_buffer": "48K", "defer_accept": "3s"}'
	start_p
	connection_has 'user_timeout 7000' 'mark 42' 'ip_tos 16'
	edit p '.socket = {user_timeout: "9s", mark: 43, ip_tos: 8, send_buffer: "64K", defer_accept: "7s", transparent: true, no_delay: false}'
	[[ $(at p) == "$where" ]]
	connection_has 'user_timeout 9000' 'mark 43' 'ip_tos 8' 'send_buffer 131072' 'transparent 1' 'no_delay 0'
	listener_has 'defer_accept 7'
}

@test "what a reload takes out is the kernel's own again" {
	requires root
	looker '{"user_timeout": "7s", "mark": 42, "ip_tos": 16, "defer_accept": "3s", "transparent": true, "no_delay": false, "keep_alive": false}'
	start_p
	listener_has 'mark 42' 'transparent 1'
	edit p 'del(.socket)'
	[[ $(at p) == "$where" ]]
	listener_has 'defer_accept 0' 'user_timeout 0' 'mark 0' 'ip_tos 0' 'transparent 0' 'no_delay 1' 'keep_alive 1'
	connection_has 'user_timeout 0' 'mark 0' 'ip_tos 0' 'transparent 0' 'no_delay 1' 'keep_alive 1'
}

@test "what berthd may not set is said by name when the file is loaded, and the endpoint is not opened" {
	not_root
	looker '{"mark": 42}'
	service q "$(jq -c '.socket = {transparent: true}' "$SERVICES/p.json")"
	echo_service good
	start_berthd
	wait_log 'p.*socket\.mark: Operation not permitted'
	wait_log 'q.*socket\.transparent: Operation not permitted'
	service_is p '.endpoints[0].state == "waiting" and (.endpoints[0].reason | contains("socket.mark: Operation not permitted"))'
	service_is q '.endpoints[0].state == "waiting" and (.endpoints[0].reason | contains("socket.transparent: Operation not permitted"))'
	run ask good hello
	assert_output hello
}

@test "and when a reload asks for it: by name, and the service goes on" {
	not_root
	looker '{"ip_tos": 16}'
	start_p
	connection_has 'ip_tos 16' 'mark 0'
	edit p '.socket.mark = 42'
	wait_log 'p.*socket\.mark: Operation not permitted'
	connection_has 'ip_tos 16' 'mark 0'
	# what was refused does not stand in the way of the others
	edit p 'del(.socket.mark) | .socket.ip_tos = 8'
	connection_has 'ip_tos 8' 'mark 0'
}

@test "a buffer is as large as asked for, also above the limit of ordinary programs" {
	requires root
	local most
	most=$(cat /proc/sys/net/core/wmem_max 2>/dev/null) || cannot_run "no net.core.wmem_max"
	looker "{\"send_buffer\": \"$((most / 1024 + 1024))K\"}"
	start_p
	connection_has "send_buffer $(((most / 1024 + 1024) * 2048))"
}

@test "values out of range are refused by name" {
	local key value
	while read -r key value; do
		looker "{\"$key\": $value}"
		run check "$SERVICES/p.json"
		assert_failure 1
		assert_output --partial "socket.$key"
	done <<-'END'
	defer_accept "500ms"
	defer_accept 5
	user_timeout "5"
	user_timeout -1
	mark -1
	mark 4294967296
	mark "42"
	ip_tos 256
	ip_tos -1
	receive_buffer 65536.5
	receive_buffer "2G"
	send_buffer "64X"
	send_buffer true
	transparent "yes"
	keep_alive 1
	no_delay "no"
	free_bind null
	backlog 0
	END
	service p '{"listen": "tcp:0", "exec": ["/bin/cat"], "log": {"peer": "some"}}'
	run check "$SERVICES/p.json"
	assert_failure 1
	assert_output --partial 'log.peer'
	looker '{"defer_accept": "1s", "user_timeout": "1ms", "mark": 4294967295, "ip_tos": 255, "receive_buffer": "1G", "send_buffer": "1K", "transparent": false}'
	run check "$SERVICES/p.json"
	assert_success
}

# ---- log.peer ----

# every_line PEER: services that come to every kind of line about the client 127.0.0.77, one after the other
every_line() {
	local common
	common=$(jq -nc --arg peer "$1" '{log: {peer: $peer}, limits: {source_prefix: {ipv4: 24}}}')
	merged() { jq -nc --argjson a "$common" --argjson b "$1" '$a * $b'; }
	sh_service plain 'echo hi; echo oops >&2' "$(merged '{}')"
	sh_service denied true "$(merged '{"access": {"deny": ["127.0.0.64/26"]}}')"
	sh_service full 'echo hi; exec sleep 100' "$(merged '{"limits": {"connections_per_source": 1}}')"
	sh_service often 'echo hi' "$(merged '{"limits": {"rate_per_source": "1/h"}}')"
	sh_service bad 'exit 9' "$(merged '{"penalties": {"exit": {"9": "1min"}, "threshold": "30s"}}')"
	echo_service ev "$(merged '{"limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "100ms"}}')"
	echo_service absent "$(merged "{\"exec\": [\"$T/absent\"]}")"
	echo_service proxied "$(merged '{"proxy_protocol": {"from": ["127.0.0.1"]}}')"
	service udp "$(merged "$(jq -nc '{listen: "udp:127.0.0.1:0", exec: ["/bin/true"], limits: null} | del(.limits)')" | jq -c 'del(.limits)')"
	start_berthd
	local c=(--source 127.0.0.77)
	run "$dial" "${c[@]}" "$(at plain)" </dev/null
	refuses denied 127.0.0.77
	open_session held "$(at full)" "${c[@]}"
	heard held hi 10
	refuses full 127.0.0.77
	run "$dial" "${c[@]}" "$(at often)" </dev/null
	refuses often 127.0.0.77
	run "$dial" "${c[@]}" "$(at bad)" </dev/null
	wait_log '^exit service=bad .*status=9'
	refuses bad 127.0.0.77
	open_session idle "$(at ev)" "${c[@]}"
	say idle hello
	heard idle hello 10
	run from 127.0.0.1 ev hello
	assert_output hello
	run "$dial" "${c[@]}" "$(at absent)" </dev/null
	refuses proxied 127.0.0.77
	# of a datagram that nobody takes
	run python3 -S -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.77", 0)); s.sendto(b"x", ("127.0.0.1", int(sys.argv[1])))' "$(port_of udp)"
	wait_log '^drop service=udp' 15
	local line
	for line in '^start service=plain' '^exit service=plain' '^stderr service=plain' '^refuse service=denied .*reason=denied' \
	    '^refuse service=full .*reason=source-full' '^refuse service=often .*reason=source-rate' '^penalty service=bad' \
	    '^refuse service=bad .*reason=penalty' '^evict service=ev' '^fail service=absent' \
	    '^refuse service=proxied .*rule=proxy_protocol.from'; do
		wait_log "$line"
	done
}

@test "log.peer none: no line of any kind has the client's address" {
	every_line none
	run grep -a '127\.0\.0\.77\|127\.0\.0\.0/24\|peer=' "$LOG"
	assert_output ''
	# nor the prefix where it is a source
	run grep -a 'source=' "$LOG"
	assert_output ''
}

@test "log.peer prefix: the source prefix only" {
	every_line prefix
	# a datagram has no source_prefix: its source is the whole address
	run eval 'grep -av "^drop " "$LOG" | grep "127\.0\.0\.77"'
	assert_output ''
	local line
	for line in '^start service=plain' '^refuse service=denied' '^refuse service=full' '^evict service=ev' '^fail service=absent' \
	    '^refuse service=proxied'; do
		wait_log "$line .*peer=127\.0\.0\.0/24( |\$)"
	done
	wait_log '^penalty service=bad source=127\.0\.0\.0/24'
	wait_log '^drop service=udp .*peer=127\.0\.0\.77 '
}

@test "log.peer full: the address and the port" {
	every_line full
	local line
	for line in '^start service=plain' '^refuse service=denied' '^refuse service=full' '^evict service=ev' '^fail service=absent' \
	    '^refuse service=proxied' '^drop service=udp'; do
		wait_log "$line .*peer=127\.0\.0\.77:[0-9]+"
	done
}

@test "log.peer none: a rule about one address does not tell it" {
	echo_service p '{"access": {"deny": ["127.0.0.77"]}, "log": {"peer": "none"}}'
	start_berthd
	refuses p 127.0.0.77
	wait_log '^refuse service=p .*reason=denied'
	run grep -a '127\.0\.0\.77' "$LOG"
	assert_output ''
}

@test "log.peer none: nor does the header of a proxy, nor a unix client's uid" {
	echo_service p '{"proxy_protocol": {"from": ["127.0.0.1"]}, "log": {"peer": "none"}, "access": {"deny": ["192.0.2.64/26"]}}'
	echo_service u "{\"listen\": \"unix:$T/u.sock\", \"socket\": {\"mode\": \"0666\"}, \"log\": {\"peer\": \"none\"}}"
	start_berthd
	local px=(timeout 40 python3 -S "$BATS_TEST_DIRNAME/../peers/proxied.py" "$(at p)")
	run "${px[@]}" v2,192.0.2.7,4711,198.51.100.1,79+t,hello
	assert_output hello
	run "${px[@]}" v2,192.0.2.70,4711,198.51.100.1,79+t,hello
	assert_failure 3
	run "$dial" "unix:$T/u.sock" <<<hello
	assert_output hello
	wait_log '^refuse service=p '
	wait_log '^exit service=u '
	run grep -aE 'peer=|192\.0\.2\.7|uid:' "$LOG"
	assert_output ''
}

@test "log.peer changes by a reload" {
	sh_service p 'echo hi'
	start_p
	run "$dial" --source 127.0.0.77 "$where" </dev/null
	wait_logged 1 '^start service=p .*peer=127\.0\.0\.77:'
	edit p '.log.peer = "none"'
	run "$dial" --source 127.0.0.77 "$where" </dev/null
	wait_logged 2 '^start service=p '
	wait_logged 1 '127\.0\.0\.77'
	run log_count '127\.0\.0\.77'
	assert_output 1
}
