# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# berthctl pause and resume: nobody is started, nobody is refused, and no time passes for those that wait
load ../lib/berth
load ../lib/limits
load ../lib/post
load ../lib/steer

@test "clients of a paused service stay in the backlog, and are served when it is resumed" {
	echo_service x
	echo_service other
	start_berthd
	run ctl pause x
	assert_success
	assert_output 'x: paused'
	local i
	for i in a b c; do open_session $i "$(at x)"; done
	wait_queue x 3
	service_is x '.state == "paused" and .gate == "paused" and .active == 0 and .accepted == 0'
	service_is other '.state == "open" and .gate == null'
	run ask other hello
	assert_output hello
	queue_is x 3
	run ctl resume x
	assert_success
	assert_output 'x: resumed'
	for i in a b c; do say $i "hello $i" && heard $i "hello $i"; done
	service_is x '.state == "open" and .gate == null and .active == 3'
	adds_up x
	for i in a b c; do close_session $i; done
}

@test "an order counts at once, also while its client stays and nothing else happens" {
	local fd
	echo_service x
	start_berthd
	ctl pause x
	open_session a "$(at x)"
	wait_queue x 1
	# from here on no berthctl: each one that goes makes berthd look
	open_session order "unix:$CONTROL"
	printf '{"method":"io.berth.Control.Resume","parameters":{"service":"x"}}\0' >&"${SESSION_FD[order]}"
	heard order changed
	say a hello
	heard a hello
	ctl pause x
	open_session b "$(at x)"
	wait_queue x 1
	background ctl drain x
	say b hello
	heard b hello
	close_session a
	close_session b
	close_session order
}

@test "a live handler of a paused service goes on" {
	echo_service x
	start_berthd
	open_session a "$(at x)"
	say a one
	heard a one
	ctl pause x
	say a two
	heard a two
	service_is x '.state == "paused" and .active == 1'
	close_session a
	wait_until 5 active_is x 0
}

@test "a connection that waited for a place is not started by the place while its service is paused" {
	echo_service x '{"limits": {"connections": 1, "overflow": [{"wait": "60s"}, "refuse"]}}'
	start_berthd
	open_session first "$(at x)"
	say first hello
	heard first hello
	open_session second "$(at x)"
	wait_until 5 service_is x '.pending == 1'
	ctl pause x
	close_session first
	wait_until 5 active_is x 0
	service_is x '.pending == 1 and .active == 0 and .gate == "paused"'
	ctl resume x
	say second hello
	heard second hello
	close_session second
	adds_up x
}

@test "the time of a wait stands still while the service is paused, and goes on afterwards" {
	local limits='{"limits": {"connections": 1, "overflow": [{"wait": "3s"}, "refuse"]}}'
	echo_service x "$limits"
	echo_service clock "$limits"
	start_berthd
	open_session first "$(at x)"
	say first hello
	heard first hello
	open_session tick "$(at clock)"
	say tick hello
	heard tick hello
	open_session second "$(at x)"
	wait_until 5 service_is x '.pending == 1'
	ctl pause x
	# a wait of the same length passes from its beginning to its end
	is_reset "$(at clock)"
	ctl resume x
	ctl list # one turn later it has not been refused
	service_is x '.pending == 1 and .refused["service-full"] == 0'
	close_session first
	say second hello
	heard second hello
	# what is left of its time is left: nobody waits for ever
	is_reset "$(at x)"
	service_is x '.refused["service-full"] == 1'
	close_session second
	close_session tick
	adds_up x
}

@test "a reload leaves a service paused, also one that changes its file" {
	echo_service x
	start_berthd
	ctl pause x
	open_session a "$(at x)"
	wait_queue x 1
	ctl reload
	service_is x '.state == "paused" and .active == 0'
	edit x '.description = "changed"'
	edit x '.limits.connections = 7'
	service_is x '.state == "paused" and .limit == 7 and .active == 0'
	queue_is x 1
	ctl resume x
	say a hello
	heard a hello
	close_session a
}

