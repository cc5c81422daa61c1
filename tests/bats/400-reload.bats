# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

change() { jq "$2" "$SERVICES/$1.json" >"$T/new.$1" && mv "$T/new.$1" "$SERVICES/$1.json"; }
inode_of() { ss -Htlne "sport = :$(port_of "$1")" | grep -o 'ino:[0-9]*' | sort; }

@test "a file that is dropped in is served within a second, without a signal" {
	start_berthd
	local began
	began=$(now_ms)
	echo_service new
	wait_until 2 service_is new '.state == "open"'
	(($(now_ms) - began < 1000))
	run ask new hello
	assert_output hello
	wait_log '^reload added=1 changed=0 removed=0 errors=0'
}

@test "a file that is deleted is closed within a second; its live sessions go on" {
	echo_service old
	start_berthd
	local where began
	where=$(at old)
	open_session s "$where"
	say s one
	heard s one
	began=$(now_ms)
	rm "$SERVICES/old.json"
	wait_until 2 eval '[[ -z $(ss -Htln "sport = :${where##*:}") ]]'
	wait_log '^reload added=0 changed=0 removed=1 errors=0'
	(($(now_ms) - began < 1000))
	say s two
	heard s two
	service_is old '.state == "removed" and .active == 1'
	close_session s
	wait_until 5 eval '[[ $(services length) == 0 ]]'
}

@test "a file that is written in place, by an editor, or renamed away" {
	sh_service x 'echo one'
	start_berthd
	local where
	where=$(at x)
	sed -i s/one/two/ "$SERVICES/x.json"
	wait_until 2 eval '[[ $("$dial" "'"$where"'" </dev/null) == two ]]'
	# rewritten in the same inode
	sed s/two/three/ "$SERVICES/x.json" >"$T/x" && cat "$T/x" >"$SERVICES/x.json"
	wait_until 2 eval '[[ $("$dial" "'"$where"'" </dev/null) == three ]]'
	# as vi does it: away with the old, write the new
	mv "$SERVICES/x.json" "$SERVICES/x.json~"
	sed s/three/four/ "$SERVICES/x.json~" >"$SERVICES/x.json"
	wait_until 2 eval '[[ $("$dial" "tcp:127.0.0.1:$(port_of x)" </dev/null) == four ]]'
	touch "$SERVICES/.x.json.swp" "$SERVICES/4913"
	rm "$SERVICES/4913"
	run services length
	assert_output 1
}

@test "half a file, and the rest later: never a gap" {
	sh_service x 'echo one'
	start_berthd
	local text
	background "$flood" --until "$T/stop" -c 1 --pause 5 "$(at x)" >"$T/flood"
	text=$(sed s/one/two/ "$SERVICES/x.json")
	printf %s "${text:0:30}" >"$SERVICES/x.json"
	wait_log 'invalid service=x'
	printf %s "$text" >"$SERVICES/x.json"
	wait_until 3 eval '[[ $(ask x) == two ]]'
	: >"$T/stop"
	wait "${JOBS[-1]}" || fail "$(cat "$T/flood")"
}

@test "a target of a symlink that is rewritten is noticed" {
	sh_service x 'echo one'
	mv "$SERVICES/x.json" "$T/target.json"
	ln -s "$T/target.json" "$SERVICES/x.json"
	start_berthd
	local where
	where=$(at x)
	sed s/one/two/ "$T/target.json" >"$T/x" && cat "$T/x" >"$T/target.json"
	wait_until 3 eval '[[ $("$dial" "'"$where"'" </dev/null) == two ]]'
}

@test "SIGHUP does the same" {
	echo_service x
	start_berthd
	mark_log
	kill -HUP "$DPID"
	wait_fresh '^reload added=0 changed=0 removed=0 errors=0'
}

@test "a reload that changes nothing keeps the listener, and so does one that changes limits" {
	echo_service x
	start_berthd
	local inode
	inode=$(inode_of x)
	[[ -n $inode ]]
	ctl reload
	assert_equal "$(inode_of x)" "$inode"
	change x '.limits.connections = 7'
	ctl reload
	service_is x '.limit == 7'
	assert_equal "$(inode_of x)" "$inode"
}

