# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "rsync daemon: a tree of 500 files both ways" {
	requires program rsync
	local i
	mkdir -p "$T/tree" "$T/module/up"
	for i in {1..500}; do
		mkdir -p "$T/tree/d$((i % 20))"
		head -c $((i * 37 % 20000)) /dev/urandom >"$T/tree/d$((i % 20))/f$i"
	done
	((EUID != 0)) || chown -R nobody "$T/module"
	printf '[mod]\npath = %s\nread only = no\nuse chroot = no\nreverse lookup = no\nmax verbosity = 1\n' "$T/module" >"$T/rsyncd.conf"
	service rsync "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"/usr/bin/rsync\", \"--daemon\", \"--config=$T/rsyncd.conf\"]}"
	start_berthd
	local port
	port=$(port_of rsync)
	rsync -r --port="$port" "$T/tree/" rsync://127.0.0.1/mod/up/
	diff -r "$T/tree" "$T/module/up"
	rsync -r --port="$port" rsync://127.0.0.1/mod/up/ "$T/back/"
	diff -r "$T/tree" "$T/back"
	(($(find "$T/back" -type f | wc -l) == 500))
	run rsync --port="$port" rsync://127.0.0.1/
	assert_output --partial mod
}