@test "a service whose file is removed is paused no more, whatever comes by that name" {
	echo_service x
	start_berthd
	open_session live "$(at x)"
	say live hello
	heard live hello
	ctl pause x
	mv "$SERVICES/x.json" "$T/x.json"
	ctl reload
	wait_state x removed
	mv "$T/x.json" "$SERVICES/x.json"
	ctl reload
	service_is x '.state == "open" and .gate == null'
	run ask x hello
	assert_output hello
	close_session live
}

@test "a pause ends with berthd" {
	echo_service x
	start_berthd
	ctl pause x
	stop_berthd
	start_berthd
	service_is x '.state == "open"'
	run ask x hello
	assert_output hello
}

@test "berthd that stops does not wait for a paused service, and serves nobody of it" {
	echo_service x '{"limits": {"connections": 1, "overflow": [{"wait": "60s"}, "refuse"]}}'
	conf '{"stop_grace": "50s"}'
	start_berthd
	open_session first "$(at x)"
	say first hello
	heard first hello
	open_session pending "$(at x)" --no-stdin
	wait_until 5 service_is x '.pending == 1'
	open_session queued "$(at x)" --no-stdin
	wait_queue x 1
	ctl pause x
	close_session first
	wait_until 5 active_is x 0
	stop_berthd
	session_is_reset pending
	session_is_reset queued
	assert_equal "$(log_count '^start service=x')" 1
	assert_equal "$(log_count '^refuse service=x .*reason=draining')" 1
}

@test "pause and resume say what they found; so does --json; each change is one line of the log" {
	echo_service x
	start_berthd
	run ctl resume x
	assert_success
	assert_output 'x: is neither paused nor drained'
	run jq -c . <<<"$(ctl --json pause x)"
	assert_output '{"changed":true}'
	run ctl pause x
	assert_success
	assert_output 'x: is paused already'
	run jq -c . <<<"$(ctl pause --json x)"
	assert_output '{"changed":false}'
	run ctl pause nobody
	assert_failure 1
	assert_output 'berthctl: nobody: no such service'
	run ctl pause
	assert_failure 64
	run ctl resume x
	assert_output 'x: resumed'
	assert_equal "$(log_count "^order command=pause service=x uid=$EUID\$")" 1
	assert_equal "$(log_count "^order command=resume service=x uid=$EUID\$")" 1
	assert_equal "$(log_count '^order ')" 2
}

@test "list, show and explain tell that a service is paused" {
	echo_service x
	start_berthd
	ctl pause x
	run ctl list
	assert_output --regexp 'x +paused +0/100'
	assert_output --partial 'not accepting: paused'
	run ctl show x
	assert_output --regexp 'state +paused'
	run ctl explain x --peer 192.0.2.7
	assert_success
	assert_output --regexp 'verdict +waits: paused, the service is paused'
	assert_output --regexp 'then +waits'
	assert_output --regexp 'pause +paused +the service is paused'
	ctl resume x
	run ctl explain x --peer 192.0.2.7
	assert_output --regexp 'verdict +admitted'
	assert_output --regexp 'pause +passes +the service is not paused'
}

@test "a paused service with wait starts no handler; one that lives goes on accepting" {
	py_service t 'serve(sock(), 60)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	py_service u 'serve(sock(), 0.3)'
	start_berthd
	local first
	first=$(ask t one)
	ctl pause t
	ctl pause u
	run ask t two
	assert_output "${first%% *} two"
	udp_send u one
	# an event that comes after the datagram has been seen
	run ask t three
	assert_success
	assert_equal "$(starts u)" 0
	ctl resume u
	wait_logged 1 '^start service=u '
	wait_logged 1 '^exit service=u .*status=0'
	assert_equal "$(starts t)" 1
}

