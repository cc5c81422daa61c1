# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# berthctl status: what is wrong, and what to do about it, on one screen.
load ../lib/berth
load ../lib/limits

# screen STATUS: what it says, with what changes from run to run replaced
screen() {
	run ctl status
	assert_equal "$status" "$1"
	# to be looked at, where somebody wants to
	[[ -z ${BERTH_SHOTS:-} ]] || printf '## %s\n$ berthctl status\n%s\n=> exit status %s\n\n' \
	    "$BATS_TEST_DESCRIPTION" "$output" "$status" >>"$BERTH_SHOTS"
}

# in_order TEXT...: lines of the screen that hold these, each below the one before
in_order() {
	local i=0 want
	for want; do
		while ((i < ${#lines[@]})) && [[ ${lines[i]} != *"$want"* ]]; do ((++i)); done
		((i < ${#lines[@]})) || fail "not there, or not in this order: $want
$output"
		((++i))
	done
}

# problems JQ: of the answer for programs
problems() { ctl status --json | jq -r ".problems | $1"; }

@test "a healthy daemon: health, pool, services by state, and nothing to do" {
	echo_service one
	echo_service two
	# what it needs may be installed later
	echo_service off '{"enabled": false, "exec": ["/none"]}'
	start_berthd
	ask one hello
	wait_until 5 service_is one '.ended == 1'
	screen 0
	assert_equal "${lines[0]}" 'health    ok'
	assert_line --index 1 --regexp "^berthd    [0-9.]+, pid $DPID, up "
	assert_line --index 2 --regexp '^pool      0 of [0-9]+ places taken, at most 1 so far$'
	assert_equal "${lines[3]}" 'services  2 open, 1 disabled'
	assert_equal "${lines[4]}" 'counted   1 accepted, 0 refused, 0 failed, 0 evicted'
	assert_equal "${#lines[@]}" 5
	run ctl status --json
	assert_success
	jq -e --argjson pid "$DPID" '.health == "ok" and .berthd.pid == $pid and .pool.limit > 0 and .problems == [] and
	    .services == {open: 2, disabled: 1} and .counted.accepted == 1' <<<"$output"
}

@test "no services: how to make one" {
	start_berthd
	screen 0
	in_order 'health    ok' 'there are no services' "a file NAME.json in $SERVICES makes one: \`berthctl new NAME\`"
}

@test "a service file with a typo: file and line, the key, what was meant, and whether it is served" {
	echo_service good
	echo_service typo
	start_berthd
	printf '{\n  "listen": "tcp:127.0.0.1:0",\n  "exec": ["/bin/cat"],\n  "limits": {\n    "conections": 3 }\n}\n' >"$T/new"
	mv "$T/new" "$SERVICES/typo.json"
	service bad '{
	  "listen": "tcp:127.0.0.1:0"
	  "exec": ["/bin/cat"] }'
	ctl reload || :
	screen 1
	in_order 'health    trouble: 2 things are wrong' '1 open, 2 invalid' \
	    'error     bad: its file is bad, and it is not served' "$SERVICES/bad.json:3:9: " \
	    "berthctl check $SERVICES/bad.json" \
	    'error     typo: its file is bad; the last good version goes on' \
	    "$SERVICES/typo.json:5: \"limits.conections\" is not a known key; did you mean \"limits.connections\"?" \
	    "berthctl check $SERVICES/typo.json"
	# as it says
	run check "$SERVICES/typo.json"
	assert_failure 1
	assert_equal "$(ask typo hello)" hello
	echo_service typo
	rm "$SERVICES/bad.json"
	wait_until 5 ctl status
}

@test "a value that is wrong: its line, and what was expected" {
	service x '{ "listen": "tcp:127.0.0.1:0",
	  "exec": ["/bin/cat"],
	  "timeouts": { "idle": "50" } }'
	start_berthd
	screen 1
	in_order "$SERVICES/x.json:3: timeouts.idle: \"50\" needs a unit, as in \"50s\""
}

@test "settings with a typo: which file, and that those from before are in force" {
	echo_service one
	start_berthd
	local good
	good=$(<"$CONF")
	printf '{\n"log":\n{"levle": "info"}}\n' >"$CONF"
	ctl reload || :
	screen 1
	in_order 'error     the settings are bad; what was in force before them goes on' \
	    "$CONF:3: \"log.levle\" is not a known key; did you mean \"log.level\"?" '`berthctl reload`'
	printf '%s\n' "$good" >"$CONF"
	ctl reload
	wait_until 5 ctl status
}

@test "a port that another program has: which program, and what to do" {
	local port
	port=$(free_port)
	# with a name of its own
	background python3 -c 'import socket, sys, time
open("/proc/self/comm", "w").write("squatter")
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); open(sys.argv[2], "w").close(); time.sleep(100)' "$port" "$T/there"
	local squatter=${JOBS[-1]}
	wait_until 10 test -e "$T/there"
	echo_service good
	echo_service web "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	screen 1
	in_order '1 open, 1 waiting' "error     web: tcp:127.0.0.1:$port cannot be opened: address already in use" \
	    "127.0.0.1:$port is held by squatter (pid $squatter)" \
	    "stop squatter (pid $squatter), or give it another endpoint: listen in $SERVICES/web.json" \
	    '`berthctl reload` tries it at once'
	kill "$squatter"
	wait "$squatter" || :
	ctl reload
	wait_until 5 ctl status
}

@test "a port that is held on all addresses, a datagram one, a unix path: by whom" {
	local tcp udp
	tcp=$(free_port) udp=$(free_port)
	background python3 -c 'import socket, sys, time
t = socket.socket(socket.AF_INET6); t.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0); t.bind(("::", int(sys.argv[1]))); t.listen()
u = socket.socket(type=socket.SOCK_DGRAM); u.bind(("0.0.0.0", int(sys.argv[2])))
x = socket.socket(socket.AF_UNIX); x.bind(sys.argv[3]); x.listen()
open(sys.argv[4], "w").close(); time.sleep(100)' "$tcp" "$udp" "$T/taken" "$T/there"
	local pid=${JOBS[-1]} name
	wait_until 10 test -e "$T/there"
	name=$(<"/proc/$pid/comm")
	echo_service a "{\"listen\": \"tcp:127.0.0.1:$tcp\"}"
	service b "{\"listen\": \"udp:127.0.0.1:$udp\", \"builtin\": \"discard\"}"
	echo_service c "{\"listen\": \"unix:$T/taken\"}"
	start_berthd
	screen 1
	in_order 'error     a:' "127.0.0.1:$tcp is held by $name (pid $pid)" 'error     b:' \
	    "127.0.0.1:$udp is held by $name (pid $pid)" 'error     c:' "$T/taken is held by $name (pid $pid)"
}

@test "a program whose name is not UTF-8 is named all the same" {
	local port
	port=$(free_port)
	background python3 -c 'import socket, sys, time
open("/proc/self/comm", "wb").write(b"odd\xff\x1b")
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); open(sys.argv[2], "w").close(); time.sleep(100)' "$port" "$T/there"
	local pid=${JOBS[-1]}
	wait_until 10 test -e "$T/there"
	echo_service web "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	screen 1
	in_order "127.0.0.1:$port is held by odd\\xff\\x1b (pid $pid)"
}

@test "whom one may not look at: the user is named" {
	requires root
	local port
	port=$(free_port)
	background python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); open(sys.argv[2], "w").close(); time.sleep(100)' "$port" "$T/there"
	wait_until 10 test -e "$T/there"
	conf '{"control": {"group": "mail"}}'
	echo_service web "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	install -m 0755 "$BUILD/berthctl" "$T/berthctl"
	run setpriv --reuid=nobody --regid=mail --clear-groups "$T/berthctl" --control "$CONTROL" status
	assert_failure 1
	in_order "127.0.0.1:$port is held by a process of user 0" "stop a process of user 0"
}

