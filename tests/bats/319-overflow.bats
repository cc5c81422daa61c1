# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# limits.overflow: what becomes of a client for whom there is no place
load ../lib/berth

# overflow CHAIN [JSON]: of limits.overflow, and more
overflow() { jq -nc --argjson o "$1" --argjson more "${2:-{\}}" '{limits: {connections: 1, overflow: $o}} * $more'; }
# one NAME CHAIN [JSON]: an echo for one client at a time
one() { echo_service "$1" "$(overflow "$2" "${3:-{\}}")"; }

# accepted = pending + active + ended + failed + sum(refused), of all services
balanced() {
	[[ $(services 'all(.[]; .accepted == .pending + .active + .ended + .failed + ([.refused[]] | add))') == true ]]
}
refused_is() { service_is "$1" ".refused[\"$2\"] == $3"; }

# take SERVICE: its only place, by the session `first`
take() {
	open_session first "$(at "$1")"
	say first hello
	heard first hello
}

# fate NAME ENDPOINT [dial options]: a client in the background; its exit status and its time in $T/NAME.fate
fate() { background fate_of "$@"; }
fate_of() {
	local began status=0
	began=$(now_ms)
	"$dial" --no-stdin --timeout 20 "${@:3}" "$2" >"$T/$1.said" 2>/dev/null || status=$?
	echo "$status $(($(now_ms) - began))" >"$T/$1.part"
	mv "$T/$1.part" "$T/$1.fate"
}
has_fate() { [[ -e $T/$1.fate ]]; }
# fate_is NAME STATUS LEAST_MS MOST_MS
fate_is() {
	local status ms
	wait_until 20 has_fate "$1"
	read -r status ms <"$T/$1.fate"
	[[ $status == "$2" ]] || fail "$1 ended with $status after $ms ms"
	((ms >= $3 && ms <= $4)) || fail "$1 ended after $ms ms"
}
reset=3

# ---- wait ----

@test "wait: who finds no place is not accepted" {
	one x '["wait"]'
	start_berthd
	take x
	fate second "$(at x)"
	wait_until 5 service_is x '.gate == "service-full"'
	wait_until 5 eval '(($(ss -Htn state established "dport = :$(port_of x)" | wc -l) == 2))'
	sleep 0.5
	service_is x '.accepted == 1 and .pending == 0 and .active == 1'
	balanced
	run ! has_fate second
	close_session first
}

# ---- refuse ----

@test "refuse: a reset at once when the service is full; the next gets the place that comes free" {
	one x '["refuse"]'
	start_berthd
	take x
	fate second "$(at x)"
	fate_is second $reset 0 5000
	wait_log '^refuse service=x peer=127\.0\.0\.1:[0-9]+ reason=service-full'
	refused_is x service-full 1
	balanced
	say first again
	heard first again
	close_session first
	wait_until 5 active_is x 0
	run ask x hello
	assert_output hello
}

@test "refuse: for want of a place in the pool the reason is pool-full" {
	conf '{"limits": {"connections": 1}}'
	echo_service x
	one y '["refuse"]'
	start_berthd
	take x
	fate second "$(at y)"
	fate_is second $reset 0 5000
	wait_log '^refuse service=y .* reason=pool-full'
	service_is y '.refused["pool-full"] == 1 and .refused["service-full"] == 0 and .active == 0'
	balanced
	close_session first
}

@test "refuse: 200 clients at once are all reset, and none is lost from the books" {
	one x '["refuse"]'
	start_berthd
	take x
	run "$flood" -n 200 -c 50 "$(at x)"
	(($(jq .reset <<<"$output") == 200)) || fail "$output"
	wait_until 5 refused_is x service-full 200
	service_is x '.accepted == 201 and .active == 1'
	balanced
	say first still
	heard first still
	close_session first
}

# ---- a wait with a time ----

