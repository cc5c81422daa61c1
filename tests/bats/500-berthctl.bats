# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "list shows services, endpoints, state, active and limit" {
	echo_service one '{"limits": {"connections": 7}, "description": "the first"}'
	echo_service two '{"enabled": false}'
	service bad '{'
	start_berthd
	run ctl list
	assert_success
	assert_line --regexp "one .*127\.0\.0\.1:$(port_of one)"
	assert_line --regexp 'one .*0/7'
	assert_output --partial disabled
	assert_output --partial invalid
	assert_output --partial 'bad.json:'
	run ctl list --json
	assert_success
	jq -e . <<<"$output"
}

@test "show gives the effective configuration, and where each value came from" {
	conf '{"defaults": {"process": {"nice": 3}}}'
	echo_service one '{"limits": {"connections": 7}}'
	start_berthd
	run ctl show one --json
	assert_success
	assert_equal "$(jq -r '.config.limits.connections, .origin["limits.connections"], .config.process.nice, .origin["process.nice"], .config.timeouts.lifetime, .origin["socket.backlog"]' <<<"$output" | xargs)" \
	    "7 file 3 berth.json null default"
	run ctl show one
	assert_success
	assert_output --partial connections
	assert_output --partial berth.json
	run ctl show none
	assert_failure 1
	assert_output --partial none
}

@test "connections lists live handlers, of all or of one" {
	echo_service one
	echo_service two
	start_berthd
	open_session a "$(at one)"
	open_session b "$(at two)"
	wait_until 5 eval '[[ $(connections length) == 2 ]]'
	run ctl connections
	assert_success
	assert_line --regexp 'one .*127\.0\.0\.1:'
	run connections '.[].service' two
	assert_output two
	run connections '.[] | .pid, .peer, .local, .connection' one
	assert_line --regexp '^127\.0\.0\.1:[0-9]+$'
	kill -0 "$(pid_of one)"
	run ctl connections none
	assert_failure 1
	close_session a
	close_session b
	wait_until 5 eval '[[ $(connections length) == 0 ]]'
}

@test "reload says what was added, changed and removed" {
	echo_service changed
	echo_service removed
	start_berthd
	# without inotify between: all in one go
	kill -STOP "$DPID"
	echo_service added
	echo_service changed '{"limits": {"connections": 9}}'
	rm "$SERVICES/removed.json"
	background ctl reload --json >"$T/reload"
	kill -CONT "$DPID"
	wait "${JOBS[-1]}"
	wait_until 5 service_is added '.state == "open"'
	wait_log '^reload added=1 changed=1 removed=1 errors=0'
	service broken '{"listen": 5}'
	run ctl reload
	assert_failure 1
	assert_output --partial 'broken.json: '
	run ctl reload --json
	assert_failure 1
	jq -e . <<<"$output"
	rm "$SERVICES/broken.json"
	run ctl reload
	assert_success
}

@test "exit status 69 where no daemon is" {
	run ctl list
	assert_failure 69
	assert_output --partial "$CONTROL"
	run ctl reload
	assert_failure 69
	run "$BUILD/berthctl" --control "$T/services.d" list
	assert_failure 69
}

@test "exit status 69 where a berthd has no place for another client, and why" {
	# what berthd says to whom it gets no place; the call is not read
	background python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
errors = {"TooManyClients": b"{\"limit\":64}", "Shortage": b"{}"}
while True:
    c, _ = s.accept(); name = open(sys.argv[2]).read().strip()
    c.sendall(b"{\"error\":\"io.berth.Control.%s\",\"parameters\":%s}\0" % (name.encode(), errors[name])); c.close()' "$T/full" "$T/error"
	echo TooManyClients >"$T/error"
	wait_until 10 test -S "$T/full"
	local command
	for command in list status 'top --once' page monitor; do
		# shellcheck disable=SC2086 # words
		run "$BUILD/berthctl" --control "$T/full" $command
		assert_failure 69
		assert_output --partial 'too many clients are connected (the limit is 64)'
	done
	echo Shortage >"$T/error"
	run "$BUILD/berthctl" --control "$T/full" status
	assert_failure 69
	assert_output --partial 'no descriptor left'
}

