# shellcheck shell=bash disable=SC2016,SC2154 # scripts of other programs; variables of tests/lib/berth.bash
load ../lib/berth

# What sys/waiting says of real programs: each is a session of its own, with a connection on 0 and 1 whose
# client says nothing and reads nothing.  No berthd takes part.

waitlook=$PEERS/waitlook
LEADER='' INODE=''

helper='
import os, socket, subprocess, sys
kind, out, command = sys.argv[1], sys.argv[2], sys.argv[3:]
if kind == "unix":
    ours, theirs = socket.socketpair()
else:
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs = listener.accept()[0]
p = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=open(out + ".err", "w"),
                     start_new_session=True)
inode = os.fstat(theirs.fileno()).st_ino
theirs.close()
with open(out + ".new", "w") as f:
    print(p.pid, inode, file=f)
os.rename(out + ".new", out)
p.wait()'

# start unix|tcp COMMAND...: sets LEADER and INODE
start() {
	end_session
	rm -f "$T/session"
	background python3 -c "$helper" "$1" "$T/session" "${@:2}"
	wait_until 10 test -s "$T/session"
	read -r LEADER INODE <"$T/session"
}

end_session() {
	local pid
	[[ -z $LEADER ]] || kill -KILL -- "-$LEADER" 2>/dev/null || :
	for pid in $(cat "$T"/outside.* 2>/dev/null); do
		kill -KILL -- "-$pid" 2>/dev/null || :
	done
	rm -f "$T"/outside.*
	LEADER=''
}

teardown() {
	end_session
	teardown_berth
}

# look [OPTIONS]: the verdict, one line
look() { "$waitlook" "$@" "$LEADER" "$INODE" | head -n 1; }
# looks REGEX [OPTIONS]
looks() { [[ $(look "${@:2}") =~ $1 ]]; }
# shown REGEX [OPTIONS]: it is judged so before long
shown() {
	wait_until 10 looks "$@" || { echo "not $1: $(look "${@:2}")" >&2; cat "$T/session.err" >&2; return 1; }
}

# The kernel's word for it, over all tasks that are not dead
states() { ps -s "$LEADER" -L -o stat= | cut -c1 | grep -v Z; }
all_stopped() { ! states | grep -qv T; }
none_stopped() { ! states | grep -q T; }
stop_session() { kill -STOP -- "-$LEADER" && wait_until 5 all_stopped; }
continue_session() { kill -CONT -- "-$LEADER" && wait_until 5 none_stopped; }

# waits [OPTIONS] unix|tcp COMMAND...: judged as waiting, also while it is stopped and after.  A shell may be stopped
# where it is about to handle the news that its child has stopped: that is unknown.
waits() {
	local options=()
	while [[ $1 == --* ]]; do options+=("$1") && shift; done
	start "$@"
	shown '^client$' "${options[@]}"
	stop_session
	shown '^(client|unknown pid [0-9]+: stopped in a signal handler)$' "${options[@]}"
	continue_session
	shown '^client$' "${options[@]}"
}

# never_client: not in many looks
never_client() {
	for _ in {1..8}; do
		! looks '^client' "$@" || { echo "judged as waiting" >&2; return 1; }
	done
}

# works REGEX [OPTIONS] unix|tcp COMMAND...: busy for that reason; never waiting, nor while it is stopped, nor after
works() {
	local reason=$1 options=()
	shift
	while [[ $1 == --* ]]; do options+=("$1") && shift; done
	start "$@"
	shown "^busy pid [0-9]+: .*$reason" "${options[@]}"
	never_client "${options[@]}"
	stop_session
	never_client "${options[@]}"
	continue_session
	never_client "${options[@]}"
}

# ---- those that wait ----

@test "programs that read their input wait for the client" {
	waits unix cat
	waits tcp cat
	waits tcp bash -c 'read -r line; :'
	waits tcp dash -c 'read -r line; :'
	waits tcp perl -e '$line = <STDIN>;'
	waits tcp awk '{ print }'
	waits tcp grep nothing
	waits tcp python3 -c 'import sys; sys.stdin.readline()'
	waits tcp python3 -c 'import os; os.readv(0, [bytearray(9)])'
}

@test "a shell that waits for the child that reads does not stand in the way" {
	waits tcp sh -c 'cat; :'
	waits tcp bash -c 'cat; :'
	waits tcp sh -c 'sh -c "cat; :"; :'
}

@test "a pipeline waits when its first process reads the connection" {
	waits tcp sh -c 'cat | cat | cat; :'
	waits tcp bash -c 'line=$(cat); :'
}

@test "a process that reads a socketpair within its session does not stand in the way" {
	waits tcp python3 -c 'if True:
		import os, socket
		a, b = socket.socketpair()
		if os.fork() == 0:
		    a.close()
		    os.read(0, 9)
		    os._exit(0)
		b.close()
		a.recv(9)'
}

