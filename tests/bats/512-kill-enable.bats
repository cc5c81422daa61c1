# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# berthctl kill, disable and enable, log-level, reload --dry-run
load ../lib/berth
load ../lib/limits
load ../lib/post
load ../lib/steer

# number_of SERVICE PEER-BEGINNING: of its connection
number_of() { connections ".[] | select(.peer | startswith(\"$2\")) | .connection" "$1"; }

# ---- kill ----

@test "kill ends the connection of that number and no other, and the cause says so" {
	echo_service x
	start_berthd
	session a x 127.0.0.2
	session b x 127.0.0.3
	run ctl kill "$(number_of x 127.0.0.2)"
	assert_success
	assert_output '1 told to end'
	session_ended a
	wait_log '^exit service=x connection=1 .*cause=killed signal=TERM'
	still_served b
	service_is x '.causes.killed == 1 and .active == 1 and .signals.TERM == 1'
	assert_equal "$(log_count "^order command=kill uid=$EUID connection=1 ended=1\$")" 1
	close_session b
}

@test "kill --service ends those of one service, --peer those of one source, both those of both" {
	echo_service x
	echo_service y
	start_berthd
	local s
	session x2 x 127.0.0.2
	session x3 x 127.0.0.3
	session y2 y 127.0.0.2
	session y3 y 127.0.0.3
	session y4 y 127.0.1.4
	run ctl kill --service y --peer 127.0.0.3
	assert_output '1 told to end'
	session_ended y3
	for s in x2 x3 y2 y4; do still_served $s; done
	run jq -c . <<<"$(ctl kill --json --peer 127.0.0.0/24)"
	assert_output '{"ended":3}'
	for s in x2 x3 y2; do session_ended $s; done
	still_served y4
	run ctl kill --service y
	assert_output '1 told to end'
	session_ended y4
	wait_until 5 active_is y 0
	service_is x '.causes.killed == 2'
	service_is y '.causes.killed == 3'
	adds_up x
	adds_up y
}

@test "all that is said has to be true of a connection that is to be killed" {
	echo_service x
	echo_service y
	start_berthd
	session a x 127.0.0.2
	session b y 127.0.0.3
	run ctl kill 1 --service y
	assert_failure 1
	run ctl kill 1 --peer 127.0.0.3
	assert_failure 1
	run ctl kill --service x --peer 127.0.0.3
	assert_failure 1
	assert_output --partial 'none of these'
	still_served a
	still_served b
	run ctl kill 1 --service x --peer 127.0.0.2
	assert_success
	session_ended a
	still_served b
	close_session b
}

@test "kill --peer uid:N ends those of a user at a unix socket" {
	service u "{\"listen\": \"unix:$T/u\", \"exec\": [\"/bin/cat\"], \"socket\": {\"mode\": \"0666\"}}"
	start_berthd
	open_session a "unix:$T/u"
	say a hello
	heard a hello
	run ctl kill --peer uid:12345
	assert_failure 1
	run ctl kill --peer 0.0.0.0/0
	assert_failure 1
	say a again
	heard a again
	run ctl kill --peer "uid:$EUID"
	assert_success
	session_ended a
}

@test "who does not heed TERM is killed after timeouts.stop" {
	sh_service x 'trap "" TERM; echo here; while :; do read -r _ || sleep 0.1; done' '{"timeouts": {"stop": "300ms"}}'
	start_berthd
	open_session a "$(at x)"
	heard a here
	local p
	p=$(pid_of x)
	ctl kill 1
	wait_log '^exit service=x connection=1 .*cause=killed signal=KILL'
	gone "$p"
	# it was told once
	close_session a
}

@test "a handler that accepts by itself can be killed by its number; no peer is its own" {
	py_service t 'serve(sock(), 60)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	ask t one
	run ctl kill --peer 127.0.0.1
	assert_failure 1
	run ctl kill 1
	assert_success
	wait_log '^exit service=t connection=1 .*cause=killed'
	run ask t two
	assert_success
}

@test "hundreds are killed by one command" {
	echo_service x '{"limits": {"connections": 400}}'
	start_berthd
	open_hold 300 "$(at x)"
	held
	wait_until 20 active_is x 300
	run ctl kill --service x
	assert_success
	assert_output '300 told to end'
	wait_until 20 active_is x 0
	service_is x '.causes.killed == 300'
	adds_up x
	close_hold
}

