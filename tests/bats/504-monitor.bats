# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# The method Monitor: events in parts, as they happen.
load ../lib/berth

# monitor NAME [PARAMETERS]: a client that watches until it is closed; what it gets is in $T/NAME.out
monitor() {
	open_session "$1" "unix:$CONTROL"
	printf '{"method":"io.berth.Control.Monitor","more":true,"parameters":%s}\0' "${2:-{\}}" >&"${SESSION_FD[$1]}"
	heard "$1" '"lost"'
}
parts() { tr '\0' '\n' <"$T/$1.out"; }
# events NAME JQ-FILTER: on the array of all that came
events() { parts "$1" | jq -sr "[.[].parameters.events[]] | $2"; }
events_are() { [[ $(events "$1" "$2") == "$3" ]]; }
count_is() { events_are "$1" length "$2"; }
varlink() { printf '%s\0' "$@" | "$dial" --timeout 10 "unix:$CONTROL" 2>/dev/null | tr '\0' '\n'; }

@test "each start, exit, refusal and failure is an event, in order, with its fields" {
	sh_service one 'exit 3'
	sh_service dying 'kill -SEGV $$'
	echo_service refusing '{"access": {"deny": ["local"]}}'
	service absent '{"listen": "tcp:127.0.0.1:0", "exec": ["/no/such/program"]}'
	start_berthd
	local name
	monitor m
	for name in one dying; do
		ask "$name" || :
		wait_until 5 service_is "$name" '.ended == 1'
	done
	ask refusing || :
	wait_until 5 service_is refusing '.refused.denied == 1'
	ask absent || :
	wait_until 5 count_is m 6
	run events m '.[] | "\(.event) \(.service) \(.connection) \(.reason) \(.cause) \(.status) \(.signal)"'
	assert_output "start one 1 null null null null
exit one 1 null exit 3 null
start dying 2 null null null null
exit dying 2 null exit null SEGV
refuse refusing null denied null null null
fail absent 3 null null null null"
	run events m '[.[].number] | . == [range(1; 7)]'
	assert_output true
	run events m 'all(.[]; (.peer | startswith("127.0.0.1:")) and .time > 1e9 and (.event == "refuse") == (.pid == null) and (.event == "exit") == (.duration != null))'
	assert_output true
	run log_count "^start service=one connection=1 pid=$(events m '.[0].pid') peer=$(events m '.[0].peer') "
	assert_output 1
}

@test "who gives its place to another is an event too, before its exit" {
	echo_service one '{"limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "100ms"}}'
	start_berthd
	monitor m
	open_session a "$(at one)"
	say a hello
	heard a hello
	open_session b "$(at one)"
	say b hello
	heard b hello 10
	wait_until 5 count_is m 4
	run events m '.[] | "\(.event) \(.connection) \(.cause)"'
	assert_output "start 1 null
evict 1 null
exit 1 evicted
start 2 null"
}

@test "each part says that more will come, the first one comes at once" {
	start_berthd
	monitor m
	run parts m
	assert_output '{"parameters":{"events":[],"lost":0},"continues":true}'
}

@test "what is past comes first, no more than was asked for, and the new goes on where it ends" {
	sh_service one 'echo hello'
	start_berthd
	local i
	for i in 1 2 3; do
		ask one
		wait_until 5 service_is one ".ended == $i"
	done
	monitor all '{"past":1000000}'
	monitor two '{"past":2}'
	monitor none '{"past":0}'
	count_is all 6
	run events two '[.[] | "\(.event) \(.connection)"] | join(",")'
	assert_output 'start 3,exit 3'
	count_is none 0
	ask one
	wait_until 5 count_is all 8
	wait_until 5 count_is two 4
	wait_until 5 count_is none 2
	run events all '[.[].number] | . == [range(1; 9)]'
	assert_output true
	run events two '[.[].number] | . == [range(5; 9)]'
	assert_output true
}

@test "a restart takes nothing of the past, also after a kill -9" {
	sh_service one 'echo hello'
	start_berthd
	ask one
	wait_until 5 service_is one '.ended == 1'
	kill9_berthd
	start_berthd
	ask one
	wait_until 5 service_is one '.ended == 2'
	monitor m '{"past":4096}'
	run events m '.[] | "\(.number) \(.event) \(.connection)"'
	assert_output "1 start 1
2 exit 1
3 start 2
4 exit 2"
}

@test "with a service only its events come, of the past and the new ones" {
	sh_service one 'echo hello'
	sh_service two 'echo hello'
	start_berthd
	ask one
	wait_until 5 service_is one '.ended == 1'
	ask two
	wait_until 5 service_is two '.ended == 1'
	monitor m '{"service":"one","past":2}'
	ask two
	wait_until 5 service_is two '.ended == 2'
	ask one
	wait_until 5 count_is m 4
	run events m '.[] | "\(.event) \(.service) \(.connection)"'
	assert_output "start one 1
exit one 1
start one 4
exit one 4"
}