@test "recv with and without a timeout is waiting" {
	local recv='import socket; s = socket.socket(fileno=0);'
	waits unix python3 -c "$recv s.recv(9)"
	waits tcp python3 -c "$recv s.recvmsg(9)"
	waits tcp python3 -c "$recv s.settimeout(500); s.recv(9)"
}

@test "poll and select on the connection alone are waiting, with and without a timeout" {
	local poll='import select; p = select.poll(); p.register(0, select.POLLIN);'
	waits tcp python3 -c "$poll p.poll()"
	waits tcp python3 -c "$poll p.poll(500000)"
	waits tcp python3 -c 'import select; select.select([0], [], [], 500)'
	waits tcp python3 -c 'import select; select.select([0], [], [0])'
	waits tcp perl -e 'vec($in, 0, 1) = 1; select($in, undef, undef, 500);'
}

@test "epoll on the connection alone is waiting" {
	waits unix python3 -c 'import selectors
s = selectors.DefaultSelector(); s.register(0, selectors.EVENT_READ); s.select(500)'
	waits tcp python3 -c 'import select
e = select.epoll(); e.register(0, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
while e.poll() != [(0, select.EPOLLIN)]: pass'
}

@test "other descriptors in the set are work, and waiting with any" {
	local pair='import os, select, selectors; r, w = os.pipe();'
	local poll="$pair p = select.poll(); p.register(0, 1); p.register(r, 1); p.poll()"
	works 'other descriptors' tcp python3 -c "$poll"
	waits --any tcp python3 -c "$poll"
	works 'other descriptors' tcp python3 -c "$pair select.select([0, r], [], [], 500)"
	waits --any tcp python3 -c "$pair select.select([0, r], [], [], 500)"
	poll="$pair s = selectors.DefaultSelector(); s.register(0, 1); s.register(r, 1); s.select()"
	works 'other descriptors' tcp python3 -c "$poll"
	waits --any tcp python3 -c "$poll"
}

@test "a copy of the connection at another number is the connection" {
	local twice='import os, select; fd = os.dup(0);'
	waits tcp python3 -c "$twice os.read(fd, 9)"
	waits tcp python3 -c "$twice select.select([0, fd], [], [])"
	waits tcp sh -c 'exec 7<&0 </dev/null; cat <&7'
}

@test "the report names a process that waits and its descriptor" {
	start tcp sh -c 'exec 7<&0 </dev/null; head -c 1 0<&- <&7; :'
	shown '^client$'
	run "$waitlook" "$LEADER" "$INODE"
	assert_line --index 1 --regexp "^pid=[0-9]+ fd=[07] switches=[0-9]+$"
	[[ $output =~ pid=([0-9]+)\ fd=([0-9]+) ]]
	[[ $(readlink "/proc/${BASH_REMATCH[1]}/fd/${BASH_REMATCH[2]}") == "socket:[$INODE]" ]]
}

@test "a task that ran between two looks shows in the switches, one that did not does not" {
	local before
	switches() { "$waitlook" "$LEADER" "$INODE" | sed -n 's/.*switches=//p'; }
	start tcp sh -c 'cat; :'
	shown '^client$'
	before=$(switches)
	assert_equal "$(switches)" "$before"
	stop_session
	(($(switches) > before))
}

@test "zombies count for nothing" {
	start tcp bash -c 'sleep 0.1 & exec cat'
	wait_until 5 eval '[[ $(ps -s "$LEADER" -o stat=) == *Z* ]]'
	shown '^client$'
	start tcp python3 -c 'if True:
		import ctypes, os, threading
		threading.Thread(target=lambda: os.read(0, 9)).start()
		ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)'
	wait_until 5 eval '[[ $(proc_state "$LEADER") == Z ]]'
	shown '^client$'
}

# ---- those that work ----

@test "a handler that sleeps or computes is busy" {
	works nanosleep tcp sleep 500
	works runs tcp sh -c 'while :; do :; done'
	works nanosleep tcp sh -c 'sleep 500; :'
}

@test "a handler that is blocked in writing to its client is busy" {
	works 'blocked in write' unix cat /dev/zero
	works 'blocked in write' tcp sh -c 'cat /dev/zero; :'
	works 'until it can write' unix python3 -c 'if True:
		import os, select
		os.set_blocking(1, False)
		try:
		    while True: os.write(1, bytes(9999))
		except BlockingIOError:
		    select.select([0], [1], [])'
}

@test "one thread that does something else makes the handler busy" {
	local threads='import sys, threading, time;'
	works nanosleep tcp python3 -c \
	    "$threads threading.Thread(target=time.sleep, args=(500,)).start(); sys.stdin.readline()"
	works futex tcp python3 -c "$threads"'
l = threading.Lock(); l.acquire(); threading.Thread(target=l.acquire).start(); sys.stdin.readline()'
}

@test "one process of the session that does something else makes the handler busy" {
	works nanosleep tcp sh -c 'sleep 500 & exec cat'
	works nanosleep --children tcp sh -c 'sleep 500 & exec cat'
	works nanosleep tcp sh -c 'cat | sleep 500; :'
}

