# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: tftpd-hpa tftp-hpa
# tftpd-hpa as its manual has it for inetd: it gets the socket, serves, and ends when it was silent for a while
load ../lib/berth
load ../lib/limits

tftpd() {
	requires root
	requires program in.tftpd tftp
	mkdir -p "$T/files"
	chown nobody "$T/files"
	service tftp "$(jq -nc --arg d "$T/files" --arg l "$1" --argjson more "${2:-{\}}" '{listen: $l, user: "root",
	    exec: ["/usr/sbin/in.tftpd", "--timeout", "2", "--create", "--permissive", "--user", "nobody", "--secure", $d]} * $more')"
	start_berthd
}
# transfer HOST PORT COMMAND...
transfer() {
	local host=$1 port=$2
	shift 2
	timeout 40 tftp "$host" "$port" -m binary -c "$@"
}

@test "tftpd-hpa and tftp: put and get of 5 MB, one server for both, another one after it has ended" {
	tftpd udp:127.0.0.1:0
	local port
	port=$(port_of tftp)
	head -c 5000000 /dev/urandom >"$T/data"
	transfer 127.0.0.1 "$port" put "$T/data" data
	cmp "$T/data" "$T/files/data"
	transfer 127.0.0.1 "$port" get data "$T/back"
	cmp "$T/data" "$T/back"
	wait_log '^exit service=tftp connection=1 .*cause=exit status=0' 15
	transfer 127.0.0.1 "$port" get data "$T/again"
	cmp "$T/data" "$T/again"
	wait_logged 2 '^exit service=tftp .*cause=exit status=0' 15
	(($(log_count '^drop |^throttle ') == 0))
	adds_up tftp
}

@test "tftpd-hpa answers from the address that was asked" {
	tftpd udp:0.0.0.0:0
	echo hello >"$T/files/hello"
	transfer 127.0.0.5 "$(port_of tftp)" get hello "$T/back"
	cmp "$T/files/hello" "$T/back"
}
