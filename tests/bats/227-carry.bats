# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Relayed connections: where they go, and that they are connections like others.  230-relay has the program by itself.
load ../lib/berth
load ../lib/limits

TARGET=$BATS_TEST_DIRNAME/../peers/target.py
# target NAME [PORT|unix:PATH] [MODE]: in the background; its endpoint is in ${TO[NAME]}
declare -gA TO TARGET_PID
target() {
	: >"$T/$1.port"
	python3 -S "$TARGET" "$1" "${@:2}" >"$T/$1.port" 2>"$T/$1.err" 3>&- 4>&- &
	TARGET_PID[$1]=$!
	JOBS+=($!)
	wait_until 10 test -s "$T/$1.port" || fail "$(cat "$T/$1.err")"
	TO[$1]=$(<"$T/$1.port")
	[[ ${TO[$1]} == unix:* ]] || TO[$1]=tcp:127.0.0.1:${TO[$1]}
}
kill_target() {
	kill -KILL "${TARGET_PID[$1]}"
	wait "${TARGET_PID[$1]}" || :
}
# revive NAME: where it was
revive() { target "$1" "${TO[$1]#tcp:127.0.0.1:}" "${@:2}"; }
# relay_json JSON TARGET...
relay_json() {
	local name list=()
	for name in "${@:2}"; do list+=("${TO[$name]:-$name}"); done
	jq -nc --argjson more "$1" '{listen: "tcp:127.0.0.1:0", relay: {to: $ARGS.positional}} * $more' --args "${list[@]}"
}
# relay JSON TARGET...: the service r
relay() { service r "$(relay_json "$@")"; }
start_r() { start_berthd && where=$(at r); }
# answer: whose it is
answer() { "$dial" --timeout 20 "$where" </dev/null; }
answers() { local i; for ((i = 0; i < $1; i++)); do answer || echo bad; done; }
# A session that has its target: its name is in $T/NAME.out
carried() {
	open_session "$1" "$where" "${@:2}"
	heard "$1" . 10
}
# asking_until REGEX NAMES: until it is logged; all the time each answer is of one of these
asking_until() {
	local i end=$(($(now_ms) + 15000))
	until logged 1 "$1"; do
		(($(now_ms) < end)) || fail "not logged: $1"
		for i in 1 2 3; do [[ $(answer) == [$2] ]] || fail "no answer of $2"; done
	done
}
asking_for() {
	local end=$(($(now_ms) + $1))
	while (($(now_ms) < end)); do [[ $(answer) == [$2] ]] || fail "no answer of $2"; done
}
of_target() { head -n 1 "$T/$1.out"; }
sorted() { sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs; }

# ---- bytes ----

@test "256 MiB each way at once arrive as they were" {
	target a 0 bulk 256
	relay '{}' a
	start_r
	timeout 55 python3 -S "$TARGET" bulk-client "$where" 256
	wait_log '^exit service=r connection=1 .*cause=exit status=0'
}

@test "a unix target, and a client of a unix endpoint" {
	target a "unix:$T/a.sock" echo
	relay "$(jq -nc --arg t "$T" '{listen: ["tcp:127.0.0.1:0", "unix:\($t)/r.sock"], socket: {mode: "0666"}}')" a
	start_r
	run "$dial" "$where" <<<hello
	assert_output hello
	run "$dial" "unix:$T/r.sock" <<<hello
	assert_output hello
}

@test "a client that has half-closed still gets its answer" {
	target a 0 echo
	relay '{}' a
	start_r
	head -c 1000000 /dev/urandom >"$T/data"
	"$dial" --timeout 20 "$where" <"$T/data" >"$T/back"
	cmp "$T/data" "$T/back"
}

# ---- which target ----

@test "round_robin: one after the other" {
	local n
	for n in a b c; do target $n 0; done
	relay '{}' a b c
	start_r
	run answers 7
	assert_output "$(printf '%s\n' a b c a b c a)"
}

