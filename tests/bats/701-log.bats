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

# /dev/log is not there on this machine, or another's: a /dev of our own
with_private_dev() {
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mkdir -p "$0/dev" && mount -t tmpfs none "$0/dev" && for d in null zero random urandom; do : >"$0/dev/$d" && mount --bind "/dev/$d" "$0/dev/$d" || exit; done; ln -s "$0/devlog" "$0/dev/log" && mount --bind "$0/dev" /dev && exec "$@"' "$T")
}

@test "syslog" {
	requires root
	requires program unshare mount
	background "$PEERS/sdsink" "$T/devlog" >"$T/entries"
	wait_until 5 test -S "$T/devlog"
	conf '{"log": {"target": "syslog"}}'
	echo_service x
	with_private_dev
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

# ---- how much of it ----

# refusals SERVICE: as lines, and as counts of those that stand for lines
refusals() {
	awk -v service="service=$1" '$1 == "refuse" && $2 == service {
	    if (match($0, / count=/)) n += substr($0, RSTART + 7); else lines++ } END { print lines + 0, n + 0 }' "$LOG"
}
refusals_are() { [[ $(refusals "$1") == "$2 $3" ]]; }
refused_by() { local i; for ((i = 0; i < $2; i++)); do "$dial" --no-stdin "$(at "$1")" 2>/dev/null || :; done; }

@test "refusals of one service for one reason: the first is a line, then there is one count every five seconds" {
	echo_service x '{"access": {"deny": ["127.0.0.1"]}}'
	echo_service y '{"access": {"deny": ["127.0.0.1"]}, "limits": {"connections_per_source": 1}}'
	start_berthd
	"$flood" -n 300 -c 10 "$(at x)" >/dev/null || :
	wait_until 5 service_is x '.refused.denied == 300'
	refusals_are x 1 0
	# another service and another reason have bursts of their own
	refused_by y 1
	open_session a "$(at y)" --source 127.0.0.2
	say a hello
	heard a hello
	"$dial" --no-stdin --source 127.0.0.2 "$(at y)" || :
	wait_until 5 refusals_are y 2 0
	# it goes on: no line but the counts
	wait_until 7 refusals_are x 1 299
	refused_by x 3
	wait_until 7 refusals_are x 1 302
	run log_count '^refuse service=x '
	assert_output 3
	run grep -c '^refuse service=x reason=denied count=[0-9]* duration=[0-9.]*$' "$LOG"
	assert_output 2
	close_session a
}

@test "what was counted of refusals is written at a reload, when the service is removed, and at the end" {
	local deny='{"access": {"deny": ["127.0.0.1"]}}'
	echo_service x "$deny"
	echo_service y "$deny"
	start_berthd
	refused_by x 4
	refused_by y 4
	wait_until 5 service_is y '.refused.denied == 4'
	refusals_are x 1 0
	ctl reload
	refusals_are x 1 3
	refusals_are y 1 3
	# a burst of its own: who has changed a rule wants to see what comes of it
	refused_by x 3
	refused_by y 3
	wait_until 5 service_is y '.refused.denied == 7'
	refusals_are y 2 3
	rm "$SERVICES/x.json"
	ctl reload
	refusals_are x 2 5
	refused_by y 3
	wait_until 5 service_is y '.refused.denied == 10'
	stop_berthd
	refusals_are y 3 7
}

@test "log.connections false keeps a health check quiet: served, silent, or gone before it was served" {
	sh_service x 'read line; echo "$line"' '{"log": {"connections": false}, "limits": {"connections": 1}}'
	start_berthd
	mark_log
	local i where
	where=$(at x)
	open_session first "$where"
	wait_until 5 active_is x 1
	for i in 1 2 3; do "$dial" --linger0 --no-stdin --no-half-close --timeout 0.1 "$where" || :; done
	close_session first
	wait_until 5 service_is x '.refused.gone == 3'
	for i in 1 2 3; do "$dial" "$where" </dev/null; done
	run ask x hello
	assert_output hello
	wait_until 5 service_is x '.ended == 5 and .active == 0 and .pending == 0'
	stop_berthd
	run tail -n "+$((LOG_MARK + 1))" "$LOG"
	assert_output 'stop signal=TERM
stopped'
}

# ---- the same in every form ----

