# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

sink() { background "$PEERS/sdsink" "$1" >"$T/notify"; wait_until 5 listening_dgram "$1"; }
listening_dgram() { grep -qF -- "$1" /proc/net/unix; }
told() { wait_until "${2:-5}" grep -qxE -- "$1" "$T/notify"; }

@test "READY after the services are open, RELOADING with its time, STOPPING" {
	sink "$T/sd"
	echo_service one
	PREFIX=(env "NOTIFY_SOCKET=$T/sd")
	start_berthd
	told READY=1
	told 'STATUS=.+'
	: >"$T/notify"
	ctl reload
	told RELOADING=1
	told READY=1
	# one datagram has both
	run awk 'BEGIN { RS = "--\n" } /RELOADING=1/ && /MONOTONIC_USEC=[0-9]+/ { print "both" }' "$T/notify"
	assert_line both
	# also after a reload that failed
	: >"$T/notify"
	service bad '{'
	run ctl reload
	assert_failure 1
	told READY=1
	: >"$T/notify"
	stop_berthd
	told STOPPING=1
}

@test "an abstract notify socket" {
	local name=@berth-notify-$BATS_TEST_NUMBER-$$
	sink "$name"
	PREFIX=(env "NOTIFY_SOCKET=$name")
	start_berthd
	told READY=1
}

@test "a watchdog is fed when it is asked of this process, and not of another" {
	sink "$T/sd"
	PREFIX=(env "NOTIFY_SOCKET=$T/sd" WATCHDOG_USEC=200000)
	start_berthd
	told WATCHDOG=1 2
	stop_berthd
	: >"$T/notify"
	PREFIX=(env "NOTIFY_SOCKET=$T/sd" WATCHDOG_USEC=200000 WATCHDOG_PID=1)
	start_berthd
	told READY=1
	sleep 0.5
	run grep -c WATCHDOG "$T/notify"
	assert_output 0
}

@test "a notify socket that nobody reads, or that is not there, does not hold the start up" {
	local began
	background "$PEERS/sdsink" --stall --buffer 1 "$T/sd"
	wait_until 5 listening_dgram "$T/sd"
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.setblocking(False); s.connect(sys.argv[1])
try:
    while True: s.send(b"x" * 1000)
except OSError: pass' "$T/sd"
	PREFIX=(env "NOTIFY_SOCKET=$T/sd")
	echo_service one
	began=$(now_ms)
	start_berthd
	(($(now_ms) - began < 1500))
	run ask one hello
	assert_output hello
	stop_berthd
	PREFIX=(env "NOTIFY_SOCKET=$T/absent")
	start_berthd
	run ask one hello
	assert_output hello
}

@test "a SIGHUP handler is in place before READY" {
	start_berthd
	local caught blocked
	caught=$(sed -n 's/SigCgt:\t//p' "/proc/$DPID/status")
	((0x$caught & 1)) || fail "SigCgt $caught"
}
