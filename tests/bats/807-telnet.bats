# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: inetutils-telnetd inetutils-telnet
load ../lib/berth
load ../lib/limits

@test "telnetd and telnet: a terminal, a session, and its end" {
	requires root
	requires program telnetd telnet
	cat >"$T/login" <<'SH'
#!/bin/sh
stty -echo
printf 'Terminal: %s\n' "$(tty)"
while read -r line && [ "$line" != quit ]; do echo "you said $line"; done
echo "Goodbye $(id -un)"
SH
	chmod 0755 "$T/login"
	service telnet "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"/usr/sbin/telnetd\", \"-h\", \"-E\", \"$T/login\"], \"user\": \"root\"}"
	start_berthd
	mkfifo "$T/in"
	timeout 40 telnet 127.0.0.1 "$(port_of telnet)" <"$T/in" >"$T/out" 2>&1 3>&- 4>&- &
	local pid=$! fd
	JOBS+=("$pid")
	exec {fd}>"$T/in"
	wait_until 10 grep -aq 'Terminal: /dev/pts/' "$T/out"
	echo hello >&"$fd"
	wait_until 10 grep -aq 'you said hello' "$T/out"
	service_is telnet '.active == 1'
	echo quit >&"$fd"
	wait_until 10 grep -aq 'Goodbye root' "$T/out"
	wait_log '^exit service=telnet connection=1 .*cause=exit' 10
	wait_until 10 gone "$pid"
	exec {fd}>&-
	adds_up telnet
}
