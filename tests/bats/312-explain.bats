# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# berthctl explain: what a connection would get now, by which rule, and nothing is changed by asking.
load ../lib/berth
load ../lib/limits

# explain SERVICE PEER JQ: one value of the answer, whatever the exit status
explain() { ctl explain "$1" --peer "$2" --json | jq -r "$3"; }

# explained STATUS SERVICE PEER VERDICT REASON RULE-REGEX THEN-REGEX
explained() {
	local status=0 answer
	answer=$(ctl explain "$2" --peer "$3" --json) || status=$?
	((status == $1)) || fail "exit status $status: $answer"
	jq -e --arg v "$4" --arg reason "$5" --arg rule "$6" --arg next "$7" '
	    .verdict == $v and .reason == $reason and (.rule | test($rule)) and (.["then"] | test($next))' \
	    >/dev/null <<<"$answer" || fail "$answer"
	[[ $5 == ok ]] ||
	    jq -e --arg reason "$5" 'any(.checks[]; .verdict == $reason)' >/dev/null <<<"$answer" ||
	    fail "no check says $5: $answer"
}

@test "admitted: no rule says no, each that there is passes, and the exit status is 0" {
	echo_service x '{"limits": {"connections": 7, "connections_per_source": 3, "rate": "5/min",
	    "rate_per_source": "2/min", "load": 100000}, "access": {"deny": ["10.0.0.0/8"]},
	    "penalties": {"signal": "1s"}}'
	start_berthd
	explained 0 x 127.0.0.2 admitted ok '^$' '^is served$'
	assert_equal "$(explain x 127.0.0.2 '[.checks[].check] | join(" ")')" \
	    'endpoints access penalties connections_per_source rate_per_source pause throttle rate load connections pool'
	assert_equal "$(explain x 127.0.0.2 '[.checks[].verdict] | unique | join(" ")')" passes
	run ctl explain x --peer 127.0.0.2
	assert_success
	assert_line --regexp '^verdict +admitted$'
	assert_line --regexp '^source +127\.0\.0\.2$'
	assert_line --regexp '^connections +passes +0 of 7 live$'
	# and so it is
	serves x 127.0.0.2
}

@test "denied: the rule of access" {
	echo_service x '{"access": {"allow": ["127.0.0.0/8", "10.0.0.0/8"], "deny": ["10.1.0.0/16"]}}'
	start_berthd
	explained 1 x 10.1.2.3 refused denied '^access: deny 10\.1\.0\.0/16$' '^is reset$'
	explained 1 x 192.0.2.1 refused denied '^access: not in allow$' '^is reset$'
	explained 0 x 10.2.2.3 admitted ok '^$' served
	run ctl explain x --peer 10.1.2.3
	assert_failure 1
	assert_line --regexp '^verdict +refused: denied, access: deny 10\.1\.0\.0/16$'
	assert_line --regexp '^access +denied +access: deny 10\.1\.0\.0/16$'
}

@test "source-full: of that source alone, and only while it has so many" {
	echo_service x '{"limits": {"connections_per_source": 2, "source_prefix": {"ipv4": 24}}}'
	start_berthd
	session a x 127.0.5.1
	explained 0 x 127.0.5.9 admitted ok '^$' served
	session b x 127.0.5.2
	explained 1 x 127.0.5.9 refused source-full '^limits\.connections_per_source is 2$' '^is reset$'
	assert_equal "$(explain x 127.0.5.9 .source)" 127.0.5.0/24
	explained 0 x 127.0.6.9 admitted ok '^$' served
	close_session a
	wait_until 5 active_is x 1
	explained 0 x 127.0.5.9 admitted ok '^$' served
	close_session b
}

@test "source-rate: of that source alone" {
	echo_service x '{"limits": {"rate_per_source": "1/h"}}'
	start_berthd
	serves x 127.0.0.2
	explained 1 x 127.0.0.2 refused source-rate '^limits\.rate_per_source is 1/h' '^is reset$'
	explained 0 x 127.0.0.3 admitted ok '^$' served
}

@test "penalty: of that source alone, with the threshold and the balance" {
	sh_service x 'exit 75' '{"penalties": {"exit": {"75": "1h"}, "threshold": "30min", "max": "2h"}}'
	start_berthd
	explained 0 x 127.0.0.2 admitted ok '^$' served
	from 127.0.0.2 x hello || :
	wait_logged 1 'exit service=x .*status=75'
	explained 1 x 127.0.0.2 refused penalty '^penalties\.threshold is 30min, the balance ' '^is reset$'
	explained 0 x 127.0.0.3 admitted ok '^$' served
	refuses x 127.0.0.2
	assert_equal "$(refused x penalty)" 1
	ctl penalties --forgive 127.0.0.2 x
	explained 0 x 127.0.0.2 admitted ok '^$' served
}