@test "least_connections: the one that has the fewest" {
	local n
	for n in a b c; do target $n 0; done
	relay '{"relay": {"balance": "least_connections"}}' a b c
	start_r
	for n in 1 2 3 4 5 6; do carried s$n; done
	run eval 'for n in 1 2 3 4 5 6; do of_target s$n; done | sorted'
	assert_output 'a=2 b=2 c=2'
	# the two of one target end: the next two go there
	local gone
	gone=$(of_target s1)
	for n in 1 2 3 4 5 6; do
		[[ $(of_target s$n) != "$gone" ]] || close_session s$n
	done
	wait_until 5 active_is r 4
	carried n1
	carried n2
	[[ $(of_target n1)$(of_target n2) == "$gone$gone" ]]
	carried n3
	carried n4
	carried n5
	run eval 'for n in 3 4 5; do of_target n$n; done | sorted'
	assert_output 'a=1 b=1 c=1'
}

@test "least_connections: after many that came and went all of them count none" {
	local n
	for n in a b c; do target $n 0; done
	relay '{"relay": {"balance": "least_connections"}}' a b c
	start_r
	run "$flood" -n 100 -c 20 --send hello "$where"
	assert_success
	# some that ended by a reset, and some by their target
	for n in {1..9}; do "$dial" --linger0 --no-half-close "$where" </dev/null || :; done
	carried x
	kill_target "$(of_target x)"
	session_ended x 10 || :
	revive "$(of_target x)"
	wait_until 10 active_is r 0
	# the one that was killed was never out: nobody asked while it was dead
	for n in 1 2 3 4 5 6; do carried s$n; done
	run eval 'for n in 1 2 3 4 5 6; do of_target s$n; done | sorted'
	assert_output 'a=2 b=2 c=2'
}

@test "one of three is killed and comes back: no client sees it, and it is used again" {
	local n
	for n in a b c; do target $n 0; done
	relay '{}' a b c
	start_r
	run answers 6
	assert_output "$(printf '%s\n' a b c a b c)"
	kill_target b
	run eval 'answers 12 | sorted'
	refute_output --partial bad
	refute_output --partial b=
	wait_log "^target-down service=r target=${TO[b]} error=\"Connection refused\" seconds=1\.000"
	# it is left out: clients do not even try it, and when they do it is left out for longer
	asking_until "^target-down service=r target=${TO[b]} .*seconds=2\.000" ac
	revive b
	asking_until "^target-up service=r target=${TO[b]}\$" abc
	run eval 'answers 6 | sorted'
	assert_output 'a=2 b=2 c=2'
	run log_count '^exit service=r .*status=[^0]'
	assert_output 0
}

@test "all are dead: the client is closed, 69 and why for each are logged" {
	target a 0
	target b 0
	relay '{}' a b
	start_r
	kill_target a
	kill_target b
	run answer
	assert_output ''
	wait_log '^exit service=r connection=1 .*cause=exit status=69'
	wait_log "^stderr service=r connection=1 .*${TO[a]}.*Connection refused"
	wait_log "^stderr service=r connection=1 .*${TO[b]}.*Connection refused"
	wait_logged 2 '^target-down '
	# whoever comes back is found at once by the next client: where none is live all are tried
	revive b
	run answer
	assert_output b
	wait_log "^target-up service=r target=${TO[b]}"
}

@test "a target that may not be reached for a while is asked again" {
	requires root
	target a 0
	TO[b]=unix:$T/b.sock
	relay '{}' a b
	start_r
	run answers 2
	wait_log "^target-down service=r target=${TO[b]} error=\"No such file or directory\""
	target b "unix:$T/b.sock"
	chmod 600 "$T/b.sock"
	# until its second is over, and one has tried it and was not let in
	asking_for 1500 a
	chmod 666 "$T/b.sock"
	asking_until "^target-up service=r target=${TO[b]}" ab
}

@test "a reload that changes the targets keeps connections, and what is known of those that stay" {
	local n
	for n in a b c; do target $n 0; done
	relay '{}' a b
	start_r
	carried live
	[[ $(of_target live) == a ]]
	kill_target b
	run answers 2
	assert_output $'a\na'
	wait_logged 1 '^target-down .* seconds=1\.000'
	service r "$(relay_json '{}' b c)"
	ctl reload
	run answers 6
	assert_output "$(printf '%s\n' c c c c c c)"
	# had it been forgotten it would have failed for the first time again
	run log_count '^target-down .* seconds=1\.000'
	assert_output 1
	still_served live
	close_session live
	revive b
	asking_until "^target-up service=r target=${TO[b]}" bc
}

