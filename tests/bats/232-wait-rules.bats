# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Handlers with wait: reloads, removal and stop, the limits that apply to them, and what their files may say.
load ../lib/berth
load ../lib/limits
load ../lib/post

# ---- reload, removal, stop ----

@test "a reload that changes only text leaves the handler alone" {
	py_service u 'serve(sock(), 100)'
	start_berthd
	local first
	first=$(udp_ask u one)
	edit u '.description = "other words"'
	run udp_ask u one
	assert_output "$first"
	[[ $(of u .description) == "other words" ]]
	[[ $(accounts u) == "1 1 0 0" ]]
}

@test "any other change stops the handler, and the next one serves by the new rules" {
	py_service u '
s = sock()
while True:
    text, peer = s.recvfrom(100)
    s.sendto(os.environ["RULE"].encode(), peer)' '{"process": {"environment": {"RULE": "old"}}}'
	start_berthd
	run udp_ask u x
	assert_output old
	edit u '.process.environment.RULE = "new"'
	wait_log '^exit service=u connection=1 .*cause=stop signal=TERM'
	run udp_ask u x
	assert_output new
	(($(starts u) == 2))
	adds_up u
}

@test "while it has not ended nobody is started beside it" {
	py_service u "
s = sock()
old = not os.path.exists('$T/w/old')
if old:
    open('$T/w/old', 'w')
    signal.signal(signal.SIGTERM, lambda *a: note('asked'))
answer(s)
while old and not os.path.exists('$T/go'):
    time.sleep(0.02)" '{"timeouts": {"stop": "8s"}}'
	mkdir -m 0777 "$T/w"
	start_berthd
	udp_ask u one
	edit u '.process = {"umask": "077"}'
	wait_log 'line="?asked'
	udp_send u two
	sleep 0.5
	[[ $(accounts u) == "1 1 0 0" ]]
	: >"$T/go"
	wait_log '^exit service=u connection=1 .*cause=stop'
	wait_logged 2 '^start service=u '
}

@test "the removal of the service stops its handler" {
	py_service u 'serve(sock(), 100)'
	start_berthd
	udp_ask u one
	rm "$SERVICES/u.json"
	ctl reload
	wait_log '^exit service=u connection=1 .*cause=stop signal=TERM'
	wait_until 5 eval '[[ $(services length) == 0 ]]'
}

@test "a service that is disabled stops its handler" {
	py_service u 'serve(sock(), 100)'
	start_berthd
	udp_ask u one
	edit u '.enabled = false'
	wait_log '^exit service=u connection=1 .*cause=stop signal=TERM'
}

@test "wait turned off: the socket stays blocking, and unpolled, until the handler has ended; who waits is served then" {
	py_service t "
s = sock()
signal.signal(signal.SIGTERM, lambda *a: note('asked'))
answer(s)
while not os.path.exists('$T/go'):
    time.sleep(0.02)
note('blocking', os.get_blocking(0))" '{"listen": "tcp:127.0.0.1:0", "wait": true, "timeouts": {"stop": "8s"}}'
	start_berthd
	ask t one
	edit t 'del(.wait) | .exec = ["/bin/cat"]'
	wait_log 'line="?asked'
	open_session c "$(at t)"
	say c hello
	sleep 0.4
	heard_nothing c
	(($(starts t) == 1))
	: >"$T/go"
	heard c hello
	wait_log 'line="blocking True"'
	still_served c
	adds_up t
}

@test "wait turned on: from then on the handler accepts, from a blocking socket; who is served is left alone" {
	py_service t 'note("blocking", os.get_blocking(0)); serve(sock(), 1.5)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	cp "$SERVICES/t.json" "$T/t.json"
	echo_service t
	start_berthd
	session c t 127.0.0.1
	mv "$T/t.json" "$SERVICES/t.json"
	ctl reload
	run ask t one
	assert_output --regexp ' one$'
	wait_log 'line="blocking True"'
	still_served c
}

@test "a stop of berthd ends a wait handler at once" {
	conf '{"stop_grace": "20s"}'
	py_service u 'serve(sock(), 100)'
	py_service t 'serve(sock(), 100)' '{"listen": "tcp:127.0.0.1:0", "wait": true}'
	start_berthd
	udp_ask u one
	ask t one
	local began
	began=$(now_ms)
	stop_berthd
	(($(now_ms) - began < 10000))
	(($(log_count '^exit service=[ut] .*cause=stop signal=TERM') == 2))
}

# ---- limits that apply ----