@test "it needs more, a service that is there, and a number that counts" {
	start_berthd
	run varlink '{"method":"io.berth.Control.Monitor"}' \
	    '{"method":"io.berth.Control.Monitor","oneway":true}' \
	    '{"method":"io.berth.Control.Monitor","more":true,"parameters":{"service":"none"}}' \
	    '{"method":"io.berth.Control.Monitor","more":true,"parameters":{"past":-1}}' \
	    '{"method":"org.varlink.service.GetInfo","more":true}'
	assert_line --index 0 '{"error":"org.varlink.service.ExpectedMore","parameters":{}}'
	assert_line --index 1 '{"error":"io.berth.Control.NoSuchService","parameters":{"service":"none"}}'
	assert_line --index 2 '{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"past"}}'
	assert_line --index 3 --partial '"product":"berthd"'
	refute_line --partial continues
	assert_equal "${#lines[@]}" 4
}

switches() { awk '/^voluntary/ {print $2}' "/proc/$DPID/status"; }
# Is there a second in which berthd does not wake up once?
quiet_second() {
	local before
	before=$(switches)
	sleep 1
	[[ $(switches) == "$before" ]]
}

@test "while nothing happens nothing is sent, and berthd does not wake up" {
	sh_service one 'echo hello'
	start_berthd
	local i
	ask one
	for i in {1..20}; do monitor "m$i" '{"past":10}'; done
	wait_until 15 quiet_second
	wait_until 15 quiet_second
	for i in {1..20}; do assert_equal "$(parts "m$i" | grep -c continues)" 1; done
}

@test "a client that does not read delays nobody, and is told how many events it has lost" {
	echo_service refusing '{"access": {"deny": ["local"]}, "listen": "unix:'"$T"'/refusing"}'
	sh_service one 'echo hello'
	start_berthd
	background python3 -c '
import json, os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(30)
s.sendall(b"{\"method\":\"io.berth.Control.Monitor\",\"more\":true}\0")
first, rest = s.recv(65536).split(b"\0")
assert rest == b"" and json.loads(first)["parameters"] == {"events": [], "lost": 0}
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[3]): time.sleep(0.01)
last = int(open(sys.argv[3]).read())
at, lost, got, part, buf = 0, 0, 0, 0, b""
while at < last:
    more = s.recv(65536)
    assert more, "closed"
    *parts, buf = (buf + more).split(b"\0")
    for p in parts:
        p = json.loads(p)
        assert p["continues"]
        events = p["parameters"]["events"]
        lost += p["parameters"]["lost"]
        at += p["parameters"]["lost"]
        part += 1
        assert 0 < len(events) <= 128
        for e in events:
            at += 1
            assert e["number"] == at, (e["number"], at, lost)
        got += len(events)
print(got, lost, part)
assert lost > 0 and got > 4096 and got + lost == last
open(sys.argv[4], "w").close()' "$CONTROL" "$T/begun" "$T/last" "$T/good"
	wait_until 10 test -e "$T/begun"
	"$flood" -n 12000 -c 20 "unix:$T/refusing" || :
	wait_until 10 service_is refusing '.accepted >= 12000'
	run "$flood" -n 100 -c 5 --expect $'hello\n' "$(at one)"
	assert_success
	wait_until 5 service_is one '.ended == 100'
	services '[.[] | .ended * 2 + ([.refused[]] | add)] | add' >"$T/.last"
	mv "$T/.last" "$T/last"
	wait_until 20 test -e "$T/good"
}

@test "a hundred that watch and one that leaves in the middle see the same" {
	sh_service one 'echo hello'
	start_berthd
	background python3 -c '
import json, os, socket, sys, time
all = []
for i in range(100):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(30)
    s.sendall(b"{\"method\":\"io.berth.Control.Monitor\",\"more\":true}\0")
    assert b"continues" in s.recv(65536)
    all.append(s)
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[3]): time.sleep(0.01)
all.pop(50).close()
open(sys.argv[4], "w").close()
for s in all:
    numbers, buf = [], b""
    while len(numbers) < 200:
        more = s.recv(65536)
        assert more
        *parts, buf = (buf + more).split(b"\0")
        for p in parts: numbers += [e["number"] for e in json.loads(p)["parameters"]["events"]]
    assert numbers == list(range(1, 201))
open(sys.argv[5], "w").close()' "$CONTROL" "$T/begun" "$T/half" "$T/left" "$T/good"
	wait_until 20 test -e "$T/begun"
	run "$flood" -n 50 -c 5 --expect $'hello\n' "$(at one)"
	assert_success
	: >"$T/half"
	wait_until 10 test -e "$T/left"
	run "$flood" -n 50 -c 5 --expect $'hello\n' "$(at one)"
	assert_success
	wait_until 20 test -e "$T/good"
}

@test "a stop of berthd closes the connection of those who watch" {
	start_berthd
	monitor m
	stop_berthd
	session_ended m
}
