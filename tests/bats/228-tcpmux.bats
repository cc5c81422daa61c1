# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# tcpmux (RFC 1078): services reached by their name, by their own rules
load ../lib/berth
load ../lib/limits
load ../lib/post

REFUSED='-Service not available'

# mux [JSON]: the tcpmux service m; muxed NAME [JSON]: says who it is and what it was told
mux() {
	service m "$(jq -nc --argjson more "${1:-{\}}" '{listen: "tcp:127.0.0.1:0", builtin: "tcpmux"} * $more')"
}
muxed() {
	sh_service "$1" 'echo "$BERTH_SERVICE $(id -un) $TCPREMOTEIP"; exec cat' "$(jq -nc --argjson more "${2:-{\}}" '{tcpmux: true} * $more')"
}
# mux_ask TEXT [dial options]: without the CR at the ends
mux_ask() { printf '%s' "$1" | "$dial" --timeout 20 "${@:2}" "$(at m)" | tr -d '\r'; }
me() { if ((EUID == 0)); then echo nobody; else id -un; fi; }

@test "tcpmux: the service answers behind a +, with what the client sent after its name" {
	mux
	muxed hello
	start_berthd
	run mux_ask $'hello\r\nand more'
	assert_output "+
hello $(me) 127.0.0.1
and more"
	wait_log '^start service=hello connection=[0-9]+ pid=[0-9]+ peer=127.0.0.1:[0-9]+ '
	wait_log '^exit service=m .*cause=exit status=0'
	wait_log '^exit service=hello .*cause=exit status=0'
	service_is m '.accepted == 1 and .ended == 1'
	service_is hello '.accepted == 1 and .ended == 1'
	adds_up m
	adds_up hello
}

@test "tcpmux: names are the same in capitals and small letters" {
	mux
	muxed Hello
	start_berthd
	run mux_ask $'hELLO\r\n'
	assert_output "+
Hello $(me) 127.0.0.1"
}

@test "tcpmux: HELP lists what may be reached so, and nothing else" {
	mux
	muxed one
	muxed two
	muxed three '{"enabled": false}'
	echo_service secret
	start_berthd
	run mux_ask $'help\r\n'
	assert_output "one
two"
}

@test "tcpmux: a service that is not for it cannot be reached (CVE-2012-0862)" {
	mux
	muxed one
	echo_service secret
	muxed off '{"enabled": false}'
	start_berthd
	local name
	for name in secret off m nobody '' '2' "one "; do
		run mux_ask "$name"$'\r\nhello'
		assert_output -- "$REFUSED"
	done
	wait_logged 7 '^exit service=m '
	service_is secret '.accepted == 0'
	service_is off '.accepted == 0'
	(($(starts one) == 0))
	adds_up m
}

@test "tcpmux: what is reached runs as its own user, group and with its own process settings (CVE-2013-4342)" {
	requires root
	mux '{"user": "root"}'
	sh_service hello 'id; umask' '{"tcpmux": true, "user": "daemon", "process": {"umask": "027"}}'
	start_berthd
	run mux_ask $'hello\r\n'
	assert_output "+
$(id daemon)
0027"
	mux '{"user": "games"}'
	sh_service hello 'id; umask' '{"tcpmux": true, "user": "root"}'
	ctl reload
	run mux_ask $'hello\r\n'
	assert_output --regexp '^\+
uid=0\(root\)'
}

@test "tcpmux: the access rules of what is reached hold" {
	mux
	muxed hello '{"access": {"deny": ["127.0.0.9"]}}'
	start_berthd
	run mux_ask $'hello\r\n' --source 127.0.0.9
	assert_output -- "$REFUSED"
	refused_is hello denied 1
	wait_log '^refuse service=hello peer=127.0.0.9:[0-9]+ reason=denied'
	run mux_ask $'hello\r\n' --source 127.0.0.8
	assert_output --partial 'hello'
	(($(starts hello) == 1))
	adds_up hello
}

@test "tcpmux: its own access rules hold too" {
	mux '{"access": {"deny": ["127.0.0.9"]}}'
	muxed hello
	start_berthd
	refuses m 127.0.0.9
	refused_is m denied 1
	service_is hello '.accepted == 0'
}

