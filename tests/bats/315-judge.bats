# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: busybox vsftpd perl-base
# What berthctl connections says of real programs, and whether their place can be taken
load ../lib/berth

# p JSON: the service p, for one client at a time
p() {
	service p "$(jq -nc --argjson more "$1" '{listen: "tcp:127.0.0.1:0", limits: {connections: 1, overflow: ["evict"]},
	    evict: {min_idle: "300ms", goodbye: "goodbye\n"}} * $more')"
	start_berthd
}
python() { p "$(jq -nc --arg s "$1" --argjson more "${2:-{\}}" '{exec: ["/usr/bin/python3", "-S", "-c", $s]} * $more')"; }

one() { connections ".[0].$1" p; }
state_is() { [[ $(one state) == "$1" ]]; }
# judged STATE: it comes to that, and stays
judged() {
	local i
	wait_until 10 state_is "$1" || fail "$(connections '.[0]' p)"
	for i in 1 2 3; do
		sleep 0.05
		state_is "$1" || fail "$(connections '.[0]' p)"
	done
}
# never STATE...: for a while
never() {
	local end=$(($(now_ms) + 700)) state
	while (($(now_ms) < end)); do
		state=$(one state)
		[[ " $* " != *" $state "* ]] || fail "$(connections '.[0]' p)"
	done
}
speaks() {
	open_session c1 "$(at p)"
	say c1 hello
	heard c1 hello 10
}
listens() {
	open_session c1 "$(at p)"
	heard c1 "$1" 10
}
# makes_way [GREETING]: c1 is evicted for another client, which is served
makes_way() {
	open_session new "$(at p)"
	[[ -n ${1-} ]] || say new hello
	heard new "${1:-hello}" 15
	session_ended c1 10
	[[ $(tail -c 8 "$T/c1.out") == goodbye ]] || fail "c1 got: $(cat -v "$T/c1.out")"
	wait_log '^exit service=p connection=1 .* cause=evicted'
	(($(log_count '^evict ') == 1))
	close_session new
}
# stays: nobody's place is taken for another client, who waits
stays() {
	open_session new "$(at p)"
	wait_until 5 service_is p '.pending == 1'
	sleep 0.7
	service_is p '.evicted == 0 and .active == 1 and .pending == 1'
	session_open c1
	(($(log_count '^evict ') == 0))
}

# over: the handler would outlive its client, and serve the next one likewise
over() {
	local pid
	pid=$(one pid)
	rm "$SERVICES/p.json"
	ctl reload >/dev/null
	kill -KILL -- "-$pid"
}

# ---- those that wait for their client ----

# others NAME EXEC...: one of several services, each for one client of its name
others() {
	local listen="tcp:127.0.0.1:0" more='{}' name=$1
	[[ -z ${UNIX:-} ]] || listen="unix:$T/$name.sock" more='{"socket": {"mode": "0666"}}'
	shift
	NAMES+=("$name")
	service "$name" "$(printf '%s\0' "$@" | jq -Rsc --arg l "$listen" --argjson more "$more" '{listen: $l,
	    exec: (split("\u0000") | map(select(. != ""))), limits: {connections: 1, overflow: ["evict"]},
	    evict: {min_idle: "300ms", goodbye: "goodbye\n"}} * $more')"
}
where() { if [[ -n ${UNIX:-} ]]; then echo "unix:$T/$1.sock"; else at "$1"; fi; }
all_are() { [[ $(connections '[.[].state] | unique | join(" ")') == "$1" ]]; }

