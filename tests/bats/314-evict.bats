# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# "evict": whose place is taken
load ../lib/berth
load ../lib/evict

@test "pool 15 over a and b, 15 idle on a, one connect to b: the oldest of a gets its goodbye, b is served" {
	pool 15
	ev a
	ev b
	start_berthd
	local i names=()
	for i in {1..15}; do
		idle "c$i" a
		names+=("c$i")
	done
	service_is a '.active == 15 and .evicted == 0'
	rest
	idle new b
	evicted_is c1
	there "${names[@]:1}" new
	evictions_are 1
	wait_log '^evict service=a connection=1 pid=[0-9]+ peer=127\.0\.0\.1:[0-9]+ state=dormant idle=[0-9.]+ for=b$'
	wait_log '^exit service=a connection=1 pid=[0-9]+ cause=evicted (status=0|signal=TERM) '
	service_is a '.active == 14 and .evicted == 1 and .ended == 1 and .accepted == 15'
	service_is b '.active == 1 and .evicted == 0 and .accepted == 1'
	balanced
	close_all "${names[@]}" new
}

@test "the place of one is taken for each newcomer, the oldest first" {
	pool 6
	ev a
	echo_service b "$asking"
	start_berthd
	local i
	for i in {1..6}; do idle "c$i" a; done
	rest
	for i in {1..4}; do
		idle "n$i" b
		evicted_is "c$i"
		evictions_are "$i"
	done
	there c5 c6 n1 n2 n3 n4
	service_is a '.active == 2 and .evicted == 4'
	balanced
	close_all c5 c6 n1 n2 n3 n4
}

@test "five newcomers at once cost five places" {
	pool 8
	ev a
	echo_service b "$asking"
	start_berthd
	local i
	for i in {1..8}; do idle "c$i" a; done
	rest
	open_hold 5 "$(at b)"
	wait_until 10 service_is b '.active == 5 and .pending == 0'
	for i in {1..5}; do evicted_is "c$i"; done
	there c6 c7 c8
	evictions_are 5
	balanced
	close_hold
	close_all c6 c7 c8
}

@test "order oldest: the one that came first goes, though it spoke last" {
	ev a '{"limits": {"connections": 3}, "evict": {"order": "oldest"}}'
	start_berthd
	idle c1 a
	idle c2 a
	idle c3 a
	rest
	there c1
	rest
	idle new a
	gone_with c1 $'hello c1\nstill c1\ngoodbye\n'
	there c2 c3 new
	evictions_are 1
	close_all c2 c3 new
}

@test "order longest_idle: the one that spoke last stays, though it came first" {
	ev a '{"limits": {"connections": 3}, "evict": {"order": "longest_idle"}}'
	start_berthd
	idle c1 a
	idle c2 a
	idle c3 a
	rest
	there c1
	rest
	idle new a
	evicted_is c2
	there c1 c3 new
	evictions_are 1
	close_all c1 c3 new
}

state_is() { [[ $(connections ".[] | select(.service == \"$1\") | .state") == "$2" ]]; }

@test "keep_alive: the overdue one goes first, though another service is fuller and its clients older" {
	pool 5
	ev fast '{"evict": {"keep_alive": "1s"}}'
	ev slow '{"evict": {"keep_alive": "300s"}}'
	echo_service new "$asking"
	start_berthd
	local i
	for i in {1..4}; do idle "s$i" slow; done
	idle f fast
	wait_until 10 state_is fast overdue
	[[ $(connections '[.[].state] | sort | unique | join(" ")') == "dormant overdue" ]]
	idle n1 new
	evicted_is f
	evictions_are 1
	wait_log '^evict service=fast .* state=overdue '
	# after it, it is the turn of the fullest
	idle n2 new
	evicted_is s1
	there s2 s3 s4 n1 n2
	evictions_are 2
	close_all s2 s3 s4 n1 n2
}