@test "a reload that changes something else forgets neither the turn nor the connections of a target" {
	target a 0
	target b 0
	relay '{"relay": {"balance": "least_connections"}}' a b
	start_r
	carried one
	carried two
	[[ $(of_target one)$(of_target two) == ab ]]
	close_session two
	wait_until 5 active_is r 1
	edit r '.description = "changed"'
	# a has one
	carried three
	[[ $(of_target three) == b ]]
	close_session three
	wait_until 5 active_is r 1
	edit r '.relay.balance = "round_robin"'
	run answers 4
	assert_output "$(printf '%s\n' a b a b)"
	edit r '.description = "changed again"'
	run answers 3
	assert_output "$(printf '%s\n' a b a)"
	edit r '.description = "and again"'
	run answers 1
	assert_output b
}

# ---- who it is ----

@test "send_proxy tells the target who the client is" {
	target a 0 echo
	relay '{"relay": {"send_proxy": "v1"}}' a
	start_r
	run eval '"$dial" --source 127.0.0.7 "$where" <<<hello'
	assert_line -n 0 --regexp "^PROXY TCP4 127\.0\.0\.7 127\.0\.0\.1 [0-9]+ ${where##*:}.?\$"
	assert_line -n 1 hello
	edit r '.relay.send_proxy = "v2"'
	"$dial" --source 127.0.0.7 "$where" <<<hello | od -An -v -tx1 | tr -d ' \n' >"$T/hex"
	printf -v port %04x "${where##*:}"
	grep -qE "^0d0a0d0a000d0a515549540a2111000c7f0000077f000001....${port}68656c6c6f0a\$" "$T/hex" || fail "$(cat "$T/hex")"
}

@test "PROXY in and PROXY out: the target sees the client that the first proxy named" {
	target a 0 echo
	relay '{"relay": {"send_proxy": "v1"}, "proxy_protocol": {"from": ["127.0.0.1"]}, "access": {"deny": ["192.0.2.66"]}}' a
	start_r
	local px=(timeout 40 python3 -S "$BATS_TEST_DIRNAME/../peers/proxied.py" "$where")
	run "${px[@]}" v2,192.0.2.7,4711,198.51.100.1,79+t,hello
	assert_success
	assert_output $'PROXY TCP4 192.0.2.7 198.51.100.1 4711 79\r\nhello'
	run "${px[@]}" v1,2001:db8::7,4711,2001:db8::1,79 t,hello
	assert_output $'PROXY TCP6 2001:db8::7 2001:db8::1 4711 79\r\nhello'
	run "${px[@]}" v2,192.0.2.66,4711,198.51.100.1,79+t,hello
	assert_failure 3
	assert_output ''
	wait_logged 1 '^start service=r .*peer=192\.0\.2\.7:4711 local=198\.51\.100\.1:79'
	adds_up r
}

@test "two relays in a row: PROXY from one to the other" {
	target a 0 echo
	service inner "$(relay_json '{"relay": {"send_proxy": "v1"}, "proxy_protocol": {"from": ["local"]}}' a)"
	start_berthd
	TO[inner]=$(at inner)
	service r "$(relay_json '{"relay": {"send_proxy": "v2"}}' inner)"
	ctl reload
	where=$(at r)
	run eval '"$dial" --source 127.0.0.7 "$where" <<<hello'
	assert_line -n 0 --regexp "^PROXY TCP4 127\.0\.0\.7 127\.0\.0\.1 [0-9]+ ${where##*:}.?\$"
	assert_line -n 1 hello
}

# ---- a connection like others ----

@test "a relayed connection has its number, its lines, its process, and its user" {
	requires root
	target a 0
	relay '{"user": "games"}' a
	start_r
	carried c --source 127.0.0.7
	wait_log '^start service=r connection=1 pid=[0-9]+ peer=127\.0\.0\.7:[0-9]+ local=127\.0\.0\.1:[0-9]+ active=1/100'
	local pid
	pid=$(pid_of r)
	[[ $(<"/proc/$pid/comm") == berth-relay ]]
	[[ $(stat -c %U "/proc/$pid") == games ]]
	[[ $(connections '.[0].connection' r) == 1 ]]
	close_session c
	wait_log "^exit service=r connection=1 pid=$pid cause=exit status=0"
	adds_up r
}