@test "a wait with a time: refused after it, and not before" {
	one x '[{"wait": "1s"}, "refuse"]'
	start_berthd
	take x
	fate second "$(at x)"
	wait_until 5 service_is x '.pending == 1 and .active == 1'
	balanced
	fate_is second $reset 980 10000
	refused_is x service-full 1
	balanced
	close_session first
}

@test "a wait with a time: a place that comes free within it is used" {
	one x '[{"wait": "30s"}, "refuse"]'
	start_berthd
	take x
	open_session second "$(at x)"
	say second patient
	wait_until 5 service_is x '.pending == 1'
	close_session first
	heard second patient
	service_is x '.accepted == 2 and .pending == 0 and .refused["service-full"] == 0'
	balanced
	close_session second
}

@test "a wait with a time: whoever stands in the queue is timed from its own arrival, not from when it became the head" {
	one x '[{"wait": "1s"}, "refuse"]'
	start_berthd
	take x
	local i
	# one after the other it would take six seconds
	for i in 1 2 3 4 5 6; do fate "c$i" "$(at x)"; done
	for i in 1 2 3 4 5 6; do fate_is "c$i" $reset 980 4500; done
	refused_is x service-full 6
	balanced
	close_session first
}

@test "a wait with a time: who comes later is not refused with the head" {
	one x '[{"wait": "1500ms"}, "refuse"]'
	start_berthd
	take x
	fate second "$(at x)"
	wait_until 5 service_is x '.pending == 1'
	sleep 0.7
	fate third "$(at x)"
	fate_is second $reset 1480 10000
	run ! has_fate third
	fate_is third $reset 1480 10000
	close_session first
}

@test "a wait with a time: two waits count from the arrival, both" {
	one x '[{"wait": "300ms"}, {"wait": "1s"}, {"banner": "busy\r\n"}]'
	start_berthd
	take x
	fate second "$(at x)"
	fate_is second 0 980 10000
	run cat "$T/second.said"
	assert_output $'busy\r'
	close_session first
}

@test "a wait with a time: a rate that lets in again within it is waited for" {
	echo_service x '{"limits": {"rate": "1/s", "burst": 1, "overflow": [{"wait": "20s"}, "refuse"]}}'
	start_berthd
	run ask x one
	assert_output one
	run ask x two
	assert_output two
	service_is x '.refused["service-rate"] == 0 and .ended == 2'
}

@test "a wait with a time: a client that resets its connection meanwhile is gone, and no handler is started for it" {
	one x '[{"wait": "1s"}, "refuse"]'
	start_berthd
	take x
	"$dial" --linger0 "$(at x)" </dev/null
	wait_until 10 refused_is x gone 1
	service_is x '.accepted == 2 and .refused["service-full"] == 0'
	balanced
	close_session first
}

# ---- banner ----

@test "banner: its text, whole, then the end" {
	one x '[{"banner": "421 busy\r\n"}]'
	start_berthd
	take x
	run --separate-stderr "$dial" --no-stdin --timeout 10 "$(at x)"
	assert_success
	assert_output $'421 busy\r'
	wait_log '^refuse service=x .* reason=service-full'
	balanced
	close_session first
}

@test "banner: of 4096 bytes" {
	local text
	text=$(printf 'x%.0s' {1..4095})
	one x "[{\"banner\": \"$text\\n\"}]"
	start_berthd
	take x
	run --separate-stderr "$dial" --no-stdin --timeout 10 "$(at x)"
	assert_success
	assert_output "$text"
	close_session first
}

# talk PORT BYTES: a client that has sent so much before it is answered, goes on sending for a while after it was,
# and reads only then.  Prints what it got, or how that failed.
talk() {
	timeout 30 python3 - "$1" "$2" <<-'E'
	import select, socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	s.sendall(b"x" * int(sys.argv[2]))
	s.settimeout(15)
	select.select([s], [], [], 15)
	for _ in range(20):
	    s.sendall(b"y" * 500)
	    time.sleep(0.01)
	got = b""
	try:
	    while True:
	        part = s.recv(100)
	        if not part:
	            break
	        got += part
	    print(got)
	except OSError as e:
	    print(got, e)
	E
}