@test "keep_alive ends nobody as long as there is a place" {
	pool 3
	ev a '{"evict": {"keep_alive": "300ms"}}'
	start_berthd
	idle c1 a
	idle c2 a
	wait_until 5 eval '[[ $(connections "map(.state) | join(\" \")") == "overdue overdue" ]]'
	idle c3 a
	there c1 c2 c3
	evictions_are 0
	close_all c1 c2 c3
}

@test "a silent client goes before a dormant one, though it is younger" {
	ev a '{"limits": {"connections": 3}}'
	start_berthd
	idle c1 a
	idle c2 a
	silent c3 a
	rest
	idle n1 a
	gone_with c3 $'goodbye\n'
	wait_log '^evict service=a connection=3 .* state=silent '
	there c2 n1
	rest
	idle n2 a
	evicted_is c1
	there c2 n1 n2
	evictions_are 2
	close_all c2 n1 n2
}

@test "a service without evict in its chain never loses one, also when it is the fullest" {
	pool 8
	echo_service kept '{"evict": {"min_idle": "200ms"}}'
	ev a
	echo_service b "$asking"
	start_berthd
	local i
	for i in {1..6}; do idle "k$i" kept; done
	idle a1 a
	idle a2 a
	rest
	idle n1 b
	evicted_is a1
	idle n2 b
	evicted_is a2
	open_session n3 "$(at b)"
	say n3 hello
	wait_until 5 service_is b '.pending == 1'
	rest
	evictions_are 2
	service_is kept '.active == 6 and .evicted == 0'
	there k1 k2 k3 k4 k5 k6 n1 n2
	[[ ! -s $T/n3.out ]]
	# it is served when somebody leaves
	close_session k1
	heard n3 hello
	close_all k2 k3 k4 k5 k6 n1 n2 n3
}

@test "a newcomer of a service without evict takes nobody's place" {
	pool 2
	ev a
	echo_service b
	start_berthd
	idle c1 a
	idle c2 a
	rest
	open_session new "$(at b)"
	say new hello
	wait_until 5 service_is b '.gate == "pool-full"'
	rest
	there c1 c2
	evictions_are 0
	service_is b '.accepted == 0'
	close_session c1
	heard new hello
	close_all c2 new
}

@test "when only the service is full one of its own goes, never another's" {
	pool 20
	ev a '{"limits": {"connections": 2}}'
	ev b
	start_berthd
	local i
	for i in {1..5}; do idle "b$i" b; done
	idle a1 a
	idle a2 a
	rest
	idle n1 a
	evicted_is a1
	rest
	idle n2 a
	evicted_is a2
	there b1 b2 b3 b4 b5 n1 n2
	[[ $(victims) == "a a" ]]
	service_is b '.evicted == 0'
	close_all b1 b2 b3 b4 b5 n1 n2
}

@test "when only the service is full and none of its own is idle, it waits, whoever else is" {
	ev a '{"limits": {"connections": 1}, "evict": {"min_idle": "1h"}}'
	ev b
	start_berthd
	idle b1 b
	idle a1 a
	rest
	open_session new "$(at a)"
	say new hello
	wait_until 5 service_is a '.pending == 1 and .gate == "service-full"'
	rest
	there b1 a1
	evictions_are 0
	close_session a1
	heard new hello
	close_all b1 new
}

@test "within its reserve a service loses nothing to others" {
	pool 6
	ev kept '{"limits": {"reserve": 3}}'
	ev a
	echo_service b "$asking"
	start_berthd
	local i
	for i in 1 2 3; do idle "k$i" kept; done
	for i in 1 2 3; do idle "a$i" a; done
	rest
	for i in 1 2 3; do
		idle "n$i" b
		evicted_is "a$i"
	done
	open_session n4 "$(at b)"
	wait_until 5 service_is b '.pending == 1'
	rest
	there k1 k2 k3 n1 n2 n3
	evictions_are 3
	service_is kept '.active == 3 and .evicted == 0'
	close_all k1 k2 k3 n1 n2 n3 n4
}

