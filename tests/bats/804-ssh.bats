# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "dropbear -i and ssh: a command, 20 MB by scp, 20 MB by a pipe" {
	requires root
	requires program dropbear dropbearkey ssh scp ssh-keygen unshare
	# a root of its own whose home is ours
	mkdir -p "$T/home/.ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$T/id"
	cp "$T/id.pub" "$T/home/.ssh/authorized_keys"
	chmod 700 "$T/home" "$T/home/.ssh"
	dropbearkey -t ed25519 -f "$T/hostkey"
	sed "s,^root:.*,root:x:0:0:root:$T/home:/bin/sh," /etc/passwd >"$T/passwd"
	service ssh "{\"listen\": \"tcp:127.0.0.1:0\", \"user\": \"root\", \"exec\": [\"/usr/sbin/dropbear\", \"-i\", \"-s\", \"-r\", \"$T/hostkey\"]}"
	PREFIX=(unshare -m sh -c 'mount --make-rprivate / && mount --bind "$0" /etc/passwd && exec "$@"' "$T/passwd")
	start_berthd
	local port options=(-F none -i "$T/id" -o StrictHostKeyChecking=no -o "UserKnownHostsFile=$T/known" -o BatchMode=yes -o LogLevel=ERROR)
	port=$(port_of ssh)
	run ssh "${options[@]}" -p "$port" root@127.0.0.1 'echo hello; id -u; exit 7'
	assert_failure 7
	assert_output $'hello\n0'
	head -c 20000000 /dev/urandom >"$T/data"
	scp -q -O "${options[@]}" -P "$port" "$T/data" "root@127.0.0.1:$T/copy"
	cmp "$T/data" "$T/copy"
	ssh "${options[@]}" -p "$port" root@127.0.0.1 'cat' <"$T/data" >"$T/piped"
	cmp "$T/data" "$T/piped"
}
