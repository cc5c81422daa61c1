# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "as PID 1 of a container berthd reaps orphans that are not its own" {
	requires root
	requires program unshare nsenter
	sh_service x '(setsid sh -c "sleep 0.3" >/dev/null 2>&1 <&- &) ; (setsid sh -c "exit 3" &) ; echo hi'
	PREFIX=(unshare --pid --fork --kill-child --mount-proc)
	start_berthd
	UNSHARE=$DPID
	DPID=$(children_of "$UNSHARE" | tr -d ' ')
	run ask x
	assert_output hi
	run ask x
	assert_output hi
	wait_log 'exit service=x .*cause=exit status=0'
	wait_until 5 no_children
	# TERM is obeyed although it is PID 1
	local pid=$DPID
	DPID=''
	kill -TERM "$pid"
	wait_until 5 gone "$UNSHARE"
	wait "$UNSHARE"
	wait_log '^stopped'
}
