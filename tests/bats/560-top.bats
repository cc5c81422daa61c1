# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: tmux
# berthctl top, in a terminal of its own.  What a screen shows is waited for; keys are sent when it is there.
load ../lib/berth

setup() {
	setup_berth
	requires program tmux
	printf 'set -g %s\n' 'status off' 'default-terminal screen-256color' 'default-shell /bin/sh' 'escape-time 0' >"$T/tmux.conf"
	unset NO_COLOR TMUX
}

teardown() {
	mux kill-server 2>/dev/null || :
	teardown_berth
}

# end_terminal: its server is gone when this returns, so that the next one is not taken for it
end_terminal() {
	local server
	server=$(mux display-message -p '#{pid}')
	mux kill-server
	wait_until 10 gone "$server"
}

mux() { LC_ALL=C.UTF-8 timeout 20 tmux -u -f "$T/tmux.conf" -S "$T/tmux" "$@" 3>&- 4>&-; }

# terminal COMMAND...: it runs in a terminal of 80x24, which stays there when it has ended
terminal() { mux new-session -d -x 80 -y 24 "export LC_ALL=C.UTF-8 BERTH_CONTROL='$CONTROL'; $*; echo \"status \$?\"; exec sleep 1000"; }
# top [ARGUMENT]...: with an interval that is not waited for
top() { terminal "$BUILD/berthctl top -d 200ms $*"; }

keys() { mux send-keys "$@"; }
resize() { mux resize-window -x "$1" -y "$2"; }
screen() { mux capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }
hides() { ! shows "$1"; }
# shellcheck disable=SC2053 # a pattern
last_line_is() { [[ $(screen | tail -n 1) == $1 ]]; }

sees() {
	wait_until 10 shows "$1" || { echo "no $1 in:" >&2; screen >&2; return 1; }
}
misses() {
	wait_until 10 hides "$1" || { echo "$1 still in:" >&2; screen >&2; return 1; }
}

# The first words of the rows below the line of titles, which begins with this one
rows() { screen | awk -v title="$1" 'NF == 0 { on = 0 } on { print $1 } $1 == title { on = 1 }' | xargs; }
rows_are() { [[ $(rows "$1") == "$2" ]]; }
order() {
	wait_until 10 rows_are "$1" "$2" || { echo "not $2 but $(rows "$1") in:" >&2; screen >&2; return 1; }
}

# service_with NAME COUNT: that many connections
service_with() {
	local i
	for ((i = 0; i < $2; i++)); do open_session "$1$i" "$(at "$1")"; done
	wait_until 10 active_is "$1" "$2"
}

@test "services, with berthd, its pool and the keys, on 80 columns and 24 lines" {
	echo_service one '{"limits": {"connections": 7}}'
	service bad '{'
	start_berthd
	service_with one 2
	top
	sees "^berthd [0-9].* pid $DPID  up "
	sees '^pool 2/[0-9]+, peak 2  services 2: 1 open, 1 invalid'
	sees '^per second: accepted 0, refused 0, ended 0, failed 0'
	sees '^SERVICE +STATE .*ACTIVE +LIMIT'
	sees '^one +open +2 +7 '
	sees '^bad +invalid '
	wait_until 5 last_line_is '[?] help  q quit*'
	assert_equal "$(screen | wc -l)" 24
	(($(screen | wc -L) <= 80))
}

@test "sorted by a letter, by the column beside, and the other way round" {
	echo_service a
	echo_service b
	echo_service c
	start_berthd
	service_with b 3
	service_with c 1
	top
	order SERVICE 'a b c'
	keys A
	order SERVICE 'b c a'
	sees 'by ACTIVE falling'
	keys R
	order SERVICE 'a c b'
	sees 'by ACTIVE rising'
	keys N
	order SERVICE 'a b c'
	keys '>' '>' '>'
	sees 'by ACTIVE falling'
	order SERVICE 'b c a'
	keys '<' Left '<'
	sees 'by SERVICE rising'
	keys '<'
	sees 'by DESCRIPTION rising'
	sees '^SERVICE .*DESCRIPTION'
}

@test "the selected row stays the same one when others come before it" {
	echo_service b
	echo_service c
	start_berthd
	service_with c 1
	top
	order SERVICE 'b c'
	keys Down
	echo_service a
	order SERVICE 'a b c'
	keys Enter
	sees '^connections of c: 1,'
}

