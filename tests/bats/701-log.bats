# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

# nasty_service NAME: it says what a log must not take as it is
nasty_service() {
	printf 'nul\0 esc\033[31m "quote\\ bad\377 newline\n second\n' >"$T/nasty"
	sh_service "$1" "cat $T/nasty >&2; echo ok"
}

@test "log.format json: every line is a JSON object, whatever came from outside" {
	conf '{"log": {"format": "json"}}'
	nasty_service x
	service bad '{"listen": "\u0001\u001b", "\u0000x": 1'
	start_berthd
	ask x
	service absent "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent \\\"\"]}"
	wait_until 5 service_is absent '.state == "open"'
	ask absent || :
	wait_log '"event":"fail"'
	wait_log '"event":"exit"'
	stop_berthd
	local line
	while IFS= read -r line; do
		jq -e 'has("time") and has("level") and has("event")' >/dev/null <<<"$line" || fail "$line"
	done <"$LOG"
	run jq -r 'select(.event == "start") | "\(.service) \(.connection | type) \(.pid | type)"' "$LOG"
	assert_line 'x number number'
	run jq -r 'select(.event == "stderr") | .line' "$LOG"
	assert_line --index 0 'nul\x00 esc\x1b[31m "quote\ bad\xff newline'
}

@test "--log-format and --log-level win over berth.json" {
	conf '{"log": {"format": "text", "level": "error"}}'
	echo_service x
	start_berthd --log-format json --log-level debug
	wait_log '"event":"listen"'
	ask x hello
	wait_log '"event":"exit"'
}

# In a mount namespace of its own with an empty /run and /dev/log
with_private_run() {
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p /run/systemd/journal && ln -s "$0/journal" /run/systemd/journal/socket && exec "$@"' "$T")
}

@test "the journal gets native fields" {
	requires root
	requires program unshare mount
	background "$PEERS/sdsink" "$T/journal" >"$T/entries"
	wait_until 5 test -S "$T/journal"
	conf '{"log": {"target": "journal"}}'
	nasty_service x
	with_private_run
	start_in_journal
	ask x
	wait_until 5 grep -q BERTH_EVENT=exit "$T/entries"
	run awk 'BEGIN { RS = "--\n" } /BERTH_EVENT=start/' "$T/entries"
	assert_line BERTH_SERVICE=x
	assert_line --regexp '^BERTH_CONNECTION=[0-9]+$'
	assert_line --regexp '^BERTH_PEER=127\.0\.0\.1:[0-9]+$'
	assert_line --regexp '^MESSAGE=start service=x '
	assert_line --regexp '^PRIORITY=[0-7]$'
	assert_line SYSLOG_IDENTIFIER=berthd
	run grep -c '^BERTH_LINE=nul\\x00 esc\\x1b' "$T/entries"
	assert_output 1
	run grep -c '^second' "$T/entries"
	assert_output 0
}

# ready goes to the journal: wait for the control socket instead
start_in_journal() {
	start_berthd_unready
	wait_until 10 ctl list
	mark_fds
}

@test "a journal that takes nothing never blocks berthd: what does not fit is dropped and counted" {
	requires root
	requires program unshare mount
	background "$PEERS/sdsink" --stall "$T/journal"
	local stalled=$! began
	wait_until 5 test -S "$T/journal"
	conf '{"log": {"target": "journal"}}'
	sh_service x 'i=0; while [ $i -lt 150 ]; do echo "a long line that fills the buffer, a long line that fills the buffer $i" >&2; i=$((i+1)); done; echo ok'
	with_private_run
	start_in_journal
	began=$(now_ms)
	run "$flood" -n 30 -c 4 --expect $'ok\n' "$(at x)"
	assert_success
	(($(now_ms) - began < 10000))
	kill "$stalled"
	wait "$stalled" || :
	rm -f "$T/journal"
	background "$PEERS/sdsink" "$T/journal" >"$T/entries"
	wait_until 5 test -S "$T/journal"
	ask x
	wait_until 5 eval 'ask x; grep -q BERTH_EVENT=exit "$T/entries"'
}

@test "syslog" {
	requires root
	requires program unshare mount
	background "$PEERS/sdsink" "$T/devlog" >"$T/entries"
	wait_until 5 test -S "$T/devlog"
	conf '{"log": {"target": "syslog"}}'
	echo_service x
	# /dev/log is not there on this machine, or another's: a /dev of our own
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mkdir -p "$0/dev" && mount -t tmpfs none "$0/dev" && for d in null zero random urandom; do : >"$0/dev/$d" && mount --bind "/dev/$d" "$0/dev/$d" || exit; done; ln -s "$0/devlog" "$0/dev/log" && mount --bind "$0/dev" /dev && exec "$@"' "$T")
	start_in_journal
	ask x hello
	wait_until 5 grep -qE "^<[0-9]+>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]{8} berthd\\[[0-9]+\\]: start service=x " "$T/entries"
}

@test "stderr that nobody reads never blocks berthd; what is lost is counted" {
	service x '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/true"]}'
	mkfifo "$T/pipe"
	exec {fd}<>"$T/pipe"
	start_with_stderr
	# two lines each: more than a pipe and berthd's own queue hold
	run "$flood" -n 3000 -c 4 --expect '' "$(at x)"
	assert_success
	# it belongs to others too: still blocking
	run python3 -c 'import fcntl, os, sys; print(bool(fcntl.fcntl(int(sys.argv[1]), fcntl.F_GETFL) & os.O_NONBLOCK))' "$fd"
	assert_output False
	# read again, the number of lost records is told
	background cat "$T/pipe" >"$T/drained"
	wait_until 5 eval 'ask x; grep -q "^dropped count=" "$T/drained"'
	exec {fd}>&-
}

start_with_stderr() {
	"$BUILD/berthd" -c "$CONF" -s "$SERVICES" --control "$CONTROL" </dev/null >"$T/out" 2>"$T/pipe" 3>&- 4>&- &
	DPID=$!
	wait_until 10 ctl list
	mark_fds
}

@test "a full disk under the log is survived" {
	echo_service x
	"$BUILD/berthd" -c "$CONF" -s "$SERVICES" --control "$CONTROL" </dev/null >/dev/full 2>/dev/full 3>&- 4>&- &
	DPID=$!
	wait_until 10 ctl list
	run ask x hello
	assert_output hello
	mark_fds
}
