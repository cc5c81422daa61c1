# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What a handler finds itself in, told by itself (tests/peers/fdcheck.c).
load ../lib/berth

# report_service [JSON]; report: ask it into $REPORT; fact REGEX: one line of it
report_service() {
	service report "$(jq -nc --arg p "$(peer_handler fdcheck)" --argjson more "${1:-{\}}" \
	    '{listen: "tcp:127.0.0.1:0", exec: [$p]} * $more')"
}
report() { REPORT=$(ask report); [[ $REPORT == *end ]]; }
fact() { grep -qE -- "^$1\$" <<<"$REPORT" || fail "no line $1 in
$REPORT"; }
no_fact() { ! grep -E -- "^$1" <<<"$REPORT" || fail "a line $1"; }

# The facts that every handler finds, however berthd was started
clean_handler() {
	fact 'fd 0 socket:\[[0-9]+\] blocking both'
	fact 'fd 1 socket:\[[0-9]+\] blocking both'
	fact 'fd 2 pipe:\[[0-9]+\] blocking both'
	[[ $(grep -c '^fd ' <<<"$REPORT") == 3 ]] || fail "$(grep '^fd ' <<<"$REPORT")"
	fact 'SigBlk:.0+'
	fact 'SigIgn:.0+'
	fact 'umask 0022'
	fact 'cwd /'
	fact 'nice 0'
	fact 'tty none'
	local pid
	pid=$(sed -n 's/^pid //p' <<<"$REPORT")
	fact "sid $pid"
	fact "pgid $pid"
}

@test "fds are 0, 1, 2; signals, umask, directory, session as promised" {
	report_service
	start_berthd
	report
	clean_handler
	fact "ppid $DPID"
}

@test "nothing of a berthd that was started in a mess reaches a handler" {
	requires root
	report_service
	local i
	exec 50</etc/passwd 99<>"$T/log"
	for ((i = 200; i < 260; i++)); do eval "exec $i</dev/null"; done
	trap '' PIPE HUP CHLD USR1
	cd "$T"
	umask 077
	PREFIX=(env NOTIFY_SOCKET=@nobody WATCHDOG_USEC=1000000000 LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=x INVOCATION_ID=abc
	    JOURNAL_STREAM=1:2 CREDENTIALS_DIRECTORY=/run/credentials MAINPID=1 MEMORY_PRESSURE_WATCH=/x LD_PRELOAD= LD_LIBRARY_PATH=/nowhere
	    HOME=/root SECRET=x nice -n 5 choom -n 300 --)
	start_berthd
	umask 022
	trap - PIPE HUP CHLD USR1
	exec 50<&- 99>&-
	for ((i = 200; i < 260; i++)); do eval "exec $i<&-"; done
	hold_some
	report
	clean_handler
	no_fact 'env (NOTIFY_SOCKET|WATCHDOG|LISTEN|INVOCATION_ID|JOURNAL_STREAM|CREDENTIALS|MAINPID|MEMORY_PRESSURE|LD_|SECRET)'
	fact 'env HOME=/nonexistent'
	fact 'oom_score_adj 300'
	# the death of a child is seen although SIGCHLD was inherited as ignored
	wait_log 'exit service=report .*status=0'
}

@test "a handler ignores no signal although berthd was started with the fault signals ignored" {
	report_service
	PREFIX=(sh -c 'trap "" SEGV ABRT TRAP SYS FPE ILL BUS; exec "$@"' sh)
	start_berthd
	report
	clean_handler
}

@test "nor although posix_spawn left glibc's own two ignored" {
	requires program python3
	report_service
	PREFIX=(python3 -c '
import ctypes, os, platform, struct, sys
nr = {"x86_64": 13, "aarch64": 134}[platform.machine()]
c = ctypes.CDLL(None, use_errno=True)
for sig in 32, 33:
    assert c.syscall(nr, sig, struct.pack("QQQQ", 1, 0, 0, 0), None, 8) == 0, ctypes.get_errno()
os.execvp(sys.argv[1], sys.argv[1:])')
	# it does ignore them in what is executed
	run "${PREFIX[@]}" grep SigIgn /proc/self/status
	assert_output --regexp 'SigIgn:.[0-9a-f]*18[0-9a-f]{7}$'
	start_berthd
	report
	clean_handler
}

# Other connections of berthd's, and a listener or two
hold_some() {
	echo_service other
	wait_until 5 service_is other '.state == "open"'
	open_hold 30 "$(at other)"
	held
}

@test "a handler among 30 live connections sees none of them" {
	report_service
	start_berthd
	hold_some
	report
	clean_handler
}

@test "user, group and supplementary groups are exact" {
	requires root
	report_service '{"user": "daemon"}'
	PREFIX=(setpriv --groups "7,8,9,10")
	start_berthd
	report
	fact 'uid 1 1 1'
	fact 'gid 1 1 1'
	fact 'groups( 1)?'
	fact 'CapEff:.0+'
	fact 'CapPrm:.0+'
	fact 'CapInh:.0+'
	fact 'CapAmb:.0+'
	fact 'env USER=daemon'
	fact 'env LOGNAME=daemon'
	fact 'env HOME=/usr/sbin'
}

@test "group and groups replace the user's own" {
	requires root
	report_service '{"user": "daemon", "group": "games", "groups": ["mail", 4242]}'
	start_berthd
	report
	fact 'uid 1 1 1'
	fact 'gid 60 60 60'
	fact 'groups (8 4242|4242 8)'
}

@test "a number without a passwd entry has home /, a plain shell and no groups" {
	requires root
	report_service '{"user": 54321}'
	start_berthd
	report
	fact 'uid 54321 54321 54321'
	fact 'groups'
	fact 'env HOME=/'
	fact 'env SHELL=/bin/sh'
}

@test "umask, directory, nice, oom score and rlimits of process" {
	requires root
	report_service '{"process": {"umask": "027", "working_directory": "/usr", "nice": 7, "oom_score_adj": 500,
	    "rlimits": {"nofile": 256, "as": "512M", "cpu": "60s", "nproc": 32, "core": 0, "fsize": [1000000, "unlimited"]}}}'
	start_berthd
	report
	fact 'umask 0027'
	fact 'cwd /usr'
	fact 'nice 7'
	fact 'oom_score_adj 500'
	fact 'rlimit nofile 256 256'
	fact 'rlimit as 536870912 536870912'
	fact 'rlimit cpu 60 60'
	fact 'rlimit nproc 32 32'
	fact 'rlimit core 0 0'
	fact 'rlimit fsize 1000000 unlimited'
}

