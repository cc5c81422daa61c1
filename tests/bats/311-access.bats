# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# Who may connect; and what a flood of those who may not leaves behind.
load ../lib/berth
load ../lib/limits

# access SERVICE RULES [JSON]: an echo service with these rules
access() {
	local more=${3:-'{}'}
	echo_service "$1" "$(jq -nc --argjson a "$2" --argjson more "$more" '{access: $a} * $more')"
}
# denied SERVICE SOURCE RULE: reset, counted, and the line names the rule
denied() {
	local before
	new_burst
	before=$(refused "$1" denied)
	refuses "$1" "$2"
	refused_is "$1" denied $((before + 1)) || fail "not counted"
	wait_log "^refuse service=$1 peer=${2//./\\.}:[0-9]+ reason=denied rule=\"access: $3\"$"
}

@test "deny: those are reset, the line in the log names the rule, and all others are served" {
	access x '{"deny": ["127.0.0.2", "127.0.4.0/22"]}'
	start_berthd
	denied x 127.0.0.2 'deny 127\.0\.0\.2'
	denied x 127.0.7.255 'deny 127\.0\.4\.0/22'
	serves x 127.0.0.1
	serves x 127.0.3.255
	serves x 127.0.8.1
	adds_up x
}

@test "allow: only those are served" {
	access x '{"allow": ["127.0.0.2", "127.0.4.0/22"]}'
	start_berthd
	serves x 127.0.0.2
	serves x 127.0.5.5
	denied x 127.0.0.1 'not in allow'
	denied x 127.0.0.3 'not in allow'
	adds_up x
}

@test "allow and deny: who is in both is denied" {
	access x '{"allow": ["127.0.4.0/22"], "deny": ["127.0.5.0/24"]}'
	start_berthd
	serves x 127.0.4.1
	denied x 127.0.5.1 'deny 127\.0\.5\.0/24'
	denied x 127.0.9.1 'not in allow'
}

@test "an empty allow lets nobody in, an empty deny keeps nobody out" {
	access none '{"allow": []}'
	access all '{"deny": []}'
	start_berthd
	denied none 127.0.0.1 'not in allow'
	serves all 127.0.0.1
}

@test "local is loopback of both families and unix, and nothing else" {
	requires ipv6
	own_network 'ip addr add 192.0.2.1/32 dev lo && ip addr add 2001:db8::1/128 dev lo'
	access x '{"allow": ["local"]}' "{\"listen\": [\"tcp:0\", \"unix:$T/x.sock\"]}"
	start_berthd
	enter_network
	local port
	port=$(port_of x)
	assert_equal "$("$dial" "tcp:127.0.0.1:$port" <<<hello)" hello
	assert_equal "$("$dial" "tcp:127.0.0.1:$port" --source 127.9.9.9 <<<hello)" hello
	assert_equal "$("$dial" "tcp:[::1]:$port" <<<hello)" hello
	assert_equal "$("$dial" "unix:$T/x.sock" <<<hello)" hello
	is_reset "tcp:192.0.2.1:$port" --source 192.0.2.1
	new_burst
	is_reset "tcp:[2001:db8::1]:$port" --source 2001:db8::1
	wait_log '^refuse service=x peer=192\.0\.2\.1:[0-9]+ reason=denied rule="access: not in allow"$'
	wait_log '^refuse service=x peer=\[2001:db8::1\]:[0-9]+ reason=denied rule="access: not in allow"$'
}

@test "local can be denied" {
	access x '{"deny": ["local"]}'
	start_berthd
	denied x 127.0.0.1 'deny local'
	denied x 127.1.2.3 'deny local'
}

@test "a mapped prefix in a rule is its IPv4 prefix" {
	access x '{"deny": ["::ffff:127.0.0.0/120", "::ffff:127.0.7.7"]}'
	start_berthd
	denied x 127.0.0.9 'deny 127\.0\.0\.0/24'
	denied x 127.0.7.7 'deny 127\.0\.7\.7'
	serves x 127.0.1.1
	serves x 127.0.7.8
}

