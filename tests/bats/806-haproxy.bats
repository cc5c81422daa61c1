# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: haproxy
load ../lib/berth
load ../lib/limits

# haproxy_before SERVICE OPTION [LINE]: HAProxy in tcp mode before it, on $PROXY_PORT
haproxy_before() {
	requires program haproxy
	PROXY_PORT=$(free_port)
	cat >"$T/haproxy.cfg" <<-END
	global
		maxconn 200
	defaults
		mode tcp
		retries 0
		timeout connect 10s
		timeout client 30s
		timeout server 30s
	frontend in
		bind 127.0.0.1:$PROXY_PORT
		default_backend berth
	backend berth
		server s 127.0.0.1:$(port_of "$1") $2
		${3-}
	END
	background haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1
	wait_until 10 eval '[[ -n $(ss -Htln "sport = :'"$PROXY_PORT"'") ]]' || fail "$(cat "$T/haproxy.log")"
}
through() { "$dial" --source "$1" --timeout 20 "tcp:127.0.0.1:$PROXY_PORT" <<<"$2"; }

# both_know OPTION: what the header of HAProxy tells
both_know() {
	sh_service p 'echo "$TCPREMOTEIP $TCPREMOTEPORT $TCPLOCALIP $TCPLOCALPORT"; exec cat' \
	    '{"proxy_protocol": {"from": ["127.0.0.1"]}, "access": {"deny": ["127.0.0.66"]}, "limits": {"connections_per_source": 1}}'
	start_berthd
	haproxy_before p "$1"
	local i
	for i in 2 3 4; do
		run through 127.0.0.$i hello
		assert_success
		assert_line -n 0 --regexp "^127\.0\.0\.$i [0-9]+ 127\.0\.0\.1 $PROXY_PORT\$"
		assert_line -n 1 hello
		wait_log "^start service=p .*peer=127\.0\.0\.$i:[0-9]+ local=127\.0\.0\.1:$PROXY_PORT "
	done
	# a rule about the client
	run through 127.0.0.66 hello
	refute_output --partial hello
	wait_refused p denied 1
	wait_log '^refuse service=p peer=127\.0\.0\.66:[0-9]+ reason=denied'
	# a limit about the client
	wait_until 5 active_is p 0
	open_session a "tcp:127.0.0.1:$PROXY_PORT" --source 127.0.0.2
	say a hello
	heard a hello 10
	run through 127.0.0.2 hello
	refute_output --partial hello
	wait_refused p source-full 1
	run through 127.0.0.3 hello
	assert_line -n 1 hello
	close_session a
	# 1 MB each way, to the byte
	wait_until 5 active_is p 0
	head -c 1000000 /dev/urandom >"$T/data"
	"$dial" --source 127.0.0.5 --timeout 30 "tcp:127.0.0.1:$PROXY_PORT" <"$T/data" | tail -n +2 >"$T/back"
	cmp "$T/data" "$T/back"
	adds_up p
}

@test "HAProxy with send-proxy: the handler, the log and the rules see the client" {
	both_know send-proxy
}

@test "HAProxy with send-proxy-v2: the same" {
	both_know send-proxy-v2
}

@test "HAProxy with send-proxy-v2 and everything that it can add" {
	both_know 'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority'
}

@test "HAProxy's own checks say LOCAL, and are served as its own" {
	sh_service p 'echo "$TCPREMOTEIP"' '{"proxy_protocol": {"from": ["127.0.0.1"]}}'
	start_berthd
	haproxy_before p 'send-proxy-v2 check check-send-proxy inter 100ms' $'option tcp-check\n\t\ttcp-check expect rstring ^127'
	wait_logged 3 '^start service=p .*peer=127\.0\.0\.1:[0-9]+ local=127\.0\.0\.1:'"$(port_of p)"
	run log_count 'reason=bad-header'
	assert_output 0
	run through 127.0.0.9 hello
	assert_output 127.0.0.9
}

@test "HAProxy without it is refused, and its client served nothing" {
	echo_service p '{"proxy_protocol": {"from": ["127.0.0.1"]}}'
	start_berthd
	haproxy_before p ''
	run through 127.0.0.9 hello
	refute_output --partial hello
	wait_refused p bad-header 1
}