@test "two services with one endpoint: which one has it" {
	local port
	port=$(free_port)
	echo_service a "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	echo_service b "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	screen 1
	in_order "error     b: tcp:127.0.0.1:$port cannot be opened: held by service a" "listen in $SERVICES/b.json"
}

@test "a program that does not exist: what is missing, and when it has failed, how to try at once" {
	echo_service x '{"exec": ["/usr/sbin/in.nothing"]}'
	start_berthd
	screen 1
	in_order 'error     x: its program cannot be started' '/usr/sbin/in.nothing: No such file or directory' \
	    "install the program, or correct exec in $SERVICES/x.json"
	ask x hello || :
	wait_until 5 service_is x '.gate == "throttled"'
	screen 1
	in_order 'error     x: its handlers fail, so it is throttled' '/usr/sbin/in.nothing: No such file or directory' \
	    '1 connection was lost for it so far' "install the program, or correct exec in $SERVICES/x.json" \
	    '`berthctl reload` lets it try at once'
	assert_equal "$(problems length)" 1
	edit x '.exec = ["/bin/cat"]'
	wait_until 5 ctl status
	assert_equal "$(ask x hello)" hello
}

@test "a service under flood: what refuses, since when, whom, and by which rule" {
	echo_service x '{"limits": {"rate_per_source": "5/h"}}'
	start_berthd
	local i
	for i in {1..25}; do from 127.0.0.9 x hello >/dev/null 2>&1 || :; done
	for i in {1..7}; do from 127.0.0.8 x hello >/dev/null 2>&1 || :; done
	wait_refused x source-rate 22
	screen 1
	in_order 'warning   x: it refuses connections, 22 for ' 'from 127.0.0.9 (20), 127.0.0.8 (2)' \
	    'berthctl explain x --peer 127.0.0.9' "if they should be served: limits.rate_per_source in $SERVICES/x.json"
	assert_line --regexp 'it refuses connections, 22 for [0-9.a-z]+: source-rate 22$'
	# as it says
	run ctl explain x --peer 127.0.0.9
	assert_failure 1
	assert_line --regexp '^verdict +refused: source-rate'
}

