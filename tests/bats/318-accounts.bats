# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# accepted = pending + active + ended + failed + refused, at every moment, whatever happens.
load ../lib/berth

# unbalanced: the services for which it does not hold, in one answer
unbalanced() {
	services '.[] | select(.accepted != .pending + .active + .ended + .failed + ([.refused[]] | add)) |
	    "\(.name): accepted \(.accepted), pending \(.pending), active \(.active), ended \(.ended), failed \(.failed), refused \(.refused)"'
}
balanced() { [[ -z $(unbalanced) ]]; }
settled() { [[ $(services 'all(.[]; .pending == 0 and .active == 0)') == true ]]; }

# mix SEED COUNT ENDPOINT...: COUNT clients, 60 at a time, each of some kind, to some of these, from some source
mix() {
	python3 -c '
import random, socket, struct, sys, threading, time
seed, count = int(sys.argv[1]), int(sys.argv[2])
to = [("127.0.0.1", int(a.rsplit(":", 1)[1])) for a in sys.argv[3:]]
rng = random.Random(seed)
plans = [(rng.choice(to), "127.0.0.%d" % rng.randint(1, 6),
    rng.choice(["ask", "ask", "ask", "reset", "reset-later", "silent", "leave", "bad", "crash", "talk"]), rng.random()) for _ in range(count)]
lock = threading.Lock()
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
def client(where, source, kind, r):
    with socket.socket() as s:
        s.settimeout(2)
        s.setsockopt(socket.IPPROTO_IP, 24, 1)    # IP_BIND_ADDRESS_NO_PORT
        s.bind((source, 0))
        s.connect(where)
        if kind == "reset": reset(s)
        elif kind == "reset-later": time.sleep(r * 0.1); reset(s)
        elif kind == "silent": time.sleep(r * 0.3)
        elif kind == "leave": s.sendall(b"hello\n")
        elif kind == "talk":
            for i in range(3): s.sendall(b"hello\n"); s.recv(100); time.sleep(r * 0.2)
        else:
            s.sendall({"ask": b"hello\n", "bad": b"75\n", "crash": b"crash\n"}[kind])
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096): pass
def work():
    while True:
        with lock:
            if not plans: return
            plan = plans.pop()
        try: client(*plan)
        except OSError: pass
threads = [threading.Thread(target=work) for _ in range(60)]
for t in threads: t.start()
for t in threads: t.join()
' "$@"
}

bad='while read line; do case $line in crash) kill -SEGV $$;; [0-9]*) exit $line;; esac; echo "$line"; done'

# lines_of WORD SERVICE: how many of them, with those that summaries held back
lines_of() {
	awk -v word="$1" -v service="service=$2" '$1 == word && $2 == service {
	    if (match($0, / count=[0-9]+ duration=/)) n += substr($0, RSTART + 7) + 0; else n++ } END { print n + 0 }' "$LOG"
}
# logged_as_counted SERVICE: the log says the same
logged_as_counted() {
	local refused failed handlers
	read -r refused failed handlers < <(services ".[] | select(.name == \"$1\") | \"\(.refused | add) \(.failed) \(.ended + .active)\"")
	[[ $(lines_of refuse "$1") == "$refused" && $(lines_of fail "$1") == "$failed" && $(lines_of start "$1") == "$handlers" ]] || {
		echo "$1: refused $refused, logged $(lines_of refuse "$1"); failed $failed, logged $(lines_of fail "$1"); started $handlers, logged $(lines_of start "$1")"
		return 1
	}
}

all_kinds() {
	conf '{"limits": {"connections": 40}}'
	sh_service cap "$bad" '{"limits": {"connections": 4}}'
	sh_service source "$bad" '{"limits": {"connections_per_source": 2, "source_prefix": {"ipv4": 24}}}'
	sh_service rate "$bad" '{"limits": {"rate": "40/s", "burst": 5, "overflow": ["refuse"]}}'
	sh_service rates "$bad" '{"limits": {"rate_per_source": "5/s"}}'
	sh_service refuse "$bad" '{"limits": {"connections": 3, "overflow": [{"wait": "30ms"}, "refuse"]}}'
	sh_service banner "$bad" '{"limits": {"connections": 2, "overflow": [{"banner": "421 busy\n"}]}}'
	echo_service evict '{"limits": {"connections": 4, "overflow": ["evict", {"wait": "100ms"}, "refuse"]}, "evict": {"min_idle": "50ms"}}'
	sh_service penal "$bad" '{"penalties": {"signal": "300ms", "exit": {"75": "300ms"}, "threshold": "500ms", "max": "1s"}}'
	sh_service deny "$bad" '{"access": {"deny": ["127.0.0.3", "127.0.0.4"]}}'
	echo_service timeout '{"timeouts": {"idle": "100ms", "first_byte": "50ms", "lifetime": "150ms"}, "limits": {"connections": 10}}'
	service exec "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent\"], \"limits\": {\"overflow\": [\"refuse\"]}}"
}
names=(cap source rate rates refuse banner evict penal deny timeout exec)