@test "connections does not say for how long one is idle where it cannot see that: of a unix client" {
	target a 0
	relay '{"listen": "unix:'"$T/r.sock"'", "socket": {"mode": "0666"}}' a
	start_berthd
	where=unix:$T/r.sock
	carried one
	# the first look has nothing to compare with, the second one had
	[[ $(connections '.[0] | "\(.state) \(.idle)"' r) == "unknown null" ]]
	[[ $(connections '.[0] | "\(.state) \(.idle) \(.why)"' r) == "unknown null it is relayed" ]]
	close_session one
}

@test "limits.connections, and one source's share" {
	target a 0
	relay '{"limits": {"connections": 2, "connections_per_source": 1}}' a
	start_r
	carried one --source 127.0.0.2
	is_reset "$where" --source 127.0.0.2
	wait_refused r source-full 1
	carried two --source 127.0.0.3
	wait_until 5 service_is r '.gate == "service-full"'
	open_session three "$where" --source 127.0.0.4
	heard_nothing three
	close_session one
	heard three a 10
	adds_up r
}

@test "lifetime, idle and first_byte end it" {
	target a 0
	local key
	for key in lifetime idle first_byte; do
		service "$key" "$(relay_json "{\"timeouts\": {\"$key\": \"300ms\"}}" a)"
	done
	start_berthd
	for key in lifetime idle first_byte; do
		where=$(at "$key")
		carried "$key"
		session_ended "$key" 10 || (($? == 3))
	done
	wait_log '^exit service=lifetime connection=1 .*cause=lifetime'
	wait_log '^exit service=idle connection=2 .*cause=idle'
	wait_log '^exit service=first_byte connection=3 .*cause=first-byte'
}

@test "access and penalties: exit 69 can cost its client" {
	target a 0
	relay '{"access": {"deny": ["127.0.0.9"]}, "penalties": {"exit": {"69": "1min"}, "threshold": "30s"}}' a
	start_r
	is_reset "$where" --source 127.0.0.9
	wait_refused r denied 1
	kill_target a
	"$dial" --source 127.0.0.2 "$where" </dev/null || :
	wait_log '^penalty service=r source=127\.0\.0\.2'
	is_reset "$where" --source 127.0.0.2
	wait_refused r penalty 1
	revive a
	run "$dial" --source 127.0.0.3 "$where" </dev/null
	assert_output a
}

@test "200 connections leave no process and no descriptor" {
	target a 0 echo
	target b "unix:$T/b.sock" echo
	relay '{}' a b
	start_r
	run "$flood" -n 200 -c 20 --send hello --expect hello "$where"
	assert_success
	wait_until 5 service_is r '.ended == 200 and .active == 0'
	adds_up r
	assert_clean
	run pgrep -P "$DPID" -x berth-relay
	assert_output ''
}

# ---- its processes ----

# workers: the pids of the processes that connections of r are in
workers() { connections '[.[].pid] | unique[]' r; }
# with_workers N
with_workers() { [[ $(pgrep -cP "$DPID" -x berth-relay) == "$1" ]]; }