@test "a renamed file moves its listener, queue and all" {
	echo_service old '{"limits": {"connections": 1}}'
	start_berthd
	local inode where
	inode=$(inode_of old)
	where=$(at old)
	open_session live "$where"
	wait_until 5 active_is old 1
	open_session queued "$where"
	say queued hello
	mv "$SERVICES/old.json" "$SERVICES/new.json"
	wait_until 2 service_is new '.state == "open"'
	heard queued hello
	say live still
	heard live still
	assert_equal "$(inode_of new)" "$inode"
	close_session live
	close_session queued
}

@test "live handlers keep the version that they were started from" {
	sh_service x 'trap "echo old; exit" TERM; echo ready; while :; do sleep 0.05; done' '{"timeouts": {"lifetime": "2s"}}'
	start_berthd
	open_session s "$(at x)"
	heard s ready
	change x '.timeouts.lifetime = "100s" | .exec = ["/bin/cat"]'
	run ctl reload
	assert_success
	run ask x hello
	assert_output hello
	heard s old 5
	session_ended s
}

@test "a file that breaks keeps its last good version; repaired, it changes" {
	sh_service x 'echo one'
	echo_service good
	start_berthd
	local where
	where=$(at x)
	cp "$SERVICES/x.json" "$T/x.json"
	echo '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "acess": {}}' >"$SERVICES/x.json"
	wait_log 'invalid service=x error=.*acess'
	run "$dial" "$where" </dev/null
	assert_output one
	service_is x '.state == "invalid" and (.errors | length) > 0'
	run ctl reload
	assert_failure 1
	assert_output --partial acess
	run ctl list
	assert_output --partial acess
	sed s/one/two/ "$T/x.json" >"$SERVICES/x.json"
	wait_until 2 eval '[[ $("$dial" "'"$where"'" </dev/null) == two ]]'
	service_is x '.state == "open" and (.errors | length) == 0'
}

@test "a wider endpoint replaces a narrower one on the same port, and the other way round" {
	local port
	port=$(free_port)
	echo_service x "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	start_berthd
	service_is x '.state == "open"' || skip "port $port was taken"
	change x ".listen = \"tcp:0.0.0.0:$port\""
	run ctl reload
	assert_success
	run "$dial" "tcp:127.0.0.2:$port" <<<hello
	assert_output hello
	change x ".listen = \"tcp:127.0.0.1:$port\""
	run ctl reload
	assert_success
	run "$dial" "tcp:127.0.0.1:$port" <<<hello
	assert_output hello
	run "$dial" --no-stdin "tcp:127.0.0.2:$port"
	assert_failure 2
}

@test "an endpoint that moves from one service to another is moved, not closed" {
	local port
	port=$(free_port)
	sh_service a 'echo a' "{\"listen\": [\"tcp:127.0.0.1:0\", \"tcp:127.0.0.1:$port\"]}"
	sh_service b 'echo b'
	start_berthd
	background "$flood" --until "$T/stop" -c 2 --pause 5 "tcp:127.0.0.1:$port" >"$T/flood"
	jq '.listen = "tcp:127.0.0.1:0"' "$SERVICES/a.json" >"$T/a"
	jq ".listen = [\"tcp:127.0.0.1:0\", \"tcp:127.0.0.1:$port\"]" "$SERVICES/b.json" >"$T/b"
	mv "$T/a" "$SERVICES/a.json"; mv "$T/b" "$SERVICES/b.json"
	wait_until 3 eval '[[ $("$dial" tcp:127.0.0.1:'"$port"' </dev/null) == b ]]'
	: >"$T/stop"
	wait "${JOBS[-1]}" || fail "$(cat "$T/flood")"
}

@test "enabled false closes, true opens" {
	echo_service x
	start_berthd
	local where
	where=$(at x)
	change x '.enabled = false'
	wait_until 3 service_is x '.state == "disabled"'
	run "$dial" --no-stdin "$where"
	assert_failure 2
	change x '.enabled = true'
	wait_until 3 service_is x '.state == "open"'
	run ask x hello
	assert_output hello
}

@test "user names are looked up at load: one that appears later is found by the next reload" {
	requires root
	requires program unshare mount
	cp /etc/passwd "$T/passwd"
	sh_service x 'id -u' '{"user": "berth-late"}'
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mount --bind "$0" /etc/passwd && exec "$@"' "$T/passwd")
	start_berthd
	service_is x '.state == "invalid"'
	echo 'berth-late:x:61115:61115::/:/bin/sh' >>"$T/passwd"
	run ctl reload
	assert_success
	run ask x
	assert_output 61115
}

