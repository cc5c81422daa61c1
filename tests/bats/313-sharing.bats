# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What services share: the machine's load, the places of the pool, the turns at being accepted.
load ../lib/berth
load ../lib/limits

# ---- limits.load ----

@test "limits.load of a service: refused where the chain says so, else clients wait until a reload or the load lets them in" {
	make_load
	echo_service r '{"limits": {"load": 0.0001, "overflow": ["refuse"]}}'
	echo_service w '{"limits": {"load": 0.0001, "overflow": ["evict"]}}'
	echo_service free '{"limits": {"load": 100000}}'
	start_berthd
	refuses r 127.0.0.1
	wait_log '^refuse service=r .*reason=load'
	assert_equal "$(refused r load)" 1
	open_session a "$(at w)"
	say a hello
	wait_until 5 service_is w '.gate == "load"'
	run ctl list
	assert_output --partial 'not accepting: load'
	heard_nothing a
	assert_equal "$(ask free hello)" hello
	edit w 'del(.limits.load)'
	heard a hello
	assert_equal "$(all_refused w)" 0
	adds_up r
	adds_up w
	close_session a
}

@test "limits.load of berth.json holds for all services, each by its own chain" {
	make_load
	conf '{"limits": {"load": 0.0001}}'
	echo_service r '{"limits": {"overflow": ["refuse"]}}'
	echo_service b '{"limits": {"overflow": [{"banner": "busy\n"}]}}'
	echo_service w
	start_berthd
	refuses r 127.0.0.1
	run "$dial" --no-stdin "$(at b)"
	assert_output busy
	assert_equal "$(refused r load) $(refused b load)" '1 1'
	open_session a "$(at w)"
	say a hello
	wait_until 5 service_is w '.gate == "load"'
	heard_nothing a
	conf '{"limits": {"load": null}}'
	ctl reload
	heard a hello
	close_session a
}

# ---- limits.reserve ----

@test "reserve: others leave so many places free, and its service gets them" {
	conf '{"limits": {"connections": 4}}'
	echo_service a '{"limits": {"reserve": 2}}'
	echo_service b
	start_berthd
	local i
	session b1 b 127.0.0.1
	session b2 b 127.0.0.1
	open_session b3 "$(at b)"
	say b3 hello
	wait_until 5 service_is b '.gate == "pool-full" and .active == 2'
	session a1 a 127.0.0.1
	session a2 a 127.0.0.1
	heard_nothing b3
	open_session a3 "$(at a)"
	say a3 hello
	wait_until 5 service_is a '.gate == "pool-full" and .active == 2'
	heard_nothing a3
	# the place of a1 is again a's own
	close_session a1
	heard a3 hello
	heard_nothing b3
	close_session b1
	heard b3 hello
	adds_up a
	adds_up b
	for i in a2 a3 b2 b3; do close_session "$i"; done
}

@test "reserve: places that a reload reserves are kept from then on, and nobody loses one for it" {
	conf '{"limits": {"connections": 3}}'
	echo_service a
	echo_service b
	start_berthd
	local i
	for i in 1 2 3; do session "b$i" b 127.0.0.1; done
	edit a '.limits.reserve = 2'
	for i in 1 2 3; do still_served "b$i"; done
	open_session b4 "$(at b)"
	say b4 hello
	wait_until 5 connected_to b 4
	close_session b1
	wait_until 5 active_is b 2
	heard_nothing b4
	session a1 a 127.0.0.1
	close_session b2
	wait_until 5 active_is b 1
	heard_nothing b4
	session a2 a 127.0.0.1
	close_session b3
	heard b4 hello
	for i in a1 a2 b4; do close_session "$i"; done
}

@test "more reserves than the pool has: the file is invalid, its last good version and the others go on" {
	conf '{"limits": {"connections": 4}}'
	echo_service a '{"limits": {"reserve": 3}}'
	sh_service b 'echo first'
	echo_service late
	start_berthd
	assert_equal "$(ask b)" first
	jq '.description = "new"' "$SERVICES/late.json" >"$T/new" && mv "$T/new" "$SERVICES/late.json"
	mark_log
	run edit b '.exec[2] = "echo second" | .limits.reserve = 2'
	assert_failure 1
	assert_output --partial limits.reserve
	wait_fresh '^invalid service=b error=.*b\.json: limits\.reserve: 2 places do not fit: the pool has 4'
	service_is b '.state == "invalid" and (.errors[0] | test("limits.reserve"))'
	assert_equal "$(ask b)" first
	service_is late '.state == "open" and .description == "new"'
	service_is a '.state == "open"'
	edit b '.limits.reserve = 1'
	assert_equal "$(ask b)" second
}