# scene FORM: what berthd logs of it, from its first word to its last, is in $T/FORM.log
scene() {
	local form=$1 sink=$T/$1.log
	PREFIX=() LOG=$T/$form.stderr CONTROL=$T/$form.control OPTIONS=(-s "$SERVICES" --control "$T/$form.control")
	: >"$LOG"
	case $form in
	text | json) conf "{\"log\": {\"target\": \"stderr\", \"format\": \"$form\"}}"; sink=$LOG ;;
	journal) conf '{"log": {"target": "journal"}}'; with_private_run; background "$PEERS/sdsink" "$T/journal" >"$sink" ;;
	syslog) conf '{"log": {"target": "syslog"}}'; with_private_dev; background "$PEERS/sdsink" "$T/devlog" >"$sink" ;;
	esac
	[[ $sink == "$LOG" ]] || wait_until 5 test -S "$T/${form/syslog/devlog}"
	nasty_service nasty
	sh_service crash 'kill -SEGV $$' '{"penalties": {"signal": "1h"}}'
	echo_service denied '{"access": {"deny": ["127.0.0.1"]}}'
	service absent "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"$T/absent \\\"\"]}"
	service bad '{"listen": "\u0001", "x\"": 1'
	start_in_journal
	ctl reload || :
	ask nasty
	wait_until 5 service_is nasty '.ended == 1'
	ask crash || :
	wait_until 5 service_is crash '.ended == 1'
	ask crash || :
	ask absent || :
	wait_until 5 service_is absent '.failed == 1'
	for _ in 1 2 3 4; do ask denied || :; done
	stop_berthd
	wait_until 5 grep -qE 'stopped' "$sink"
	[[ $sink == "$LOG" ]] || { kill "${JOBS[-1]}"; wait "${JOBS[-1]}" || :; }
	[[ $sink == "$T/$form.log" ]] || mv "$sink" "$T/$form.log"
	rm -f "$T/journal" "$T/devlog"
}

# fields FORM: a line for each record of $T/FORM.log, [level word [[key, value]...]]; what differs from run to run is checked,
# and left out
fields() {
	python3 -c '
import json, re, sys
form, tmp = sys.argv[1:]
levels = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"]
def unescape(v):
    return v.replace("\\x22", "\"").replace("\\x5c", "\\")
def text(line):
    word, rest = re.match(r"([a-z-]+)((?: [a-z_]+=(?:\"[^\"]*\"|[^\" ]+))*)$", line).groups()
    return word, [(k, unescape(v.strip("\""))) for k, v in re.findall(r"([a-z_]+)=(\"[^\"]*\"|[^\" ]+)", rest)]
def records(data):
    if form == "json":
        for line in data.splitlines():
            pairs = json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str)
            assert [k for k, v in pairs[:3]] == ["time", "level", "event"], line
            yield pairs[1][1], pairs[2][1], pairs[3:]
    elif form == "text":
        for line in data.splitlines():
            yield (None,) + text(line)
    elif form == "syslog":
        for line in data.split("\n--\n")[:-1]:
            pri, rest = re.match(r"<(\d+)>\w{3} [ \d]\d [\d:]{8} berthd\[\d+\]: (.*)$", line).groups()
            assert int(pri) >> 3 == 3, line
            yield (levels[int(pri) & 7],) + text(rest)
    else:
        for entry in data.split("--\n")[:-1]:
            pairs = [line.split("=", 1) for line in entry.splitlines()]
            f = dict(pairs)
            own = [(k[6:].lower(), unescape(v)) for k, v in pairs if k.startswith("BERTH_") and k != "BERTH_EVENT"]
            assert text(f["MESSAGE"]) == (f["BERTH_EVENT"], own), entry
            yield levels[int(f["PRIORITY"])], f["BERTH_EVENT"], own
def same(k, v):
    v = re.sub(r"balance \d+ms$", "balance MS", v.replace(tmp, "TMP"))
    for key, form, instead in (("pid", r"\d+", "PID"), ("duration", r"\d+\.\d{3}", "SECONDS"),
            ("balance", r"\d+\.\d{3}", "SECONDS"), ("(?:peer|local|address)", r"127\.0\.0\.1:\d+", "ADDRESS")):
        if re.fullmatch(key, k):
            assert re.fullmatch(form, v), (k, v)
            return instead
    return v
for level, word, pairs in records(open(f"{tmp}/{form}.log", encoding="utf-8").read()):
    print(json.dumps([level, word, [(k, same(k, v)) for k, v in pairs]]))
' "$1" "$T"
}

@test "text, JSON, the journal and syslog have the same records, with the same fields and values" {
	requires root
	requires program unshare mount python3
	conf '{"log": {"level": "debug"}}'
	local form
	for form in text json journal syslog; do
		scene "$form"
		fields "$form" >"$T/$form.records"
		# a text has no level
		jq -c '.[1:]' "$T/$form.records" >"$T/$form.fields"
	done
	for form in json journal syslog; do
		run diff "$T/text.fields" "$T/$form.fields"
		assert_success
	done
	run diff "$T"/{json,journal}.records
	assert_success
	run diff "$T"/{json,syslog}.records
	assert_success
	# and it was a scene
	run jq -r .[1] "$T/json.records"
	for form in note ready invalid listen reload start stderr exit penalty refuse fail stop stopped; do
		assert_line "$form"
	done
	run jq -c 'select(.[1] == "refuse" and .[2][0][1] == "denied")[2]' "$T/json.records"
	assert_output '[["service","denied"],["peer","ADDRESS"],["reason","denied"],["rule","access: deny 127.0.0.1"]]
[["service","denied"],["reason","denied"],["count","3"],["duration","SECONDS"]]'
}
