# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
load ../lib/berth

@test "git daemon --inetd: clone, push, fetch" {
	requires program git
	export HOME=$T GIT_CONFIG_NOSYSTEM=1
	git config --global user.name t
	git config --global user.email t@example.org
	git config --global init.defaultBranch main
	git config --global --add safe.directory '*'
	git init -q --bare "$T/repos/r.git"
	git -C "$T/repos/r.git" config daemon.receivepack true
	git init -q "$T/first"
	head -c 300000 /dev/urandom >"$T/first/data"
	git -C "$T/first" add data
	git -C "$T/first" commit -qm one
	git -C "$T/first" push -q "$T/repos/r.git" main
	((EUID != 0)) || chown -R nobody "$T/repos"
	service git "{\"listen\": \"tcp:127.0.0.1:0\", \"exec\": [\"/usr/bin/git\", \"daemon\", \"--inetd\", \"--export-all\", \"--base-path=$T/repos\"]}"
	start_berthd
	local url
	url=git://127.0.0.1:$(port_of git)/r.git
	git clone -q "$url" "$T/clone"
	cmp "$T/first/data" "$T/clone/data"
	echo more >"$T/clone/more"
	git -C "$T/clone" add more
	git -C "$T/clone" commit -qm two
	git -C "$T/clone" push -q origin main
	git -C "$T/first" fetch -q "$url" main
	git -C "$T/first" merge -q --ff-only FETCH_HEAD
	assert_equal "$(<"$T/first/more")" more
}