@test "but to its own clients it does" {
	pool 6
	ev kept '{"limits": {"reserve": 3, "connections": 3}}'
	start_berthd
	local i
	for i in 1 2 3; do idle "k$i" kept; done
	rest
	idle new kept
	evicted_is k1
	there k2 k3 new
	evictions_are 1
	close_all k2 k3 new
}

@test "above its reserve a service loses as many as it is above it" {
	pool 5
	ev kept '{"limits": {"reserve": 3}}'
	echo_service b "$asking"
	start_berthd
	local i
	for i in {1..5}; do idle "k$i" kept; done
	rest
	idle n1 b
	idle n2 b
	evicted_is k1
	evicted_is k2
	open_session n3 "$(at b)"
	wait_until 5 service_is b '.pending == 1'
	rest
	there k3 k4 k5 n1 n2
	evictions_are 2
	close_all k3 k4 k5 n1 n2 n3
}

@test "weight: the service that is furthest above its share loses" {
	pool 9
	ev heavy '{"limits": {"weight": 3}}'
	ev light
	echo_service b "$asking"
	start_berthd
	local i
	for i in {1..6}; do idle "h$i" heavy; done
	for i in {1..3}; do idle "l$i" light; done
	rest
	# 6/3 and 3/1; then 6/3 and 2/1, equal: the more active; then 5/3 and 2/1
	for i in 1 2 3; do
		idle "n$i" b
		evictions_are "$i"
	done
	[[ $(victims) == "light heavy light" ]] || fail "$(victims)"
	evicted_is l1
	evicted_is h1
	evicted_is l2
	there h2 h3 h4 h5 h6 l3 n1 n2 n3
	close_all h2 h3 h4 h5 h6 l3 n1 n2 n3
}

@test "nobody is taken who was idle for less than min_idle; the newcomer waits until somebody is" {
	ev a '{"limits": {"connections": 2}, "evict": {"min_idle": "1500ms"}}'
	start_berthd
	idle c1 a
	idle c2 a
	idle new a
	evicted_is c1
	there c2 new
	evictions_are 1
	local idle
	idle=$(sed -n 's/^evict .* idle=\([0-9]*\)\.\([0-9]*\) .*/\1\2/p' "$LOG")
	((10#$idle >= 1500)) || fail "idle for $idle ms"
	close_all c2 new
}

@test "who is refused for its source costs nobody a place" {
	pool 2
	ev a
	echo_service b "$(jq -nc --argjson a "$asking" '$a * {access: {deny: ["127.0.0.2"]}, limits: {connections_per_source: 1}}')"
	start_berthd
	idle c1 a
	idle b1 b
	rest
	run "$dial" --no-stdin --source 127.0.0.2 "$(at b)"
	assert_failure 3
	run "$dial" --no-stdin "$(at b)"
	assert_failure 3
	service_is b '.refused.denied == 1 and .refused["source-full"] == 1'
	there c1 b1
	evictions_are 0
	balanced
	close_all c1 b1
}

@test "unix sockets: the oldest idle one gets its goodbye, the newcomer is served" {
	service a "$(unix_service '{"exec": ["/bin/cat"], "limits": {"connections": 2}}')"
	start_berthd
	local name
	for name in c1 c2; do
		open_session $name "unix:$T/a.sock"
		say $name "hello $name"
		heard $name "hello $name"
	done
	# a handler that went to sleep twice has been idle for less long than one that came after it
	wait_until 10 eval '[[ $(connections "map(.state) | join(\" \")") == "dormant dormant" ]]'
	open_session new "unix:$T/a.sock"
	say new hello
	heard new hello 10
	evicted_is c1
	there c2 new
	evictions_are 1
	wait_log '^exit service=a connection=1 .* cause=evicted (status=0|signal=TERM) '
	service_is a '.active == 2 and .evicted == 1'
	balanced
	close_all c2 new
}
