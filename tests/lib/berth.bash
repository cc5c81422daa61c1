# berth.bash - what every bats file of ours begins with: `load ../lib/berth`
# shellcheck shell=bash disable=SC2034,SC2120
#
# packages: bats bats-assert bats-support parallel jq python3 rsync git fingerd finger micro-httpd curl dropbear-bin openssh-client strace iproute2 util-linux procps
#
# One test has its own directory ($T), its own berthd and control socket, so that tests run side
# by side.  Nothing is waited for but events, and nothing is ended but what the test started.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

BUILD=${BERTH_BUILD:-$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)/build}
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-60}
PEERS=${BERTH_PEERS:-$BUILD/tests}
dial=$PEERS/dial flood=$PEERS/flood hold=$PEERS/hold

# ---- reasons not to run ----

# requires root | program NAME... | full NAME|PATH... | ipv6
# full: what "make deps-full" installs, of a "# packages-full:" line
requires() {
	local name
	case $1 in
	root) ((EUID == 0)) || cannot_run "needs root" ;;
	ipv6) grep -qs . /proc/net/if_inet6 || cannot_run "needs IPv6" ;;
	program)
		for name in "${@:2}"; do
			PATH=$PATH:/usr/sbin:/sbin type -P "$name" >/dev/null || cannot_run "needs $name"
		done ;;
	full)
		for name in "${@:2}"; do
			[[ $name == /* && -e $name ]] || PATH=$PATH:/usr/sbin:/sbin type -P "$name" >/dev/null ||
			    cannot_run "needs ${name##*/}, see make deps-full"
		done ;;
	esac
}

cannot_run() {
	[[ ${BERTH_MUST_RUN:-} != 1 ]] || fail "must run, but $1"
	skip "$1"
}

# ---- time ----

# wait_until SECONDS COMMAND...: true as soon as the command is; false when time is up
wait_until() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/./} < end)) || {
			echo "waited in vain for: $*" >&2
			return 1
		}
		sleep 0.02
	done
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# ---- one test's world ----

setup_berth() {
	local dir
	umask 022
	PATH=$PATH:/usr/sbin:/sbin
	T=$BATS_TEST_TMPDIR
	SERVICES=$T/services.d CONTROL=$T/control LOG=$T/log CONF=$T/berth.json
	DPID='' BASE_FDS='' JOBS=() PREFIX=() OPTIONS=(-s "$SERVICES" --control "$CONTROL") ENDED_BADLY=''
	# handlers of another user have to get through to what lies here
	for dir in "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$T"; do
		[[ ! -O $dir ]] || chmod 0755 "$dir"
	done
	# what an administrator has ordered for longer than berthd lives
	export STATE_DIRECTORY=$T/state
	mkdir "$SERVICES"
	: >"$LOG"
	local user='{}'
	((EUID != 0)) || user='{"user":"nobody"}'
	jq -n --arg t "$T" --argjson user "$user" '{stop_grace: "300ms", defaults:
	    ($user + {timeouts: {stop: "1s"}, process: {environment: {TEST_OF: $t}}})}' >"$CONF"
}

# conf JSON: merge into berth.json
conf() {
	jq --argjson new "$1" '. * $new' "$CONF" >"$CONF.new" && mv "$CONF.new" "$CONF"
}

# service NAME JSON: a service file appears at once and whole
service() {
	printf '%s\n' "$2" >"$SERVICES/.$1.new" && mv "$SERVICES/.$1.new" "$SERVICES/$1.json"
}

# sh_service NAME SCRIPT [JSON]: a shell script on a port of the kernel's choice
sh_service() {
	service "$1" "$(jq -nc --arg s "$2" --argjson more "${3:-{\}}" \
	    '{listen: "tcp:127.0.0.1:0", exec: ["/bin/sh", "-c", $s]} * $more')"
}

# echo_service NAME [JSON]
echo_service() {
	service "$1" "$(jq -nc --argjson more "${2:-{\}}" \
	    '{listen: "tcp:127.0.0.1:0", exec: ["/bin/cat"]} * $more')"
}

# peer_handler NAME: a copy of one of our programs where every user can execute it; prints its path
peer_handler() {
	[[ -x $T/$1 ]] || install -m 0755 "$PEERS/$1" "$T/$1"
	echo "$T/$1"
}