@test "connections of one service, of all, and back" {
	echo_service one
	echo_service two
	start_berthd
	service_with one 2
	service_with two 1
	top
	order SERVICE 'one two'
	keys Enter
	sees '^connections of one: 2, by AGE falling'
	sees "^ +[0-9]+ one +127\.0\.0\.1:[0-9]+ +[0-9]+ .* 127\.0\.0\.1:$(port_of one)"
	hides ' two '
	keys c
	sees '^connections: 3, by AGE'
	sees "^ +$(connections '.[].connection' two) two +127\.0\.0\.1:[0-9]+ +$(connections '.[].pid' two) "
	close_session two0
	misses ' two '
	sees '^connections: 2, '
	keys Escape
	sees '^services: 2, by SERVICE'
}

@test "started with the name of a service it begins with its connections" {
	echo_service one
	start_berthd
	service_with one 1
	top one
	sees '^connections of one: 1, by AGE falling'
	keys q
	sees '^status 0'
}

@test "refusals by reason, of each service and of all" {
	echo_service one '{"limits": {"connections": 1, "overflow": ["refuse"]}}'
	echo_service two '{"limits": {"connections": 1, "overflow": ["refuse"]}}'
	echo_service closed '{"access": {"deny": ["local"]}}'
	start_berthd
	service_with one 1
	service_with two 1
	local i
	for i in 1 2; do "$dial" --timeout 5 "$(at one)" </dev/null || :; done
	"$dial" --timeout 5 "$(at two)" </dev/null || :
	"$dial" --timeout 5 "$(at closed)" </dev/null || :
	top
	order SERVICE 'closed one two'
	keys r
	sees '^refusals: 5, by REFUSED falling'
	sees '^service-full +\(all\) +[0-9.]+ +3 +75\.0%'
	sees '^service-full +one +[0-9.]+ +2 +50\.0%'
	sees '^service-full +two +[0-9.]+ +1 +25\.0%'
	sees '^denied +\(all\) +[0-9.]+ +1 +25\.0%'
	sees '^denied +closed +[0-9.]+ +1 +25\.0%'
	order REASON 'service-full denied service-full denied service-full'
	# it goes on
	"$dial" --timeout 5 "$(at closed)" </dev/null || :
	sees '^denied +closed +[0-9.]+ +2 '
}

@test "rates follow what happens, and are never negative when counters begin anew" {
	echo_service one '{"log": {"connections": false}}'
	start_berthd
	background "$flood" --until "$T/stop" -c 2 "$(at one)" >"$T/flood"
	top
	sees '^per second: accepted [1-9][0-9.k]*, refused 0, ended [1-9]'
	sees '^one +open +[0-9]+ +100 +[0-9]+ +[0-9]+ +[1-9][0-9.]* +0 '
	: >"$T/stop"
	wait "${JOBS[-1]}" || :
	sees '^per second: accepted 0, refused 0, ended 0'
	# a berthd that counts from nothing
	stop_berthd
	sees '^BERTHD IS AWAY'
	rm -f "$CONTROL".statistics*
	start_berthd
	sees '^one +open +0 +100 +0 +0 +0 +0 +0 '
	run grep -aE -- '-[0-9.]+ ' <(screen)
	assert_failure
}

@test "kill asks first; n leaves the connection alone, y ends this one and no other" {
	echo_service one
	start_berthd
	service_with one 2
	local first second
	read -r first second <<<"$(connections 'sort_by(.connection) | [.[].connection] | join(" ")')"
	top one
	order CONN "$first $second"
	keys Down
	keys k
	sees "^end connection $second of one, peer 127\.0\.0\.1:[0-9]+\? y/n"
	keys n
	sees "^connection $second: left alone"
	[[ $(connections length) == 2 ]]
	keys k
	sees "^end connection $second of one"
	# a resize is no answer
	resize 100 24
	sees '^CONN .*WHY'
	sees "^end connection $second of one"
	keys y
	sees "^connection $second: told to end"
	order CONN "$first"
	session_ended one1 || :
	session_open one0
	wait_until 5 service_is one '.causes.killed == 1 and .active == 1'
}

@test "kill is about a connection: elsewhere it says where to go" {
	echo_service one
	start_berthd
	service_with one 1
	top
	order SERVICE one
	keys k
	sees '^first go to a connection: Enter or c'
	keys y
	keys Enter
	sees '^connections of one: 1,'
	active_is one 1
}

@test "a filter, as it is typed, kept by Enter and ended by Esc" {
	echo_service mail '{"description": "letters"}'
	echo_service news
	echo_service web
	start_berthd
	top
	order SERVICE 'mail news web'
	keys / E
	order SERVICE 'mail news web'
	keys W
	sees '^filter: EW_'
	order SERVICE news
	keys BSpace BSpace l e t t
	order SERVICE mail
	sees 'services: 1 of 3 with "lett"'
	# letters are text there, not commands
	keys q
	sees '^nothing matches the filter'
	keys BSpace Enter
	misses '^filter:'
	order SERVICE mail
	keys Escape
	order SERVICE 'mail news web'
}