@test "a kill that names nobody, or nothing, ends nobody" {
	echo_service x
	start_berthd
	session a x 127.0.0.2
	run ctl kill 999
	assert_failure 1
	assert_output 'berthctl: 999: no such connection'
	run ctl kill
	assert_failure 64
	run ctl kill x
	assert_failure 64
	assert_output --partial 'not the number of a connection'
	run ctl kill --service nobody
	assert_failure 1
	assert_output 'berthctl: nobody: no such service'
	run ctl kill --peer localhost
	assert_failure 64
	run varlink '{"method":"io.berth.Control.Kill"}' '{"method":"io.berth.Control.Kill","parameters":{"connection":-1}}'
	assert_line --index 0 --partial InvalidParameter
	assert_line --index 1 --partial NoSuchConnection
	still_served a
	close_session a
}

# ---- disable, enable ----

@test "a disabled service is closed, stays so over restarts, and enable opens it again" {
	echo_service x
	echo_service other
	start_berthd
	local where before
	before=$(md5sum "$SERVICES/x.json")
	where=$(at x)
	run ctl disable x
	assert_success
	assert_output 'x: disabled'
	run "$dial" --no-stdin "$where"
	assert_failure 2
	[[ -f $STATE_DIRECTORY/disabled/x && ! -s $STATE_DIRECTORY/disabled/x ]]
	service_is x '.state == "disabled" and .disabled == "state" and .endpoints == []'
	stop_berthd
	start_berthd
	service_is x '.state == "disabled" and .disabled == "state"'
	kill9_berthd
	start_berthd
	service_is x '.state == "disabled" and .disabled == "state"'
	service_is other '.state == "open" and .disabled == null'
	run ctl enable x
	assert_success
	assert_output 'x: not disabled any more'
	run ask x hello
	assert_output hello
	[[ ! -e $STATE_DIRECTORY/disabled/x ]]
	stop_berthd
	start_berthd
	service_is x '.state == "open" and .disabled == null'
	assert_equal "$(md5sum "$SERVICES/x.json")" "$before"
}

@test "enable forgets a service that was disabled and has no file any more" {
	echo_service x
	echo_service other
	start_berthd
	ctl disable x
	rm "$SERVICES/x.json"
	ctl reload
	[[ -e $STATE_DIRECTORY/disabled/x ]]
	# also one that this berthd has never seen
	stop_berthd
	start_berthd
	run ctl enable x
	assert_failure 1
	assert_line 'x: not disabled any more'
	assert_line --partial 'is not open all the same: it has no file'
	[[ ! -e $STATE_DIRECTORY/disabled/x ]]
	wait_log "^order command=enable uid=$EUID service=x$"
	run ctl enable x
	assert_failure 1
	assert_output 'berthctl: x: no such service'
	run ctl enable ../x
	assert_failure 1
	assert_output 'berthctl: ../x: no such service'
	echo_service x
	ctl reload
	service_is x '.state == "open" and .disabled == null'
}

@test "enable forgets a service whose file is removed while its handlers live" {
	echo_service x
	start_berthd
	open_session a "$(at x)"
	say a hello
	heard a hello
	ctl disable x
	rm "$SERVICES/x.json"
	ctl reload
	wait_state x removed
	run jq -c . <<<"$(ctl --json enable x)"
	assert_output '{"changed":true,"enabled":false}'
	[[ ! -e $STATE_DIRECTORY/disabled/x ]]
	echo_service x
	ctl reload
	service_is x '.state == "open" and .active == 1'
	close_session a
}

@test "a program that is not there is warned of in the log when its service is enabled, once" {
	echo_service off '{"exec": ["/none"], "enabled": false}'
	echo_service on '{"exec": ["/nothing"]}'
	start_berthd
	assert_equal "$(log_count '^warning .*/nothing: ')" 1
	ctl disable on
	ctl reload
	assert_equal "$(log_count '^warning ')" 1
	ctl enable on
	assert_equal "$(log_count '^warning .*on: exec: /nothing: No such file or directory')" 2
	ctl reload
	ctl disable off || :
	ctl enable off || :
	assert_equal "$(log_count '^warning ')" 2
	edit off '.enabled = true'
	assert_equal "$(log_count '^warning .*off: exec: /none: No such file or directory')" 1
}

@test "disable leaves live handlers alone, but ends those that accept by themselves" {
	echo_service x
	py_service t 'serve(sock(), 60)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	session a x 127.0.0.2
	ask t one
	ctl disable x
	ctl disable t
	still_served a
	service_is x '.state == "disabled" and .active == 1'
	wait_log '^exit service=t .*cause=stop signal=TERM'
	close_session a
	wait_until 5 active_is x 0
	ctl enable t
	run ask t two
	assert_success
}

