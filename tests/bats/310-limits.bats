# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# How many, of whom, how fast: the limits of a service and of a source.
load ../lib/berth
load ../lib/limits

handlers_of() { connections length "$1"; }

# ---- limits.connections ----

@test "cap 4, seven clients: four handlers, the fifth is served when one ends, and the counters add up all the time" {
	sh_service few 'echo $BERTH_ACTIVE/$BERTH_LIMIT; cat' '{"limits": {"connections": 4}}'
	start_berthd
	local i
	for i in 1 2 3 4; do
		open_session "c$i" "$(at few)"
		heard "c$i" "^$i/4"
		adds_up few
	done
	for i in 5 6 7; do
		open_session "c$i" "$(at few)"
		wait_until 5 connected_to few "$i"
	done
	wait_until 5 service_is few '.gate == "service-full" and .active == 4'
	assert_equal "$(handlers_of few)" 4
	adds_up few
	for i in 5 6 7; do heard_nothing "c$i"; done
	close_session c2
	heard c5 '^4/4'
	assert_equal "$(handlers_of few)" 4
	adds_up few
	heard_nothing c6
	heard_nothing c7
	for i in 1 3 4 5; do close_session "c$i"; done
	heard c6 /4
	heard c7 /4
	close_session c6
	close_session c7
	wait_until 5 active_is few 0
	adds_up few
	assert_equal "$(of few '"\(.accepted) \(.ended) \(.peak)"')" '7 7 4'
	assert_equal "$(all_refused few)" 0
}

@test "a cap that a reload lowers ends nobody, and lets nobody in before there is room" {
	echo_service few '{"limits": {"connections": 4}}'
	start_berthd
	local i
	for i in 1 2 3 4; do session "c$i" few 127.0.0.1; done
	edit few '.limits.connections = 2'
	service_is few '.active == 4 and .limit == 2'
	for i in 1 2 3 4; do still_served "c$i"; done
	open_session late "$(at few)"
	say late hello
	wait_until 5 connected_to few 5
	close_session c1
	close_session c2
	wait_until 5 active_is few 2
	service_is few '.gate == "service-full"'
	heard_nothing late
	close_session c3
	heard late hello
	still_served c4
	adds_up few
	close_session c4
	close_session late
	run log_count 'cause=(evicted|killed|stop)'
	assert_output 0
}

# ---- limits.connections_per_source ----

@test "a source at its limit is reset, the log names the key, and another source is served" {
	echo_service x '{"limits": {"connections_per_source": 2}}'
	start_berthd
	session a x 127.0.0.2
	session b x 127.0.0.2
	refuses x 127.0.0.2
	wait_log '^refuse service=x peer=127\.0\.0\.2:[0-9]+ reason=source-full rule="limits\.connections_per_source is 2"$'
	session c x 127.0.0.3
	still_served a
	still_served b
	close_session a
	wait_until 5 active_is x 2
	serves x 127.0.0.2
	assert_equal "$(of x '.refused | with_entries(select(.value > 0)) | tostring')" '{"source-full":1}'
	adds_up x
	close_session b
	close_session c
}

@test "one that is refused for its source takes no token of limits.rate" {
	echo_service x '{"limits": {"connections_per_source": 1, "rate": "3/h"}}'
	start_berthd
	session a x 127.0.0.2
	local i
	for i in 1 2 3 4 5; do refuses x 127.0.0.2; done
	session b x 127.0.0.3
	for i in 1 2 3 4 5; do refuses x 127.0.0.3; done
	serves x 127.0.0.4
	wait_until 5 service_is x '.gate == "service-rate"'
	assert_equal "$(of x '"\(.accepted) \(.refused["source-full"])"')" '13 10'
	adds_up x
	close_session a
	close_session b
}

@test "one that is refused for its source takes no place, and nobody is evicted for it" {
	echo_service x '{"limits": {"connections": 2, "connections_per_source": 1, "overflow": ["evict"]},
	    "evict": {"min_idle": "100ms"}}'
	start_berthd
	session a x 127.0.0.2
	session b x 127.0.0.3
	wait_until 5 eval '[[ $(connections "map(.state) | unique | tostring" x) == "[\"dormant\"]" ]]'
	local i
	for i in 1 2 3; do
		refuses x 127.0.0.2
		refuses x 127.0.0.3
	done
	assert_equal "$(of x '"\(.evicted) \(.active) \(.refused["source-full"])"')" '0 2 6'
	still_served a
	still_served b
	# for a third source one of them goes
	wait_until 5 eval '[[ $(connections "map(.state) | unique | tostring" x) == "[\"dormant\"]" ]]'
	serves x 127.0.0.4
	wait_until 5 service_is x '.evicted == 1'
	adds_up x
}