@test "banner: arrives whole when the client has sent 10 KB before, and goes on sending" {
	one x '[{"wait": "300ms"}, {"banner": "421 busy\r\n"}]'
	start_berthd
	take x
	local port
	port=$(port_of x)
	run talk "$port" 10240
	assert_output "b'421 busy\\r\\n'"
	close_session first
}

@test "banner: 300 clients that never close hold a bounded number of fds, and in the end none" {
	one x '[{"banner": "421 busy\r\n"}]'
	start_berthd
	take x
	local before
	before=$(count_fds)
	timeout 40 python3 - "$(port_of x)" "$DPID" "$T/go" >"$T/crowd" 3>&- 4>&- <<-'E' &
	import os, socket, sys, time
	port, pid, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
	clients, most = [], 0
	for _ in range(300):
	    clients.append(socket.create_connection(("127.0.0.1", port)))
	    most = max(most, len(os.listdir(f"/proc/{pid}/fd")))
	whole = 0
	for s in clients:
	    s.settimeout(15)
	    got = b""
	    while part := s.recv(100):
	        got += part
	    whole += got == b"421 busy\r\n"
	    most = max(most, len(os.listdir(f"/proc/{pid}/fd")))
	print(whole, most, flush=True)
	while not os.path.exists(go):
	    time.sleep(0.05)
	E
	JOBS+=($!)
	wait_until 30 test -s "$T/crowd"
	local whole most
	read -r whole most <"$T/crowd"
	((whole == 300)) || fail "$whole banners were whole"
	# those that linger, the listener's pending one, a control client
	((most <= before + 64 + 4)) || fail "$most fds, before $before"
	wait_until 5 refused_is x service-full 300
	# the clients are all still there
	wait_until 5 eval '(($(count_fds) <= '"$before"'))' || fail "$(count_fds) fds, before $before"
	balanced
	: >"$T/go"
	close_session first
}

@test "banner: 64 clients that never read do not keep the next from it" {
	one x '[{"banner": "421 busy\r\n"}]'
	start_berthd
	take x
	open_hold 100 "$(at x)"
	held
	run --separate-stderr "$dial" --no-stdin --timeout 10 "$(at x)"
	assert_success
	assert_output $'421 busy\r'
	close_hold
	close_session first
}

@test "banner: answers a rate and is not charged for it" {
	echo_service x '{"limits": {"rate": "1/h", "burst": 2, "overflow": [{"banner": "slow down\n"}]}}'
	start_berthd
	run ask x one
	assert_output one
	run ask x two
	assert_output two
	local i
	for i in 1 2 3; do
		run --separate-stderr "$dial" --no-stdin --timeout 10 "$(at x)"
		assert_output "slow down"
	done
	service_is x '.refused["service-rate"] == 3 and .ended == 2'
	balanced
}

# ---- unix sockets ----