@test "list, show and explain tell that a service is disabled, and by whom" {
	echo_service x
	echo_service y '{"enabled": false}'
	start_berthd
	ctl disable x
	run ctl list
	assert_output --regexp 'x +disabled'
	assert_output --partial 'disabled by an administrator: see berthctl enable'
	run ctl show x
	assert_output --regexp 'disabled +by an administrator'
	run ctl show y
	assert_output --regexp 'disabled +by its file'
	run ctl explain x --peer 192.0.2.7
	assert_failure 1
	assert_output --partial 'it is disabled: see berthctl enable'
	run ctl explain y --peer 192.0.2.7
	assert_output --partial '"enabled" of its file is false'
	run ctl disable x
	assert_success
	assert_output 'x: is disabled already'
	run ctl enable y
	assert_failure 1
	assert_line 'y: was not disabled'
	assert_line --partial 'is not open all the same'
	run jq -c . <<<"$(ctl enable --json x)"
	assert_output '{"changed":true,"enabled":true}'
	assert_equal "$(log_count '^order command=(disable|enable) service=x ')" 2
}

@test "disable that cannot be written down changes nothing" {
	echo_service x
	: >"$T/file"
	STATE_DIRECTORY=$T/file/below
	start_berthd
	run ctl disable x
	assert_failure 1
	assert_output --partial "$T/file/below/disabled/x: cannot be written: "
	assert_output --partial 'nothing has changed'
	service_is x '.state == "open" and .disabled == null'
	run ask x hello
	assert_output hello
	run varlink '{"method":"io.berth.Control.Disable","parameters":{"service":"x"}}'
	jq -e '.error == "io.berth.Control.NotKept" and (.parameters.path | endswith("/disabled/x"))' <<<"$output"
	wait_log "^error message=.*$T/file/below/disabled/x"
}

@test "marks are made and believed in no directory that others could have written" {
	echo_service x
	mkdir -p "$STATE_DIRECTORY/disabled" "$T/elsewhere"
	: >"$STATE_DIRECTORY/disabled/x"
	chmod 0777 "$STATE_DIRECTORY/disabled"
	start_berthd
	service_is x '.state == "open" and .disabled == null'
	wait_log '^error message=.*could have been written by others'
	run ctl reload
	assert_failure 1
	assert_output --partial 'could have been written by others'
	run ctl disable x
	assert_failure 1
	rm -r "$STATE_DIRECTORY/disabled"
	ln -s "$T/elsewhere" "$STATE_DIRECTORY/disabled"
	run ctl disable x
	assert_failure 1
	[[ -z $(ls -A "$T/elsewhere") ]]
	service_is x '.state == "open"'
}

@test "a mark that was made or removed by hand counts from the next reload" {
	echo_service x
	start_berthd
	mkdir -p "$STATE_DIRECTORY/disabled"
	: >"$STATE_DIRECTORY/disabled/x"
	: >"$STATE_DIRECTORY/disabled/nobody"
	ctl reload
	service_is x '.state == "disabled" and .disabled == "state"'
	rm "$STATE_DIRECTORY/disabled/x"
	ctl reload
	service_is x '.state == "open" and .disabled == null'
}

@test "the endpoint of a disabled service goes to another that waits for it, and back" {
	local port
	port=$(free_port)
	sh_service a 'echo this is a' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	sh_service b 'echo this is b' "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	service_is b '.state == "waiting"'
	ctl disable a
	service_is b '.state == "open"'
	run ask b
	assert_output 'this is b'
	ctl enable a
	service_is a '.state == "waiting" and .endpoints[0].reason == "held by service b"'
	ctl disable b
	run ask a
	assert_output 'this is a'
}

@test "a service that is reached through tcpmux is not, while it is disabled or drained" {
	service m '{"listen": "tcp:127.0.0.1:0", "builtin": "tcpmux"}'
	echo_service x '{"tcpmux": true}'
	start_berthd
	mux() { printf 'x\r\nhello' | "$dial" --timeout 10 "$(at m)" | tr -d '\r'; }
	run mux
	assert_output $'+\nhello'
	ctl drain x
	run mux
	assert_output '-Service not available'
	wait_refused x draining 1
	ctl resume x
	ctl disable x
	run mux
	assert_output '-Service not available'
	ctl enable x
	run mux
	assert_output $'+\nhello'
	adds_up x
}

# ---- log-level ----