# background COMMAND...: in the background until the end of the test; its pid is in $!
background() {
	"$@" 3>&- 4>&- &
	JOBS+=($!)
}

# ---- the daemon ----

# start_berthd [ARGS]: with $OPTIONS; $PREFIX comes before it (env, prlimit: what executes it in its own place)
start_berthd() {
	start_berthd_unready "$@"
	wait_until 10 ready_or_dead || { cat "$LOG" >&2; return 1; }
	kill -0 "$DPID" 2>/dev/null || { echo "berthd did not start:" >&2; cat "$LOG" >&2; return 1; }
	mark_fds
}

start_berthd_unready() {
	LOG_FROM=$(wc -l <"$LOG")
	"${PREFIX[@]}" "$BUILD/berthd" -c "$CONF" "${OPTIONS[@]}" "$@" \
	    </dev/null >>"$LOG" 2>&1 3>&- 4>&- &
	DPID=$!
}

new_log() { tail -n "+$((LOG_FROM + 1))" "$LOG"; }
ready_or_dead() { new_log | grep -aqE '^ready |"event":"ready"' || ! kill -0 "$DPID"; }

# stop_berthd [SIGNAL]: and check how it ended
stop_berthd() {
	local status=0 pid=$DPID
	[[ -n $pid ]] || return 0
	DPID=''
	kill -s "${1:-TERM}" "$pid" 2>/dev/null || :
	wait_until 15 gone "$pid" || { kill -KILL "$pid"; wait "$pid" || :; return 1; }
	wait "$pid" || status=$?
	((status == 0)) || { echo "berthd ended with status $status" >&2; return 1; }
}

# kill9_berthd: it ends without a word
kill9_berthd() {
	local pid=$DPID
	DPID=''
	kill -KILL "$pid"
	wait "$pid" || :
}