@test "a source's limit holds over all endpoints of a service, and so does the service's own" {
	local there
	echo_service x '{"listen": ["tcp:127.0.0.1:0", "tcp:127.0.0.9:0"],
	    "limits": {"connections": 3, "connections_per_source": 2}}'
	start_berthd
	there=tcp:$(of x '.endpoints[1].address')
	session a x 127.0.0.2
	open_session b "$there" --source 127.0.0.2
	say b hello
	heard b hello
	is_reset "$there" --source 127.0.0.2
	refuses x 127.0.0.2
	session c x 127.0.0.3
	open_session d "$there" --source 127.0.0.4
	say d hello
	wait_until 5 service_is x '.gate == "service-full"'
	heard_nothing d
	close_session c
	heard d hello
	assert_equal "$(of x '"\(.active) \(.peak) \(.refused["source-full"])"')" '3 3 2'
	adds_up x
	for i in a b d; do close_session "$i"; done
}

@test "limits.connections_per_source that a reload adds counts those who are there, and ends none of them" {
	echo_service x
	start_berthd
	session a x 127.0.0.2
	session b x 127.0.0.2
	session c x 127.0.0.2
	session d x 127.0.0.3
	edit x '.limits.connections_per_source = 2'
	refuses x 127.0.0.2
	serves x 127.0.0.3
	serves x 127.0.0.4
	local i
	for i in a b c d; do still_served "$i"; done
	close_session a
	wait_until 5 active_is x 3
	refuses x 127.0.0.2
	close_session b
	wait_until 5 active_is x 2
	serves x 127.0.0.2
	adds_up x
	close_session c
	close_session d
}

@test "who is there is counted still when the limit, or the whole file, was away for a while" {
	echo_service x '{"limits": {"connections_per_source": 2}}'
	start_berthd
	session a x 127.0.0.2
	session b x 127.0.0.2
	edit x 'del(.limits)'
	session c x 127.0.0.2
	edit x '.limits.connections_per_source = 3'
	refuses x 127.0.0.2
	mv "$SERVICES/x.json" "$T/x"
	ctl reload
	mv "$T/x" "$SERVICES/x.json"
	ctl reload
	service_is x '.state == "open" and .active == 3'
	refuses x 127.0.0.2
	close_session a
	wait_until 5 active_is x 2
	serves x 127.0.0.2
	adds_up x
	close_session b
	close_session c
}

@test "a reload for the description forgets no connection and no token" {
	echo_service x '{"limits": {"connections_per_source": 2, "rate_per_source": "3/h", "rate": "5/h"}}'
	start_berthd
	session a x 127.0.0.2
	session b x 127.0.0.2
	edit x '.description = "another"'
	service_is x '.description == "another"'
	refuses x 127.0.0.2
	assert_equal "$(refused x source-full)" 1
	close_session a
	wait_until 5 active_is x 1
	serves x 127.0.0.2
	edit x '.description = "a third"'
	wait_until 5 active_is x 1
	refuses x 127.0.0.2
	assert_equal "$(refused x source-rate)" 1
	serves x 127.0.0.3
	serves x 127.0.0.4
	edit x '.description = "a fourth"'
	service_is x '.gate == "service-rate"'
	adds_up x
	close_session b
}

# ---- limits.source_prefix ----

@test "source_prefix.ipv4 24: neighbours are one source" {
	echo_service x '{"limits": {"connections_per_source": 2, "source_prefix": {"ipv4": 24}}}'
	start_berthd
	session a x 127.0.5.1
	session b x 127.0.5.200
	refuses x 127.0.5.3
	serves x 127.0.6.3
	assert_equal "$(refused x source-full)" 1
	close_session a
	close_session b
}

@test "source_prefix 0: a whole family is one source" {
	requires ipv6
	echo_service x '{"listen": "tcp:0", "limits": {"connections_per_source": 1,
	    "source_prefix": {"ipv4": 0, "ipv6": 0}}}'
	start_berthd
	session a x 127.0.5.1
	refuses x 127.0.9.3
	assert_equal "$("$dial" "tcp:[::1]:$(port_of x)" <<<hello)" hello
	close_session a
}

@test "a source_prefix that a reload changes counts those who are there anew" {
	echo_service x '{"limits": {"connections_per_source": 2}}'
	start_berthd
	session a x 127.0.5.1
	session b x 127.0.5.2
	session c x 127.0.6.1
	edit x '.limits.source_prefix.ipv4 = 24'
	refuses x 127.0.5.3
	serves x 127.0.6.2
	close_session a
	wait_until 5 active_is x 2
	serves x 127.0.5.3
	edit x 'del(.limits.source_prefix)'
	session d x 127.0.5.2
	refuses x 127.0.5.2
	serves x 127.0.5.3
	adds_up x
	for i in b c d; do close_session "$i"; done
}

@test "an IPv6 source that walks its /64 is one source" {
	requires ipv6
	own_network 'for a in 7:1::1 7:2::2 7:3::3 7:4::4 7:ffff::ffff 8::1; do ip addr add 2001:db8:1:$a/128 dev lo; done'
	echo_service x '{"listen": "tcp:[::1]:0", "limits": {"connections_per_source": 2}}'
	start_berthd
	enter_network
	local i there
	there="tcp:[::1]:$(port_of x)"
	for i in 1 2; do
		open_session "c$i" "$there" --source "2001:db8:1:7:$i::$i"
		say "c$i" hello
		heard "c$i" hello
	done
	for i in 3 4 ffff; do is_reset "$there" --source "2001:db8:1:7:$i::$i"; done
	wait_log '^refuse service=x peer=\[2001:db8:1:7:3::3\]:[0-9]+ reason=source-full'
	assert_equal "$("$dial" --source 2001:db8:1:8::1 "$there" <<<hello)" hello
	assert_equal "$(of x '"\(.active) \(.refused["source-full"])"')" '2 3'
	for i in 1 2; do close_session "c$i"; done
}