@test "log-level tells and sets what is logged, until the configuration says otherwise" {
	echo_service x '{"log": {"connections": true}}'
	start_berthd
	run ctl log-level
	assert_success
	assert_output info
	run ctl log-level warning
	assert_output warning
	assert_equal "$(log_count "^order command=log-level uid=$EUID level=warning\$")" 1
	run ask x one
	assert_output one
	ctl reload
	run jq -r .level <<<"$(ctl log-level --json)"
	assert_output warning
	assert_equal "$(log_count '^start service=x')" 0
	ctl log-level debug
	run ask x two
	assert_output two
	wait_logged 1 '^start service=x'
	conf '{"log": {"level": "notice"}}'
	ctl reload
	run ctl log-level
	assert_output notice
	run ctl log-level loud
	assert_failure 64
	assert_output --partial 'a level is error, warning, notice, info or debug'
	run ctl log-level
	assert_output notice
}

# ---- reload --dry-run ----


# ---- reload --dry-run ----

# berthd that notices no change of a file by itself; strace stands between
start_unwatching() {
	requires program strace
	PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -o /dev/null -e trace=inotify_init1 -e inject=inotify_init1:error=EMFILE)
	start_berthd
	TRACER=$DPID
	DPID=$(children_of "$TRACER" | tr -d ' ')
	mark_fds
}
stop_unwatching() {
	local pid=$DPID
	DPID=''
	kill -TERM "$pid"
	wait_until 10 gone "$pid"
	wait "$TRACER"
}
# What is in force, without what passes
in_force() { services '[.[] | [.name, .state, .limit, .errors, [.endpoints[].address]]] | tostring'; }
report() { jq -S '.errors |= sort' <<<"$output"; }

@test "reload --dry-run tells what a reload then does, and changes nothing" {
	conf '{"limits": {"connections": 20}}'
	local port
	port=$(free_port)
	echo_service stays "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	echo_service changes
	echo_service goes
	echo_service breaks
	start_unwatching
	local before told logged_lines
	before=$(in_force)
	run ctl reload --dry-run
	assert_success
	assert_output 'nothing would change'
	echo_service changes '{"limits": {"connections": 5}, "description": "other"}'
	rm "$SERVICES/goes.json"
	echo_service comes
	echo_service second "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	echo_service greedy '{"limits": {"reserve": 21}}'
	service breaks '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "limit": 5}'
	conf '{"control": {"group": "mail"}, "log": {"level": "debug"}}'
	logged_lines=$(wc -l <"$LOG")
	run ctl reload --dry-run --json
	assert_failure 1
	told=$(report)
	assert_equal "$(jq -c '[.added, [.changed[] | .service, .keys[]], .removed, (.notes | length)]' <<<"$told")" \
	    '[["comes","second"],["changes","description","limits.connections"],["goes"],1]'
	assert_equal "$(jq '.errors | length' <<<"$told")" 3
	assert_equal "$(in_force)" "$before"
	assert_equal "$(ctl log-level)" info
	assert_equal "$(wc -l <"$LOG")" "$logged_lines"
	run ctl reload --json
	assert_failure 1
	assert_equal "$(report)" "$told"
	[[ $(in_force) != "$before" ]]
	stop_unwatching
}

@test "reload --dry-run sees berth.json as it is now: its defaults, and its errors" {
	echo_service x
	start_berthd
	conf '{"defaults": {"limits": {"connections": 7}}}'
	run ctl reload --dry-run
	assert_success
	assert_output 'changed: x (limits.connections)'
	service_is x '.limit == 100'
	cp "$CONF" "$T/good.json"
	echo '{"limit": 5}' >"$CONF"
	run ctl reload --dry-run
	assert_failure 1
	assert_line 'nothing would change'
	assert_line --partial 'berth.json: "limit" is not a known key'
	cp "$T/good.json" "$CONF"
	ctl reload
	service_is x '.limit == 7'
}

@test "many dry runs at once are answered, and a reload between them counts" {
	echo_service x
	start_berthd
	conf '{"defaults": {"limits": {"connections": 7}}}'
	local i
	for i in {1..30}; do background bash -c "'$BUILD/berthctl' --control '$CONTROL' reload --dry-run >'$T/dry.$i' 2>&1"; done
	ctl reload
	wait "${JOBS[@]}"
	for i in {1..30}; do
		grep -qxE 'nothing would change|changed: x \(limits.connections\)' "$T/dry.$i" || fail "$(<"$T/dry.$i")"
	done
	service_is x '.limit == 7'
	run ctl reload --dry-run
	assert_output 'nothing would change'
}