@test "exit status 69 where the daemon hangs, and none waits for ever, not as a handler either" {
	start_berthd
	kill -STOP "$DPID"
	ctl list >"$T/list" 2>&1 &
	local asked=($!) pid text
	ctl metrics >"$T/metrics" 2>&1 &
	asked+=($!)
	{ printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'; sleep 0.1; } | ctl metrics --http >"$T/scrape" 2>&1 &
	asked+=($!)
	ctl monitor >"$T/monitor" 2>&1 &
	asked+=($!)
	ctl drain --all >"$T/drain" 2>&1 &
	asked+=($!)
	for pid in "${asked[@]}"; do
		status=0
		wait "$pid" || status=$?
		assert_equal "$status" 69
	done
	kill -CONT "$DPID"
	for text in list metrics scrape monitor drain; do
		assert grep -q "$CONTROL: the daemon does not answer" "$T/$text"
	done
	assert grep -qx 'berth_up 0' "$T/metrics"
	assert grep -q '^HTTP/1.1 503 ' "$T/scrape"
	# and afterwards there is one
	run ctl list
	assert_success
}

@test "exit status 64 for wrong usage" {
	run ctl no-such-command
	assert_failure 64
	run ctl
	assert_failure 64
	run ctl show
	assert_failure 64
	run ctl list --no-such-option
	assert_failure 64
	# it is this one that is wrong, and not what stands before it
	run -64 ctl list --json -zq
	assert_line --index 0 'berthctl: list: -z: no such option'
	run -64 ctl list --help=x
	assert_line --index 0 'berthctl: list: --help=x: no such option'
	run -64 ctl explain x --peer
	assert_line --index 0 'berthctl: explain: --peer: a value is missing'
}

@test "what cannot be printed is said, and the exit status is 1" {
	start_berthd
	local words
	for words in list status schema 'list --help' --help --version; do
		# shellcheck disable=SC2086
		run -1 sh -c 'exec "$@" >/dev/full' sh "$BUILD/berthctl" --control "$CONTROL" $words
		assert_output 'berthctl: stdout: cannot be written'
	done
}

@test "show: a long text does not push away what stands behind others" {
	echo_service x "{\"description\": \"$(printf '%0300d' 0)\"}"
	start_berthd
	run ctl show x
	assert_line --partial "\"$(printf '%0300d' 0)\"  file"
	assert_line --regexp '^enabled {2,80}true {2,80}default$'
}

@test "BERTH_CONTROL names the socket" {
	start_berthd
	BERTH_CONTROL=$CONTROL run "$BUILD/berthctl" list
	assert_success
}

@test "check is offline and exits 1 on an error, 0 without" {
	echo_service good
	if ((EUID == 0)); then echo_service good '{"user": "nobody"}'; fi
	run check "$SERVICES/good.json"
	assert_success
	run check "$SERVICES"
	assert_success
	service bad '{"listen": "tcp:1"'
	run check "$SERVICES"
	assert_failure 1
	assert_output --partial 'bad.json:'
	run check "$T/absent.json"
	assert_failure
	run check --json "$SERVICES"
	assert_failure 1
	jq -e . <<<"$output"
}

@test "check: a program that is not there is a remark, the file is good; none where the service is not enabled" {
	echo_service there
	echo_service off '{"exec": ["/none"], "enabled": false}'
	run check "$SERVICES"
	assert_success
	assert_output '3 files are good'
	echo_service absent '{"exec": ["/none"]}'
	run check "$SERVICES"
	assert_success
	assert_line "warning: $SERVICES/absent.json: exec: /none: No such file or directory"
	assert_line '4 files are good'
	assert_equal "${#lines[@]}" 2
	run check --json "$SERVICES/absent.json"
	assert_success
	jq -e --arg f "$SERVICES/absent.json" '.good and (.files[] | select(.file == $f) | .good and .errors == [] and
	    .warnings == ["\($f): exec: /none: No such file or directory"])' <<<"$output"
}

@test "schema prints a JSON Schema of each file" {
	run "$BUILD/berthctl" schema
	assert_success
	jq -e '.properties.listen' <<<"$output"
}

@test "an unprivileged user who may not connect is told so" {
	requires root
	start_berthd
	run stat -c '%a %U' "$CONTROL"
	assert_output --regexp '^6[06]0 root$'
	install -m 0755 "$BUILD/berthctl" "$T/berthctl"
	run setpriv --reuid=nobody --regid=nogroup --clear-groups "$T/berthctl" --control "$CONTROL" list
	assert_failure 77
	assert_output --regexp 'not allowed|ermission'
	run setpriv --reuid=nobody --regid=nogroup --clear-groups "$T/berthctl" --control "$CONTROL" monitor --recorded
	assert_failure 77
	assert_output "berthctl: monitor: $CONTROL.statistics: Permission denied"
}

@test "control.group may read and may not change, and is told so" {
	requires root
	conf '{"control": {"group": "mail"}}'
	echo_service one
	start_berthd
	run stat -c '%a %U %G' "$CONTROL"
	assert_output '660 root mail'
	install -m 0755 "$BUILD/berthctl" "$T/berthctl"
	as_mail() { setpriv --reuid=nobody --regid=mail --clear-groups "$T/berthctl" --control "$CONTROL" "$@"; }
	run as_mail list
	assert_success
	assert_output --partial one
	run as_mail show one
	assert_success
	run as_mail connections
	assert_success
	mark_log
	run as_mail reload
	assert_failure 77
	assert_output --regexp 'not allowed|ermission|privilege'
	run fresh '^reload '
	assert_failure
}

@test "a second berthd on the same control socket refuses to start and names the first" {
	echo_service one
	start_berthd
	run_berthd -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 71
	assert_output --partial "$DPID"
	run ask one hello
	assert_output hello
	run ctl list
	assert_success
}

@test "a control socket that a killed berthd left is taken over" {
	echo_service one
	start_berthd
	kill9_berthd
	[[ -S $CONTROL ]]
	start_berthd
	run ctl list
	assert_success
}

@test "a file where the control socket should be is not touched" {
	echo precious >"$CONTROL"
	run_berthd -c "$CONF" -s "$SERVICES" --control "$CONTROL"
	assert_failure 71
	assert_equal "$(<"$CONTROL")" precious
}
