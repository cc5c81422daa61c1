# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# The PROXY protocol in: who the client is, what it costs, and what becomes of those that do not say it
load ../lib/berth
load ../lib/limits

# A handler that says whom it serves, then what comes
who='echo "$TCPREMOTEIP $TCPREMOTEPORT $TCPLOCALIP $TCPLOCALPORT"; exec cat'
# proxied NAME [JSON]: headers are believed from 127.0.0.1
proxied() {
	sh_service "$1" "$who" "$(jq -nc --argjson more "${2:-{\}}" '{proxy_protocol: {from: ["127.0.0.1"]}} * $more')"
}
start_p() { start_berthd && where=$(at p); }
PX=$BATS_TEST_DIRNAME/../peers/proxied.py
px() { timeout 40 python3 -S "$PX" "$@" 3>&- 4>&-; }
# proxy NAME ...: the same in the background; `go NAME` is what its step go waits for; $T/NAME.out is what came
proxy() {
	local fd name=$1
	mkfifo "$T/$name.in"
	python3 -S "$PX" "${@:2}" <"$T/$name.in" >"$T/$name.out" 2>"$T/$name.err" 3>&- 4>&- &
	SESSION_PID[$name]=$!
	JOBS+=($!)
	exec {fd}>"$T/$name.in"
	SESSION_FD[$name]=$fd
}
go() { say "$1" go; }
proxy_ended() { session_ended "$1" "${2:-10}"; }

v1=v1,192.0.2.7,4711,198.51.100.1,79
v2=v2,192.0.2.7,4711,198.51.100.1,79
real='192.0.2.7 4711 198.51.100.1 79'
# header SOURCE: of a client there
header() { echo "v2,$1,4711,198.51.100.1,79"; }