@test "tcpmux: the limits of what is reached hold; nobody waits" {
	mux
	muxed hello '{"limits": {"connections": 1}}'
	muxed single '{"limits": {"connections_per_source": 1}}'
	muxed seldom '{"limits": {"rate": "1/h"}}'
	start_berthd
	local name
	for name in hello single; do
		open_session "$name" "$(at m)"
		say "$name" "$name"
		heard "$name" "^$name "
	done
	run mux_ask $'seldom\r\n'
	assert_output --partial seldom
	for name in hello single seldom; do
		run mux_ask "$name"$'\r\n'
		assert_output -- "$REFUSED"
	done
	refused_is hello service-full 1
	refused_is single source-full 1
	refused_is seldom service-rate 1
	close_session hello
	wait_until 5 active_is hello 0
	run mux_ask $'hello\r\n'
	assert_output --partial hello
	for name in m hello single seldom; do adds_up "$name"; done
}

@test "tcpmux: connections that come directly and by it count in the same limit" {
	mux
	muxed hello '{"limits": {"connections": 1, "overflow": ["refuse"]}}'
	start_berthd
	open_session direct "$(at hello)"
	heard direct '^hello '
	run mux_ask $'hello\r\n'
	assert_output -- "$REFUSED"
	close_session direct
	wait_until 5 active_is hello 0
	open_session muxed "$(at m)"
	say muxed hello
	heard muxed '^hello '
	is_reset "$(at hello)"
	adds_up hello
}

@test "tcpmux: a penalty earned directly holds there as well" {
	mux
	sh_service hello 'echo in; read x; exit "$x"' '{"tcpmux": true, "penalties": {"exit": {"7": "1min"}, "threshold": "10s"}}'
	start_berthd
	run mux_ask $'hello\r\n7\n' --source 127.0.0.7
	assert_output --partial in
	wait_log '^exit service=hello .*status=7'
	run mux_ask $'hello\r\n0\n' --source 127.0.0.7
	assert_output -- "$REFUSED"
	refused_is hello penalty 1
	refuses hello 127.0.0.7
	run mux_ask $'hello\r\n0\n' --source 127.0.0.8
	assert_output --partial in
}

@test "tcpmux: a service that a reload has removed, or closed to it, is not reached by who was already connected" {
	mux
	muxed one
	muxed two
	muxed three
	start_berthd
	local n
	for n in one two three late; do open_session "$n" "$(at m)"; done
	wait_logged 4 '^start service=m '
	rm "$SERVICES/one.json"
	edit two '.tcpmux = false'
	muxed late
	ctl reload
	for n in one two three late; do say "$n" "$n"; done
	heard three '^three '
	for n in one two late; do heard "$n" "^$REFUSED"; done
	(($(starts one) + $(starts two) + $(starts late) == 0))
	adds_up m
}

@test "tcpmux: a changed service is served by its new rules" {
	mux
	muxed hello
	start_berthd
	open_session c "$(at m)"
	open_session d "$(at m)" --source 127.0.0.9
	wait_logged 2 '^start service=m '
	edit hello '.access = {"deny": ["127.0.0.9"]} | .exec = ["/bin/echo", "anew"]'
	say c hello
	heard c anew
	say d hello
	heard d "^$REFUSED"
}

@test "tcpmux: the throttle of what is reached holds" {
	mux
	service hello '{"listen": "tcp:127.0.0.1:0", "tcpmux": true, "exec": ["/nonexistent/program"]}'
	start_berthd
	mux_ask $'hello\r\n'
	wait_log '^throttle service=hello '
	run mux_ask $'hello\r\n'
	assert_output -- "$REFUSED"
	refused_is hello throttled 1
	adds_up hello
}

@test "tcpmux: evict takes a connection that came by it" {
	mux
	muxed hello '{"limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "300ms"}}'
	start_berthd
	open_session c "$(at m)"
	say c hello
	heard c '^hello '
	open_session d "$(at hello)"
	heard d '^hello ' 15
	wait_log '^exit service=hello .*cause=evicted'
	adds_up hello
}

@test "tcpmux: a client that says nothing is let go after ten seconds, without berthd's doing" {
	mux
	start_berthd
	open_session c "$(at m)"
	heard c "^$REFUSED" 20
	wait_log '^exit service=m .*cause=exit status=0' 10
}

@test "tcpmux: many at once" {
	mux
	muxed hello
	start_berthd
	local port
	port=$(port_of m)
	client "$port" <<'PY'
cs = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) for n in range(40)]
for c in cs:
    c.sendall(b"hello\r\n")
for c in cs:
    c.shutdown(socket.SHUT_WR)
    got = b""
    while part := c.recv(1000):
        got += part
    assert got.startswith(b"+\r\nhello "), got
PY
	wait_until 5 service_is hello '.ended == 40'
	adds_up m
	adds_up hello
}
