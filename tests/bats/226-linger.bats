# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: haproxy
# timeouts.linger: an answer that no reset destroys
load ../lib/berth
load ../lib/limits

PX=$BATS_TEST_DIRNAME/../peers/proxied.py
px() { timeout 40 python3 -S "$PX" "$@" 3>&- 4>&-; }

# A health check: the whole answer, without a look at the question
answer='HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n'
# checked NAME [JSON]
checked() { sh_service "$1" "printf '$answer'" "$(jq -nc --argjson more "${2:-{\}}" '{timeouts: {linger: "5s"}} * $more')"; }

# many SERVICE COUNT: so many clients, each sends 10 KB, then reads to the end; counts how they went
many() {
	timeout 50 python3 -S - "$(port_of "$1")" "$2" <<'END' 3>&- 4>&-
import json, socket, sys
want = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
count = {"whole": 0, "cut": 0, "reset": 0}
for i in range(int(sys.argv[2])):
    got = b""
    try:
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
        # what curl does: it sends all, then reads
        s.sendall(b"POST / HTTP/1.0\r\nContent-Length: 10000\r\n\r\n" + b"x" * 10000)
        while more := s.recv(4096):
            got += more
        count["whole" if got == want else "cut"] += 1
    except (ConnectionResetError, BrokenPipeError):
        count["reset"] += 1
    s.close()
print(json.dumps(count))
END
}
# connections that are kept: by berthd while their handlers live, then by its aide (which has one socket to berthd)
drain() { pgrep -P "$DPID" -x berthd-drain; }
kept() {
	local aide
	aide=$(drain) || { echo 0; return; }
	echo $(($(find "/proc/$aide/fd" -lname 'socket:*' 2>/dev/null | wc -l) - 1 + $(own_fds) - BASE_FDS))
}
kept_is() { (($(kept) == $1)); }

@test "300 answers of a handler that reads nothing arrive whole, and no reset" {
	checked web
	start_berthd
	run many web 300
	assert_output '{"whole": 300, "cut": 0, "reset": 0}'
	wait_until 5 service_is web '.ended == 300 and .active == 0'
	adds_up web
}

@test "without linger there are resets" {
	checked web '{"timeouts": {"linger": 0}}'
	start_berthd
	run many web 100
	refute_output '{"whole": 100, "cut": 0, "reset": 0}'
	(($(jq '.reset + .cut' <<<"$output") > 0))
}

@test "a POST of curl's is answered, fifty times" {
	requires program curl
	checked web
	start_berthd
	local where i
	where=http://127.0.0.1:$(port_of web)/
	head -c 100000 /dev/zero >"$T/body"
	for i in {1..50}; do
		run curl -sS --max-time 10 -H 'Expect:' --data-binary @"$T/body" "$where"
		assert_success
		assert_output ok
	done
}

@test "HAProxy's httpchk finds the service up, and it stays up" {
	requires program haproxy
	sh_service web "printf '$answer'" '{"timeouts": {"linger": "5s"}}'
	start_berthd
	cat >"$T/haproxy.cfg" <<-END
	global
		stats socket $T/stats level admin
	defaults
		mode http
		timeout connect 5s
		timeout client 5s
		timeout server 5s
		timeout check 5s
	backend berth
		option httpchk
		http-check send meth POST uri /check body 0123456789
		server s 127.0.0.1:$(port_of web) check inter 20ms fall 1 rise 1
	END
	background haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1
	wait_logged 50 '^exit service=web .*status=0' 20
	# not once down
	run grep -c 'is DOWN' "$T/haproxy.log"
	assert_output 0
	run timeout 5 python3 -S -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"show stat\n")
d = b""
while m := s.recv(65536): d += m
print([l.split(",")[17] for l in d.decode().splitlines() if l.startswith("berth,s,")])' "$T/stats"
	assert_output "['UP']"
}

@test "the connection is closed when the client has closed, long before linger" {
	checked web '{"timeouts": {"linger": "1h"}}'
	start_berthd
	run px "$(at web)" t,hello
	assert_success
	wait_until 5 active_is web 0
	wait_until 5 kept_is 0
}

@test "and after linger when it never does: the descriptor is there until then" {
	checked web '{"timeouts": {"linger": "3s"}}'
	start_berthd
	open_hold 1 "$(at web)" --greeted
	held
	wait_until 5 active_is web 0
	kept_is 1 || fail "$(kept) are kept"
	wait_until 10 kept_is 0
	close_hold
}

@test "what comes after the answer is taken, and the end of the answer is seen at once" {
	sh_service web 'echo bye' '{"timeouts": {"linger": "20s"}}'
	start_berthd
	# it can be sent whole though nobody reads it, then the client sees the end of the answer
	run px --stay "$(at web)" w,0.3 z,3000000 z,3000000
	assert_success
	assert_output bye
	wait_until 5 kept_is 0
}

@test "no byte that is drained reaches berthd, nor its aide" {
	requires program strace
	sh_service web 'echo bye' '{"timeouts": {"linger": "20s"}}'
	start_berthd
	local aide
	aide=$(drain)
	background strace -s 100 -e trace=recvfrom,recvmsg,read,readv,splice -o "$T/trace" -p "$DPID" -p "$aide"
	wait_until 5 grep -q TracerPid:.[1-9] "/proc/$DPID/status"
	wait_until 5 grep -q TracerPid:.[1-9] "/proc/$aide/status"
	run px "$(at web)" w,0.3 "t,secret+z,20000" w,0.1 t,secret
	assert_output bye
	wait_until 5 kept_is 0
	kill "${JOBS[-1]}"
	wait_until 5 gone "${JOBS[-1]}"
	run grep -c secret "$T/trace"
	assert_output 0
	# it took them without a buffer
	grep -qE 'recvfrom\([0-9]+, NULL, [0-9]+, .*MSG_TRUNC' "$T/trace" || fail "$(cat "$T/trace")"
	# the rest is the control socket's
	run grep -E 'recvfrom\([0-9]+, "[^{"]' "$T/trace"
	assert_output ''
}

