# berth.service under a real systemd, which is PID 1 of namespaces of its own: one for this file
#
# packages: systemd util-linux iproute2 jq
load ../lib/berth

PORT_ECHO=7001 PORT_ENVIRONMENT=7004	# as the samples have them

PROGRAMS=(unshare nsenter setpriv pivot_root ip jq make)

# Skipping is the tests' own affair: bats cannot do it here.
setup_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=true BERTH_MACHINE=$BATS_FILE_TMPDIR/machine
	((EUID == 0)) && PATH=$PATH:/usr/sbin:/sbin type -P "${PROGRAMS[@]}" >/dev/null &&
	    [[ -x /lib/systemd/systemd ]] && can_unshare || return 0
	install_tree "$BERTH_MACHINE/tree"
	"$BATS_TEST_DIRNAME/../lib/systemd-boot" "$BERTH_MACHINE" >"$BERTH_MACHINE/log" 2>&1 3>&- 4>&- &
	echo $! >"$BERTH_MACHINE/script"
	disown
	wait_until 10 test -s "$BERTH_MACHINE/pid"
	wait_until 20 boot_is_over || { cat "$BERTH_MACHINE"/{log,console} >&2; return 1; }
}
can_unshare() { unshare --mount --pid --fork --uts --net --ipc --cgroup true; }

teardown_file() {
	local script
	if [[ ! -s $BERTH_MACHINE/script ]]; then return 0; fi
	script=$(<"$BERTH_MACHINE/script")
	kill "$script" 2>/dev/null || :
	wait_until 10 gone_process "$script"
}
gone_process() { ! kill -0 "$1" 2>/dev/null; }