aide() { pgrep -P "$DPID" -x berthd-proxy; }
aide_is_there() { [[ -n $(aide) ]]; }
no_aide() { ! aide_is_there; }
new_aide() { local now; now=$(aide) && [[ $now != "$1" ]]; }
# kill_aide [SIGNAL]: it is the only one of ours
kill_aide() { local pid; pid=$(aide) && kill -s "${1:-KILL}" "$pid"; }
awaited() { of "$1" .pending; }
awaits() { wait_until 10 eval "[[ \$(awaited $1) == $2 ]]"; }
ticks_of() { local s; s=$(<"/proc/$1/stat"); s=${s##*) }; set -- $s; echo $((${12} + ${13})); }

# ---- what it says ----

@test "the handler, the environment and the log see the client that the header names" {
	proxied p
	start_berthd
	local h n=0
	for h in "$v1" "$v2"; do
		run px "$(at p)" "$h+t,hello"
		assert_success
		assert_output "$real"$'\nhello'
		((++n))
		wait_logged $n '^start service=p .*peer=192\.0\.2\.7:4711 local=198\.51\.100\.1:79 '
	done
	run log_count '127\.0\.0\.1'
	assert_output "$(log_count '^(listen|open|ready).*127\.0\.0\.1')"
	adds_up p
}

@test "xinetd's and systemd's names of it too" {
	sh_service p 'echo "$PROTO $REMOTE_HOST $REMOTE_ADDR $REMOTE_PORT"' '{"proxy_protocol": {"from": ["local"]}}'
	start_berthd
	run px "$(at p)" "$v1"
	assert_output 'TCP 192.0.2.7 192.0.2.7 4711'
}

@test "the first byte of the payload is the one after the header, in one segment or in many" {
	proxied p
	start_p
	local h
	run px "$where" ~v1+~t,hello
	assert_line -n 1 hello
	run px "$where" v2 t,hello
	assert_line -n 1 hello
	for h in "$v1" "$v2"; do
		run px "$where" "$h" t,hello
		assert_line -n 1 hello
		run px "$where" "~$h+~t,hello"
		assert_line -n 1 hello
		run px "$where" "~$h+t,hello"
		assert_line -n 1 hello
		run px "$where" "$h+t,PROXY TCP4 1.1.1.1 2.2.2.2 3 4"
		assert_line -n 1 'PROXY TCP4 1.1.1.1 2.2.2.2 3 4'
		assert_equal "${#lines[@]}" 2
	done
}

@test "64 KiB behind the header arrive, not one byte more or less" {
	sh_service p 'wc -c' '{"proxy_protocol": {"from": ["127.0.0.1"]}}'
	start_p
	run px "$where" "$v2+z,65536"
	assert_output 65536
	run px "$where" "$v1+z,65536" z,65536
	assert_output 131072
}

@test "LOCAL and UNKNOWN leave the connection's own ends" {
	proxied p
	start_berthd
	local h n=0
	for h in v1 v2; do
		run px "$(at p)" "$h+t,hello"
		assert_line -n 0 --regexp "^127\.0\.0\.1 [0-9]+ 127\.0\.0\.1 $(port_of p)\$"
		assert_line -n 1 hello
		((++n))
		wait_logged $n '^start service=p .*peer=127\.0\.0\.1:'
	done
}

@test "a client with an IPv6 address behind an IPv4 proxy, and the other way round" {
	requires ipv6
	proxied p '{"listen": ["tcp:127.0.0.1:0", "tcp:[::1]:0"], "proxy_protocol": {"from": ["local"]}}'
	start_berthd
	local h
	for h in v1 v2; do
		run px "$(at p)" "$h,2001:db8::7,4711,2001:db8::1,79+t,hello"
		assert_output $'2001:db8::7 4711 2001:db8::1 79\nhello'
		run px "tcp:[::1]:$(port_of p 1)" "$h,192.0.2.7,4711,198.51.100.1,79+t,hello"
		assert_output "$real"$'\nhello'
	done
	wait_logged 2 'peer=\[2001:db8::7\]:4711 local=\[2001:db8::1\]:79'
	wait_logged 2 'peer=192\.0\.2\.7:4711 '
}

@test "an IPv4-mapped client is an IPv4 client, for its handler and for the rules" {
	proxied p '{"access": {"deny": ["192.0.2.8"]}}'
	start_p
	run px "$where" v2,::ffff:192.0.2.7,4711,::ffff:198.51.100.1,79
	assert_output "$real"
	run px "$where" v2,::ffff:192.0.2.8,4711,::ffff:198.51.100.1,79
	assert_failure 3
	wait_refused p denied 1
}

# ---- headers that are none ----

@test "no header, a bad one, half of one: bad-header, and the client is reset" {
	proxied p
	start_p
	local bad n=0
	for bad in 't,GET / HTTP/1.0\r\n\r\n' 't,PROXY TCP4 192.0.2.7\r\n' 't,PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n' \
	    't,\r\n\r\n\x00\r\nQUIT\n\x11\x00\x00\x00' 't,\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x04abcd' \
	    't,\r\n\r\n\x00\r\nQUIT\n\x20\x00\xff\xff' 't,x'; do
		run px --stay "$where" "$bad"
		assert_failure 3
		assert_output ''
		((++n))
		wait_refused p bad-header $n
	done
	wait_log '^refuse service=p peer=127\.0\.0\.1:[0-9]+ reason=bad-header rule="no valid PROXY header"'
	new_burst
	for bad in 't,' 't,PROXY TCP4 192.' 't,\r\n\r\n\x00\r\nQUIT\n\x21'; do
		run px "$where" "$bad"
		assert_failure 3
		((++n))
		wait_refused p bad-header $n
	done
	wait_log 'reason=bad-header rule="it ended before its PROXY header"'
	service_is p '.active == 0 and .pending == 0 and .ended == 0 and .failed == 0'
	adds_up p
	run log_count '^start '
	assert_output 0
}

@test "a client that resets the connection before its header is whole is gone, not bad" {
	proxied p
	start_p
	local i
	for i in 1 2 3; do
		open_session c$i "$where" --linger0 --no-half-close
		printf 'PROXY ' >&"${SESSION_FD[c$i]}"
	done
	awaits p 3
	# their stdin ends: they reset
	local fd
	for i in 1 2 3; do
		fd=${SESSION_FD[c$i]}
		exec {fd}>&-
	done
	wait_refused p gone 3
	service_is p '.refused["bad-header"] == 0 and .pending == 0'
	wait_log '^refuse service=p peer=127\.0\.0\.1:[0-9]+ reason=gone'
	adds_up p
}

@test "five seconds for the header in all: a trickle does not make them longer" {
	proxied p
	start_p
	proxy silent --stay "$where"
	# a byte every 150 ms, for 15 s
	proxy trickler --stay --pause 0.15 "$where" "~t,PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	local began
	began=$(now_ms)
	awaits p 2
	# and those in time are served meanwhile
	run px "$where" "$v1+t,hello"
	assert_line -n 1 hello
	wait_until 12 refused_is p bad-header 2 || fail "$(ctl list --json)"
	(($(now_ms) - began > 4000)) || fail "after $(($(now_ms) - began)) ms"
	(($(now_ms) - began < 11000)) || fail "after $(($(now_ms) - began)) ms"
	wait_log 'reason=bad-header rule="no PROXY header in 5s"'
	awaits p 0
	session_is_reset silent
	session_is_reset trickler
	assert_equal "$(awaited p)" 0
	adds_up p
}

@test "an aide that hangs holds nobody longer, and is replaced" {
	proxied p
	start_p
	local stopped
	stopped=$(aide)
	kill_aide STOP
	proxy c "$where" "$v1+t,hello"
	awaits p 1
	wait_until 12 refused_is p bad-header 1
	wait_until 5 new_aide "$stopped"
	run px "$where" "$v1+t,hello"
	assert_line -n 1 hello
	adds_up p
}

@test "what follows the addresses is skipped, up to 4096 bytes in all" {
	proxied p
	start_p
	local magic='t,\r\n\r\n\x00\r\nQUIT\n\x20\x00'
	run px "$where" "$magic\x0f\xf0+z,4080+t,hello"
	assert_line -n 1 hello
	run px "$where" "$magic\x0f\xf0" z,4000 z,80 t,hello
	assert_line -n 1 hello
	run px --stay "$where" "$magic\x0f\xf1"
	assert_failure 3
	wait_refused p bad-header 1
}

# ---- who may send one ----

@test "a peer that is not named is refused before a byte is read" {
	requires program strace
	proxied p
	start_p
	wait_until 5 aide_is_there
	background strace -f -s 200 -o "$T/trace" -p "$DPID" -p "$(aide)"
	wait_until 5 grep -q epoll "$T/trace"
	run px --stay --source 127.0.0.9 "$where" "$v1+t,secret"
	assert_failure 3
	assert_output ''
	wait_refused p denied 1
	wait_log '^refuse service=p peer=127\.0\.0\.9:[0-9]+ reason=denied rule=proxy_protocol\.from'
	# that the trace would show it
	run px "$where" "$v1+t,secret"
	assert_line -n 1 secret
	kill "${JOBS[-1]}"
	run grep -c 'recv.*PROXY TCP4 192' "$T/trace"
	assert_output 1
	adds_up p
}

@test "with others direct it is served as it is, and what looks like a header is the handler's" {
	proxied p '{"proxy_protocol": {"others": "direct"}, "access": {"deny": ["127.0.0.8"]}}'
	start_p
	run px --source 127.0.0.9 "$where" "$v1+t,hello"
	assert_line -n 0 --regexp '^127\.0\.0\.9 [0-9]+ 127\.0\.0\.1 '
	assert_line -n 1 --regexp '^PROXY TCP4 192\.0\.2\.7 198\.51\.100\.1 4711 79.?$'
	assert_line -n 2 hello
	# its own address counts
	run px --source 127.0.0.8 "$where" "$v1+t,hello"
	assert_failure 3
	wait_refused p denied 1
	# and the others must have one
	run px "$where" t,hello
	assert_failure 3
	wait_refused p bad-header 1
}

# ---- rules about the client ----

@test "access rules are about the client, not about the proxy" {
	proxied p '{"access": {"allow": ["192.0.2.0/24"], "deny": ["192.0.2.66"]}}'
	start_p
	run px "$where" "$v1"
	assert_output "$real"
	local h n=0
	for h in "$(header 192.0.2.66)" "$(header 203.0.113.1)" v1 v2; do
		run px "$where" "$h+t,hello"
		assert_failure 3
		assert_output ''
		((++n))
		wait_refused p denied $n
		new_burst
	done
	wait_log '^refuse service=p peer=192\.0\.2\.66:4711 reason=denied '
	wait_log '^refuse service=p peer=203\.0\.113\.1:4711 reason=denied '
	adds_up p
}

@test "connections_per_source counts clients" {
	proxied p '{"limits": {"connections_per_source": 1}}'
	start_p
	proxy a "$where" "$(header 192.0.2.1)" go
	proxy b "$where" "$(header 192.0.2.2)" go
	wait_until 10 active_is p 2
	run px "$where" "$(header 192.0.2.1)"
	assert_failure 3
	wait_refused p source-full 1
	wait_log '^refuse service=p peer=192\.0\.2\.1:4711 reason=source-full'
	go a
	proxy_ended a
	wait_until 5 active_is p 1
	run px "$where" "$(header 192.0.2.1)"
	assert_success
	adds_up p
}

@test "rate_per_source counts clients" {
	proxied p '{"limits": {"rate_per_source": "1/h"}}'
	start_p
	local i
	for i in 1 2 3; do
		run px "$where" "$(header 192.0.2.$i)"
		assert_success
		run px "$where" "$(header 192.0.2.$i)"
		assert_failure 3
		wait_refused p source-rate $i
	done
	adds_up p
}

@test "penalties are the client's" {
	sh_service p 'read x; exit 9' '{"proxy_protocol": {"from": ["local"]}, "penalties": {"exit": {"9": "1min"}, "threshold": "30s"}}'
	start_p
	run px "$where" "$(header 192.0.2.1)+t,x\n"
	wait_logged 1 '^exit service=p .* status=9'
	wait_log '^penalty service=p source=192\.0\.2\.1'
	run px "$where" "$(header 192.0.2.1)"
	assert_failure 3
	wait_refused p penalty 1
	run px "$where" "$(header 192.0.2.2)+t,x\n"
	assert_success
	wait_logged 2 '^exit service=p .* status=9'
}

# ---- places ----

@test "those whose header is awaited have their places: the fourth of three waits" {
	proxied p '{"limits": {"connections": 3}}'
	start_p
	proxy three -n 3 "$where" 't,PROXY ' go 't,UNKNOWN\r\n'
	awaits p 3
	service_is p '.active == 0'
	proxy fourth --stay "$where" "$v1+t,hello"
	wait_until 5 service_is p '.gate == "service-full"'
	wait_until 5 connected_to p 4
	heard_nothing fourth
	go three
	heard fourth hello 10
	proxy_ended three
	[[ $(tail -n 1 "$T/three.out" | jq .ok) == 3 ]]
	service_is p '.peak == 3'
	adds_up p
}

@test "or is refused, when the chain says so" {
	proxied p '{"limits": {"connections": 3, "overflow": ["refuse"]}}'
	start_p
	proxy three -n 3 "$where" go v1
	awaits p 3
	run px "$where" "$v1"
	assert_failure 3
	wait_refused p service-full 1
	adds_up p
	go three
	proxy_ended three
	[[ $(tail -n 1 "$T/three.out" | jq .ok) == 3 ]]
}

@test "the pool counts them, and another service's client waits" {
	conf '{"limits": {"connections": 2}}'
	proxied p
	echo_service other
	start_berthd
	proxy two -n 2 "$(at p)" go v1
	awaits p 2
	open_session c "$(at other)"
	say c hello
	wait_until 5 service_is other '.gate == "pool-full"'
	heard_nothing c
	go two
	heard c hello 10
	proxy_ended two
	close_session c
}

@test "one that is refused, or gives up, gives its place back" {
	proxied p '{"limits": {"connections": 1}}'
	start_p
	run px -n 20 "$where" t,bad
	[[ $(jq .reset <<<"$output") == 20 ]] || fail "$output"
	run px -n 20 "$where" 't,PROXY '
	[[ $(jq .reset <<<"$output") == 20 ]] || fail "$output"
	run px "$where" "$v1+t,hello"
	assert_line -n 1 hello
	wait_refused p bad-header 40
	wait_until 5 service_is p '.pending == 0 and .active == 0'
	adds_up p
}

@test "the header is not of the client's bytes" {
	proxied p
	start_berthd
	proxy c "$(at p)" "$v2" t,hello go
	wait_until 10 eval '[[ $(connections ".[0].received" p) == 5 ]]' || fail "$(ctl connections --json)"
	[[ $(connections '.[0].peer' p) == 192.0.2.7:4711 ]]
	[[ $(connections '.[0].local' p) == 198.51.100.1:79 ]]
	go c
	proxy_ended c
}

@test "a client of which only the header came is silent, and first_byte ends it" {
	proxied p '{"timeouts": {"first_byte": "300ms"}}'
	start_p
	proxy silent --stay "$where" "$v2"
	proxy speaker --stay "$where" "$v2+t,hello\n"
	heard speaker hello 10
	wait_log '^exit service=p .*cause=first-byte' 10
	proxy_ended silent
	session_open speaker
	active_is p 1
	run log_count 'cause=first-byte'
	assert_output 1
}

@test "an idle connection behind a proxy is evicted for a newcomer behind it" {
	service p "$(jq -nc '{listen: "tcp:127.0.0.1:0", exec: ["/bin/cat"], proxy_protocol: {from: ["local"]},
	    limits: {connections: 1, overflow: ["evict"]}, evict: {min_idle: "200ms", goodbye: "goodbye\n"}}')"
	start_p
	proxy old --stay "$where" "$v2+t,hello\n"
	heard old hello 10
	run px "$where" "$(header 192.0.2.8)+t,new"
	assert_success
	assert_output new
	heard old goodbye
	proxy_ended old
	wait_log '^evict service=p connection=1 .*peer=192\.0\.2\.7:4711'
	wait_log '^exit service=p connection=1 .*cause=evicted'
	adds_up p
}

@test "limits.rate: behind a proxy too they wait for their turn" {
	proxied p '{"limits": {"rate": "4/s", "burst": 1}}'
	start_p
	run px -n 5 "$where" "$v2"
	[[ $(jq -c '[.ok, .reset]' <<<"$output") == '[5,0]' ]] || fail "$output $(of p .refused)"
	adds_up p
}

@test "a shortage at the start of its handler: it waits, as any connection" {
	requires program strace
	proxied p
	start_p
	background strace -o /dev/null -p "$DPID" -e trace=pipe2 -e inject=pipe2:error=EMFILE:when=1..2
	wait_until 5 grep -q 'TracerPid:.[1-9]' "/proc/$DPID/status"
	run px "$where" "$v2+t,hello"
	assert_success
	assert_line -n 1 hello
	adds_up p
}

# ---- the aide ----

@test "headers are read by a child without privileges" {
	requires root
	echo_service other
	start_berthd
	no_aide
	proxied p
	wait_until 5 aide_is_there
	local pid
	pid=$(aide)
	run grep -E '^(Uid|Gid|NoNewPrivs|CapEff|Groups):' "/proc/$pid/status"
	assert_line --regexp '^Uid:.65533.65533.65533.65533'
	assert_line --regexp '^Gid:.65533.65533.65533.65533'
	assert_line --regexp '^CapEff:.0+$'
	assert_line --regexp '^NoNewPrivs:.1'
	assert_line --regexp '^Groups:.*$'
	refute_line --regexp '^Groups:.*[0-9]'
	# 0 to 2, its socket and its epoll
	(($(count_fds "$pid") == 5)) || fail "$(ls -l "/proc/$pid/fd")"
}

@test "what a client sends after its header does not wake it" {
	proxied p
	start_berthd
	proxy c --pause 0 "$(at p)" "$v1" go '~z,3000' go
	wait_until 10 active_is p 1
	local pid before
	pid=$(aide)
	before=$(grep ctxt "/proc/$pid/status")
	go c
	wait_until 10 eval '[[ $(grep -c ready "$T/c.out") == 2 ]]'
	assert_equal "$(grep ctxt "/proc/$pid/status")" "$before"
	go c
	proxy_ended c
}

@test "clients that end after their header end nobody whose header is awaited" {
	proxied p
	start_p
	local i
	# each in the place of memory that one before it had
	for i in 1 2 3; do
		proxy "served$i" -n 10 "$where" "$v2" go t,hello
	done
	wait_until 10 active_is p 30
	for i in 1 2 3; do
		proxy "half$i" -n 10 "$where" 't,PROXY ' go 't,TCP4 192.0.2.7 198.51.100.1 4711 79\r\n+t,hello'
	done
	awaits p 30
	for i in 1 2 3; do
		go "served$i"
		proxy_ended "served$i"
		[[ $(tail -n 1 "$T/served$i.out" | jq .ok) == 10 ]]
	done
	for i in 1 2 3; do
		go "half$i"
		proxy_ended "half$i"
		[[ $(tail -n 1 "$T/half$i.out" | jq .ok) == 10 ]] || fail "$(tail -n 1 "$T/half$i.out")"
	done
	service_is p '.refused["bad-header"] == 0'
}

@test "it is killed while it holds 50 connections: all are served" {
	proxied p
	start_berthd
	proxy fifty -n 50 "$(at p)" 't,PROXY TCP4 192.0.2.7 ' go 't,198.51.100.1 4711 79\r\n+t,hello'
	awaits p 50
	local old
	old=$(aide)
	kill_aide
	wait_until 5 new_aide "$old"
	go fifty
	proxy_ended fifty 20
	run tail -n 1 "$T/fifty.out"
	assert_output "$(jq -nc --arg a "$real"$'\nhello' '{ok: 50, reset: 0, timeout: 0, answers: [$a]}' | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)))')"
	service_is p '.refused["bad-header"] == 0'
	wait_until 10 service_is p '.ended == 50'
	adds_up p
}

@test "it is killed again and again while clients come: all are served" {
	proxied p
	start_berthd
	local i
	for i in {1..8}; do
		proxy "c$i" -n 10 "$(at p)" "~$v2+t,hello"
		kill_aide || :
	done
	for i in {1..8}; do
		proxy_ended "c$i" 30
		[[ $(tail -n 1 "$T/c$i.out" | jq .ok) == 10 ]] || fail "$(cat "$T/c$i.out")"
	done
	service_is p '.refused["bad-header"] == 0'
	wait_until 10 service_is p '.ended == 80'
	adds_up p
	# the dead are reaped
	wait_until 5 eval '(($(pgrep -c -P '"$DPID"' -x berthd-proxy) == 1))'
}

@test "what it has said before it was killed counts, though it had orders unread" {
	requires program strace
	proxied p '{"listen": ["unix:'"$T"'/p.sock"], "socket": {"mode": "0666"}, "proxy_protocol": {"from": ["local"]}}'
	start_berthd
	local old
	wait_until 5 aide_is_there
	old=$(aide)
	proxy one "unix:$T/p.sock" go "$v2" go t,hello
	awaits p 1
	# of a unix stream it takes the header itself: only its word tells what was there
	background strace -o /dev/null -p "$old" -e trace=recvmsg -e inject=recvmsg:error=EAGAIN
	wait_until 5 grep -q '^TracerPid:.[1-9]' "/proc/$old/status"
	proxy two "unix:$T/p.sock" "$v2+t,hello"
	awaits p 2
	kill -STOP "$DPID"
	go one
	wait_until 10 eval '[[ $(grep -c ready "$T/one.out") == 2 ]]'
	sleep 0.5
	kill -KILL "$old"
	wait_until 5 gone "$old"
	kill -CONT "$DPID"
	go one
	proxy_ended one 20
	proxy_ended two 20
	service_is p '.refused["bad-header"] == 0'
	adds_up p
}

@test "500 that trickle cost no CPU" {
	proxied p '{"limits": {"connections": 600}}'
	start_berthd
	proxy many -n 500 --stay --pause 0.3 --timeout 0.1 "$(at p)" '~t,PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaa'
	awaits p 500
	local pid daemon reader
	pid=$(aide)
	daemon=$(ticks_of "$DPID") reader=$(ticks_of "$pid")
	sleep 2
	daemon=$(($(ticks_of "$DPID") - daemon)) reader=$(($(ticks_of "$pid") - reader))
	# they were there all the time
	assert_equal "$(awaited p)" 500
	((daemon <= 20 && reader <= 40)) || fail "in two seconds berthd had $daemon ticks, its aide $reader"
	adds_up p
}

@test "500 that say half and then nothing cost no CPU at all" {
	proxied p '{"limits": {"connections": 600}}'
	start_berthd
	proxy many -n 500 "$(at p)" 't,PROXY UNK' go 't,NOWN\r\n+t,hello'
	awaits p 500
	local pid daemon reader
	pid=$(aide)
	daemon=$(ticks_of "$DPID") reader=$(ticks_of "$pid")
	sleep 1
	daemon=$(($(ticks_of "$DPID") - daemon)) reader=$(($(ticks_of "$pid") - reader))
	assert_equal "$(awaited p)" 500
	((daemon <= 5 && reader <= 5)) || fail "in a second berthd had $daemon ticks, its aide $reader"
}

# ---- reload, removal, stop ----

@test "a reload that asks for headers, and one that asks for none" {
	sh_service p "$who"
	start_berthd
	local where
	where=$(at p)
	no_aide
	run px "$where" t,hello
	assert_line -n 0 --regexp '^127\.0\.0\.1 '
	edit p '.proxy_protocol = {from: ["127.0.0.1"]}'
	wait_until 5 aide_is_there
	run px "$where" t,hello
	assert_failure 3
	run px "$where" "$v1+t,hello"
	assert_output "$real"$'\nhello'
	edit p '.proxy_protocol.from = ["127.0.0.2"]'
	run px "$where" "$v1"
	assert_failure 3
	run px --source 127.0.0.2 "$where" "$v1"
	assert_output "$real"
	edit p 'del(.proxy_protocol)'
	run px "$where" t,hello
	assert_line -n 0 --regexp '^127\.0\.0\.1 '
	wait_until 5 no_aide
}

@test "one whose header is awaited when none is asked for any more is served, and the aide goes after it" {
	proxied p
	start_berthd
	proxy c "$(at p)" 't,PROXY ' go 't,TCP4 192.0.2.7 198.51.100.1 4711 79\r\n+t,hello'
	awaits p 1
	edit p 'del(.proxy_protocol)'
	go c
	proxy_ended c
	run cat "$T/c.out"
	assert_output $'ready\n'"$real"$'\nhello'
	wait_until 5 no_aide
}

@test "the rules of the file that is there when the header has come count" {
	proxied p
	start_berthd
	proxy c "$(at p)" 't,PROXY ' go 't,TCP4 192.0.2.7 198.51.100.1 4711 79\r\n+t,hello'
	awaits p 1
	edit p '.access.deny = ["192.0.2.7"]'
	go c
	session_is_reset c
	wait_refused p denied 1
}

@test "a service is removed while headers are awaited: they are refused as draining" {
	proxied p
	echo_service other
	start_berthd
	proxy c "$(at p)" 't,PROXY ' go 't,UNKNOWN\r\n'
	awaits p 1
	rm "$SERVICES/p.json"
	ctl reload
	go c
	session_is_reset c
	wait_log '^refuse service=p .*reason=draining'
	wait_until 5 eval '[[ -z $(state_of p) ]]'
	wait_until 5 no_aide
	run ask other hello
	assert_output hello
}

@test "berthd stops while headers are awaited: they are refused as draining, and nothing is left" {
	proxied p
	conf '{"stop_grace": "100ms"}'
	start_berthd
	proxy some -n 5 --stay "$(at p)" 't,PROXY '
	awaits p 5
	local pid
	pid=$(aide)
	stop_berthd
	wait_until 5 gone "$pid"
	proxy_ended some
	[[ $(jq .reset "$T/some.out") == 5 ]]
	(($(log_count '^refuse service=p .*reason=draining') >= 1))
	run log_count 'reason=bad-header'
	assert_output 0
}

@test "berthd stops, and one whose header comes within the grace is served" {
	proxied p
	conf '{"stop_grace": "8s"}'
	start_berthd
	proxy c "$(at p)" 't,PROXY ' go 't,TCP4 192.0.2.7 198.51.100.1 4711 79\r\n+t,hello'
	awaits p 1
	kill -TERM "$DPID"
	wait_log '^(stop|stopping|drain)'
	go c
	proxy_ended c
	run cat "$T/c.out"
	assert_output $'ready\n'"$real"$'\nhello'
	stop_berthd
}

# ---- other kinds ----

@test "a unix endpoint: a local proxy says who the client is" {
	service p "$(jq -nc --arg t "$T" --arg s "$who" '{listen: "unix:\($t)/p.sock", exec: ["/bin/sh", "-c", $s], socket: {mode: "0666"},
	    proxy_protocol: {from: ["local"]}, access: {deny: ["192.0.2.66"]}, log: {peer: "full"}}')"
	start_berthd
	local h
	for h in "$v1" "$v2"; do
		run px "unix:$T/p.sock" "$h+t,hello"
		assert_output "$real"$'\nhello'
		run px "unix:$T/p.sock" "~$h+~t,hello"
		assert_output "$real"$'\nhello'
	done
	wait_logged 4 '^start service=p .*peer=192\.0\.2\.7:4711 '
	run px "unix:$T/p.sock" "$(header 192.0.2.66)"
	assert_output ''
	wait_refused p denied 1
	run px --stay "unix:$T/p.sock" t,bad
	assert_output ''
	wait_refused p bad-header 1
	# LOCAL: the unix client itself
	sh_service q 'echo "$PROTO $UNIXREMOTEEUID"; cat' "$(jq -nc --arg t "$T" '{listen: "unix:\($t)/q.sock", socket: {mode: "0666"}, proxy_protocol: {from: ["local"]}}')"
	ctl reload
	run px "unix:$T/q.sock" v2+t,hello
	assert_output "UNIX $EUID"$'\nhello'
	adds_up p
}