@test "a mapped address is its IPv4 address: ::ffff:10.0.0.1 against a rule for 10.0.0.0/8, and the other way round" {
	access four '{"deny": ["10.0.0.0/8"]}'
	access mapped '{"deny": ["::ffff:10.0.0.0/104"]}'
	access six '{"deny": ["::/0"]}'
	start_berthd
	local s p
	for s in four mapped; do
		for p in ::ffff:10.0.0.1 ::ffff:0a00:1 10.0.0.1; do
			run ctl explain "$s" --peer "$p"
			assert_failure 1
			assert_output --partial 'refused: denied, access: deny 10.0.0.0/8'
		done
		run ctl explain "$s" --peer ::ffff:11.0.0.1
		assert_success
		run ctl explain "$s" --peer ::10.0.0.1
		assert_success
	done
	# every IPv6 address, and no IPv4 one
	run ctl explain six --peer 2001:db8::1
	assert_failure 1
	run ctl explain six --peer ::ffff:10.0.0.1
	assert_success
	serves six 127.0.0.1
}

@test "a client that connects by a mapped address does not slip past an IPv4 rule" {
	requires ipv6
	access x '{"deny": ["127.0.0.0/8"]}' '{"listen": "tcp:0"}'
	start_berthd
	is_reset "tcp:[::ffff:127.0.0.1]:$(port_of x)"
	wait_log '^refuse service=x peer=127\.0\.0\.1:[0-9]+ reason=denied'
	assert_equal "$("$dial" "tcp:[::1]:$(port_of x)" <<<hello)" hello
}

@test "a reload of the rules holds for new connections, and those that are served stay" {
	access x '{}'
	start_berthd
	session a x 127.0.0.2
	edit x '.access.deny = ["127.0.0.2"]'
	denied x 127.0.0.2 'deny 127\.0\.0\.2'
	still_served a
	edit x '.access = {"allow": ["127.0.0.3"]}'
	denied x 127.0.0.2 'not in allow'
	serves x 127.0.0.3
	still_served a
	edit x 'del(.access)'
	serves x 127.0.0.2
	close_session a
	wait_until 5 service_is x '.ended == 3'
	adds_up x
}

@test "who waits for a place is judged by the rules of the time when there is one" {
	access x '{}' '{"limits": {"connections": 1}}'
	start_berthd
	session a x 127.0.0.1
	open_session b "$(at x)" --source 127.0.0.2
	wait_until 5 connected_to x 2
	open_session c "$(at x)" --source 127.0.0.3
	say c hello
	wait_until 5 connected_to x 3
	edit x '.access.deny = ["127.0.0.2"]'
	close_session a
	heard c hello
	heard_nothing b
	wait_log '^refuse service=x peer=127\.0\.0\.2:[0-9]+ reason=denied'
	close_session c
}

@test "one that waits with a time, accepted already, is judged by the new rules too" {
	access x '{}' '{"limits": {"connections": 1, "overflow": [{"wait": "50s"}, "refuse"]}}'
	start_berthd
	session a x 127.0.0.1
	open_session b "$(at x)" --source 127.0.0.2
	wait_until 5 service_is x '.pending == 1'
	adds_up x
	edit x '.access.deny = ["127.0.0.2"]'
	wait_refused x denied 1
	still_served a
	adds_up x
	close_session a
}

@test "a bad entry keeps the old rules, and opens nothing that was not open" {
	local bad
	access x '{"allow": ["127.0.0.0/8"], "deny": ["127.0.0.2"]}'
	access new '{"allow": ["127.0.0.1", "127.0.0.2/24"]}'
	start_berthd
	assert_equal "$(state_of new)" invalid
	assert_equal "$(of new '.endpoints | length')" 0
	rm "$SERVICES/new.json"
	for bad in '["127.0.0.3", "127.0.0.1/8"]' '["example.org"]' '["localhost"]' '[127]' '["::/4"]' '[""]' '"127.0.0.3"'; do
		mark_log
		run edit x ".access.deny = $bad"
		assert_failure 1
		assert_output --partial 'x.json: access.deny'
		service_is x '.state == "invalid"'
		denied x 127.0.0.2 'deny 127\.0\.0\.2'
		serves x 127.0.0.1
	done
	# the fault is in one list, the other is not taken either
	run edit x '.access = {"allow": ["0.0.0.0/0"], "deny": ["127.0.0.2/8"]}'
	assert_failure 1
	denied x 127.0.0.2 'deny 127\.0\.0\.2'
	edit x '.access = {"deny": ["127.0.0.3"]}'
	serves x 127.0.0.2
	denied x 127.0.0.3 'deny 127\.0\.0\.3'
}