@test "more reserves than the pool has at the start: the later file is not opened" {
	conf '{"limits": {"connections": 4}}'
	echo_service a '{"limits": {"reserve": 3}}'
	echo_service b '{"limits": {"reserve": 2}}'
	echo_service c '{"limits": {"reserve": 1}}'
	start_berthd
	assert_equal "$(state_of a) $(state_of b) $(state_of c)" 'open invalid open'
	assert_equal "$(ask c hello)" hello
}

@test "more reserves than the pool has: berthctl check and berthd -t say so" {
	conf '{"limits": {"connections": 4}}'
	echo_service a '{"limits": {"reserve": 3}}'
	echo_service b '{"limits": {"reserve": 2}}'
	run_berthd -t -c "$CONF" -s "$SERVICES"
	assert_failure 78
	assert_output --partial "$SERVICES/b.json: limits.reserve: 2 places do not fit"
	refute_output --partial a.json
	run check -s "$SERVICES"
	assert_failure 1
	assert_output --partial "$SERVICES/b.json: limits.reserve: 2 places do not fit"
	refute_output --partial a.json
	conf '{"limits": {"connections": 5}}'
	run_berthd -t -c "$CONF" -s "$SERVICES"
	assert_success
	run check -s "$SERVICES"
	assert_success
}

@test "a pool that a reload makes too small for the reserves: the later service goes on without" {
	conf '{"limits": {"connections": 4}}'
	echo_service a '{"limits": {"reserve": 2}}'
	echo_service b '{"limits": {"reserve": 2}}'
	start_berthd
	assert_equal "$(state_of a) $(state_of b)" 'open open'
	conf '{"limits": {"connections": 3}}'
	run ctl reload
	assert_failure 1
	assert_output --partial 'b.json: limits.reserve: 2 places do not fit: the pool has 3'
	assert_equal "$(state_of a) $(state_of b)" 'open invalid'
	local i
	# b is served beside the reserve of a
	session b1 b 127.0.0.1
	open_session b2 "$(at b)"
	say b2 hello
	wait_until 5 service_is b '.gate == "pool-full"'
	heard_nothing b2
	session a1 a 127.0.0.1
	session a2 a 127.0.0.1
	conf '{"limits": {"connections": 4}}'
	ctl reload
	heard b2 hello
	assert_equal "$(state_of a) $(state_of b)" 'open open'
	for i in a1 a2 b1 b2; do close_session "$i"; done
}

@test "a reserve above limits.connections is an error of the file" {
	echo_service x '{"limits": {"connections": 2, "reserve": 3}}'
	echo_service ok '{"limits": {"connections": 3, "reserve": 3}}'
	echo_service none '{"limits": {"connections": 0, "reserve": 3}}'
	run check "$SERVICES/x.json"
	assert_failure 1
	assert_output --partial 'x.json: limits.reserve: is above limits.connections'
	start_berthd
	assert_equal "$(state_of x) $(state_of ok) $(state_of none)" 'invalid open open'
}

@test "a reserve of a service that is disabled is nobody's" {
	conf '{"limits": {"connections": 2}}'
	echo_service a '{"enabled": false, "limits": {"reserve": 2}}'
	echo_service b
	start_berthd
	session b1 b 127.0.0.1
	session b2 b 127.0.0.1
	close_session b1
	close_session b2
}

@test "a pool that a reload makes smaller ends nobody, and lets nobody in before there is room" {
	conf '{"limits": {"connections": 3}}'
	echo_service a
	start_berthd
	local i
	for i in 1 2 3; do session "a$i" a 127.0.0.1; done
	conf '{"limits": {"connections": 2}}'
	ctl reload
	for i in 1 2 3; do still_served "a$i"; done
	open_session a4 "$(at a)"
	say a4 hello
	wait_until 5 connected_to a 4
	close_session a1
	wait_until 5 service_is a '.active == 2 and .gate == "pool-full"'
	heard_nothing a4
	close_session a2
	heard a4 hello
	close_session a3
	close_session a4
}

# ---- limits.weight ----

# Who was given a place, in this order, one letter each; a start is said when the program runs, which may take its time
order_of_starts() {
	grep -a '^start ' "$LOG" | sed 's/.*service=\(.\) connection=\([0-9]*\) .*/\2 \1/' | sort -n |
	    cut -d' ' -f2 | tr -d '\n'
}