@test "a name service that hangs stops no accept, and the last good ids stay" {
	requires root
	requires program unshare mount
	sh_service x 'id -u' '{"user": "daemon"}'
	mkfifo "$T/hang"
	cp /etc/passwd "$T/passwd"
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && exec "$@"' sh)
	start_berthd
	# from now on whoever reads /etc/passwd waits for a writer
	nsenter -t "$DPID" -m mount --bind "$T/hang" /etc/passwd
	local began
	began=$(now_ms)
	kill -HUP "$DPID"
	run ask x
	assert_output --regexp '^(uid|id|1)'
	(($(now_ms) - began < 1000))
	background ctl reload >"$T/reload"
	run ask x
	wait_until 15 gone "${JOBS[-1]}"
	service_is x '.state == "open"'
	# the hanging look-up is not left over
	wait_until 10 no_children
}

@test "one name whose look-up hangs fails alone: the others are served, and so is a file dropped meanwhile" {
	requires root
	requires program unshare mount
	# whoever looks up a port by its name waits for a writer of /etc/services
	mkfifo "$T/hang"
	echo_service a '{"listen": "tcp:127.0.0.1:finger"}'
	sh_service b 'id -u' '{"user": "daemon"}'
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mount --bind "$0" /etc/services && exec "$@"' "$T/hang")
	local began
	began=$(now_ms)
	start_berthd
	run ask b
	assert_output 1
	(($(now_ms) - began < 7500)) || fail "b was served after $(($(now_ms) - began)) ms"
	service_is a '.state == "invalid" and (.errors | length) > 0'
	# one that is dropped while the name is asked for again waits for that at most
	wait_until 5 eval '[[ -n $(children_of "$DPID") ]]'
	echo_service c '{"user": "mail"}'
	wait_until 8 service_is c '.state == "open"'
	run ask c hello
	assert_output hello
	# one that is dropped before the next time does not wait at all
	began=$(now_ms)
	echo_service d '{"user": "games"}'
	wait_until 5 service_is d '.state == "open"'
	(($(now_ms) - began < 3000)) || fail "d was open after $(($(now_ms) - began)) ms"
	service_is a '.state == "invalid" and (.errors | length) > 0'
	run ask b
	assert_output 1
}

# slow_file FILE: from now on it takes 60 ms to open it, by a fanotify(7) listener; a line in $T/slow for each time
slow_file() {
	background python3 -c '
import ctypes, os, struct, sys, time
c = ctypes.CDLL(None, use_errno=True)
f = c.fanotify_init(0x4 | 0x1, os.O_RDONLY)
# FAN_MARK_ADD, FAN_OPEN_PERM
if f < 0 or c.fanotify_mark(f, 1, ctypes.c_uint64(0x10000), -100, sys.argv[1].encode()) < 0: sys.exit(1)
print("marked", flush=True)
while True:
    fd, pid = struct.unpack("ii", os.read(f, 24)[16:])
    time.sleep(0.06)
    print("opened by", pid, flush=True)
    os.write(f, struct.pack("iI", fd, 1))	# FAN_ALLOW
    os.close(fd)' "$1" >"$T/slow"
	wait_until 5 eval '[[ -s $T/slow ]] || gone '"$!"
	[[ -s $T/slow ]] || cannot_run "needs fanotify permission events"
}

@test "each name has its own time: many slow ones are found after one that hangs" {
	requires root
	requires program unshare mount python3
	local i count=40
	# as above: the first name that is asked for is that of a port, and hangs
	mkfifo "$T/hang"
	cp /etc/passwd "$T/passwd"
	echo_service a '{"listen": "tcp:127.0.0.1:finger"}'
	for ((i = 0; i < count; i++)); do
		echo "berth-slow$i:x:$((61300 + i)):61300::/:/bin/sh" >>"$T/passwd"
		sh_service "slow$i" 'id -u' "{\"user\": \"berth-slow$i\"}"
	done
	slow_file "$T/passwd"
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mount --bind "$0/hang" /etc/services &&
	    mount --bind "$0/passwd" /etc/passwd && exec "$@"' "$T")
	start_berthd_unready
	# all of it is one run: 5 s for the one, 60 ms for each of the others
	wait_until 30 ready_or_dead
	run services '[.[] | select(.state == "open")] | length'
	assert_output $count
	service_is a '.state == "invalid" and (.errors | length) > 0'
	# nor did any of them fail at first
	run log_count '^invalid service=slow'
	assert_output 0
	(($(grep -c opened "$T/slow") >= count))
	run ask slow7
	assert_output 61307
}
