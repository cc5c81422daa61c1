# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# berthctl drain: who waits is served, nobody else is, and the command ends with the last handler
load ../lib/berth
load ../lib/limits
load ../lib/post
load ../lib/steer

# drain NAME ARGS: in the background; its exit status is in $T/NAME.status, what it said in $T/NAME.said
drain() { background drain_it "$@"; }
drain_it() {
	local status=0
	ctl drain "${@:2}" >"$T/$1.said" 2>&1 || status=$?
	echo "$status" >"$T/$1.part"
	mv "$T/$1.part" "$T/$1.status"
}
has_drained() { [[ -e $T/$1.status ]]; }
# drained NAME STATUS
drained() {
	wait_until 20 has_drained "$1" || fail "drain has not ended"
	[[ $(<"$T/$1.status") == "$2" ]] || fail "drain: $(<"$T/$1.status"), $(<"$T/$1.said")"
}
goes_on() { ! has_drained "$1" || fail "drain has ended: $(<"$T/$1.said")"; }
# nobody_listens ENDPOINT
nobody_listens() {
	local status=0
	"$dial" --no-stdin --timeout 10 "$1" 2>/dev/null || status=$?
	((status == 2))
}
one='{"limits": {"connections": 1}}'

@test "as many as the queue held at the command are served, who comes later is reset" {
	echo_service x "$one"
	start_berthd
	local i where n=0
	where=$(at x)
	open_session first "$where"
	say first hello
	heard first hello
	for i in a b c; do open_session $i "$where"; wait_queue x "$((++n))"; done
	drain d x
	wait_state x draining
	open_session late "$where" --no-stdin
	wait_queue x 4
	ctl list
	goes_on d
	for i in first a b; do close_session $i; done
	say c hello
	heard c hello
	session_is_reset late
	nobody_listens "$where"
	service_is x '.state == "draining" and .gate == "draining" and .active == 1 and .endpoints == []'
	goes_on d
	close_session c
	drained d 0
	assert_equal "$(<"$T/d.said")" 'x: drained'
	service_is x '.state == "drained" and .accepted == 4 and .ended == 4'
	adds_up x
}

@test "the queue is served by its rules while it is drained, and what a chain refuses is refused" {
	echo_service x '{"limits": {"connections": 1, "overflow": [{"wait": "60s"}, "refuse"]}}'
	start_berthd
	local where
	where=$(at x)
	open_session first "$where"
	say first hello
	heard first hello
	open_session pending "$where"
	wait_until 5 service_is x '.pending == 1'
	open_session queued "$where"
	wait_queue x 1
	drain d x
	wait_state x draining
	service_is x '.pending == 1 and .active == 1'
	edit x '.limits.overflow = ["refuse"]'
	session_is_reset pending
	session_is_reset queued
	close_session first
	drained d 0
	service_is x '.refused["service-full"] == 2 and .accepted == 3'
	adds_up x
}

@test "drain of a service without connections ends at once" {
	echo_service x
	start_berthd
	local where
	where=$(at x)
	run ctl drain x
	assert_success
	assert_output 'x: drained'
	nobody_listens "$where"
	service_is x '.state == "drained" and .gate == "draining"'
	run ctl explain x --peer 192.0.2.7
	assert_failure 1
	assert_output --partial 'refused: closed, it is drained: see berthctl resume'
	run jq -c . <<<"$(ctl drain --json x)"
	assert_output '{"active":0,"queued":0,"services":["x"]}' || assert_output '{"services":["x"],"queued":0,"active":0}'
}

@test "at the deadline the handlers that still live are ended, by KILL where TERM is not heeded" {
	echo_service gentle
	sh_service stubborn 'trap "" TERM; echo here; while :; do read -r _ || sleep 0.1; done' '{"timeouts": {"stop": "300ms"}}'
	start_berthd
	open_session a "$(at gentle)"
	say a hello
	heard a hello
	open_session b "$(at stubborn)"
	heard b here
	local p
	p=$(pid_of stubborn)
	drain d gentle --deadline 1s
	drain e stubborn --deadline 1s
	drained d 0
	drained e 0
	wait_log '^exit service=gentle .*cause=stop signal=TERM'
	wait_log '^exit service=stubborn .*cause=stop signal=KILL'
	gone "$p"
	service_is stubborn '.causes.stop == 1'
	wait_log "^order command=drain service=gentle uid=$EUID deadline=1\.000"
	close_session a
	close_session b
}

