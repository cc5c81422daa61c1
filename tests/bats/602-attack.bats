load ../lib/berth

@test "a process of the service's user that stops everything it can: others go on being served" {
	requires root
	local user=61234 i began slowest=0 took victim
	[[ -z $(ps -u $user -o pid=) ]] || cannot_run "uid $user is in use"
	sh_service victim 'echo hi' "{\"user\": $user}"
	echo_service good
	start_berthd
	victim=$(at victim)
	install -m 0755 "$PEERS/stopper" "$T/stopper"
	bg setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=-all "$T/stopper" 20 >"$T/stopper.out"
	wait_until 5 grep -q stopping "$T/stopper.out"
	# more than one held child at a time
	for i in {1..6}; do
		bg "$dial" --no-stdin --timeout 30 "$victim" >/dev/null 2>&1
	done
	for i in {1..40}; do
		began=$(now_ms)
		run ask good hello
		assert_output hello
		took=$(($(now_ms) - began))
		((took <= slowest)) || slowest=$took
	done
	echo "slowest: $slowest ms" >&2
	((slowest < 1000)) || fail "slowest: $slowest ms"
	wait_log 'fail service=victim .*error="held for 5s"' 10
	run ctl list
	assert_success
	# when the attack is over the service works again
	kill "${JOBS[0]}"
	wait_until 15 eval '[[ $("$dial" --no-stdin --timeout 5 "'"$victim"'" 2>/dev/null) == hi ]]'
	wait_until 10 active_is victim 0
	# those that it stopped after their start are its own user's affair
	pkill_user $user
}
# only pids that run under the test's own user id
pkill_user() { ps -u "$1" -o pid= | xargs -r kill -KILL; }

@test "a handler on a program file that hangs does not hold berthd" {
	requires root
	requires program unshare
	# a fifo in place of a program: execve fails at once, and nothing hangs
	mkfifo -m 755 "$T/fifo"
	service x "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/fifo\"]}"
	echo_service good
	start_berthd
	run "$dial" --no-stdin "$(at x)"
	wait_log 'fail service=x .*step=execve'
	run ask good hello
	assert_output hello
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