@test "the socket is handed on as it came: blocking, no low-water mark, no peeking offset" {
	service p "$(jq -nc '{listen: "tcp:127.0.0.1:0", proxy_protocol: {from: ["local"]}, exec: ["/usr/bin/python3", "-S", "-c",
	    "import fcntl, os, socket\ns = socket.socket(fileno=0)\nprint(fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK, s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT), s.getsockopt(socket.SOL_SOCKET, 42), s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8).hex(), fcntl.fcntl(0, fcntl.F_GETOWN))"]}')"
	start_berthd
	run px "$(at p)" "~$v1"
	assert_output '0 1 -1 0000000000000000 0'
}

@test "beside wait, tcpmux and datagrams it is refused by name" {
	local more
	for more in '{"wait": true}' '{"tcpmux": true}' '{"listen": "udp:127.0.0.1:0"}' '{"listen": "unix-seqpacket:/run/x"}'; do
		sh_service p true "$(jq -nc --argjson m "$more" '{proxy_protocol: {from: ["local"]}} * $m')"
		run check "$SERVICES/p.json"
		assert_failure 1
		assert_output --regexp 'proxy_protocol'
	done
	sh_service p true '{"proxy_protocol": {}}'
	run check "$SERVICES/p.json"
	assert_failure 1
	assert_output --partial 'proxy_protocol.from'
	sh_service p true '{"proxy_protocol": {"from": ["10.0.0.0/8"], "others": "indirect"}}'
	run check "$SERVICES/p.json"
	assert_failure 1
	assert_output --partial 'proxy_protocol.others'
}