@test "1,500 connections of all kinds: the accounts balance at every look, and the log says the same" {
	requires program python3
	all_kinds
	start_berthd
	local name where=() looks=0
	for name in "${names[@]}"; do where+=("$(at "$name")"); done
	background mix 1 1500 "${where[@]}"
	while alive "${JOBS[-1]}"; do
		run unbalanced
		assert_output ''
		((++looks))
		sleep 0.1
	done
	((looks >= 3)) || fail "only $looks looks"
	wait_until 30 settled
	run unbalanced
	assert_output ''
	for name in "${names[@]}"; do
		wait_until 10 logged_as_counted "$name" || fail "$(logged_as_counted "$name")"
	done
	# it was a mix
	service_is source '.refused["source-full"] > 0'
	service_is rate '.refused["service-rate"] > 0'
	service_is rates '.refused["source-rate"] > 0'
	service_is banner '.refused["service-full"] > 0'
	service_is penal '.refused.penalty > 0'
	service_is deny '.refused.denied > 0 and .ended > 0'
	service_is exec '.failed > 0 and .ended == 0'
	service_is cap '.peak == 4 and .ended > 0'
	assert_clean
}

@test "the histograms count what the counters count" {
	requires program python3
	all_kinds
	start_berthd
	local name where=()
	for name in "${names[@]}"; do where+=("$(at "$name")"); done
	mix 2 500 "${where[@]}"
	wait_until 30 settled
	run services '.[] | select(.histograms.queue_wait.count != .accepted or .histograms.lifetime.count != .ended or .histograms.spawn.count != .ended + .failed) | "\(.name) \(.accepted) \(.ended) \(.failed) \(.histograms)"'
	assert_output ''
}

@test "the accounts balance across reloads that take services away, change them and bring them back" {
	requires program python3
	local name i where=()
	all_kinds
	# ports that stay the same, so that sockets are handed over with who waits in them
	local -A port
	for name in "${names[@]}"; do
		port[$name]=$(free_port)
		jq --arg l "tcp:127.0.0.1:${port[$name]}" '.listen = $l' "$SERVICES/$name.json" >"$T/new" && mv "$T/new" "$SERVICES/$name.json"
		where+=("tcp:127.0.0.1:${port[$name]}")
	done
	start_berthd
	background mix 3 500 "${where[@]}"
	for ((i = 0; ; i++)); do
		alive "${JOBS[-1]}" || break
		name=${names[i % ${#names[@]}]}
		case $((i % 3)) in
		0) jq --arg d "$i" '.description = $d | .limits.connections = (.limits.connections // 5) + 1' "$SERVICES/$name.json" >"$T/new" && mv "$T/new" "$SERVICES/$name.json" ;;
		1) mv "$SERVICES/$name.json" "$SERVICES/other-$name.json" ;;
		2) mv "$SERVICES/$name.json" "$T/away.json"; ctl reload >/dev/null || :; mv "$T/away.json" "$SERVICES/$name.json" ;;
		esac
		ctl reload >/dev/null || :
		[[ ! -e $SERVICES/other-$name.json ]] || mv "$SERVICES/other-$name.json" "$SERVICES/$name.json"
		run unbalanced
		assert_output ''
	done
	ctl reload >/dev/null || :
	wait_until 30 settled
	run unbalanced
	assert_output ''
	((i >= 3)) || fail "only $i reloads"
}

@test "clients that are gone before a handler is started are counted as gone, and cost no handler" {
	sh_service one 'read line; echo "$line"; read line' '{"limits": {"connections": 1}}'
	start_berthd
	local where i
	where=$(at one)
	open_session a "$where"
	wait_log '^start service=one'
	for i in 1 2 3 4 5; do "$dial" --linger0 "$where" </dev/null; done
	open_session b "$where"
	say b hello
	close_session a
	heard b hello
	service_is one '.refused.gone == 5 and .accepted == 7 and .active == 1 and .ended == 1'
	run log_count '^refuse service=one peer=127\.0\.0\.1:[0-9]+ reason=gone'
	assert_output 1
	wait_log '^refuse service=one reason=gone count=4 ' 10
	close_session b
}

@test "what is held back of refusals is said in a summary, and the sum is exact" {
	echo_service x '{"access": {"deny": ["127.0.0.1"]}}'
	start_berthd
	run "$flood" -n 400 -c 10 "$(at x)"
	wait_until 5 service_is x '.accepted == 400 and .refused.denied == 400'
	wait_until 10 eval '[[ $(lines_of refuse x) == 400 ]]'
	run log_count '^refuse service=x peer='
	assert_output 1
	(($(log_count '^refuse service=x reason=denied count=[0-9]+ duration=[0-9.]+$') >= 1))
}
