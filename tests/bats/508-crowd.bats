# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# What the control socket tells of five hundred handlers, while connections are coming and going.
load ../lib/berth

# The process table: children of berthd, without its aides
table() { ps -o pid=,comm= --ppid "$DPID" | awk '$2 !~ /^berthd/ { print $1 }' | sort -n; }
listed() { ctl connections --json "$@" | jq -r '(.connections? // .)[].pid' | sort -n; }

# started LINES, ended LINES: handlers, by so many lines of the log
started() { head -n "$1" "$LOG" | sed -nE 's/^start service=.* pid=([0-9]+) .*/\1/p' | sort; }
ended() { head -n "$1" "$LOG" | sed -nE 's/^exit service=.* pid=([0-9]+) .*/\1/p' | sort; }
lines() { wc -l <"$LOG"; }

five_hundred() {
	echo_service many '{"limits": {"connections": 500}, "stderr": "null"}'
	sh_service brief 'sleep 0.02; echo hello' '{"limits": {"connections": 40}}'
	start_berthd
	open_hold 500 "$(at many)"
	held
	wait_until 20 active_is many 500
}

@test "five hundred handlers under a flood: connections is the process table" {
	five_hundred
	local i before after
	background "$flood" -n 100000 -c 50 --until "$T/enough" --timeout 30 "$(at brief)"
	wait_until 10 service_is brief '.ended > 20'
	# whoever was there before the question and is there after the answer is in it; whoever had ended before or came after is not
	for i in {1..5}; do
		before=$(lines)
		listed >"$T/listed"
		# what had happened is in the log when the next question has been answered
		ctl list >"$T/after"
		after=$(lines)
		sort -o "$T/listed" "$T/listed"
		comm -23 <(started "$before") <(ended "$after") >"$T/throughout"
		comm -23 <(started "$after") <(ended "$before") >"$T/sometime"
		(($(wc -l <"$T/throughout") >= 500))
		assert_equal "$(comm -13 "$T/listed" "$T/throughout")" ''
		assert_equal "$(comm -23 "$T/listed" "$T/sometime")" ''
		assert_equal "$(uniq -d "$T/listed")" ''
	done
	service_is brief '.active > 0 or .pending > 0'
	: >"$T/enough"
	wait_until 40 service_is brief '.active == 0 and .pending == 0'
	listed >"$T/listed"
	table >"$T/table"
	assert_equal "$(wc -l <"$T/table")" 500
	run diff "$T/listed" "$T/table"
	assert_success
	run jq -cn --slurpfile c <(ctl connections --json) '$c[0] | (.connections? // .) | [([.[].connection] | unique | length), ([.[].service] | unique)]'
	assert_output '[500,["many"]]'
	close_hold
}

@test "five hundred handlers and clients of the control socket that read nothing: every connection is served" {
	five_hundred
	background python3 -c '
import socket, sys
kept = []
for i in range(60):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.setblocking(False)
    method = ["Connections", "List", "Monitor"][i % 3]
    try:
        for n in range(2000): s.send(b"{\"method\":\"io.berth.Control.%s\",\"more\":true}\0" % method.encode())
    except BlockingIOError: pass
    kept.append(s)
open(sys.argv[2], "w").close()
sys.stdin.read()' "$CONTROL" "$T/full" < <(sleep 60)
	wait_until 30 test -e "$T/full"
	run "$flood" -n 400 -c 20 --timeout 30 --expect $'hello\n' "$(at brief)"
	assert_success
	listed many >"$T/listed"
	assert_equal "$(wc -l <"$T/listed")" 500
	(($(awk '/VmHWM/ {print $2}' "/proc/$DPID/status") < 131072))
	close_hold
}
