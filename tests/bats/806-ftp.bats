# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# packages: vsftpd curl
load ../lib/berth
load ../lib/limits

ftpd() {
	requires root
	requires program vsftpd curl
	mkdir -p "$T/empty" "$T/ftp/up"
	chown ftp "$T/ftp/up"
	head -c 5000000 /dev/urandom >"$T/ftp/data"
	printf '%s\n' listen=NO listen_ipv6=NO background=NO "secure_chroot_dir=$T/empty" isolate=NO isolate_network=NO \
	    anonymous_enable=YES "anon_root=$T/ftp" write_enable=YES anon_upload_enable=YES anon_umask=022 \
	    pasv_enable=YES connect_from_port_20=NO seccomp_sandbox=NO >"$T/vsftpd.conf"
	service ftp "$(jq -nc --arg c "$T/vsftpd.conf" --argjson more "${1:-{\}}" \
	    '{listen: "tcp:127.0.0.1:0", exec: ["/usr/sbin/vsftpd", $c], user: "root"} * $more')"
	start_berthd
}
get() { curl -sS --max-time 30 "$@" "ftp://127.0.0.1:$(port_of ftp)/data" -o "$T/back"; }

@test "vsftpd and curl: passive transfers of 5 MB, by PASV and EPSV, both ways" {
	ftpd
	get --disable-epsv
	cmp "$T/ftp/data" "$T/back"
	rm "$T/back"
	get
	cmp "$T/ftp/data" "$T/back"
	curl -sS --max-time 30 -T "$T/back" "ftp://127.0.0.1:$(port_of ftp)/up/data"
	cmp "$T/ftp/data" "$T/ftp/up/data"
	wait_logged 3 '^exit service=ftp .*cause=exit'
	adds_up ftp
}

@test "vsftpd: a transfer outlives the arrival of a client who would evict the idle" {
	ftpd '{"limits": {"connections": 1, "overflow": ["evict"]}, "evict": {"min_idle": "300ms"}}'
	# slower than its client: about two seconds
	get --limit-rate 2500000 &
	local pid=$!
	JOBS+=("$pid")
	wait_log '^start service=ftp connection=1 '
	open_session c "$(at ftp)"
	wait "$pid"
	cmp "$T/ftp/data" "$T/back"
	heard c ^220 10
}