@test "programs that read their input, or wait for it: dormant, and each makes way" {
	NAMES=()
	others cat /bin/cat
	others child /bin/sh -c 'cat; exit 0'
	others bash /bin/bash -c 'while read -r l; do echo "$l"; done'
	others pipeline /bin/sh -c 'cat | cat | cat'
	others perl /usr/bin/perl -pe '$|=1'
	others stdin /usr/bin/python3 -Sc 'import sys
for line in sys.stdin: print(line, end="", flush=True)'
	others recv /usr/bin/python3 -Sc 'import socket
s = socket.socket(fileno=0)
while d := s.recv(100): s.sendall(d)'
	others poll /usr/bin/python3 -Sc 'import os, select
p = select.poll()
p.register(0, select.POLLIN)
while True:
    if p.poll(5000):
        d = os.read(0, 100)
        if not d: break
        os.write(1, d)'
	others selectors /usr/bin/python3 -Sc 'import os, selectors
s = selectors.DefaultSelector()
s.register(0, selectors.EVENT_READ)
while True:
    if s.select(5):
        d = os.read(0, 100)
        if not d: break
        os.write(1, d)'
	start_berthd
	local name
	for name in "${NAMES[@]}"; do open_session "$name" "$(at "$name")"; done
	for name in "${NAMES[@]}"; do
		say "$name" hello
		heard "$name" hello 10
	done
	wait_until 10 all_are dormant || fail "$(connections .)"
	[[ $(connections 'all(.[]; .why == null and .received == 6 and .sent == 6 and .idle >= 0.3)') == true ]]
	for name in "${NAMES[@]}"; do
		open_session "new-$name" "$(at "$name")"
		say "new-$name" hello
	done
	for name in "${NAMES[@]}"; do
		heard "new-$name" hello 15 || fail "$name: $(connections . "$name")"
		session_ended "$name" 10
		[[ $(<"$T/$name.out") == $'hello\ngoodbye' ]] || fail "$name: $(cat "$T/$name.out")"
	done
	wait_logged "${#NAMES[@]}" '^exit .* cause=evicted'
	(($(log_count '^evict ') == ${#NAMES[@]}))
}

@test "rsync --daemon after its greeting: silent; in the middle of the greetings: dormant" {
	requires program rsync
	printf '[mod]\npath = %s\nreverse lookup = no\nuse chroot = no\n' "$T" >"$T/rsyncd.conf"
	p "{\"exec\": [\"/usr/bin/rsync\", \"--daemon\", \"--config=$T/rsyncd.conf\"]}"
	listens @RSYNCD:
	judged silent
	say c1 '@RSYNCD: 31.0'
	judged dormant
	makes_way @RSYNCD:
}

@test "git daemon --inetd: silent" {
	requires program git
	p "{\"exec\": [\"/usr/bin/git\", \"daemon\", \"--inetd\", \"--base-path=$T\"], \"evict\": {\"goodbye\": \"goodbye\\n\"}}"
	open_session c1 "$(at p)"
	judged silent
	open_session new "$(at p)"
	session_ended c1 10
	run cat "$T/c1.out"
	assert_output goodbye
	wait_until 5 service_is p '.active == 1 and .evicted == 1 and .accepted == 2'
	close_session new
}

@test "busybox httpd -i: silent, and while a request is not complete dormant" {
	requires program busybox
	mkdir "$T/www"
	echo content >"$T/www/index.html"
	p "{\"exec\": [\"$(type -P busybox)\", \"httpd\", \"-i\", \"-h\", \"$T/www\"]}"
	open_session c1 "$(at p)"
	judged silent
	say c1 'GET / HTTP/1.0'
	judged dormant
	open_session new "$(at p)"
	session_ended c1 10
	[[ $(tail -c 8 "$T/c1.out") == goodbye ]] || fail "c1 got: $(cat -v "$T/c1.out")"
	say new $'GET / HTTP/1.0\r\n\r'
	heard new content
	close_session new
}

@test "vsftpd after its greeting: silent; after a command: dormant" {
	requires root
	requires program vsftpd
	mkdir -p "$T/empty"
	printf '%s\n' listen=NO listen_ipv6=NO anonymous_enable=YES background=NO "secure_chroot_dir=$T/empty" \
	    isolate=NO isolate_network=NO >"$T/vsftpd.conf"
	p "{\"exec\": [\"$(PATH=$PATH:/usr/sbin type -P vsftpd)\", \"$T/vsftpd.conf\"], \"user\": \"root\"}"
	listens ^220
	judged silent
	say c1 $'NOOP\r'
	heard c1 '^530'
	judged dormant
	makes_way ^220
}

# dropbear WAITING
dropbear_service() {
	requires root
	requires program dropbear dropbearkey
	dropbearkey -t ed25519 -f "$T/hostkey" >/dev/null 2>&1
	p "$(jq -nc --arg t "$T" --arg w "$1" --arg p "$(PATH=$PATH:/usr/sbin type -P dropbear)" \
	    '{exec: [$p, "-i", "-s", "-r", "\($t)/hostkey"], user: "root", evict: {waiting: $w}}')"
	listens ^SSH-
	say c1 $'SSH-2.0-test\r'
}

@test "dropbear -i, which watches a descriptor of its own: busy where waiting is only" {
	dropbear_service only
	never silent dormant overdue
	judged busy
	[[ $(one why) == *descriptor* || $(one why) == *set* ]] || fail "$(one why)"
	stays
}

@test "dropbear -i, which watches a descriptor of its own: dormant where waiting is any" {
	dropbear_service any
	judged dormant
	makes_way ^SSH-
}

@test "idle for longer than keep_alive: overdue" {
	p '{"exec": ["/bin/cat"], "evict": {"keep_alive": "600ms"}}'
	speaks
	judged overdue
	makes_way
}

@test "a client that has not been idle for min_idle: busy" {
	p '{"exec": ["/bin/cat"], "evict": {"min_idle": "1h"}}'
	open_session c1 "$(at p)"
	wait_until 5 active_is p 1
	judged busy
	say c1 hello
	heard c1 hello
	judged busy
	stays
}

@test "a client that speaks again is not dormant any more, and then is" {
	p '{"exec": ["/bin/cat"], "evict": {"min_idle": "1s"}}'
	speaks
	judged dormant
	say c1 again
	heard c1 again
	state_is busy || fail "$(connections '.[0]' p)"
	[[ $(connections '.[0] | .idle < 1' p) == true ]]
	judged dormant
}

# ---- those that do not ----

# none_goes: for a while none is anything but busy; then somebody wants the place of each, and gets none
none_goes() {
	local end=$(($(now_ms) + 700)) name
	while (($(now_ms) < end)); do
		all_are busy || fail "$(connections .)"
	done
	for name in "${NAMES[@]}"; do open_session "new-$name" "$(where "$name")"; done
	wait_until 5 eval '[[ $(services "all(.[]; .pending == 1)") == true ]]'
	sleep 0.8
	[[ $(services 'all(.[]; .pending == 1 and .active == 1 and .evicted == 0)') == true ]]
	(($(log_count '^evict ') == 0))
	# their handlers would outlive them
	rm "$SERVICES"/*.json
	local pids
	pids=$(connections '.[].pid')
	ctl reload >/dev/null
	for name in $pids; do kill -KILL -- "-$name"; done
}

@test "handlers that do something else: busy, and none is taken" {
	NAMES=()
	others sleeps /bin/sh -c 'read -r l; sleep 30'
	others waits-first /bin/sleep 30
	others computes /bin/sh -c 'read -r l; while :; do :; done'
	others reads-nothing /bin/sh -c 'sleep 30'
	start_berthd
	local name
	for name in "${NAMES[@]}"; do open_session "$name" "$(at "$name")"; done
	for name in sleeps computes reads-nothing; do say "$name" hello; done
	wait_until 5 eval '[[ $(connections "[.[].received] | sort | join(\" \")") == "0 6 6 6" ]]'
	wait_until 5 all_are busy
	[[ $(connections '.[0].why' waits-first) == *nanosleep* ]] || fail "$(connections . waits-first)"
	none_goes
}

@test "a response that its client does not take, of a handler that is blocked or waits again: busy, and none is taken" {
	NAMES=()
	others blocked /bin/sh -c 'read -r l; exec yes'
	# as much as the sockets hold, and no more: nothing blocks
	others again /usr/bin/python3 -Sc 'import os
os.read(0, 100)
os.set_blocking(1, False)
try:
    while True: os.write(1, b"x" * 65536)
except BlockingIOError: pass
os.set_blocking(1, True)
os.read(0, 100)'
	start_berthd
	background timeout 60 python3 -c '
import socket, sys, time
s = [socket.create_connection(("127.0.0.1", int(p))) for p in sys.argv[1:]]
for c in s: c.sendall(b"go\n")
time.sleep(60)' "$(port_of blocked)" "$(port_of again)"
	wait_until 10 eval '[[ $(connections "[.[].received] | join(\" \")") == "3 3" ]]'
	wait_until 10 eval '[[ $(connections ".[0].why" blocked) == *"blocked in write"* ]]'
	wait_until 10 all_are busy
	none_goes
}

@test "unix sockets: a handler that sleeps, or has not read yet: busy, and none is taken" {
	NAMES=() UNIX=1
	others sleeps /bin/sh -c 'read -r l; sleep 30'
	others reads-nothing /bin/sh -c 'sleep 30'
	start_berthd
	local name
	for name in "${NAMES[@]}"; do
		open_session "$name" "$(where "$name")"
		say "$name" hello
	done
	wait_until 5 all_are busy
	sleep 0.4
	none_goes
}

@test "a handler that cannot be judged: unknown, with the reason, and never taken" {
	python 'import os, threading
for _ in range(70): threading.Thread(target=os.read, args=(0, 100)).start()'
	open_session c1 "$(at p)"
	wait_until 5 active_is p 1
	judged unknown
	[[ $(one why) == *"very many tasks"* ]] || fail "$(one why)"
	stays
	over
}

@test "a handler that lives on when its connection is closed: unknown, and never taken" {
	p '{"exec": ["/bin/sh", "-c", "exec 0<&- 1>&- 2>&-; exec sleep 30"]}'
	open_session c1 "$(at p)"
	session_ended c1
	judged unknown
	[[ $(one why) == *closed* ]] || fail "$(one why)"
	open_session new "$(at p)"
	wait_until 5 service_is p '.pending == 1'
	sleep 0.7
	service_is p '.evicted == 0 and .active == 1'
	over
	close_session new
}

@test "without the right to look nothing is evicted, and the log says so once" {
	requires root
	PREFIX=(setpriv --inh-caps=-sys_ptrace --bounding-set=-sys_ptrace)
	p '{"exec": ["/bin/cat"]}'
	speaks
	judged unknown
	stays
	open_session next "$(at p)"
	sleep 0.5
	run log_count '^warning .*nothing is evicted'
	assert_output 1
	service_is p '.evicted == 0'
	close_session next
}

# ---- unix sockets ----

u() { p "$(jq -nc --arg t "$T" --argjson more "$1" '{listen: "unix:\($t)/p.sock", socket: {mode: "0666"}} * $more')"; }
at() { if [[ $1 == p && -S $T/p.sock ]]; then echo "unix:$T/p.sock"; else echo "tcp:127.0.0.1:$(port_of "$1")"; fi; }

@test "unix sockets: dormant after two looks that are min_idle apart, without counts" {
	u '{"exec": ["/bin/cat"], "evict": {"min_idle": "1s"}}'
	speaks
	sleep 1.2
	# nobody has looked yet
	[[ $(one state) == busy ]]
	state_is busy || fail "$(connections '.[0]' p)"
	sleep 1.2
	state_is dormant || fail "$(connections '.[0]' p)"
	[[ $(one received) == null && $(one sent) == null && $(one why) == null ]]
	makes_way
}

@test "unix sockets: one that speaks between two looks is not dormant" {
	u '{"exec": ["/bin/cat"], "evict": {"min_idle": "1s"}}'
	speaks
	state_is busy
	sleep 1.2
	say c1 again
	heard c1 again
	state_is busy || fail "$(connections '.[0]' p)"
	sleep 1.2
	state_is dormant || fail "$(connections '.[0]' p)"
}

@test "unix sockets: a newcomer's wish alone finds the idle one" {
	u '{"exec": ["/bin/cat"]}'
	speaks
	makes_way
}