unix_one() { service x "$(overflow "$1" "{\"listen\": \"unix:$T/x.sock\", \"exec\": [\"/bin/cat\"], \"socket\": {\"mode\": \"0666\"}}")"; }
take_unix() {
	open_session first "unix:$T/x.sock"
	say first hello
	heard first hello
}

@test "unix sockets: refuse closes" {
	unix_one '["refuse"]'
	start_berthd
	take_unix
	fate second "unix:$T/x.sock"
	fate_is second 0 0 5000
	[[ ! -s $T/second.said ]]
	refused_is x service-full 1
	balanced
	close_session first
}

@test "unix sockets: a wait with a time, then the banner" {
	unix_one '[{"wait": "1s"}, {"banner": "421 busy\r\n"}]'
	start_berthd
	take_unix
	fate second "unix:$T/x.sock"
	wait_until 5 service_is x '.pending == 1'
	fate_is second 0 900 10000
	run cat "$T/second.said"
	assert_output $'421 busy\r'
	refused_is x service-full 1
	balanced
	close_session first
}

@test "unix sockets: a place that comes free within the wait is used" {
	unix_one '[{"wait": "30s"}, "refuse"]'
	start_berthd
	take_unix
	open_session second "unix:$T/x.sock"
	say second patient
	wait_until 5 service_is x '.pending == 1'
	close_session first
	heard second patient
	close_session second
}

# ---- evict in the chain ----

@test "evict, banner: with nobody evictable the banner, at once" {
	# nobody is idle for long enough
	one x '["evict", {"banner": "421 busy\r\n"}]' '{"evict": {"min_idle": "1h"}}'
	start_berthd
	take x
	run --separate-stderr "$dial" --no-stdin --timeout 10 "$(at x)"
	assert_success
	assert_output $'421 busy\r'
	service_is x '.evicted == 0 and .refused["service-full"] == 1'
	balanced
	say first still
	heard first still
	close_session first
}

@test "evict, a wait with a time, refuse: one that becomes idle within the wait is taken" {
	one x '["evict", {"wait": "30s"}, "refuse"]' '{"evict": {"min_idle": "1s"}}'
	start_berthd
	take x
	open_session second "$(at x)"
	say second hello
	heard second hello 10
	service_is x '.evicted == 1 and .refused["service-full"] == 0'
	wait_log '^evict service=x '
	close_session second
}

@test "evict, a wait with a time, refuse: refused after it when nobody becomes idle" {
	one x '["evict", {"wait": "1s"}, "refuse"]' '{"evict": {"min_idle": "1h"}}'
	start_berthd
	take x
	fate second "$(at x)"
	fate_is second $reset 980 10000
	service_is x '.evicted == 0 and .refused["service-full"] == 1'
	close_session first
}

@test "evict does not answer a rate" {
	echo_service x '{"limits": {"rate": "1/h", "burst": 2, "overflow": ["evict", "refuse"]}, "evict": {"min_idle": "100ms"}}'
	start_berthd
	take x
	open_session second "$(at x)"
	say second hello
	heard second hello
	sleep 0.4
	fate third "$(at x)"
	fate_is third $reset 0 5000
	service_is x '.evicted == 0 and .refused["service-rate"] == 1 and .active == 2'
	balanced
	close_session first
	close_session second
}

@test "evict does not answer a rate when the service is full, too" {
	echo_service x '{"limits": {"connections": 2, "rate": "1/h", "burst": 2, "overflow": ["evict"]}, "evict": {"min_idle": "100ms"}}'
	start_berthd
	take x
	open_session second "$(at x)"
	say second hello
	heard second hello
	sleep 0.4
	open_session third "$(at x)"
	wait_until 5 service_is x '.gate == "service-rate"'
	sleep 0.4
	service_is x '.evicted == 0 and .accepted == 2 and .active == 2 and .pending == 0'
	close_session first
	close_session second
}

@test "a chain that becomes refuse by a reload is applied to whoever waits" {
	one x '["evict", {"wait": "1min"}, "refuse"]' '{"evict": {"min_idle": "1h"}}'
	start_berthd
	take x
	fate second "$(at x)"
	wait_until 5 service_is x '.pending == 1'
	one x '["refuse"]'
	ctl reload
	fate_is second $reset 0 20000
	refused_is x service-full 1
	balanced
	close_session first
}

@test "a service that is removed refuses who waits as draining" {
	one x '[{"wait": "1min"}, "refuse"]'
	start_berthd
	take x
	fate second "$(at x)"
	wait_until 5 service_is x '.pending == 1'
	rm "$SERVICES/x.json"
	ctl reload
	fate_is second $reset 0 20000
	wait_log '^refuse service=x .* reason=draining'
	say first still
	heard first still
	close_session first
}