@test "service-full: what its chain would do" {
	local chain
	echo_service x '{"limits": {"connections": 1}}'
	start_berthd
	session a x 127.0.0.2
	explained 0 x 127.0.0.3 waits service-full '^limits\.connections is 1$' '^waits$'
	edit x '.limits.overflow = ["refuse"]'
	explained 1 x 127.0.0.3 refused service-full '^limits\.connections is 1$' '^is reset$'
	edit x '.limits.overflow = [{"banner": "busy\n"}]'
	explained 1 x 127.0.0.3 refused service-full '^limits\.connections is 1$' '^is sent the banner'
	edit x '.limits.overflow = ["evict", {"wait": "300ms"}, "refuse"]'
	explained 0 x 127.0.0.3 waits service-full '^limits\.connections is 1$' \
	    'idle connection; .*waits up to 300ms, then is reset$'
	run ctl explain x --peer 127.0.0.3
	assert_success
	assert_line --regexp '^verdict +waits: service-full, limits\.connections is 1$'
	still_served a
	close_session a
	wait_until 5 active_is x 0
	explained 0 x 127.0.0.3 admitted ok '^$' served
}

@test "pool-full: the places of all, and those that are kept for others" {
	conf '{"limits": {"connections": 3}}'
	echo_service a '{"limits": {"reserve": 1}}'
	echo_service b
	start_berthd
	session b1 b 127.0.0.2
	session b2 b 127.0.0.2
	explained 0 b 127.0.0.3 waits pool-full 'limits\.connections of berth\.json is 3, and the 1 places? left (is|are) reserved' '^waits$'
	explained 0 a 127.0.0.3 admitted ok '^$' served
	session a1 a 127.0.0.2
	explained 0 a 127.0.0.3 waits pool-full '^limits\.connections of berth\.json is 3$' '^waits$'
	explained 0 b 127.0.0.3 waits pool-full '^limits\.connections of berth\.json is 3$' '^waits$'
	for i in a1 b1 b2; do close_session "$i"; done
}

@test "service-rate, by its chain" {
	echo_service w '{"limits": {"rate": "1/h"}}'
	echo_service r '{"limits": {"rate": "1/h", "burst": 2, "overflow": ["evict", "refuse"]}}'
	start_berthd
	serves w 127.0.0.2
	serves r 127.0.0.2
	explained 0 r 127.0.0.3 admitted ok '^$' served
	serves r 127.0.0.2
	explained 0 w 127.0.0.3 waits service-rate '^limits\.rate is 1/h, 1 at once$' '^waits$'
	# a place does not help against a rate
	explained 1 r 127.0.0.3 refused service-rate '^limits\.rate is 1/h, 2 at once$' '^is reset$'
}

@test "load, of the service and of berth.json" {
	make_load
	echo_service x '{"limits": {"load": 0.0001, "overflow": ["refuse"]}}'
	echo_service y
	start_berthd
	explained 1 x 127.0.0.3 refused load '^limits\.load is 0\.0001, the load average ' '^is reset$'
	explained 0 y 127.0.0.3 admitted ok '^$' served
	conf '{"limits": {"load": 0.0001}}'
	ctl reload
	explained 0 y 127.0.0.3 waits load '^limits\.load of berth\.json is 0\.0001' '^waits$'
}

@test "throttled: the service is at fault" {
	sh_service x 'exit 127' '{"limits": {"overflow": ["refuse"]}}'
	start_berthd
	ask x || :
	wait_log '^throttle service=x seconds=1\.000'
	ask x || :
	wait_log '^throttle service=x seconds=2\.000'
	ask x || :
	wait_log '^throttle service=x seconds=4\.000'
	# no chain answers that
	explained 0 x 127.0.0.3 waits throttled 'fault' '^waits$'
}

@test "narrow before wide: a source's own rule is named before those of the service and the pool" {
	conf '{"limits": {"connections": 1}}'
	echo_service x '{"limits": {"connections": 1, "connections_per_source": 1, "rate": "1/h",
	    "rate_per_source": "1/h"}, "access": {"deny": ["127.0.0.9"]}}'
	start_berthd
	session a x 127.0.0.2
	explained 1 x 127.0.0.9 refused denied 'access: deny 127\.0\.0\.9' reset
	explained 1 x 127.0.0.2 refused source-full connections_per_source reset
	explained 0 x 127.0.0.3 waits service-rate 'limits\.rate' waits
	# and every other rule that says no is shown as well
	assert_equal "$(explain x 127.0.0.2 '[.checks[] | select(.verdict != "passes") | .verdict] | join(" ")')" \
	    'source-full source-rate service-rate service-full pool-full'
	close_session a
}