# fill_queues A B: so many clients in the queues of both, while berthd cannot accept
fill_queues() {
	local b
	b=$(at b)
	where_a=$(at a)
	: >"$LOG"
	kill -STOP "$DPID"
	open_hold "$1" "$where_a"
	held
	"$hold" -n "$2" "$b" >"$T/hold_b.out" 2>&1 < <(sleep 50) 3>&- 4>&- &
	JOBS+=($!)
	wait_until 20 grep -q '^held' "$T/hold_b.out"
	kill -CONT "$DPID"
}

# shares: of the first 240 starts, while there was always a client of both
assert_three_to_one() {
	local order a
	wait_logged 240 '^start service=' 30
	order=$(order_of_starts)
	order=${order:0:240}
	a=${order//b/}
	a=${#a}
	# 160 of 240 is 2 to 1, 196 about 4.5 to 1
	((a >= 160 && a <= 196)) || fail "$a of 240: $order"
	[[ ! $order =~ aaaaaaaaa|bbbbbbbbb ]] || fail "more than eight in a row: $order"
}

@test "weights 3 and 1: when both have clients waiting, three are accepted for each one" {
	conf '{"limits": {"connections": 2000}}'
	echo_service a '{"limits": {"weight": 3, "connections": 1000}, "exec": ["/bin/true"]}'
	echo_service b '{"limits": {"connections": 1000}, "exec": ["/bin/true"]}'
	start_berthd
	fill_queues 250 120
	assert_three_to_one
}

@test "weights 3 and 1: the same where the places of the pool are what both wait for" {
	conf '{"limits": {"connections": 2}}'
	echo_service a '{"limits": {"weight": 3}, "exec": ["/bin/true"]}'
	echo_service b '{"exec": ["/bin/true"]}'
	start_berthd
	fill_queues 250 120
	assert_three_to_one
	adds_up a
	adds_up b
}

@test "a service with one client now and then is not kept waiting by a busy one of weight 10" {
	conf '{"limits": {"connections": 4}}'
	sh_service busy 'exit 0' '{"limits": {"weight": 10}, "log": {"connections": false}}'
	echo_service calm
	start_berthd
	background "$flood" -c 30 --until "$T/enough" "$(at busy)"
	wait_until 10 service_is busy '.ended > 50'
	local i
	for i in 1 2 3 4 5; do assert_equal "$(ask calm "hello $i")" "hello $i"; done
	: >"$T/enough"
	assert_equal "$(all_refused calm)" 0
}

@test "a place that was made for a newcomer is not taken by a busy service with more weight" {
	conf '{"limits": {"connections": 3}}'
	echo_service idle '{"limits": {"overflow": ["evict"]}, "evict": {"min_idle": "200ms"}}'
	echo_service new '{"limits": {"overflow": ["evict"]}}'
	sh_service busy 'exit 0' '{"limits": {"weight": 10}, "log": {"connections": false}}'
	start_berthd
	session i1 idle 127.0.0.1
	session i2 idle 127.0.0.1
	background "$flood" -c 30 --until "$T/enough" "$(at busy)"
	wait_until 10 service_is busy '.ended > 50'
	session n1 new 127.0.0.1
	session n2 new 127.0.0.1
	: >"$T/enough"
	# never more than one for each of them
	service_is idle '.evicted <= 2'
	assert_equal "$(all_refused busy) $(all_refused new)" '0 0'
	adds_up busy
	adds_up new
	adds_up idle
	for i in i1 i2 n1 n2; do close_session "$i"; done
}

# ---- one service and another ----

@test "a flood on one service refuses nobody of another" {
	echo_service a '{"limits": {"connections": 4, "connections_per_source": 2, "overflow": ["refuse"]},
	    "log": {"connections": false}}'
	echo_service b
	start_berthd
	background "$flood" -c 50 --send hello --until "$T/enough" "$(at a)"
	wait_until 10 service_is a '[.refused[]] | add > 200'
	local i before
	before=$(all_refused a)
	for i in {1..20}; do assert_equal "$(ask b "hello $i")" "hello $i"; done
	wait_until 5 eval '(($(all_refused a) > before))'
	: >"$T/enough"
	assert_equal "$(all_refused b)" 0
	assert_equal "$(of b .accepted)" 20
	adds_up a
	adds_up b
}