@test "help tells the keys, and goes away" {
	echo_service one
	start_berthd
	top
	order SERVICE one
	keys '?'
	sees '^KEYS'
	sees '^ +q +quit'
	sees 'A ACTIVE'
	hides '^SERVICE +STATE'
	resize 60 8
	keys Down Down Down Down Down Down Down Down Down Down Down Down Down Down Down Down
	sees 'N SERVICE'
	keys Escape
	sees '^SERVICE +STATE'
	keys h
	sees '^KEYS'
	keys q
	sees '^status 0'
}

@test "a terminal of another size is filled; one that is too small says so" {
	local i
	for i in {10..49}; do echo_service "service$i"; done
	start_berthd
	top
	sees '^service26 '
	hides '^service27 '
	resize 132 43
	sees '^service45 '
	hides '^service46 '
	sees '^SERVICE .*SPAWN99'
	resize 40 10
	sees '^service10 '
	misses '^service20 '
	wait_until 5 last_line_is '[?] help*+'
	(($(screen | wc -L) <= 40))
	resize 30 5
	sees '^service11 '
	resize 29 5
	sees '^too small'
	resize 2 1
	sees '^t'
	resize 80 24
	sees '^service26 '
	wait_until 5 last_line_is '[?] help  q quit*'
	keys End
	sees '^service49 '
	misses '^service10 '
	keys PPage PPage PPage
	sees '^service10 '
}

@test "berthd goes away and comes back; what was there stays readable" {
	echo_service one
	start_berthd
	top
	sees '^one +open'
	stop_berthd
	sees '^BERTHD IS AWAY, this was [0-9]+s ago: '
	sees '^one +open'
	keys c
	sees '^connections: 0'
	keys s
	start_berthd
	sees "^berthd .* pid $DPID "
	sees '^one +open'
}

@test "it waits for a berthd that is not there yet" {
	echo_service one
	LEAVES_SOCKET=1
	top
	sees '^BERTHD IS AWAY: .*no daemon there'
	sees '^no answer yet'
	start_berthd
	sees "^berthd .* pid $DPID "
	sees '^one +open'
}

@test "a berthd that hangs does not freeze the keys" {
	echo_service a
	echo_service b
	start_berthd
	service_with b 1
	top
	order SERVICE 'a b'
	kill -STOP "$DPID"
	sees '^BERTHD DOES NOT ANSWER for [0-9]+s'
	keys A
	order SERVICE 'b a'
	keys '?'
	sees '^KEYS'
	keys Escape
	keys Enter
	sees '^no answer yet'
	kill -CONT "$DPID"
	sees '^connections of b: 1,'
	misses '^BERTHD DOES NOT ANSWER'
	kill -STOP "$DPID"
	keys q
	sees '^status 0'
	kill -CONT "$DPID"
}

@test "paused, nothing changes until it goes on" {
	echo_service one
	start_berthd
	top
	sees '^one +open +0 '
	keys p
	sees PAUSED
	local before
	before=$(screen)
	service_with one 1
	# a redraw is seen, and brings nothing new
	resize 120 24
	sees ' {60}PAUSED'
	resize 80 24
	wait_until 10 eval '[[ $(screen) == "$before" ]]'
	keys Space
	sees '^one +open +1 '
	misses PAUSED
	keys -
	sees 'every 100ms'
	keys + + +
	sees 'every 1s'
}

@test "colours only where they are wanted" {
	service bad '{'
	start_berthd
	top
	sees '^bad +invalid'
	mux capture-pane -pe | grep -q $'\033\\[.*31m'
	end_terminal
	terminal "NO_COLOR=1 $BUILD/berthctl top -d 200ms"
	sees '^bad +invalid'
	run grep -E $'\033\\[([0-9]*;)*(3[0-8]|4[0-8]|9[0-7])[;m]' <(mux capture-pane -pe)
	assert_failure
}

# In a shell with job control, with a line before it that has to be there again after it
in_shell() {
	mux new-session -d -x 80 -y 24 "PS1='ready> ' exec bash --norc --noprofile --noediting -i"
	sees '^ready>'
	keys "stty -g >'$T/before'; echo before-top" Enter
	sees '^before-top'
	keys "$BUILD/berthctl --control '$CONTROL' top -d 200ms; echo \"status \$?\"" Enter
	sees '^one +open'
	hides '^before-top'
}