@test "a flood of a source with penalties: its balance, and how it is let in" {
	sh_service x 'exit 9' '{"penalties": {"exit": {"9": "10min"}}}'
	start_berthd
	local i
	from 127.0.0.9 x hello || :
	wait_until 5 service_is x '.ended == 1'
	for i in {1..12}; do from 127.0.0.9 x hello 2>/dev/null || :; done
	wait_refused x penalty 12
	screen 1
	assert_line --regexp '^warning   x: it refuses connections, 12 for [0-9.a-z]+: penalty 12$'
	in_order 'warning   x: it refuses' 'from 127.0.0.9 (12)' \
	    '127.0.0.9 has a balance of penalties of ' 'berthctl explain x --peer 127.0.0.9' \
	    '`berthctl penalties x` lists them; with --forgive 127.0.0.9' \
	    "penalties in $SERVICES/x.json"
	run ctl penalties --forgive 127.0.0.9 x
	assert_success
}

@test "few refusals are no trouble" {
	echo_service x '{"access": {"deny": ["127.0.0.9"]}}'
	start_berthd
	local i
	for i in {1..9}; do from 127.0.0.9 x hello 2>/dev/null || :; done
	wait_refused x denied 9
	screen 0
	in_order 'health    ok' '9 accepted, 9 refused'
}

@test "the pool is full: who holds the places, dormant or not, who waits, and which limit to raise" {
	conf '{"limits": {"connections": 4}}'
	echo_service greedy '{"evict": {"min_idle": "100ms"}}'
	echo_service other
	start_berthd
	local i
	for i in 1 2 3; do session "g$i" greedy 127.0.0.1; done
	session o other 127.0.0.1
	open_session late "$(at other)"
	say late hello
	wait_until 5 service_is other '.gate == "pool-full"'
	wait_until 10 eval '[[ $(connections "[.[] | select(.state == \"dormant\")] | length" greedy) == 3 ]]'
	screen 1
	in_order 'health    trouble: 1 thing is wrong' 'pool      4 of 4 places taken' \
	    'warning   the pool is full: all 4 places are taken' 'greedy holds 3 places, 3 of them dormant' \
	    'other holds 1 place' '1 client of other waits in its queue' \
	    "let greedy give way: \"evict\" in limits.overflow of $SERVICES/greedy.json" \
	    "raise limits.connections in $CONF, now 4" '`berthctl connections`'
	# as it says
	conf '{"limits": {"connections": 5}}'
	ctl reload
	heard late hello
	for i in g1 g2 g3 o late; do close_session "$i"; done
	wait_until 5 ctl status
}

@test "all places of a service are taken: how many wait, and where its limit is" {
	conf '{"defaults": {"limits": {"connections": 2}}}'
	echo_service x
	echo_service y '{"limits": {"connections": 1, "overflow": ["evict"]}}'
	start_berthd
	session a x 127.0.0.1
	session b x 127.0.0.1
	session c y 127.0.0.1
	open_session late "$(at x)"
	wait_until 5 service_is x '.gate == "service-full" and ([.endpoints[].queue] | add) == 1'
	screen 1
	in_order 'warning   x: all its 2 places are taken' '1 client of x waits in its queue' \
	    "raise limits.connections in defaults of $CONF, now 2" 'berthctl connections x'
	for i in a b c late; do close_session "$i"; done
	wait_until 5 ctl status
}

@test "berthd hangs: since when, why, its counters, and how to let it go on" {
	echo_service x
	start_berthd
	ask x hello >/dev/null
	open_session a "$(at x)"
	say a hello
	heard a hello
	wait_until 5 service_is x '.ended == 1 and .active == 1'
	kill -STOP "$DPID"
	screen 69
	in_order 'health    silent' "berthd    pid $DPID, started 20" 'pool      1 of ' \
	    'counted   2 accepted, 0 refused, 0 failed' "error     berthd hangs: pid $DPID has not answered within 5s" \
	    'its last sign of life was ' 'its process is stopped' "kill -CONT $DPID" 'SERVICE  OPEN  ACCEPTED' 'x        1     2'
	run ctl status --json
	assert_failure 69
	jq -e '.health == "silent" and (.problems | length) == 1 and .statistics.services[0].accepted == 2' <<<"$output"
	kill -CONT "$DPID"
	wait_until 5 ctl status
	close_session a
}