@test "a connection whose PROXY header is read while its service is paused gets its handler afterwards" {
	sh_service p 'echo "$TCPREMOTEIP"; exec cat' '{"proxy_protocol": {"from": ["127.0.0.1"]}}'
	echo_service clock '{"proxy_protocol": {"from": ["127.0.0.1"]}}'
	start_berthd
	open_session a "$(at p)"
	wait_until 5 service_is p '.pending == 1'
	ctl pause p
	say a $'PROXY TCP4 192.0.2.7 198.51.100.1 4711 79\r\nhello'
	open_session b "$(at p)"
	wait_queue p 1
	# longer than a header may take nothing comes of either
	is_reset "$(at clock)"
	wait_refused clock bad-header 1
	service_is p '.pending == 1 and .active == 0 and ([.refused[]] | add) == 0'
	heard_nothing a
	ctl resume p
	heard a 192.0.2.7
	heard a hello
	say b $'PROXY TCP4 192.0.2.8 198.51.100.1 4711 79\r\nhello'
	heard b 192.0.2.8
	close_session a
	close_session b
	wait_until 5 active_is p 0
	adds_up p
}

@test "a connection whose PROXY header was read in a pause is refused when its service is disabled, as those that wait are" {
	local way
	sh_service p 'exec cat' '{"proxy_protocol": {"from": ["127.0.0.1"]}}'
	start_berthd
	for way in order file; do
		open_session $way "$(at p)"
		wait_until 5 service_is p '.pending == 1'
		ctl pause p
		say $way $'PROXY TCP4 192.0.2.7 198.51.100.1 4711 79\r\nhello'
		# the header is off, "hello\n" is still there: only the end of the pause is waited for
		wait_until 5 eval "ss -Htn state established 'sport = :$(port_of p)' | grep -q '^6 '"
		if [[ $way == order ]]; then ctl disable p; else edit p '.enabled = false'; fi
		session_is_reset $way
		service_is p '.pending == 0 and .active == 0 and .state == "disabled"'
		ctl resume p
		[[ $way != order ]] || ctl enable p
	done
	[[ $(log_count '^refuse service=p peer=192.0.2.7:4711 reason=draining') == 2 ]]
	refused_is p draining 2
	adds_up p
}

@test "through tcpmux a paused service cannot be waited for: its client is refused" {
	service m '{"listen": "tcp:127.0.0.1:0", "builtin": "tcpmux"}'
	echo_service x '{"tcpmux": true}'
	start_berthd
	ctl pause x
	run bash -c "printf 'x\r\n' | '$dial' --timeout 10 '$(at m)' | tr -d '\r'"
	assert_output '-Service not available'
	wait_refused x paused 1
	wait_log '^refuse service=x peer=127.0.0.1:[0-9]+ reason=paused'
	adds_up x
}

@test "a connection that found no resources for its handler waits through a pause, too" {
	requires program prlimit
	echo_service x
	start_berthd
	local free=0 where
	where=$(at x)
	wait_until 5 no_control_clients
	while [[ -e /proc/$DPID/fd/$free ]]; do ((++free)); done
	prlimit -p "$DPID" --nofile="$((free + 1)):"
	open_session a "$where"
	wait_log '^shortage '
	ctl pause x
	prlimit -p "$DPID" --nofile=1024:
	ctl list
	service_is x '.pending == 1 and .active == 0'
	ctl resume x
	say a hello
	heard a hello
	close_session a
}

@test "as root, one who may only read may not pause" {
	requires root
	requires program setpriv
	conf '{"control": {"group": "mail"}}'
	echo_service x
	start_berthd
	local order
	for order in pause resume drain disable enable 'kill --service' reload 'log-level debug'; do
		[[ $order == reload || $order == log-level* ]] || order+=' x'
		# shellcheck disable=SC2086
		run ctl_as_reader $order
		assert_failure 77
	done
	service_is x '.state == "open" and .disabled == null'
	assert_equal "$(log_count '^order ')" 0
	run ctl_as_reader log-level
	assert_success
	assert_output info
	run ctl_as_reader reload --dry-run
	assert_success
	assert_output 'nothing would change'
}