# A zombie of ours has ended too.
gone() { [[ ! -d /proc/$1 || $(proc_state "$1") == [ZX] ]]; }
# not_there PID: no process, or a zombie that somebody else has to reap
alive() { ! gone "$1"; }
proc_state() { local s; s=$(</proc/"$1"/stat) 2>/dev/null || return 0; s=${s##*) }; echo "${s%% *}"; }

# run_berthd ARGS: in the foreground, for those that end at once; sets status and output
run_berthd() { run timeout 20 "$BUILD/berthd" "$@" 3>&- 4>&-; }

ctl() { timeout 30 "$BUILD/berthctl" --control "$CONTROL" "$@"; }

# check ARGS: berthctl check with this test's berth.json
check() { "$BUILD/berthctl" check -c "$CONF" "$@"; }

# ---- asking it ----

# services JQ-FILTER: on the array of services
services() { ctl list --json | jq -r "(.services? // .) | $1"; }
# service_is NAME JQ-CONDITION
service_is() { [[ $(services "any(.[]; .name == \"$1\" and ($2))") == true ]]; }
state_of() { services ".[] | select(.name == \"$1\") | .state"; }
active_of() { services ".[] | select(.name == \"$1\") | .active"; }
active_is() { [[ $(active_of "$1") == "$2" ]]; }
connections() { ctl connections --json "${@:2}" | jq -r "(.connections? // .) | $1"; }
# pid_of SERVICE: of its only handler
pid_of() { connections '.[].pid' "$1"; }

# port_of SERVICE [N]: of its Nth socket, from 0
port_of() {
	local a
	a=$(services ".[] | select(.name == \"$1\") | .endpoints[${2:-0}].address")
	[[ $a == *:* ]] || { echo "no port of $1: $a" >&2; return 1; }
	echo "${a##*:}"
}
# at SERVICE: its endpoint for our peers
at() { echo "tcp:127.0.0.1:$(port_of "$1")"; }

# ask SERVICE [TEXT]: send it, print what comes back
ask() { printf %s "${2-}" | "$dial" --timeout 10 "$(at "$1")"; }

wait_log() { wait_until "${2:-5}" grep -aqE -- "$1" "$LOG"; }
log_count() { grep -acE -- "$1" "$LOG" || :; }

# logged N REGEX: wait for that many lines
logged() { (($(log_count "$2") >= $1)); }
wait_logged() { wait_until "${3:-5}" logged "$1" "$2"; }

# wait_fresh REGEX: among the lines since the last mark_log
mark_log() { LOG_MARK=$(wc -l <"$LOG"); }
fresh() { tail -n "+$((LOG_MARK + 1))" "$LOG" | grep -aqE -- "$1"; }
wait_fresh() { wait_until "${2:-5}" fresh "$1"; }

# ---- sessions: a client in the background that says what the test tells it to ----

# open_session NAME ENDPOINT [dial options]; say NAME TEXT; heard NAME REGEX; close_session NAME
declare -gA SESSION_FD SESSION_PID
open_session() {
	local fd
	mkfifo "$T/$1.in"
	"$dial" --no-half-close --timeout 120 "${@:3}" "$2" <"$T/$1.in" >"$T/$1.out" 2>"$T/$1.err" 3>&- 4>&- &
	SESSION_PID[$1]=$!
	JOBS+=($!)
	exec {fd}>"$T/$1.in"
	SESSION_FD[$1]=$fd
}
# open_hold COUNT ENDPOINT [hold options]: so many at once; its stdin is $HOLD_FD, its answers are in $T/hold.out
open_hold() {
	mkfifo "$T/hold.in"
	"$hold" -n "$1" "${@:3}" "$2" <"$T/hold.in" >"$T/hold.out" 2>&1 3>&- 4>&- &
	JOBS+=($!)
	exec {HOLD_FD}>"$T/hold.in"
}
held() { wait_until "${1:-20}" grep -q '^held' "$T/hold.out"; }
close_hold() { exec {HOLD_FD}>&-; }
say() { printf '%s\n' "$2" >&"${SESSION_FD[$1]}"; }
heard() { wait_until "${3:-5}" grep -aqE -- "$2" "$T/$1.out"; }
# The client's exit status, when it has ended by itself
session_ended() { wait_until "${2:-5}" gone "${SESSION_PID[$1]}" && wait "${SESSION_PID[$1]}"; }
# session_is_reset NAME: neither this nor session_ended by `run`, whose shell is not its parent
session_is_reset() {
	local status=0
	session_ended "$1" 10 || status=$?
	((status == 3)) || fail "$1 is not reset, but status $status: $(cat "$T/$1.out" "$T/$1.err")"
}
session_open() { alive "${SESSION_PID[$1]}"; }
close_session() {
	local fd=${SESSION_FD[$1]}
	kill "${SESSION_PID[$1]}" 2>/dev/null || :
	wait "${SESSION_PID[$1]}" 2>/dev/null || :
	exec {fd}>&-
}

# A free port of 127.0.0.1, outside the kernel's own range, for the few tests that must name one.
free_port() {
	local port
	for ((;;)); do
		port=$((20000 + RANDOM % 12000))
		[[ -n $(ss -Htln "sport = :$port" 2>/dev/null) ]] || break
	done
	echo "$port"
}

# ---- what is left over ----

count_fds() { ls "/proc/${1:-$DPID}/fd" | wc -l; }
zombies() { local p; for p in $(children_of "$DPID"); do [[ $(proc_state "$p") != Z ]] || echo "$p"; done; }
no_zombies() { [[ -z $(zombies) ]]; }
# without the aides of berthd
children_of() {
	local p
	for p in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		[[ $(cat "/proc/$p/comm" 2>/dev/null) == berthd-* ]] || echo "$p"
	done
}
no_children() { [[ -z $(children_of "$DPID" | tr -d ' ') ]]; }

# fds beside the sockets that it listens on, those to its aides, and the pipes that it keeps for its next handlers
PIPES_KEPT=64
pipes() { find "/proc/$DPID/fd" -lname 'pipe:*' 2>/dev/null | wc -l; }
own_fds() {
	local all listening looking
	looking=$(pgrep -c -P "$DPID" "^berthd-") || :
	listening=$(services '[.[].endpoints[]? | select(.state == "listening")] | length')
	# one look: under load the next one sees others
	all=$(ls -l "/proc/$DPID/fd")
	echo $(($(grep -c -- ' -> ' <<<"$all") - $(grep -c -- ' -> pipe:' <<<"$all") - listening - looking))
}
mark_fds() { BASE_FDS=''; [[ ! -S $CONTROL ]] || BASE_FDS=$(own_fds) || BASE_FDS=''; }
fds_are_back() { (($(own_fds) <= BASE_FDS && $(pipes) <= 2 * PIPES_KEPT)); }

# no_fd_left: from now on berthd gets no fd.  A control client that it has not let go yet would leave it one.
no_control_clients() { [[ -z $(ss -Hx state established src "$CONTROL") ]]; }

# fds_left N: berthd gets that many descriptors more.  What an end of a connection gives back has to be of use, so all
# numbers below the limit are taken first, by $FILLED clients of the control socket, fill0 and so on.
fds_left() {
	local free=0 highest=0 fd
	FILLED=0
	wait_until 5 no_control_clients
	for fd in /proc/"$DPID"/fd/*; do ((${fd##*/} <= highest)) || highest=${fd##*/}; done
	for ((free = 0; free < highest; ++free)); do
		[[ -e /proc/$DPID/fd/$free ]] || open_session "fill$((FILLED++))" "unix:$CONTROL"
	done
	for ((free = 0; free < highest; ++free)); do wait_until 5 test -e "/proc/$DPID/fd/$free"; done
	prlimit -p "$DPID" --nofile="$((highest + 1 + $1)):"
}
fds_back() { prlimit -p "$DPID" --nofile=20000:; }
no_fd_left() {
	local free=0
	wait_until 5 no_control_clients
	while [[ -e /proc/$DPID/fd/$free ]]; do ((++free)); done
	prlimit -p "$DPID" --nofile="$free:"
}