@test "connections share few processes, which end when they have nothing to do" {
	target a 0 echo
	relay '{"limits": {"connections": 300}}' a
	start_r
	"$hold" -n 200 "$where" >"$T/hold.out" 2>&1 < <(sleep 50) 3>&- 4>&- &
	JOBS+=($!)
	wait_until 20 active_is r 200
	run workers
	((${#lines[@]} >= 1 && ${#lines[@]} <= 4)) || fail "$output"
	kill "${JOBS[-1]}"
	wait_until 10 service_is r '.ended == 200 and .active == 0'
	wait_until 10 with_workers 0
	adds_up r
	assert_clean
}

@test "a process that is killed: what it had taken is lost and counted, the next connection has another" {
	target a 0 echo
	relay '{}' a
	start_r
	local n pid
	for n in 1 2 3; do
		open_session s$n "$where"
		still_served s$n
	done
	pid=$(workers)
	kill -KILL "$pid"
	for n in 1 2 3; do
		session_ended s$n 10 || (($? == 3))
		wait_log "^exit service=r connection=$n pid=$pid cause=lost signal=KILL"
	done
	wait_logged 1 "^warning .*relay process $pid was ended by signal 9: 3 connections are lost"
	service_is r '.ended == 3 and .active == 0 and .causes.lost == 3'
	adds_up r
	run "$dial" --timeout 20 "$where" <<<hello
	assert_output hello
	wait_log '^exit service=r connection=4 .*cause=exit status=0'
	adds_up r
}

@test "a process that is killed before it took a connection loses none: another carries it" {
	target a 0 echo
	relay '{}' a
	start_r
	local n pid
	open_session old "$where"
	still_served old
	pid=$(workers)
	kill -STOP "$pid"
	for n in {1..6}; do open_session s$n "$where"; done
	wait_until 10 active_is r 7
	[[ $(workers) == "$pid" ]]
	kill -KILL "$pid"
	for n in {1..6}; do still_served s$n; done
	session_ended old 10 || (($? == 3))
	wait_log "^exit service=r connection=1 pid=$pid cause=lost signal=KILL"
	service_is r '.ended == 1 and .active == 6 and .causes.lost == 1'
	[[ $(workers) != "$pid" ]]
	for n in {1..6}; do close_session s$n; done
	wait_until 10 service_is r '.ended == 7'
	service_is r '.causes.lost == 1 and .causes.exit == 6'
	adds_up r
}

@test "processes that are killed again and again under load: whoever gets no answer is counted as lost" {
	target a "unix:$T/a.sock" echo
	relay '{}' a
	start_r
	local n pid
	"$flood" -n 1000000 --until "$T/enough" -c 40 --send hello --expect hello --timeout 60 "$where" >"$T/flood.json" 3>&- 4>&- &
	pid=$!
	for n in 1 2 3 4 5; do
		wait_until 30 service_is r ".ended > $((n * 100)) and .active > 0"
		pkill -KILL -P "$DPID" -x berth-relay || :
		service_is r '.causes.lost > 0' && ((n >= 3)) && break
	done
	: >"$T/enough"
	wait "$pid" || :
	wait_until 10 active_is r 0
	adds_up r
	local failed lost
	failed=$(jq '.reset + .bad + .error + .timeout + .refused' "$T/flood.json")
	lost=$(services '.[] | select(.name == "r") | .causes.lost')
	((lost > 0 && failed <= lost)) || fail "$failed without an answer, $lost lost"
	[[ $(jq .timeout "$T/flood.json") == 0 ]]
}

@test "one that dies at once again and again is throttled, and gives its connections back" {
	target a 0
	mkdir -p "$T/build/libexec"
	cp "$BUILD/berthd" "$T/build"
	printf '#!/bin/sh\nexit 3\n' >"$T/build/libexec/berth-relay"
	chmod -R 755 "$T/build"
	relay '{}' a
	BUILD=$T/build start_berthd
	where=$(at r)
	run answer
	assert_output ''
	wait_logged 3 '^warning .*relay process [0-9]+ exited with status 3: 0 connections are lost'
	wait_log '^exit service=r connection=1 .*cause=lost'
	wait_log '^throttle service=r'
	adds_up r
}

# evil: the service r has a process that was taken over (tests/peers/relay_evil.py), good is another
evil() {
	target a 0
	mkdir -p "$T/build/libexec"
	cp "$BUILD/berthd" "$BUILD/berthctl" "$T/build"
	install -m 0755 "$BATS_TEST_DIRNAME/../peers/relay_evil.py" "$T/build/libexec/berth-relay"
	relay '{"user": "games"}' a
	echo_service good
	echo "$1" >"$T/build/libexec/what"
	chmod -R a+rX "$T/build"
	local BUILD=$T/build
	start_berthd
}
# Two clients that read nothing; berthd goes on serving others.
suffer() {
	local i one two begun
	exec {one}<>"/dev/tcp/127.0.0.1/$(port_of r)" {two}<>"/dev/tcp/127.0.0.1/$(port_of r)"
	for i in {1..10}; do
		begun=$(now_ms)
		run "$dial" --timeout 20 "$(at good)" <<<hello
		assert_output hello
		(($(now_ms) - begun < 3000)) || fail "held up for $(($(now_ms) - begun)) ms"
		sleep 0.1
	done
	exec {one}>&- {two}>&-
}
# Whoever says what no relay process says is killed; of its connections each one is counted.
@test "a process that says what it should not is killed, and harms nobody else" {
	requires root
	local what
	for what in twice nobody next_one no_target no_kind untaken flood cut much; do
		evil $what
		suffer
		wait_log '^warning .*relay process [0-9]+ was ended by signal 9: '
		adds_up r
		stop_berthd
		: >"$LOG"
	done
}

@test "a process cannot make berthd wait in close(2), nor talk on when it is dead" {
	requires root
	local what
	for what in linger linger_and_die linger_in_the_link copied; do
		evil $what
		suffer
		adds_up r
		stop_berthd
		: >"$LOG"
	done
}

@test "a process whose zombie a tracer holds: its connections are lost at once, others are served, berthd stops" {
	requires root
	target a 0 echo
	relay '{"user": "games"}' a
	start_r
	local pid
	open_session one "$where"
	still_served one
	pid=$(workers)
	# PTRACE_SEIZE as a process of the same user, which does not wait for it
	python3 -S - "$pid" >"$T/tracer.out" 3>&- 4>&- <<-'END' &
	import ctypes, os, pwd, sys, time
	user = pwd.getpwnam("games")
	os.setgroups([]), os.setgid(user.pw_gid), os.setuid(user.pw_uid)
	assert ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0
	os.kill(int(sys.argv[1]), 9)
	print("held", flush=True)
	time.sleep(50)
	END
	local tracer=$!
	JOBS+=("$tracer")
	wait_until 10 grep -q held "$T/tracer.out"
	wait_log "^exit service=r connection=1 pid=$pid cause=lost signal=KILL"
	session_ended one 10 || (($? == 3))
	[[ $(proc_state "$pid") == Z ]]
	open_session two "$where"
	still_served two
	wait_logged 1 "^warning .*relay process $pid "
	stop_berthd
	session_ended two 20 || (($? == 3))
	kill "$tracer"
}

@test "the end of one is not the end of the others of its process" {
	target a 0 echo
	relay '{"timeouts": {"first_byte": "500ms"}}' a
	start_r
	open_session speaks "$where"
	still_served speaks
	open_session silent "$where"
	session_ended silent 10 || (($? == 3))
	wait_log '^exit service=r connection=2 .*cause=first-byte'
	still_served speaks
	[[ $(pid_of r) == "$(workers)" ]]
}

@test "berthctl kill ends one of several, and not their process" {
	target a 0 echo
	relay '{}' a
	start_r
	open_session stays "$where"
	still_served stays
	open_session goes "$where"
	still_served goes
	run ctl kill 2
	assert_success
	session_ended goes 10 || (($? == 3))
	wait_log '^exit service=r connection=2 .*cause=killed'
	still_served stays
	[[ $(services '.[0].causes.killed') == 1 ]]
	run ctl kill --service r
	assert_success
	wait_log '^exit service=r connection=1 .*cause=killed'
	service_is r '.active == 0 and .causes.killed == 2'
}

@test "a process that does not answer is killed after timeouts.stop" {
	target a 0 echo
	relay '{"timeouts": {"lifetime": "1s", "stop": "200ms"}}' a
	start_r
	open_session one "$where"
	still_served one
	local pid
	pid=$(workers)
	kill -STOP "$pid"
	session_ended one 20 || (($? == 3))
	wait_log "^exit service=r connection=1 pid=$pid cause=lifetime signal=KILL"
	run "$dial" --timeout 20 "$where" <<<hello
	assert_output hello
	adds_up r
}

@test "processes that one of their user stops half-made hold nobody up, and their connections end" {
	requires root
	local user=61237 i stopper=$BUILD/tests/stopper
	[[ -z $(ps -u $user -o pid=) ]] || cannot_run "uid $user is in use"
	target a 0 echo
	relay "{\"user\": $user}" a
	echo_service good
	start_r
	install -m 0755 "$stopper" "$T/stopper"
	setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=-all "$T/stopper" 20 >"$T/stopper.out" 3>&- 4>&- &
	JOBS+=($!)
	wait_until 5 grep -q stopping "$T/stopper.out"
	for i in {1..20}; do open_session s$i "$where" --timeout 40; done
	for i in {1..10}; do
		run "$dial" --timeout 20 "$(at good)" <<<hello
		assert_output hello
	done
	kill "${JOBS[-21]}"
	for i in {1..20}; do close_session s$i; done
	# what was stopped after it had begun is stopped for good, and killed when it does not take the next
	wait_until 40 eval '[[ $("$dial" --timeout 3 "$where" <<<hello) == hello ]]'
	ps -u $user -o pid= | xargs -r kill -KILL
	wait_until 10 active_is r 0
	run "$dial" --timeout 20 "$where" <<<hello
	assert_output hello
	adds_up r
}

@test "a changed user holds from the next connection on, and the old process serves its own to their end" {
	requires root
	target a 0 echo
	relay '{"user": "games"}' a
	start_r
	open_session old "$where"
	still_served old
	local pid
	pid=$(workers)
	edit r '.user = "daemon"'
	open_session new "$where"
	still_served new
	still_served old
	run eval 'for n in $(workers); do stat -c %U /proc/$n; done | sort | xargs'
	assert_output 'daemon games'
	close_session old
	wait_until 10 gone "$pid"
	still_served new
	rm "$SERVICES/r.json"
	ctl reload
	still_served new
	close_session new
	wait_until 10 with_workers 0
}

@test "rlimits that are meant for one connection do not bind all" {
	requires root
	target a 0 echo
	relay '{"process": {"rlimits": {"nofile": 8, "fsize": "1M"}}}' a
	start_r
	local n
	for n in {1..24}; do open_session s$n "$where"; done
	for n in {1..24}; do still_served s$n; done
	grep -q '^Max file size *1048576 ' "/proc/$(workers | head -n 1)/limits"
	for n in {1..24}; do close_session s$n; done
	wait_until 10 service_is r '.ended == 24 and .causes.exit == 24'
}

@test "bytes, CPU and memory of relayed connections are counted" {
	target a "unix:$T/a.sock" echo
	relay "$(jq -nc --arg t "$T" '{listen: ["tcp:127.0.0.1:0", "unix:\($t)/r.sock"], socket: {mode: "0666"}}')" a
	start_r
	local e
	head -c 3000000 /dev/zero >"$T/data"
	for e in "$where" "unix:$T/r.sock"; do "$dial" --timeout 20 "$e" <"$T/data" | cmp - "$T/data"; done
	wait_until 10 service_is r '.ended == 2'
	service_is r '.received == 6000000 and .sent == 6000000 and .max_rss > 100000'
	run "$flood" -n 200 -c 20 --send hello --expect hello "$where"
	assert_success
	wait_until 10 service_is r '.ended == 202 and .received == 6001000'
	service_is r '.cpu > 0'
}

@test "berthd stops: relayed connections end with it" {
	target a 0
	relay '{}' a
	start_r
	carried c
	stop_berthd
	wait_log '^exit service=r connection=1 .*cause=stop'
	session_ended c 10 || (($? == 3))
}

@test "beside relay evict, exec, builtin, wait and listen_fds are refused by name" {
	local more word
	while read -r word more; do
		service r "$(relay_json "$more" tcp:127.0.0.1:1)"
		run check "$SERVICES/r.json"
		assert_failure 1
		assert_output --regexp "r\.json.*$word"
	done <<-'END'
	evict {"evict": {"min_idle": "1s"}}
	limits.overflow {"limits": {"overflow": ["evict"]}}
	exec {"exec": ["/bin/cat"]}
	builtin {"builtin": "echo"}
	wait {"wait": true}
	socket_as {"socket_as": "listen_fds"}
	stderr {"stderr": "socket"}
	argv0 {"argv0": "x"}
	unix-seqpacket {"listen": "unix-seqpacket:/run/x"}
	relay.to {"relay": {"to": []}}
	relay.to {"relay": {"to": ["tcp:example.org:80"]}}
	relay.to {"relay": {"to": ["udp:127.0.0.1:80"]}}
	relay.to {"relay": {"to": ["tcp:127.0.0.1:0"]}}
	relay.balance {"relay": {"balance": "random"}}
	relay.connect_timeout {"relay": {"connect_timeout": 5}}
	relay.send_proxy {"relay": {"send_proxy": "v3"}}
	END
}