@test "clients that never close do not pile up descriptors" {
	checked web '{"timeouts": {"linger": "1h"}, "log": {"connections": false}}'
	start_berthd
	open_hold 400 "$(at web)" --greeted
	held 30
	wait_until 10 service_is web '.ended == 400 and .active == 0'
	(($(own_fds) - BASE_FDS <= 256)) || fail "$(own_fds) fds, $BASE_FDS at the start"
	close_hold
	wait_until 10 kept_is 0
}

@test "a client that sends for ever keeps no handler, and costs linger at most" {
	checked web '{"timeouts": {"linger": "1s"}}'
	start_berthd
	background timeout 20 sh -c "cat /dev/zero | '$dial' --timeout 20 '$(at web)' >/dev/null 2>&1"
	wait_log '^exit service=web .*status=0'
	active_is web 0
	wait_until 5 kept_is 0
	echo_service other
	ctl reload
	run ask other hello
	assert_output hello
}

@test "a handler that is ended by its lifetime lingers too" {
	sh_service web 'echo hi; exec sleep 100' '{"timeouts": {"linger": "10s", "lifetime": "300ms"}}'
	start_berthd
	run px "$(at web)" z,10000
	assert_success
	assert_output hi
	wait_log 'cause=lifetime'
	wait_until 5 kept_is 0
}

@test "an evicted client gets its goodbye and the end" {
	service web "$(jq -nc '{listen: "tcp:127.0.0.1:0", exec: ["/bin/cat"], timeouts: {linger: "5s"},
	    limits: {connections: 1, overflow: ["evict"]}, evict: {min_idle: "200ms", goodbye: "goodbye\n"}}')"
	start_berthd
	open_session old "$(at web)"
	say old hello
	heard old hello
	run ask web new
	assert_output new
	heard old goodbye
	session_ended old
	wait_until 5 kept_is 0
}

@test "a handler that reads to the end costs nothing" {
	echo_service web '{"timeouts": {"linger": "1h"}}'
	start_berthd
	local i
	for i in {1..20}; do
		run ask web hello
		assert_output hello
	done
	wait_until 5 active_is web 0
	wait_until 5 kept_is 0
}

@test "berthd stops while clients linger: at once" {
	checked web '{"timeouts": {"linger": "1h"}}'
	start_berthd
	open_hold 3 "$(at web)" --greeted
	held
	wait_until 5 active_is web 0
	kept_is 3 || fail "$(kept) are kept"
	stop_berthd
	close_hold
}

@test "a unix connection is shut down and closed: nothing is kept" {
	sh_service web 'echo bye' "$(jq -nc --arg t "$T" '{listen: "unix:\($t)/web.sock", socket: {mode: "0666"}, timeouts: {linger: "1h"}}')"
	start_berthd
	open_session c "unix:$T/web.sock"
	heard c bye 10
	wait_log '^exit service=web '
	wait_until 5 kept_is 0
	wait_until 5 eval 'session_ended c 1 || (($? == 3))'
}

@test "beside wait and relay it is refused by name" {
	sh_service w true '{"wait": true, "timeouts": {"linger": "1s"}}'
	run check "$SERVICES/w.json"
	assert_failure 1
	assert_output --partial 'timeouts.linger'
	service r '{"listen": "tcp:0", "relay": {"to": ["tcp:127.0.0.1:1"]}, "timeouts": {"linger": "1s"}}'
	run check "$SERVICES/r.json"
	assert_failure 1
	assert_output --partial 'timeouts.linger'
	# in the defaults it is passed over
	conf '{"defaults": {"timeouts": {"linger": "1s"}}}'
	sh_service w true '{"wait": true}'
	service r '{"listen": "tcp:0", "relay": {"to": ["tcp:127.0.0.1:1"]}}'
	run check "$SERVICES/w.json" "$SERVICES/r.json"
	assert_success
}

@test "a handler that had close(2) wait has nobody wait" {
	sh_service evil 'exec python3 -S -c "
import socket, struct
s = socket.socket(fileno=0)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(\"ii\", 1, 30))
s.settimeout(0.2)
try:
    while True: s.send(bytes(65536))
except TimeoutError: pass
s.setblocking(True)
"' '{"timeouts": {"linger": "200ms"}}'
	checked web '{"timeouts": {"linger": "500ms"}}'
	start_berthd
	local silent
	exec {silent}<>"/dev/tcp/127.0.0.1/$(port_of evil)"
	wait_log '^exit service=evil .*status=0' 10
	sleep 1
	# when its time is over this one is closed, and what comes then is reset
	run timeout 20 python3 -S - "$(port_of web)" <<-'END' 3>&- 4>&-
	import socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	while s.recv(4096):
	    pass
	time.sleep(1.5)
	try:
	    s.sendall(b"x")
	    time.sleep(0.3)
	    s.sendall(b"x")
	    print("open")
	except OSError:
	    print("closed")
	END
	assert_output closed
	exec {silent}>&-
}