@test "rules in the defaults of berth.json hold for every service; a bad one there keeps the old ones" {
	conf '{"defaults": {"access": {"deny": ["127.0.0.2"]}}}'
	access x '{"allow": ["local"]}'
	access own '{"deny": []}'
	start_berthd
	denied x 127.0.0.2 'deny 127\.0\.0\.2'
	serves own 127.0.0.2
	conf '{"defaults": {"access": {"deny": ["127.0.0.300"]}}}'
	run ctl reload
	assert_failure 1
	assert_output --partial access.deny
	denied x 127.0.0.2 'deny 127\.0\.0\.2'
	serves x 127.0.0.3
}

@test "the uid of a client on a unix socket is a rule" {
	requires root
	requires program setpriv
	access x '{"allow": ["uid:4711"]}' "{\"listen\": \"unix:$T/x.sock\", \"socket\": {\"mode\": \"0666\"}}"
	access y '{"deny": ["uid:4711"]}' "{\"listen\": \"unix:$T/y.sock\", \"socket\": {\"mode\": \"0666\"}}"
	start_berthd
	local client
	client=$(peer_handler dial)
	run setpriv --reuid 4711 --clear-groups "$client" "unix:$T/x.sock" <<<hello
	assert_output hello
	assert_equal "$("$dial" "unix:$T/y.sock" <<<hello)" hello
	run "$dial" --no-stdin "unix:$T/x.sock"
	wait_log '^refuse service=x peer=uid:0 reason=denied rule="access: not in allow"$'
	run setpriv --reuid 4711 --clear-groups "$client" --no-stdin "unix:$T/y.sock"
	wait_log '^refuse service=y peer=uid:4711 reason=denied rule="access: deny uid:4711"$'
	assert_equal "$(refused x denied) $(refused y denied)" '1 1'
}

@test "one that is denied costs no token, neither the service's nor its source's" {
	access x '{"deny": ["127.0.5.5"]}' '{"limits": {"rate": "1/h", "rate_per_source": "1/h",
	    "source_prefix": {"ipv4": 24}, "overflow": ["refuse"]}}'
	start_berthd
	local i
	for i in 1 2 3 4 5; do refuses x 127.0.5.5; done
	serves x 127.0.5.6
	refuses x 127.0.6.6
	assert_equal "$(of x '.refused | with_entries(select(.value > 0)) | tostring')" \
	    '{"denied":5,"service-rate":1}'
	adds_up x
}

# ---- a flood of refusals ----

rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$DPID/status"; }
# what the log says: its lines, and those that its summaries stand for
said() { grep -ac '^refuse service=x peer=' "$LOG"; }
summed() { sed -nE 's/^refuse service=x reason=denied count=([0-9]+) .*/\1/p' "$LOG" | awk '{ n += $1 } END { print n + 0 }'; }
all_said() { (($(said) + $(summed) == $1)); }
with_sanitizer() { grep -qaE 'lib(asan|ubsan)' "/proc/$DPID/maps" || grep -qa __asan_init "$BUILD/berthd"; }

@test "2,000 refusals: every one is in the log or in a summary, and memory stays as it was" {
	access x '{"deny": ["127.0.0.2"]}'
	start_berthd
	run "$flood" -n 500 -c 20 --source 127.0.0.2 "$(at x)"
	assert_equal "$(jq .reset <<<"$output")" 500
	wait_until 10 all_said 500
	local before after
	before=$(rss_kb)
	run "$flood" -n 2000 -c 20 --source 127.0.0.2 "$(at x)"
	assert_equal "$(jq .reset <<<"$output")" 2000
	assert_equal "$(refused x denied)" 2500
	adds_up x
	wait_until 10 all_said 2500 || fail "$(said) lines, and $(summed) in summaries"
	assert_equal "$(said)" 1
	# the sanitizer keeps what was freed
	with_sanitizer || {
		after=$(rss_kb)
		((after - before <= 1024)) || fail "$before kB before, $after kB after"
	}
	serves x 127.0.0.1
}