@test "rate counts the handlers that are started" {
	py_service u 'answer(sock())' '{"limits": {"rate": "2/h"}}'
	start_berthd
	run udp_ask u one two
	assert_success
	wait_logged 2 '^exit service=u '
	udp_send u three
	wait_until 5 service_is u '.gate == "service-rate"'
	(($(starts u) == 2))
	edit u 'del(.limits)'
	wait_logged 3 '^start service=u '
	adds_up u
}

@test "lifetime ends a wait handler, and the next datagram starts another" {
	py_service u 'serve(sock(), 100)' '{"timeouts": {"lifetime": "1500ms"}}'
	start_berthd
	local first
	first=$(udp_ask u one)
	wait_log "^exit service=u connection=1 pid=${first%% *} cause=lifetime"
	run udp_ask u two
	assert_output --regexp ' two$'
	(($(starts u) == 2))
}

@test "a wait handler takes one place of the pool" {
	conf '{"limits": {"connections": 1}}'
	py_service u "
s = sock()
answer(s)
while not os.path.exists('$T/go'):
    time.sleep(0.02)"
	echo_service e
	start_berthd
	udp_ask u one
	open_session c "$(at e)"
	say c hello
	wait_until 5 service_is e '.gate == "pool-full"'
	heard_nothing c
	: >"$T/go"
	heard c hello
	rm "$T/go"
	udp_send u two
	wait_until 5 service_is u '.gate == "pool-full"'
	(($(starts u) == 1))
	close_session c
	wait_logged 2 '^start service=u '
	: >"$T/go"
}

# ---- what stands in a file ----

# refused_beside JSON TEXT: a udp service with this is refused, and says so
refused_beside() {
	jq -nc --argjson more "$1" '{listen: "udp:127.0.0.1:0", exec: ["/bin/true"]} * $more' >"$T/x.json"
	run check "$T/x.json"
	assert_failure 1
	assert_output --partial "x.json: $2"
}

@test "what concerns clients that berthd does not see is refused by name beside datagrams and wait" {
	local key value
	while read -r key value; do
		refused_beside "$(jq -nc --arg k "$key" --argjson v "$value" '{} | setpath($k / "."; $v)')" \
		    "$key: cannot apply with wait"
		refused_beside "$(jq -nc --arg k "$key" --argjson v "$value" \
		    '{listen: "tcp:127.0.0.1:0", wait: true} | setpath($k / "."; $v)')" "$key: cannot apply with wait"
	done <<'KEYS'
access {"allow":["127.0.0.1"]}
evict {"min_idle":"1s"}
penalties {"signal":"1s"}
proxy_protocol {"from":["127.0.0.1"]}
tcpmux true
limits.connections 5
limits.connections_per_source 5
limits.rate_per_source "5/s"
limits.source_prefix {"ipv4":24}
limits.overflow ["refuse"]
timeouts.idle "1min"
timeouts.first_byte "1min"
timeouts.linger "1s"
KEYS
}

@test "in defaults they are passed over" {
	conf '{"defaults": {"access": {"deny": ["127.0.0.1"]}, "evict": {"min_idle": "1s"}, "penalties": {"signal": "1s"},
	    "limits": {"connections": 5, "connections_per_source": 1, "rate_per_source": "1/h", "source_prefix": {"ipv4": 24}, "overflow": ["refuse"]},
	    "timeouts": {"idle": "300ms", "first_byte": "300ms", "linger": "1s"}}}'
	py_service u 'serve(sock(), 100)'
	start_berthd
	local first
	first=$(udp_ask u one)
	sleep 0.7
	run udp_ask u one
	assert_output "$first"
	service_is u '.limit == 0'
}

@test "a service with datagrams and connections needs wait: true" {
	refused_beside '{"listen": ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]}' \
	    'wait: must be true for a service with datagrams (udp:127.0.0.1:0) and connections (tcp:127.0.0.1:0)'
}

@test "wait: false beside datagrams, handlers without wait, min above max, stderr to the socket are refused" {
	refused_beside '{"wait": false}' 'wait: cannot be false with'
	refused_beside '{"listen": "tcp:127.0.0.1:0", "handlers": {"max": 2}}' 'handlers: needs "wait": true'
	refused_beside '{"handlers": {"min": 3, "max": 2}}' 'handlers.max: is below handlers.min'
	refused_beside '{"stderr": "socket"}' 'stderr: cannot be "socket" with wait'
}

@test "wait is a boolean of the file, or of defaults where no datagram is" {
	conf '{"defaults": {"wait": true}}'
	py_service t 'serve(sock(), 100)' '{"listen": "tcp:127.0.0.1:0"}'
	echo_service e '{"wait": false}'
	start_berthd
	run ask t one
	assert_output --regexp '^[0-9]+ one$'
	run ask e two
	assert_output two
}
