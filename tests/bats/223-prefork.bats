# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# handlers: programs that accept by themselves share a listening socket; berthd keeps as many as are needed.
load ../lib/berth
load ../lib/limits
load ../lib/post

@test "min handlers run before any client comes, and each that ends is replaced" {
	prefork '{"min": 2, "max": 8}'
	start_berthd
	wait_logged 2 '^start service=p '
	active_is p 2
	local victim
	victim=$(pids | head -1)
	kill -KILL "$victim"
	wait_log "^exit service=p connection=[0-9]+ pid=$victim cause=exit signal=KILL"
	wait_logged 3 '^start service=p '
	active_is p 2
	arrives a
	[[ $(<"$T/a.out") != "$victim" ]]
	(($(starts p) == 3))
	adds_up p
}

# bounded EXEC: min handlers that do this at once
bounded() {
	service p "{\"listen\": \"tcp:127.0.0.1:0\", \"wait\": true, \"handlers\": {\"min\": 2, \"max\": 8}, \"exec\": $1}"
	start_berthd
	wait_until 10 throttled p
	(($(starts p) <= 12)) || fail "$(starts p) handlers"
	local before
	before=$(ticks)
	wait_log '^throttle service=p seconds=2\.000' 10
	(($(starts p) <= 24)) || fail "$(starts p) handlers"
	(($(ticks) - before < 20)) || fail "$(($(ticks) - before)) ticks"
	adds_up p
}

@test "those that die by a signal at once are replaced by the throttle" {
	bounded '["/bin/sh", "-c", "kill -SEGV $$"]'
}

@test "those that exit with 1 at once are replaced by the throttle" {
	bounded '["/bin/false"]'
}

@test "those that exit with 0 at once are replaced by the throttle" {
	bounded '["/bin/true"]'
}

@test "a program that is not there is tried again by the throttle" {
	bounded '["/nonexistent/program"]'
	(($(log_count '^exit ') == 0))
}

@test "with min 0 the first client starts the first handler" {
	prefork '{"min": 0, "max": 8}'
	start_berthd
	(($(starts p) == 0))
	arrives a
	service_is p '.active >= 1'
}

@test "clients beyond those that are served start more handlers" {
	prefork '{"min": 2, "max": 8}'
	start_berthd
	local i
	for i in 1 2 3 4 5; do arrives "c$i"; done
	[[ $(sort -u "$T"/c?.out | wc -l) == 5 ]]
	service_is p '.active >= 5 and .active <= 8'
	for i in 1 2 3 4 5; do
		say "c$i" "hello $i"
		heard "c$i" "hello $i"
	done
	adds_up p
}

@test "a single idle handler is given the connection: nobody is started beside it" {
	prefork '{"min": 1, "max": 8}'
	start_berthd
	wait_logged 1 '^start service=p '
	arrives warm
	close_session warm
	local i
	for i in {1..10}; do
		run "$dial" "$(at p)" <<<hello
		assert_output --partial hello
	done
	(($(starts p) <= 2))
}

@test "never more than max; who comes then waits for one that is served" {
	prefork '{"min": 1, "max": 3}'
	start_berthd
	local i
	for i in 1 2 3; do arrives "c$i"; done
	for i in 4 5; do open_session "c$i" "$(at p)"; done
	sleep 0.5
	heard_nothing c4
	heard_nothing c5
	service_is p '.active == 3 and .peak == 3'
	close_session c2
	wait_until 10 eval '[[ -s $T/c4.out || -s $T/c5.out ]]'
	service_is p '.active == 3 and .peak == 3'
	close_session c1
	heard c4 '^[0-9]+$'
	heard c5 '^[0-9]+$'
}

@test "unix sockets do not tell how many wait: there are min handlers, and at least one" {
	prefork '{"min": 2, "max": 8}' "{\"listen\": \"unix:$T/p.sock\"}"
	start_berthd
	local i
	for i in 1 2 3; do open_session "c$i" "unix:$T/p.sock"; done
	wait_until 10 eval '(($(cat "$T"/c?.out | wc -l) == 2))'
	sleep 0.5
	(($(cat "$T"/c?.out | wc -l) == 2))
	service_is p '.active == 2 and .peak == 2'
	close_session c1
	close_session c2
	heard c3 '^[0-9]+$' 10
	local before
	before=$(ticks)
	sleep 1
	(($(ticks) - before < 10))
}

@test "clients that nobody can take cost berthd next to nothing" {
	prefork '{"min": 2, "max": 2}'
	start_berthd
	arrives c1
	arrives c2
	open_hold 50 "$(at p)"
	held
	local before
	before=$(ticks)
	sleep 1.5
	(($(ticks) - before < 5)) || fail "$(($(ticks) - before)) ticks"
	close_hold
}

@test "a removed service ends all its handlers, and replaces none" {
	prefork '{"min": 3, "max": 8}'
	start_berthd
	wait_logged 3 '^start service=p '
	rm "$SERVICES/p.json"
	ctl reload
	wait_logged 3 '^exit service=p .*cause=stop'
	wait_until 5 no_children
	(($(starts p) == 3))
}

@test "a change of its file replaces them all by ones with the new rules" {
	prefork '{"min": 2, "max": 8}'
	start_berthd
	wait_logged 2 '^start service=p '
	local before
	before=$(pids)
	edit p '.handlers.min = 3'
	wait_logged 2 '^exit service=p .*cause=stop'
	wait_until 10 active_is p 3
	[[ -z $(comm -12 <(echo "$before") <(pids)) ]]
	arrives a
}

@test "a stop of berthd ends them, and replaces none" {
	prefork '{"min": 3, "max": 8}'
	start_berthd
	wait_logged 3 '^start service=p '
	arrives a
	stop_berthd
	(($(ends p) == 3 && $(starts p) == 3))
}

@test "min is held within the pool" {
	conf '{"limits": {"connections": 2}}'
	prefork '{"min": 3, "max": 8}'
	start_berthd
	wait_logged 2 '^start service=p '
	arrives a
	service_is p '.active == 2 and .gate == "pool-full"'
	(($(starts p) == 2))
}
