# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

# attack UID ENDPOINT: a process of that user stops all others of it that it sees, while 40 clients come.  Some handlers are
# caught between setresuid and execve, some after it.
attack() {
	local i
	install -m 0755 "$PEERS/stopper" "$T/stopper"
	background setpriv --reuid="$1" --regid="$1" --clear-groups --inh-caps=-all "$T/stopper" 20 >"$T/stopper.out"
	wait_until 5 grep -q stopping "$T/stopper.out"
	for i in {1..40}; do
		background "$dial" --no-stdin --timeout 30 "$2" >/dev/null 2>&1
	done
}

@test "a process of the service's user that stops everything it can: others go on being served" {
	requires root
	local user=61234 i began slowest=0 took victim
	[[ -z $(ps -u $user -o pid=) ]] || cannot_run "uid $user is in use"
	sh_service victim 'echo hi' "{\"user\": $user, \"process\": {\"working_directory\": \"/usr/share\"}}"
	echo_service good
	start_berthd
	victim=$(at victim)
	attack $user "$victim"
	for i in {1..40}; do
		began=$(now_ms)
		run ask good hello
		assert_output hello
		took=$(($(now_ms) - began))
		((took <= slowest)) || slowest=$took
	done
	echo "slowest: $slowest ms" >&2
	((slowest < 1000)) || fail "slowest: $slowest ms"
	# no child is held for ever
	wait_until 10 eval '[[ $(services "[.[].active] | add") == "$(log_live)" ]]'
	echo "held: $(log_count 'held for 5s')" >&2
	run ctl list
	assert_success
	# when the attack is over the service works again
	kill "${JOBS[0]}"
	wait_until 15 eval '[[ $("$dial" --no-stdin --timeout 5 "'"$victim"'" 2>/dev/null) == hi ]]'
	# those that it stopped after their start are its own user's affair
	pkill_user $user
	wait_until 10 active_is victim 0
}
log_live() { echo $(($(log_count '^start ') - $(log_count '^exit '))); }
# only pids that run under the test's own user id
pkill_user() { ps -u "$1" -o pid= | xargs -r kill -KILL; }

@test "a half-made child that its user holds, traces and kills: berthd lives and serves" {
	requires root
	local user=61235 attacked
	[[ -z $(ps -u $user -o pid=) ]] || cannot_run "uid $user is in use"
	service victim "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"/bin/sleep\", \"1\"], \"user\": $user, \"limits\": {\"connections\": null}, \"log\": {\"connections\": false}}"
	echo_service good
	start_berthd
	attacked=$(at victim)
	install -m 0755 "$PEERS/seizer" "$T/seizer"
	run timeout 30 setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=-all "$T/seizer" "$DPID" "$attacked" 5
	assert_success
	assert_output --regexp '^held [0-9]+ seized [0-9]+$'
	run ask good hello
	assert_output hello
	wait_until 15 active_is victim 0
}

# Whoever executes FILE hangs in execve until this ends: a fanotify(7) listener that never answers
hang_exec() {
	background python3 -c '
import ctypes, os, sys, time
c = ctypes.CDLL(None, use_errno=True)
f = c.fanotify_init(0x4 | 0x1, os.O_RDONLY)
if f < 0 or c.fanotify_mark(f, 1, ctypes.c_uint64(0x40000), -100, sys.argv[1].encode()) < 0: sys.exit(1)
print("hanging", flush=True)
time.sleep(60)' "$1" >"$T/hanging"
	wait_until 5 eval '[[ -s $T/hanging ]] || gone '"$!"
	[[ -s $T/hanging ]] || cannot_run "needs fanotify permission events"
}

@test "a program that hangs in execve: others go on being served, and it is given up after 5 s" {
	requires root
	requires program python3
	install -m 0755 /bin/cat "$T/program"
	service victim "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/program\"]}"
	echo_service good
	start_berthd
	hang_exec "$T/program"
	local i began took slowest=0
	for i in 1 2 3; do
		open_session "v$i" "$(at victim)"
	done
	for i in {1..20}; do
		began=$(now_ms)
		run ask good hello
		assert_output hello
		took=$(($(now_ms) - began))
		((took <= slowest)) || slowest=$took
	done
	((slowest < 500)) || fail "slowest: $slowest ms"
	run ctl connections victim
	assert_success
	wait_logged 3 'fail service=victim .*step=execve error="held for 5s"' 12
	for i in 1 2 3; do
		session_ended "v$i" 5 || :
		gone "${SESSION_PID[v$i]}"
	done
	run log_count '^start service=victim'
	assert_output 0
	kill "${JOBS[0]}"
	wait_until 15 eval '[[ $(ask victim hello) == hello ]]'
}

@test "a stop does not wait for a child that hangs" {
	requires root
	requires program python3
	conf '{"stop_grace": "200ms"}'
	install -m 0755 /bin/cat "$T/program"
	service victim "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/program\"]}"
	start_berthd
	hang_exec "$T/program"
	open_session v "$(at victim)"
	wait_until 5 eval '[[ -n $(children_of "$DPID" | tr -d " ") ]]'
	local began
	began=$(now_ms)
	stop_berthd
	(($(now_ms) - began < 7000))
}

@test "a handler cannot trace or signal its berthd" {
	requires root
	sh_service x 'kill -TERM $PPID 2>/dev/null && echo killed; cat /proc/$PPID/environ 2>/dev/null | head -c 1; echo tried'
	start_berthd
	run ask x
	assert_output tried
	run ask x
	assert_output tried
}

@test "built-ins that a process of their user stops half-made hold nobody up, and end in time" {
	requires root
	local user=61236 i victim
	[[ -z $(ps -u $user -o pid=) ]] || cannot_run "uid $user is in use"
	service victim "{\"listen\": \"tcp:127.0.0.1:0\", \"builtin\": \"daytime\", \"user\": $user, \"limits\": {\"connections\": null}}"
	echo_service good
	start_berthd
	victim=$(at victim)
	attack $user "$victim"
	for i in {1..20}; do
		run ask good hello
		assert_output hello
	done
	wait_until 10 eval '[[ $(services "[.[].active] | add") == "$(log_live)" ]]'
	kill "${JOBS[0]}"
	wait_until 15 eval '[[ $("$dial" --no-stdin --timeout 5 "'"$victim"'" 2>/dev/null) == *:*:* ]]'
	pkill_user $user
	wait_until 10 active_is victim 0
}