# Processes that were started as handlers of this test
handlers_left() {
	local f p
	for f in $(grep -lza "^TEST_OF=$T\$" /proc/[0-9]*/environ 2>/dev/null); do
		p=${f#/proc/} p=${p%/environ}
		[[ $(proc_state "$p") == Z ]] || echo "$p"
	done
}
no_handlers_left() { [[ -z $(handlers_left) ]]; }

# assert_clean: everything that was served has been given back
assert_clean() {
	wait_until 5 no_children || { echo "handlers left: $(ps -o pid,stat,args -p "$(children_of "$DPID" | xargs | tr ' ' ,)")" >&2; return 1; }
	wait_until 5 fds_are_back || {
		echo "fds: $(own_fds), at start $BASE_FDS" >&2
		ls -l "/proc/$DPID/fd" >&2
		return 1
	}
}

teardown_berth() {
	local pid bad=0
	for pid in "${JOBS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || :
		kill -CONT "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	JOBS=()
	if [[ -n $DPID ]] && ! kill -0 "$DPID" 2>/dev/null; then
		echo "berthd has died" >&2
		wait "$DPID" || echo "its status: $?" >&2
		DPID='' bad=1
	fi
	if [[ -n $DPID ]]; then
		kill -CONT "$DPID" 2>/dev/null || :
		if [[ ${BATS_TEST_COMPLETED:-} == 1 && -n $BASE_FDS ]]; then
			# handlers of clients that are still there end by the stop below
			wait_until 3 no_zombies || { echo "zombies: $(zombies)" >&2; bad=1; }
			wait_until 3 no_children && { assert_clean || bad=1; } 2>&1
		fi
		stop_berthd || bad=1
	fi
	[[ ! -S $CONTROL ]] || [[ -n ${LEAVES_SOCKET:-} ]] || { echo "control socket left over" >&2; bad=1; }
	if ! wait_until 3 no_handlers_left; then
		ps -o pid,ppid,stat,args -p "$(handlers_left | xargs | tr ' ' ,)" >&2
		handlers_left | xargs -r kill -KILL
		bad=1
	fi
	if ((bad)) || [[ ${BATS_TEST_COMPLETED:-} != 1 ]]; then
		echo "--- log" >&2
		tail -n "${BERTH_LOG_LINES:-40}" "$LOG" | cut -c1-400 >&2
	fi
	return $bad
}

setup() { setup_berth; }
teardown() { teardown_berth; }