@test "nice below zero works for a handler without privileges" {
	requires root
	report_service '{"process": {"nice": -5}}'
	start_berthd
	report
	fact 'nice -5'
	fact 'uid 65534 65534 65534'
}

@test "a handler has the file limit that berthd was started with" {
	report_service
	PREFIX=(prlimit --nofile=300:1500)
	start_berthd
	report
	fact 'rlimit nofile 300 1500'
}

@test "a very low nofile limit does not hinder the start" {
	requires root
	sh_service low 'ulimit -n; echo out; cat /no/such/file' '{"process": {"rlimits": {"nofile": 4}}}'
	start_berthd
	run ask low
	assert_output $'4\nout'
	wait_log 'stderr service=low .*line=.*/no/such/file'
}

@test "the environment of a TCP handler is exactly this" {
	requires root
	report_service '{"process": {"environment": {"TZ": "UTC"}, "pass_environment": ["PASSED", "UNSET"]}}'
	PREFIX=(env PASSED=yes OTHER=no)
	start_berthd
	report
	local port peer
	port=$(port_of report)
	peer=$(sed -n 's/^env TCPREMOTEPORT=//p' <<<"$REPORT")
	run grep '^env ' <<<"$REPORT"
	assert_output --regexp "env PATH=/[^
]*"
	assert_equal "$(grep -v '^env PATH=\|CONNECTION' <<<"$output")" "env BERTH_ACTIVE=1
env BERTH_LIMIT=100
env BERTH_SERVICE=report
env HOME=/nonexistent
env LOGNAME=nobody
env PASSED=yes
env PROTO=TCP
env REMOTE_ADDR=127.0.0.1
env REMOTE_HOST=127.0.0.1
env REMOTE_PORT=$peer
env SHELL=/usr/sbin/nologin
env TCPLOCALIP=127.0.0.1
env TCPLOCALPORT=$port
env TCPREMOTEIP=127.0.0.1
env TCPREMOTEPORT=$peer
env TEST_OF=$T
env TZ=UTC
env USER=nobody"
	fact 'env BERTH_CONNECTION=[0-9]+'
}

@test "BERTH_CONNECTION is never the same twice" {
	sh_service number 'echo $BERTH_CONNECTION'
	start_berthd
	local first second
	first=$(ask number)
	second=$(ask number)
	((second > first))
}

@test "argv0 is what the program sees as its name" {
	report_service '{"argv0": "in.reportd"}'
	start_berthd
	report
	fact 'argv 0 in.reportd'
}

@test "stderr socket and null" {
	report_service '{"stderr": "socket"}'
	start_berthd
	report
	fact 'fd 2 socket:\[[0-9]+\] blocking both'
	report_service '{"stderr": "null"}'
	ctl reload
	report
	fact 'fd 2 /dev/null blocking .*'
}

@test "an ordinary user's berthd: handlers are that user's" {
	requires root
	local dir=$T/user
	mkdir -p "$dir/services.d"
	cp "$SERVICES"/* "$dir/services.d/" 2>/dev/null || :
	report_service
	mv "$SERVICES/report.json" "$dir/services.d/"
	install -m 0755 "$BUILD/berthd" "$T/berthd"
	chown -R 61111:61111 "$dir"
	CONTROL=$dir/control
	setpriv --reuid=61111 --regid=61111 --clear-groups env -i XDG_RUNTIME_DIR="$dir" "$T/berthd" -s "$dir/services.d" \
	    --control "$CONTROL" >>"$LOG" 2>&1 3>&- 4>&- &
	DPID=$! LOG_FROM=0
	wait_until 10 ready_or_dead
	mark_fds
	report
	clean_handler
	fact 'uid 61111 61111 61111'
	fact 'gid 61111 61111 61111'
	# a service for somebody else is refused
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "user": "root"}' >"$dir/services.d/root.json"
	chown 61111 "$dir/services.d/root.json"
	wait_until 5 service_is root '.state == "invalid"'
}

@test "an ordinary user's nproc limit is a failure of its service, not a start" {
	requires root
	sh_service crowd 'echo never' '{"user": 61112, "process": {"rlimits": {"nproc": 1}}}'
	background setpriv --reuid=61112 --clear-groups sleep 60
	background setpriv --reuid=61112 --clear-groups sleep 60
	wait_until 5 eval '(($(ps -u 61112 -o pid= | wc -l) == 2))'
	start_berthd
	run ask crowd
	refute_output --partial never
	wait_log 'fail service=crowd .*step=execve error="Resource temporarily unavailable"'
	run log_count '^start service=crowd'
	assert_output 0
}