# install_tree DIR: what an administrator has done before the boot
install_tree() {
	local tree=$1
	mkdir -p "$tree"/etc/berth/services.d "$tree"/etc/systemd/system/berth.service.d
	chmod 755 "${tree%/*}" "$tree"
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -o all -C "$BATS_TEST_DIRNAME/../.." \
	    install B="$BUILD" DESTDIR="$tree" PREFIX=/usr/local
	cp "$tree"/usr/local/share/berth/services.d/*.json "$tree/etc/berth/services.d/"
	echo '{ "stop_grace": "1s", "defaults": { "user": "nobody", "timeouts": { "stop": "1s" } } }' \
	    >"$tree/etc/berth/berth.json"
	printf '[Service]\nWatchdogSec=1\n' >"$tree/etc/systemd/system/berth.service.d/test.conf"
	printf '[Unit]\nWants=berth.service\nAfter=berth.service\n' \
	    >"$tree/etc/systemd/system/test.target"
}

# Everything below happens in the machine.

setup() {
	requires root
	requires program "${PROGRAMS[@]}"
	[[ -x /lib/systemd/systemd ]] || cannot_run "needs the package systemd"
	[[ -s $BERTH_MACHINE/pid ]] || cannot_run "needs namespaces"
	T=$BATS_TEST_TMPDIR
	MACHINE=$(<"$BERTH_MACHINE/pid")
	JOBS=()
	inside systemctl reset-failed berth
	inside systemctl start berth
}

teardown() {
	local pid
	[[ -n ${MACHINE:-} ]] || return 0
	for pid in "${JOBS[@]}"; do kill "$pid" 2>/dev/null || :; done
	[[ ${BATS_TEST_COMPLETED:-} == 1 ]] || inside journalctl -n 40 --no-pager -o short-precise >&2
}

inside() {
	nsenter -a -t "${MACHINE:-$(<"$BERTH_MACHINE/pid")}" env -i TERM=dumb \
	    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin timeout 20 "$@"
}
boot_is_over() { [[ $(inside systemctl is-active test.target) == active ]]; }

# state PROPERTY: of berth.service
state() { inside systemctl show berth -p "$1" --value; }
state_is() { [[ $(state "$1") == "$2" ]]; }
state_is_not() { [[ $(state "$1") != "$2" ]]; }

# ask_port PORT [TEXT]: our own client, in the machine's network
# shellcheck disable=SC2154
ask_port() {
	printf %s "${2-}" | nsenter -n -t "$MACHINE" "$dial" --timeout 10 "tcp:127.0.0.1:$1"
}
answers() { [[ $(ask_port "${1:-$PORT_ECHO}" hello) == hello ]]; }

# journal MATCH...: the entries since mark_journal, as JSON lines
# (not by --after-cursor: with a match it passes over one that matches, where the cursor's does not)
mark_journal() { SINCE=$EPOCHREALTIME; }
journal() { inside journalctl -q -o json --since="@$SINCE" "$@"; }
journal_has() { journal "${@:2}" | jq -es "any(.[]; $1)"; }

# stop_took_us: by berthd's own words, from the first to the last
stop_took_us() {
	journal _COMM=berthd | jq -s 'map({(.BERTH_EVENT): ._SOURCE_REALTIME_TIMESTAMP | tonumber}) |
	    add | .stopped - .stop'
}

# hold_open NAME PORT: a client that stays; it says a line and has heard it
hold_open() {
	mkfifo "$T/$1.in"
	nsenter -n -t "$MACHINE" "$dial" --no-half-close --timeout 60 "tcp:127.0.0.1:$2" \
	    <"$T/$1.in" >"$T/$1.out" 2>&1 3>&- 4>&- &
	JOBS+=($!)
	exec {HOLD}>"$T/$1.in"
	echo here >&"$HOLD"
	wait_until 5 grep -q here "$T/$1.out"
}

is_open() { inside berthctl list | grep -q "^$1 .*open"; }
idle() { [[ $(inside berthctl connections --json | jq '(.connections? // .) | length') == 0 ]]; }

put_service() {
	inside sh -c "cat >/etc/berth/services.d/.$1 && mv /etc/berth/services.d/.$1 /etc/berth/services.d/$1.json" <<<"$2"
}

@test "the unit file has nothing that systemd complains of" {
	run inside systemd-analyze verify /usr/local/lib/systemd/system/berth.service
	assert_success
	refute_output --partial berth.service
}

@test "the unit is active when READY has come, says its status, and its services answer" {
	assert_equal "$(state Type) $(state ActiveState) $(state SubState)" "notify active running"
	assert_regex "$(state StatusText)" '[0-9]+ services'
	run ask_port "$PORT_ECHO" hello
	assert_output hello
	run inside berthctl list
	assert_success
	assert_line --regexp '^echo .*open'
}

@test "a handler inherits nothing of what systemd gives berthd" {
	put_service state '{ "listen": "tcp:127.0.0.1:7101",
	    "exec": ["/bin/sh", "-c", "grep Sig /proc/self/status; ulimit -Sn; id -un; cat /proc/self/oom_score_adj"] }'
	wait_until 5 ask_port 7101
	run ask_port "$PORT_ENVIRONMENT"
	assert_success
	assert_line USER=nobody
	refute_output --regexp 'NOTIFY_SOCKET|INVOCATION_ID|JOURNAL_STREAM|WATCHDOG|LISTEN_|_DIRECTORY=|SYSTEMD_|HOME=/root'
	run ask_port 7101
	# systemd starts its services with SIGPIPE ignored
	assert_line --regexp '^SigIgn:.*0000000000000000$'
	assert_line --regexp '^SigBlk:.*0000000000000000$'
	assert_line nobody
	assert_line 1024
}

@test "systemctl reload takes a new file into use, and tells of a bad one" {
	local pid
	pid=$(state MainPID)
	put_service added '{ "listen": "tcp:127.0.0.1:7102", "exec": ["/bin/cat"] }'
	inside systemctl reload berth
	assert answers 7102
	put_service bad '{ "listen": '
	run inside systemctl reload berth
	assert_failure
	assert_equal "$(state ActiveState) $(state MainPID)" "active $pid"
	assert answers 7102
	inside rm /etc/berth/services.d/bad.json /etc/berth/services.d/added.json
	inside systemctl reload berth
	refute answers 7102
	assert_equal "$(state SubState)" running
}

@test "journalctl BERTH_SERVICE=echo shows each connection with its fields" {
	mark_journal
	assert answers
	wait_until 5 journal_has '.BERTH_EVENT == "exit"' BERTH_SERVICE=echo
	run journal BERTH_SERVICE=echo BERTH_EVENT=start
	assert_success
	run jq -r '[.BERTH_SERVICE, .BERTH_ACTIVE, ._SYSTEMD_UNIT, .SYSLOG_IDENTIFIER, .PRIORITY,
	    (.BERTH_PEER | startswith("127.0.0.1:")), .BERTH_LOCAL] | join(" ")' <<<"$output"
	assert_output "echo 1/100 berth.service berthd 6 true 127.0.0.1:$PORT_ECHO"
	run journal BERTH_SERVICE=echo BERTH_EVENT=exit
	run jq -r '"exit service=echo connection=\(.BERTH_CONNECTION) " as $words |
	    [.BERTH_CAUSE, .BERTH_STATUS, (.BERTH_DURATION | tonumber < 5),
	    (.MESSAGE | startswith($words))] | join(" ")' <<<"$output"
	assert_output "exit 0 true true"
}

@test "journalctl BERTH_SERVICE=closed BERTH_EVENT=refuse: one line of a burst, and the others in a count" {
	put_service closed '{ "listen": "tcp:127.0.0.1:7103", "exec": ["/bin/cat"], "access": { "deny": ["local"] } }'
	wait_until 5 is_open closed
	mark_journal
	for _ in 1 2 3 4 5; do ask_port 7103 || :; done
	inside systemctl reload berth
	wait_until 5 journal_has '.BERTH_COUNT == "4"' BERTH_SERVICE=closed BERTH_EVENT=refuse
	run journal BERTH_SERVICE=closed
	run jq -r '[.BERTH_EVENT, .BERTH_REASON, .BERTH_RULE, .BERTH_COUNT, .PRIORITY] | map(. // "-") | join(",")' <<<"$output"
	assert_output 'refuse,denied,access: deny local,-,5
refuse,denied,-,4,5'
	inside rm /etc/berth/services.d/closed.json
	inside systemctl reload berth
}

@test "the watchdog is fed for longer than its time" {
	local first restarts now=0
	restarts=$(state NRestarts)
	first=$(state WatchdogTimestampMonotonic)
	fed() { now=$(state WatchdogTimestampMonotonic); ((now > first + 2200000)); }
	wait_until 6 fed
	assert_equal "$(state WatchdogUSec) $(state NRestarts)" "1s $restarts"
	assert answers
}

@test "a berthd that hangs is replaced, and its services answer again" {
	local pid
	pid=$(state MainPID)
	inside kill -STOP "$pid"
	wait_until 8 state_is_not MainPID "$pid"
	wait_until 8 state_is SubState running
	wait_until 5 answers
}

@test "a berthd that is killed is there again on the same ports" {
	local pid
	pid=$(state MainPID)
	hold_open session "$PORT_ECHO"
	inside kill -KILL "$pid"
	wait_until 5 state_is_not MainPID "$pid"
	wait_until 5 answers
	wait_until 5 state_is SubState running
}

@test "systemctl stop without connections is over at once" {
	assert answers
	wait_until 5 idle
	mark_journal
	inside systemctl stop berth
	(($(stop_took_us) < 900000)) || fail "$(stop_took_us) us"
	assert_equal "$(state ActiveState) $(state Result) $(state ExecMainStatus)" "inactive success 0"
}

@test "systemctl stop gives handlers their grace, then TERM, then KILL, and exits with 0" {
	put_service stubborn '{ "listen": "tcp:127.0.0.1:7103",
	    "exec": ["/bin/sh", "-c", "trap \"\" TERM; cat; sleep 30"] }'
	wait_until 5 is_open stubborn
	hold_open session "$PORT_ECHO"
	hold_open stubborn 7103
	mark_journal
	inside systemctl stop berth
	# stop_grace 1 s, timeouts.stop 1 s
	(($(stop_took_us) > 1900000 && $(stop_took_us) < 6000000)) || fail "$(stop_took_us) us"
	assert_equal "$(state ActiveState) $(state Result) $(state ExecMainCode) $(state ExecMainStatus)" \
	    "inactive success 1 0"
	run journal BERTH_EVENT=exit
	run jq -r '"\(.BERTH_SERVICE) \(.BERTH_CAUSE) \(.BERTH_SIGNAL)"' <<<"$output"
	assert_line "echo stop TERM"
	assert_line "stubborn stop KILL"
	# nothing was left for systemd to kill
	run journal UNIT=berth.service _PID=1
	refute_output --partial Killing
	refute_output --partial "remains running"
	inside rm /etc/berth/services.d/stubborn.json
}