@test "an orphan of the session counts, one with a session of its own does not" {
	works nanosleep tcp sh -c '(sleep 500 &); exec cat'
	waits tcp sh -c '(setsid sh -c "echo \$\$ >$0; exec sleep 500" >/dev/null 2>&1 </dev/null &)
	    exec cat' "$T/outside.1"
	wait_until 5 test -s "$T/outside.1"
	shown '^client$'
}

@test "nobody reads the connection: busy" {
	works 'nobody waits' tcp python3 -c 'import os
if os.fork() == 0: os.setsid(); open("'"$T"'/outside.1", "w").write(str(os.getpid())); os.read(0, 9)
os.wait()'
	works 'something else' tcp sh -c 'exec </dev/null; python3 -c "import select; select.select([], [], [], 500)"'
}

@test "reading what comes from outside the session is work" {
	works 'pipe from outside' tcp sh -c \
	    'exec 3<&0; cat <&3 & setsid sh -c "echo \$\$ >$0; exec sleep 500" | cat' "$T/outside.1"
	works 'socket from outside' tcp python3 -c 'if True:
		import os, socket, time
		a, b = socket.socketpair()
		if os.fork() == 0:
		    b.close()
		    os.read(0, 9)
		    os._exit(0)
		if os.fork() == 0:
		    os.setsid()
		    open("'"$T"'/outside.1", "w").write(str(os.getpid()))
		    time.sleep(500)
		b.close()
		a.recv(9)'
}

# ---- those that cannot be told ----

@test "a sleep that goes on after a stop is not taken for a poll" {
	start tcp sleep 500
	shown nanosleep
	stop_session
	continue_session
	shown '^(unknown pid [0-9]+: goes on with|busy .*nanosleep)'
}

@test "a set that is not in memory is unknown" {
	truncate -s 4096 "$T/set"
	start tcp python3 -c 'if True:
		import ctypes, mmap, struct, sys
		f = open(sys.argv[1], "r+b")
		m = mmap.mmap(f.fileno(), 4096)
		m[:8] = struct.pack("ihh", 0, 1, 0)
		ctypes.CDLL(None).poll(ctypes.byref(ctypes.c_char.from_buffer(m)), 1, -1)' "$T/set"
	shown '^client$'
	truncate -s 0 "$T/set"
	shown '^unknown pid [0-9]+: its memory cannot be read'
}

@test "a very large set or session is unknown" {
	start tcp python3 -c 'import os, select; select.select([0] + [os.dup(0) for i in range(70)], [], [])'
	shown '^unknown pid [0-9]+: waits for very many'
	start tcp sh -c 'i=0; exec 3<&0; while [ $i -lt 70 ]; do cat <&3 & i=$((i + 1)); done; exec cat'
	shown '^unknown pid [0-9]+: its session'
}

@test "a 32-bit program is unknown" {
	[[ $(uname -m) == x86_64 ]] || skip "x86-64 only"
	# read(0, ..., 1), which is close(0) to a 64-bit program
	gcc -m32 -nostdlib -static -ffreestanding -fno-stack-protector -fno-pie -no-pie -o "$T/small" -x c - <<-'END' ||
		char buf[1];
		void _start(void);
		void
		_start(void)
		{
			long r;

			for (;;)
				__asm__ volatile("int $0x80" : "=a"(r) : "a"(3), "b"(0), "c"(buf), "d"(1) : "memory");
		}
	END
		skip "no 32-bit compiler"
	start tcp sh -c '"$0"; exec sleep 500' "$T/small"
	! looks nanosleep || skip "the kernel executes no 32-bit programs"
	shown '^unknown pid [0-9]+: a program of another architecture|nanosleep'
}

@test "a handler of another user is forbidden to those without rights" {
	requires root
	requires program setpriv
	waitlook=$(peer_handler waitlook)
	start tcp cat
	shown '^client$'
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$waitlook" "$LEADER" "$INODE"
	assert_line --index 0 --regexp '^forbidden pid [0-9]+: '
}

@test "a session that has ended is no waiting" {
	start tcp cat
	shown '^client$'
	kill -KILL "$LEADER"
	shown '^busy pid [0-9]+: nobody waits'
}

# ---- berthd looks through a child ----

onlooker() { pgrep -P "$DPID" -x berthd-look; }

@test "an onlooker that does not come back is given up, and berthd goes on" {
	echo_service e
	start_berthd
	open_session s "$(at e)"
	say s hello
	heard s hello
	assert_equal "$(connections '.[].state')" busy
	kill -STOP "$(onlooker)"
	run connections '.[] | [.state, .why] | join(" ")'
	assert_output 'unknown looking at it takes too long'
	wait_log '^warning .*e: looking at a handler took too long'
	run connections '.[].why'
	assert_output 'handlers of its service take too long to be looked at'
	say s again
	heard s again
	wait_until 5 no_onlooker
}

no_onlooker() { ! onlooker; }