# What asking could have changed: all counters and states, and the balances.
everything() {
	ctl list --json | jq -S '.services | map(del(.endpoints))'
	ctl connections --json | jq -S '.connections | map({connection, pid})'
	ctl penalties --json | jq -S '.penalties | map({service, source, live})'
}

@test "asking changes nothing: no token, no place, no counter, no line in the log" {
	conf '{"limits": {"connections": 4}}'
	echo_service x '{"limits": {"connections_per_source": 2, "rate": "3/h", "rate_per_source": "2/h",
	    "overflow": ["evict", "refuse"]}, "evict": {"min_idle": "50ms"}, "access": {"deny": ["127.0.0.9"]}}'
	sh_service y 'exit 75' '{"penalties": {"exit": {"75": "1h"}}}'
	start_berthd
	from 127.0.0.2 y hello || :
	wait_logged 1 'exit service=y'
	session a x 127.0.0.2
	local before lines i j
	before=$(everything)
	lines=$(wc -l <"$LOG")
	for i in 1 2 3 4 5 6; do
		for j in 2 3 9; do
			ctl explain x --peer "127.0.0.$j" >/dev/null || :
			ctl explain y --peer "127.0.0.$j" >/dev/null || :
		done
	done
	assert_equal "$(everything)" "$before"
	assert_equal "$(wc -l <"$LOG")" "$lines"
	# the tokens are there: one of the source, two of the service
	serves x 127.0.0.2
	serves x 127.0.0.3
	refuses x 127.0.0.4
	assert_equal "$(refused x service-rate)" 1
	still_served a
	close_session a
}

@test "a peer may be given as it stands in the log: with its port, in brackets, by its uid" {
	echo_service x '{"access": {"allow": ["127.0.0.0/8", "2001:db8::/32", "uid:4711"]}}'
	start_berthd
	local p
	for p in 127.0.0.1:4711 '[2001:db8::1]:4711' '[2001:db8::1]' 2001:db8::1 ::ffff:127.0.0.1 uid:4711; do
		explained 0 x "$p" admitted ok '^$' served
	done
	assert_equal "$(explain x '[2001:db8:1:2:3::1]:4711' '"\(.peer) \(.source)"')" \
	    '2001:db8:1:2:3::1 2001:db8:1:2::/64'
	assert_equal "$(explain x ::ffff:127.0.0.1 .source)" 127.0.0.1
	for p in 192.0.2.1:4711 '[2001:db9::1]:4711' uid:4712; do
		explained 1 x "$p" refused denied 'not in allow' reset
	done
}

@test "what is no peer, no service, or no question" {
	echo_service x
	service bad '{'
	start_berthd
	local p
	for p in localhost 127.0.0.0/8 127.0.0.256 127.0.0.1: '[::1' uid: uid:-1 '' 1.2.3.4:x; do
		run --separate-stderr ctl explain x --peer "$p"
		assert_equal "$p $status" "$p 64"
		assert_output ''
		[[ -n $stderr ]] || fail "$p: not a word"
	done
	run ctl explain nosuch --peer 127.0.0.1
	assert_failure 1
	assert_output --partial 'nosuch: no such service'
	run ctl explain bad --peer 127.0.0.1
	assert_failure 1
	run ctl explain x
	assert_failure 64
	run ctl explain --peer 127.0.0.1
	assert_failure 64
	ctl explain x --peer 127.0.0.1
	stop_berthd
	run ctl explain x --peer 127.0.0.1
	assert_failure 69
}

@test "show prints how many were refused, by reason, the most frequent first" {
	echo_service x '{"limits": {"connections_per_source": 1, "rate_per_source": "2/h"},
	    "access": {"deny": ["127.0.0.9"]}}'
	start_berthd
	run ctl show x
	assert_line --regexp '^refused +0$'
	local i
	session a x 127.0.0.2
	for i in 1 2 3; do refuses x 127.0.0.2; done
	serves x 127.0.0.3
	serves x 127.0.0.3
	wait_until 5 active_is x 1
	refuses x 127.0.0.3
	for i in 1 2; do refuses x 127.0.0.9; done
	run ctl show x
	assert_success
	assert_line --regexp '^refused +6: source-full 3, denied 2, source-rate 1$'
	assert_line --regexp '^accepted +9: pending 0, ended 2, failed 0$'
	assert_line --regexp '^active +1 of 100, at most [12] so far$'
	adds_up x
	close_session a
}