@test "at the deadline the rest of the queue is refused" {
	echo_service x '{"limits": {"connections": 1, "overflow": [{"wait": "60s"}, "refuse"]}}'
	start_berthd
	local where
	where=$(at x)
	open_session first "$where"
	say first hello
	heard first hello
	open_session pending "$where" --no-stdin
	wait_until 5 service_is x '.pending == 1'
	open_session queued "$where" --no-stdin
	wait_queue x 1
	run ctl drain x --deadline 0s
	assert_success
	session_is_reset pending
	session_is_reset queued
	service_is x '.refused.draining == 1 and .accepted == 2 and .causes.stop == 1'
	adds_up x
	close_session first
}

@test "resume opens a drained service again" {
	local port
	port=$(free_port)
	echo_service x "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	ctl drain x
	nobody_listens "tcp:127.0.0.1:$port"
	run ctl resume x
	assert_success
	assert_output 'x: resumed'
	run ask x hello
	assert_output hello
	service_is x '.state == "open" and .gate == null'
}

@test "resume in the middle of a drain: the listener stays, nobody is lost, and drain says so" {
	echo_service x "$one"
	start_berthd
	local where
	where=$(at x)
	open_session first "$where"
	say first hello
	heard first hello
	open_session a "$where"
	wait_queue x 1
	drain d x
	wait_state x draining
	open_session late "$where"
	wait_queue x 2
	ctl resume x
	drained d 1
	assert_equal "$(<"$T/d.said")" 'berthctl: x: was resumed before it was drained'
	service_is x '.state == "open" and .gate == "service-full"'
	close_session first
	say a hello
	heard a hello
	close_session a
	say late hello
	heard late hello
	close_session late
	run ask x hello
	assert_output hello
	assert_equal "$where" "$(at x)"
}

@test "a drained service stays so over reloads, one in the middle of the drain too, until berthd ends" {
	echo_service x "$one"
	start_berthd
	local where
	where=$(at x)
	open_session first "$where"
	say first hello
	heard first hello
	open_session a "$where"
	open_session b "$where"
	wait_queue x 2
	drain d x
	wait_state x draining
	ctl reload
	edit x '.description = "changed"'
	edit x '.listen = ["tcp:127.0.0.1:0", "tcp:127.0.0.2:0"]'
	wait_queue x 2
	close_session first
	say a hello
	heard a hello
	close_session a
	say b hello
	heard b hello
	close_session b
	drained d 0
	ctl reload
	edit x '.limits.connections = 3'
	service_is x '.state == "drained" and .endpoints == [] and .limit == 3'
	stop_berthd
	start_berthd
	service_is x '.state == "open" and (.endpoints | length) == 2'
	run ask x hello
	assert_output hello
}

@test "a service whose file is removed in the middle of a drain is removed as any other" {
	echo_service x "$one"
	start_berthd
	local where
	where=$(at x)
	open_session first "$where"
	say first hello
	heard first hello
	open_session queued "$where" --no-stdin
	wait_queue x 1
	drain d x
	wait_state x draining
	rm "$SERVICES/x.json"
	ctl reload
	session_is_reset queued
	wait_state x removed
	goes_on d
	close_session first
	drained d 0
	[[ $(services length) == 0 ]]
	echo_service x
	ctl reload
	service_is x '.state == "open"'
}

@test "a drain ends a pause: who waited is served" {
	echo_service x
	start_berthd
	ctl pause x
	open_session a "$(at x)"
	wait_queue x 1
	drain d x
	say a hello
	heard a hello
	goes_on d
	close_session a
	drained d 0
	service_is x '.state == "drained"'
}

@test "the endpoint of a drained service goes to another that waits for it, when its queue is served" {
	local port
	port=$(free_port)
	sh_service a 'echo a; exec cat' '{"listen": "tcp:127.0.0.1:'"$port"'", "limits": {"connections": 1}}'
	start_berthd
	sh_service b 'echo b; exec cat' '{"listen": "tcp:127.0.0.1:'"$port"'"}'
	ctl reload || :
	service_is b '.state == "waiting" and (.endpoints[0].reason | startswith("held by service a"))'
	open_session one "tcp:127.0.0.1:$port"
	heard one a
	open_session two "tcp:127.0.0.1:$port"
	wait_until 5 service_is a '.pending == 1 or .endpoints[0].queue == 1'
	background ctl drain a
	wait_state a draining
	service_is b '.state == "waiting" and (.endpoints[0].reason | startswith("held by service a"))'
	close_session one
	heard two a
	wait_until 10 service_is b '.state == "open"'
	wait_until 5 eval "'$dial' --timeout 5 tcp:127.0.0.1:$port <<<hello | grep -qx b"
	close_session two
	wait_state a drained
	adds_up a
}