@test "on a unix socket a source is a uid" {
	requires root
	requires program setpriv
	echo_service x "{\"listen\": \"unix:$T/x.sock\", \"socket\": {\"mode\": \"0666\"},
	    \"limits\": {\"connections_per_source\": 1}}"
	start_berthd
	local client
	client=$(peer_handler dial)
	open_session a "unix:$T/x.sock"
	say a hello
	heard a hello
	"$dial" --no-stdin "unix:$T/x.sock" || :
	wait_log '^refuse service=x peer=uid:0.* reason=source-full rule="limits\.connections_per_source is 1"$'
	run setpriv --reuid 4711 --clear-groups "$client" "unix:$T/x.sock" <<<hello
	assert_output hello
	still_served a
	assert_equal "$(refused x source-full)" 1
	close_session a
}

# ---- limits.rate ----

@test "limits.rate: a burst is let in, the next client waits and is served without any help" {
	sh_service x 'echo hi; cat' '{"limits": {"rate": "1/4s", "burst": 3}}'
	start_berthd
	open_hold 4 "$(at x)" --greeted
	wait_logged 3 '^start service=x'
	wait_until 3 service_is x '.gate == "service-rate"'
	assert_equal "$(log_count '^start service=x')" 3
	held
	assert_equal "$(log_count '^start service=x')" 4
	assert_equal "$(all_refused x)" 0
	adds_up x
	close_hold
}

@test "limits.rate with overflow refuse resets those beyond the burst, whoever they are" {
	echo_service x '{"limits": {"rate": "2/h", "overflow": ["refuse"]}}'
	start_berthd
	serves x 127.0.0.2
	serves x 127.0.0.3
	refuses x 127.0.0.4
	refuses x 127.0.0.2
	wait_log '^refuse service=x peer=127\.0\.0\.4:[0-9]+ reason=service-rate'
	assert_equal "$(refused x service-rate)" 2
	adds_up x
}

@test "what was taken under the old rate counts on when a reload changes the rate" {
	echo_service x '{"limits": {"rate": "2/h", "overflow": ["refuse"]}}'
	start_berthd
	serves x 127.0.0.2
	serves x 127.0.0.2
	edit x '.limits.rate = "3/h"'
	refuses x 127.0.0.2
	edit x '.limits.rate = "1/s"'
	# an hour's wait under the old rate does not outlive it
	wait_until 5 serves x 127.0.0.2
	adds_up x
}

# the inode of its listening socket
socket_of() { ss -Htlne "sport = :$1" | grep -o 'ino:[0-9]*'; }

@test "a flood that trips limits.rate never closes the listener, and service resumes by itself" {
	local port inode began
	echo_service x '{"limits": {"rate": "20/s", "overflow": ["refuse"]}, "log": {"connections": false}}'
	echo_service good
	start_berthd
	port=$(port_of x)
	inode=$(socket_of "$port")
	began=$(now_ms)
	background "$flood" -c 20 --until "$T/enough" "$(at x)"
	wait_until 10 service_is x '.refused["service-rate"] >= 50 and .ended >= 40'
	assert_equal "$(socket_of "$port")" "$inode"
	service_is x '.state == "open" and (.gate == "service-rate" or .gate == null)'
	assert_equal "$(ask good hello)" hello
	# never more than the rate allows
	local started may
	started=$(of x '.active + .ended')
	may=$((20 + 20 * ($(now_ms) - began) / 1000 + 1))
	((started <= may)) || fail "$started let in, at most $may may be"
	: >"$T/enough"
	wait_until 10 gone "${JOBS[0]}"
	wait_until 5 serves x 127.0.0.1
	assert_equal "$(socket_of "$port")" "$inode"
	assert_equal "$(log_count '^throttle|^shortage|^waiting')" 0
	adds_up x
}

@test "limits.rate_per_source refuses that source alone" {
	echo_service x '{"limits": {"rate_per_source": "1/h", "burst_per_source": 2}}'
	start_berthd
	serves x 127.0.0.2
	serves x 127.0.0.2
	refuses x 127.0.0.2
	wait_log '^refuse service=x peer=127\.0\.0\.2:[0-9]+ reason=source-rate rule="limits\.rate_per_source is 1/h, 2 at once"$'
	serves x 127.0.0.3
	refuses x 127.0.0.2
	assert_equal "$(refused x source-rate)" 2
	adds_up x
}

@test "limits.rate_per_source lets a source in again after a while" {
	echo_service x '{"limits": {"rate_per_source": "1/s"}}'
	start_berthd
	serves x 127.0.0.2
	wait_until 5 serves x 127.0.0.2
}