@test "berthd was killed: what is left of it, what it had counted, and how to start it" {
	LEAVES_SOCKET=1
	echo_service x
	start_berthd
	ask x hello >/dev/null
	wait_until 5 service_is x '.ended == 1'
	local pid=$DPID
	kill9_berthd
	screen 69
	in_order 'health    not running' "the last  pid $pid, started 20" 'counted   1 accepted' \
	    'error     berthd is not running' "$CONTROL was left over: pid $pid did not end by itself" \
	    "berthd --control $CONTROL" 'x        0     1'
}

@test "berthd is not running: after a stop, and where there never was one" {
	screen 69
	in_order 'health    not running' 'nothing is known' 'error     berthd is not running' \
	    "there is no socket $CONTROL" "berthd --control $CONTROL"
	start_berthd
	stop_berthd
	screen 69
	in_order 'health    not running' 'the last  pid ' "there is no socket $CONTROL"
	run ctl status --json
	assert_failure 69
	jq -e '.health == "not running" and .control == $c' --arg c "$CONTROL" <<<"$output"
}

@test "the control socket was removed: berthd is not called dead" {
	echo_service x
	start_berthd
	mv "$CONTROL" "$T/elsewhere"
	screen 69
	in_order 'health    silent' "error     berthd runs as pid $DPID, but $CONTROL is gone"
	mv "$T/elsewhere" "$CONTROL"
	wait_until 5 ctl status
}

@test "many problems: those that fit a screen, or all of them" {
	local i
	for i in {10..30}; do service "bad$i" '{'; done
	start_berthd
	screen 1
	assert_line --index 0 'health    trouble: 21 things are wrong'
	assert_line 'and 13 more: berthctl status --all'
	((${#lines[@]} <= 40))
	run ctl status --all
	assert_failure 1
	assert_equal "$(grep -c '^error ' <<<"$output")" 21
}

@test "what a file says is escaped" {
	service bad $'{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "\e[31mx": 1}'
	start_berthd
	run ctl status
	assert_failure 1
	refute_output --partial $'\e'
}

@test "colours on a terminal, and none with NO_COLOR, without a terminal, on one that has none" {
	requires program script
	service bad '{'
	start_berthd
	on_terminal() { env -u NO_COLOR TERM=xterm "$@" script -qec "'$BUILD/berthctl' --control '$CONTROL' status" /dev/null </dev/null; }
	run on_terminal
	assert_output --partial $'\e[1;31merror'
	run on_terminal NO_COLOR=1
	assert_output --partial 'error     bad'
	refute_output --partial $'\e'
	run on_terminal TERM=dumb
	assert_output --partial 'error     bad'
	refute_output --partial $'\e'
	TERM=xterm run ctl status
	assert_output --partial 'error     bad'
	refute_output --partial $'\e'
}

@test "on a narrow terminal lines are broken at words" {
	requires program script
	service bad '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "timeouts": {"idle": "50"}}'
	start_berthd
	run env NO_COLOR=1 TERM=xterm script -qec "stty cols 60; '$BUILD/berthctl' --control '$CONTROL' status" /dev/null </dev/null
	assert_line --regexp '^  +.*needs a unit'
	assert_line --regexp '^            .*right'
	run awk '{sub(/\r/, "")} length > 60 && $0 !~ /\/[^ ]*$/ && $0 !~ /json/' <<<"$output"
	assert_output ''
}

@test "answers of the wrong types end nothing, and what can be said is said" {
	cat >"$T/answer" <<-'END'
		import json, socket, sys
		answers = {
		    "Status": {"berthd": {"errors": [1, None, {}], "directories": [2], "statistics": 3}, "pool": [], "x": 1},
		    "List": {"services": [7, {"name": "x", "file": [], "state": {}, "errors": [None, 4], "warnings": [5, []],
		        "endpoints": [6, {"endpoint": 1, "reason": "address already in use"}], "refused": [], "gate": 8}]},
		    "Penalties": {"penalties": {}}, "Connections": {"connections": 1}, "Show": {"config": 1, "origin": []}}
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen()
		while True:
		    client, _ = listener.accept()
		    waiting = b""
		    while data := client.recv(65536):
		        *calls, waiting = (waiting + data).split(b"\0")
		        for call in calls:
		            answer = answers[json.loads(call)["method"].split(".")[-1]]
		            client.sendall(json.dumps({"parameters": answer}).encode() + b"\0")
	END
	background python3 "$T/answer" "$T/other"
	local CONTROL=$T/other
	wait_until 10 test -S "$CONTROL"
	local command
	for command in 'status --json' 'list' 'show x' connections penalties metrics 'top --once -d 100ms'; do
		# shellcheck disable=SC2086
		run ctl $command
		((status <= 1)) || fail "$command: exit status $status: $output"
	done
	screen 1
	in_order 'error     the settings are bad' 'error     x: its file is bad'
}