@test "drain --all drains every service" {
	echo_service x
	echo_service y
	start_berthd
	open_session a "$(at x)"
	say a hello
	heard a hello
	drain d --all
	wait_state y drained
	wait_state x draining
	goes_on d
	close_session a
	drained d 0
	assert_equal "$(<"$T/d.said")" $'x: drained\ny: drained'
	assert_equal "$(log_count "^order command=drain uid=$EUID\$")" 1
}

@test "a service with wait: its handler is asked to end, and its socket closes" {
	py_service t 'serve(sock(), 60)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	py_service u 'serve(sock(), 60)'
	start_berthd
	local where
	where=$(at t)
	run ask t one
	assert_success
	run udp_ask u one
	assert_success
	run ctl drain t
	assert_success
	run ctl drain u
	assert_success
	wait_log '^exit service=t .*cause=stop signal=TERM'
	wait_log '^exit service=u .*cause=stop signal=TERM'
	nobody_listens "$where"
	service_is t '.state == "drained"'
	ctl resume t
	run ask t two
	assert_success
}

@test "the queue of a unix socket is drained as that of a tcp port" {
	service x "{\"listen\": \"unix:$T/x.sock\", \"exec\": [\"/bin/cat\"], \"socket\": {\"mode\": \"0666\"}, \"limits\": {\"connections\": 1}}"
	start_berthd
	local i
	open_session first "unix:$T/x.sock"
	say first hello
	heard first hello
	open_session a "unix:$T/x.sock"
	wait_queue x 1
	open_session b "unix:$T/x.sock"
	wait_queue x 2
	drain d x
	wait_state x draining
	close_session first
	for i in a b; do
		say $i hello
		heard $i hello
		close_session $i
	done
	drained d 0
	[[ ! -e $T/x.sock ]]
	service_is x '.accepted == 3 and .ended == 3'
}

@test "a drained service keeps no places of the pool" {
	conf '{"limits": {"connections": 2}}'
	echo_service kept '{"limits": {"reserve": 1}}'
	echo_service x
	start_berthd
	open_session a "$(at x)"
	say a hello
	heard a hello
	open_session b "$(at x)"
	wait_until 5 service_is x '.gate == "pool-full"'
	heard_nothing b
	ctl drain kept
	say b hello
	heard b hello
	close_session a
	close_session b
	wait_until 5 active_is x 0
	ctl resume kept
	run ask kept hello
	assert_output hello
}

parts() { tr '\0' '\n' <"$T/c.out"; }
last_part_is() { [[ $(parts | jq -sc 'last | [.parameters.queued, .parameters.active, .continues]') == "$1" ]]; }

@test "over Varlink: without more the numbers of now, with more until all is over" {
	echo_service x "$one"
	start_berthd
	open_session a "$(at x)"
	say a hello
	heard a hello
	open_session b "$(at x)"
	wait_queue x 1
	run varlink '{"method":"io.berth.Control.Drain","parameters":{"service":"x"}}'
	jq -e '.parameters == {services: ["x"], queued: 1, active: 1} and .continues != true' <<<"$output"
	open_session c "unix:$CONTROL"
	printf '%s\0' '{"method":"io.berth.Control.Drain","more":true,"parameters":{"service":"x"}}' >&"${SESSION_FD[c]}"
	wait_until 5 last_part_is '[1,1,true]'
	close_session a
	wait_until 5 last_part_is '[0,1,true]'
	close_session b
	wait_until 5 last_part_is '[0,0,null]'
	parts | jq -se '.[:-1] | all(.continues and .error == null)'
	close_session c
	run varlink '{"method":"io.berth.Control.Drain","parameters":{"service":"x","deadline":-1}}'
	assert_output --partial InvalidParameter
	run ctl drain
	assert_failure 64
	run ctl drain x --all
	assert_failure 64
	run ctl drain x --deadline 60
	assert_failure 64
	assert_output --partial 'needs a unit'
	run ctl drain nobody
	assert_failure 1
}

@test "a berthctl that is ended does not end the drain" {
	echo_service x
	start_berthd
	open_session a "$(at x)"
	say a hello
	heard a hello
	"$BUILD/berthctl" --control "$CONTROL" drain x >/dev/null 2>&1 3>&- 4>&- &
	local pid=$!
	wait_state x draining
	kill "$pid"
	wait "$pid" || :
	close_session a
	wait_state x drained
}