assert_restored() {
	sees '^before-top'
	hides '^one +open'
	keys "stty -g >'$T/after'; echo compared" Enter
	sees '^compared'
	assert_equal "$(cat "$T/after")" "$(cat "$T/before")"
	assert_equal "$(mux display-message -p '#{alternate_on} #{cursor_flag}')" '0 1'
}

top_pid() { pgrep -x -P "$(mux display-message -p '#{pane_pid}')" berthctl; }

@test "the terminal is given back at the end, and on TERM, INT and HUP, which end it as ever" {
	echo_service one
	start_berthd
	local how
	for how in q TERM C-c HUP; do
		in_shell
		case $how in
		q | C-c) keys "$how" ;;
		*) kill -s "$how" "$(top_pid)" ;;
		esac
		case $how in
		q) sees '^status 0' ;;
		TERM) sees '^status 143' ;;
		# bash ends its list, too
		C-c) sees '^ready>$' ;;
		HUP) sees '^status 129' ;;
		esac
		assert_restored
		end_terminal
	done
}

@test "stopped it gives the terminal back, and goes on where it was" {
	echo_service one
	start_berthd
	in_shell
	keys C-z
	sees Stopped
	assert_restored
	resize 90 20
	keys fg Enter
	sees '^one +open'
	wait_until 5 last_line_is '[?] help  q quit*'
	assert_equal "$(screen | wc -l)" 20
	keys q
	sees '^status [0-9]+'
	rm "$T/after"
	assert_restored
}

@test "texts from elsewhere cannot steer the terminal" {
	echo_service one '{"description": "x\u001b]0;owned\u0007\u001b[31mred\u009b2J\u202edone"}'
	start_berthd
	top
	sees '^one +open'
	mux pipe-pane "cat >'$T/written'"
	resize 200 24
	keys B
	sees '^one .* x\\x1b]0;owned\\x07\\x1b\[31mred\\xc2\\x9b2J\\xe2\\x80\\xaedone'
	keys C-l
	wait_until 5 grep -aq 'owned' "$T/written"
	run grep -aE $'\033]0;owned|\007|\033\\[31mred|\xc2\x9b|\xe2\x80\xae' "$T/written"
	assert_failure
	run ctl top --once -d 100ms
	assert_success
	assert_output --partial 'x\x1b]0;owned\x07\x1b[31mred'
	refute_output --partial $'\033'
}

@test "once: text with the rates of one interval, where there is no terminal" {
	echo_service one '{"limits": {"connections": 1, "overflow": ["refuse"]}}'
	start_berthd
	service_with one 1
	"$dial" --timeout 5 "$(at one)" </dev/null || :
	run ctl top --once -d 100ms
	assert_success
	assert_line --index 0 --regexp "^berthd .* pid $DPID "
	assert_line --regexp '^per second: accepted 0, refused 0'
	assert_line --regexp '^one +open +service-full +1 +1 '
	assert_line --regexp '^service-full +\(all\) +0 +1 +100\.0%$'
	run ctl top --once -d 100ms one
	assert_success
	assert_line 'connections of one: 1, by AGE falling'
	assert_line --regexp "^ +[0-9]+ one +127\.0\.0\.1:[0-9]+ +$(pid_of one) "
	refute_output --partial $'\033'
	run ctl top --once -d 100ms none
	assert_failure 1
	assert_output 'berthctl: none: no such service'
}

@test "for programs: services with their rates, and the time that they are about" {
	echo_service one
	start_berthd
	service_with one 1
	run ctl top --json -d 200ms
	assert_success
	jq -e '.seconds >= 0.2 and .status.pool.active == 1 and (.services | length) == 1 and
	    (.services[0] | .name == "one" and .accepted == 1 and .rates.accepted == 0 and
	    .rates.reasons.denied == 0)' <<<"$output"
	run ctl top --json -d 100ms one
	assert_success
	jq -e '.connections | length == 1 and .[0].service == "one"' <<<"$output"
}

@test "without a terminal, with a wrong interval, without berthd: it says so" {
	run ctl top
	assert_failure 64
	assert_output --partial 'no terminal: use --once'
	run ctl top -d 2 --once
	assert_failure 64
	assert_output --partial 'needs a unit'
	run ctl top -d 1ms --once
	assert_failure 64
	assert_output --partial '--interval: from 100ms to 1h'
	run ctl top --once
	assert_failure 69
	assert_output --partial 'no daemon there'
	# ncurses itself loses some memory then
	terminal "ASAN_OPTIONS=detect_leaks=0 TERM=no-such-terminal $BUILD/berthctl top"
	sees 'berthctl: top: TERM is no terminal that is known'
	sees '^status 64'
}
