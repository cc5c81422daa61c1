# shellcheck shell=bash disable=SC2034,SC2154 # variables of tests/lib/berth.bash, and for it
# The status page: printed, and served by berth itself; in a real browser.
#
# packages: tidy curl
# packages-full: chromium
load ../lib/berth

html() { python3 "$BATS_TEST_DIRNAME/../peers/htmlread.py" "$@"; }

# browse ARGS: a page in a browser of its own; what it found is in $found
browse() {
	local out
	out=$(timeout 55 python3 "$BATS_TEST_DIRNAME/../peers/browse.py" "$@" 3>&- 4>&-) || return 1
	found=$out
}
found() { jq -r "$1" <<<"$found"; }

# The same beside what the test does; background_found waits for it.
browse_in_background() {
	background timeout 55 python3 "$BATS_TEST_DIRNAME/../peers/browse.py" "$@" >"$T/found"
	BROWSER=$!
}
background_found() {
	wait "$BROWSER" || return 1
	found=$(<"$T/found")
}

# page_service [NAME [JSON]]: it serves the page of the berthd that is at $ASKED
page_service() {
	local own='{}'
	((EUID != 0)) || own='{"user":"root"}'
	service "${1:-page}" "$(jq -nc --arg ctl "$BUILD/berthctl" --arg at "${ASKED:-$CONTROL}" --argjson own "$own" \
	    --argjson more "${2:-{\}}" '{listen: "tcp:127.0.0.1:0", exec: [$ctl, "--control", $at, "page", "--http"]} +
	    $own * $more')"
}
page_url() { echo "http://127.0.0.1:$(port_of "${1:-page}")/"; }

# page: as berthctl prints it, in $T/page
page() { ctl page >"$T/page"; }
# what it says of a service: active / limit, peak, queue, accepted, pending, ended, failed, evicted, refused
figures() { html rows <"$T/page" | sed -nE "s/^$1( [^|]*)?\|[^|]*\|[^|]*\|//p"; }

# what a file, and all that it can have a say in, must not become
HOSTILE='<script>document.title="owned"</script><img src=x onerror="alert(1)">"'"'"'</td></table>&lt;b&gt;<!-- '

# hostile_services: it is a description, a path of a socket, a program and a wrong key
hostile_services() {
	mkdir -p "$T/<script>alert(1)<"
	echo_service hostile "$(jq -nc --arg d "$HOSTILE" --arg p "unix:$T/<script>alert(1)</script>" '{description: $d, listen: ["tcp:127.0.0.1:0", $p]}')"
	service absent "$(jq -nc --arg p "/none$HOSTILE" '{description: "none", listen: "tcp:127.0.0.1:0", exec: [$p]}')"
	service wrong "$(jq -nc --arg k "$HOSTILE" '{listen: "tcp:127.0.0.1:0", exec: ["/bin/cat"]} + {($k): 1}')"
}

# The same without it, for comparison.
harmless_services() {
	echo_service hostile "$(jq -nc --arg p "unix:$T/sock" '{description: "an echo", listen: ["tcp:127.0.0.1:0", $p]}')"
	service absent '{"description": "none", "listen": "tcp:127.0.0.1:0", "exec": ["/none"]}'
	service wrong '{"listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"], "wrong": 1}'
}

# ---- what it says ----

@test "printed, it is valid HTML that says what list says" {
	requires program tidy
	echo_service one '{"description": "The first"}'
	echo_service two '{"limits": {"connections": 1, "overflow": ["refuse"]}}'
	start_berthd
	ask one hello >/dev/null
	ask one hello >/dev/null
	wait_until 5 service_is one '.ended == 2'
	open_session s "$(at two)"
	say s hello
	heard s hello
	ask two no || :
	ask two no || :
	page
	run tidy -e -q "$T/page"
	assert_success
	assert_output ''
	assert_equal "$(figures one)" '0 / 100|1|0|2|0|2|0|0|0'
	assert_equal "$(figures two)" '1 / 1|1|0|3|0|0|0|0|2'
	run html text <"$T/page"
	assert_output --partial 'one The first tcp:127.0.0.1:0 → 127.0.0.1:'
	assert_output --partial "Refused 2 0 failed, 0 evicted"
	assert_output --partial "pid $DPID, version"
	close_session s
}

@test "figures of many digits are set in groups, and nothing is left out of a sum" {
	sh_service many 'exit 0' '{"log": {"connections": false}}'
	start_berthd
	"$flood" -n 1203 -c 8 "$(at many)" >/dev/null
	wait_until 10 service_is many '.ended == 1203'
	page
	[[ $(figures many) == '0 / 100|'*'|0|1,203|0|1,203|0|0|0' ]] || fail "$(figures many)"
	# as many as the columns of each chart say, by their titles
	local sum
	sum=$(grep -oE '<title>[^<]* to [^<]*</title>' "$T/page" | sed -E 's/.*: ([0-9,]+)<.*/\1/; s/,//g' | jq -s add)
	assert_equal "$sum" $((3 * 1203))
}

@test "refusals are there by reason, the most first, with who refused" {
	echo_service a '{"access": {"allow": ["192.0.2.0/24"]}}'
	echo_service b '{"access": {"allow": ["192.0.2.0/24"]}}'
	echo_service c '{"limits": {"rate_per_source": "1/h"}}'
	start_berthd
	"$flood" -n 2 "$(at a)" >/dev/null || :
	"$flood" -n 5 "$(at b)" >/dev/null || :
	"$flood" -n 4 "$(at c)" >/dev/null || :
	wait_until 5 service_is c '.refused["source-rate"] == 3'
	page
	run html rows <"$T/page"
	assert_line --regexp '^denied [^|]*\|7\|\|b 5, a 2$'
	assert_line --regexp '^source-rate [^|]*\|3\|\|c 3$'
	(($(html rows <"$T/page" | grep -n '^denied' | cut -d: -f1) < $(html rows <"$T/page" | grep -n '^source-rate' | cut -d: -f1)))
}

@test "of live connections the last hundred are there, and how many more there are" {
	echo_service one '{"limits": {"connections": 200}}'
	start_berthd
	open_hold 130 "$(at one)"
	held
	wait_until 10 service_is one '.active == 130'
	page
	local last
	last=$(connections 'map(.connection) | max')
	assert_equal "$(html rows <"$T/page" | grep -cE '^[0-9]+\|one\|')" 100
	assert_equal "$(html rows <"$T/page" | grep -E '^[0-9]+\|one\|' | head -1 | cut -d'|' -f1)" "$last"
	run html text <"$T/page"
	assert_output --partial 'and 30 more connections'
	close_hold
}

# status_items: what `berthctl status` says is wrong and what to do, as `html items` has it of the page
status_items() {
	ctl status --json | jq -r '.problems[] | "\(.grade) \(if .service then .service + " : " else "" end)" +
	    ([.problem, .details[], .todo[]] | join(" "))' | tr -d '`' | sed -E 's/ ,/,/g'
}
# page_items: of the page; commands are set apart there
page_items() { html items <"$T/page" | grep -E '^(error|warning|note) ' | sed -E 's/ ,/,/g'; }

@test "of a berthd where nothing is wrong it says ok; what is wrong and what to do is listed as status has it" {
	local port
	echo_service one
	start_berthd
	page
	run html text <"$T/page"
	assert_output --partial 'berth ok'
	refute_output --partial 'What is wrong'
	port=$(free_port)
	background python3 -m http.server --bind 127.0.0.1 "$port" >/dev/null 2>&1
	wait_until 10 "$dial" "tcp:127.0.0.1:$port" </dev/null
	service absent '{"listen": "tcp:127.0.0.1:0", "exec": ["/none"]}'
	service taken "{\"listen\": \"tcp:127.0.0.1:$port\", \"exec\": [\"/bin/cat\"]}"
	service typo '{"listen": "tcp:127.0.0.1:0", "exek": ["/bin/cat"]}'
	ctl reload || :
	page
	run html text <"$T/page"
	assert_output --partial 'trouble: 3 things are wrong'
	assert_output --partial 'What is wrong, and what to do'
	run page_items
	assert_line --regexp '^error absent : its program cannot be started .*/none: No such file.* install the program'
	assert_line --regexp "^error taken : tcp:127.0.0.1:$port cannot be opened: address already in use 127.0.0.1:$port is held by "
	assert_line --regexp "^error typo : its file is bad, and it is not served $SERVICES/typo.json:1: .*did you mean \"exec\"\\?.* berthctl check $SERVICES/typo.json"
	assert_output "$(status_items)"
	# what is said of it is the same for programs
	assert_equal "$(ctl page --json | jq -c .problems)" "$(ctl status --json | jq -c .problems)"
	rm "$SERVICES"/{taken,typo,absent,one}.json
	ctl reload
	page
	run page_items
	assert_output --partial 'note there are no services'
	assert_output "$(status_items)"
	run html text <"$T/page"
	assert_output --partial 'berth ok'
	assert_output --partial 'To be known'
}

@test "more problems than can be read are counted, with the command that has them all" {
	local i
	for i in {100..151}; do service "bad$i" '{'; done
	start_berthd
	page
	run html text <"$T/page"
	assert_output --partial 'trouble: 52 things are wrong'
	assert_output --partial 'and 2 more: berthctl status --all'
	assert_equal "$(page_items | wc -l)" 50
}

@test "as an unprivileged handler it says what can be seen: who refuses whom, and of a file that it may not read the error" {
	requires root
	local i port
	port=$(free_port)
	background python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); open(sys.argv[2], "w").close(); time.sleep(100)' "$port" "$T/there"
	wait_until 10 test -e "$T/there"
	conf '{"control": {"group": "mail"}}'
	install -m 0755 "$BUILD/berthctl" "$T/berthctl"
	service page "$(jq -nc --arg ctl "$T/berthctl" --arg at "$CONTROL" \
	    '{listen: "tcp:127.0.0.1:0", user: "nobody", group: "mail", exec: [$ctl, "--control", $at, "page", "--http"]}')"
	echo_service closed '{"access": {"allow": ["192.0.2.0/24"]}}'
	echo_service taken "{\"listen\": \"tcp:127.0.0.1:$port\"}"
	service typo '{"listen": "tcp:127.0.0.1:0", "exek": ["/bin/cat"]}'
	chmod 0600 "$SERVICES/typo.json"
	chmod 0755 "$T"
	start_berthd
	for i in {1..12}; do ask closed no 2>/dev/null || :; done
	wait_until 5 service_is closed '.refused.denied == 12'
	run curl -s -o "$T/page" -w '%{http_code}' "$(page_url)"
	assert_output 200
	run page_items
	assert_line --regexp '^warning closed : it refuses connections, 12 for .*: denied 12 from 127.0.0.1 \(12\) berthctl explain closed --peer 127.0.0.1 '
	assert_line --regexp "^error taken : .* is held by a process of user 0 "
	# no line: it would have to be read for that
	assert_line --partial "$SERVICES/typo.json: \"exek\" is not a known key"
}

@test "--json has what the page is made from" {
	echo_service one
	start_berthd
	run ctl page --json
	assert_success
	jq -e '.berthd.pid, .pool.limit, (.services[0].histograms.spawn.buckets | length == 31), (.connections | length == 0), .problems == []' <<<"$output"
	run -64 ctl page --json --http
}

@test "nothing that comes from outside becomes markup: description, path, program, key, host name, time zone" {
	requires program tidy
	requires root
	requires program unshare
	harmless_services
	start_berthd
	page
	html shape <"$T/page" >"$T/shape"
	stop_berthd
	hostile_services
	start_berthd
	TZ='<<b>owned>0' unshare -u sh -c 'printf "<i>a\"b" >/proc/sys/kernel/hostname && exec "$@"' sh \
	    "$BUILD/berthctl" --control "$CONTROL" page >"$T/page"
	run diff "$T/shape" <(html shape <"$T/page")
	assert_success
	run tidy -e -q "$T/page"
	assert_output ''
	run html text <"$T/page"
	assert_output --partial "$HOSTILE"
	assert_output --partial "unix:$T/<script>alert(1)</script>"
	assert_output --partial 'berth on <i>a"b'
	assert_output --partial '/none<script>'
	assert_output --partial 'wrong : '
}

# ---- who cannot be asked ----

@test "no berthd: the page says so, and the exit status is 69" {
	run -69 ctl page
	assert_output --partial '<title>'"$(hostname): berth not running</title>"
	assert_output --partial 'berthd is not running'
	assert_output --partial "there is no socket $CONTROL"
	assert_output --partial "<code>berthd --control $CONTROL</code> starts it"
	assert_output --partial "$CONTROL: no daemon there"
	refute_output --partial 'Services'
}

@test "a berthd that hangs: the page says so after a while" {
	start_berthd
	kill -STOP "$DPID"
	run -69 ctl page
	kill -CONT "$DPID"
	assert_output --partial "berthd hangs: pid $DPID has not answered within 5s"
	assert_output --partial "<code>kill -CONT $DPID</code>"
	assert_output --partial "$CONTROL: the daemon does not answer: there was no answer within 5 seconds"
	# and afterwards there is one
	run ctl page
	assert_success
}

@test "who may not connect to the control socket is told so" {
	requires root
	page_service page '{"user": "nobody"}'
	start_berthd
	run curl -s -o "$T/page" -w '%{http_code}' "$(page_url)"
	assert_output 503
	run html text <"$T/page"
	assert_output --partial 'berth not allowed'
	assert_output --partial 'not allowed to connect: only root, the user that runs berthd, and members of its control.group'
	assert_output --partial 'give the service of this page the group'
	wait_log 'stderr service=page .*not allowed to connect'
	wait_log 'exit service=page .*status=77'
}

# ---- over HTTP ----

@test "served by berth: HTTP that allows the page its own style and script, and nothing else" {
	page_service
	start_berthd
	run curl -s -D "$T/head" -o "$T/page" -w '%{http_code} %{content_type}' "$(page_url)"
	assert_output '200 text/html; charset=utf-8'
	tr -d '\r' <"$T/head" >"$T/headers"
	local policy
	policy=$(sed -n 's/^Content-Security-Policy: //p' "$T/headers")
	assert_equal "$policy" "default-src 'none'; style-src '$(html digest style <"$T/page")'; img-src data:; base-uri 'none'; form-action 'none'; connect-src 'self'; script-src '$(html digest script <"$T/page")'; frame-ancestors 'none'"
	run cat "$T/headers"
	assert_line 'Cache-Control: no-store'
	assert_line 'X-Content-Type-Options: nosniff'
	assert_line 'Referrer-Policy: no-referrer'
	run tidy -e -q "$T/page"
	assert_output ''
	# what is printed has no script, and asks for none
	page
	run html shape <"$T/page"
	refute_line --regexp '^script'
	run grep -c script-src "$T/page"
	assert_output 0
}

@test "only the page is served, and only read" {
	page_service
	start_berthd
	run curl -s -o /dev/null -w '%{http_code}' "$(page_url)other"
	assert_output 404
	run curl -s -o /dev/null -w '%{http_code}' -X POST -d 'x=1' "$(page_url)"
	assert_output 405
	run curl -s -I -o "$T/head" -w '%{http_code} %{size_download}' "$(page_url)"
	assert_output '200 0'
	# a name of somebody else's, led to this address
	run curl -s -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$(page_url)"
	assert_output 421
	run curl -s -o /dev/null -w '%{http_code}' "$(page_url)?a=b"
	assert_output 200
}

@test "the sample is disabled, on a loopback address, and says who can read it; with the control group it works" {
	requires root
	local sample=$BATS_TEST_DIRNAME/../../services.d/status.json
	run jq -r '.enabled, .listen, (.description | test("[Ww]hoever can reach the port can read it")), .exec[1:] == ["--control", "/run/berth/control", "page", "--http"]' "$sample"
	assert_output $'false\ntcp:127.0.0.1:7026\ntrue\ntrue'
	conf '{"control": {"group": "daemon"}}'
	service status "$(jq --arg ctl "$BUILD/berthctl" --arg at "$CONTROL" \
	    '.enabled = true | .listen = "tcp:127.0.0.1:0" | .exec[0] = $ctl | .exec[2] = $at | .group = "daemon"' "$sample")"
	start_berthd
	wait_until 5 eval '(($(stat -c %a "$CONTROL") == 660))'
	chmod 0755 "$T"
	run curl -s -o "$T/page" -w '%{http_code}' "$(page_url status)"
	assert_output 200
	[[ $(figures status) == '1 / 8|1|'* ]]
}

# ---- in a browser ----

@test "a browser shows what lives, and asks nobody else" {
	requires full chromium
	page_service
	echo_service one '{"description": "The first"}'
	start_berthd
	open_session s "$(at one)"
	say s hello
	heard s hello
	browse "$T/profile" "$(page_url)" 'document.body.innerText' 'document.querySelectorAll(".histogram").length' \
	    'document.getElementById("hold").hidden' 'document.title'
	run found '.values[0]'
	assert_output --partial 'The first'
	assert_output --partial '1 / 100'
	assert_output --partial 'Live connections'
	# of the two services that have started a handler
	assert_equal "$(found '.values[1:3] | join(" ")')" '6 false'
	assert_equal "$(found '.values[3]')" "$(hostname): berth ok"
	assert_equal "$(found '.requests | unique | join(" ")')" "$(page_url)"
	assert_equal "$(found '.complaints | length')" 0
	close_session s
}

@test "in a browser, a hostile description is text, and no script but the page's own runs" {
	requires full chromium
	page_service
	hostile_services
	start_berthd
	local try='<img src=x onerror="window.owned=1"><p style="color:red" id=inline>x</p><iframe srcdoc="<script>parent.owned=2</script>"></iframe>'
	browse "$T/profile" "$(page_url)" \
	    '[...document.querySelectorAll(".sub")].map(e => e.textContent).join("\n")' \
	    'document.querySelectorAll("img, iframe, script, object, embed, form").length' 'document.title' \
	    "document.body.insertAdjacentHTML('beforeend', $(jq -n --arg t "$try" '$t')); 1" \
	    'const s = document.createElement("script"); s.textContent = "window.owned = 3"; document.body.append(s); 1' \
	    'until document.querySelector("iframe").contentDocument?.readyState === "complete"' \
	    'String(window.owned) + " " + (getComputedStyle(document.getElementById("inline")).color === "rgb(255, 0, 0)")'
	run found '.values[0]'
	assert_output --partial "$HOSTILE"
	# the one script is ours
	assert_equal "$(found '.values[1]')" 1
	assert_equal "$(found '.values[2]')" "$(hostname): berth trouble: 2 things are wrong"
	assert_equal "$(found '.dialogs')" 0
	# what is put into it all the same does nothing, for the policy is in force
	assert_equal "$(found '.values[-1]')" 'undefined false'
	found '.complaints[]' | grep -q 'Content Security Policy'
}

# For each text: the contrast of its colour with what is behind it (WCAG 2); the lowest, with the text.
CONTRAST='(() => {
	const rgb = (c) => c.match(/[\d.]+/g).map(Number);
	const light = (c) => rgb(c).slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
	    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgb(c)[3] !== 0) return c; } return "rgb(255, 255, 255)"; };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let least = [99, ""];
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
		if (!text || !e.checkVisibility()) continue;
		const style = getComputedStyle(e);
		const [a, b] = [light(e.closest("svg") ? style.fill : style.color), light(behind(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < least[0]) least = [ratio, text];
	}
	return least;
})()'

# What is found in one view: five values.  A picture of it is left in $BERTH_SHOTS, where that is a directory.
view() {
	printf '%s\n' "view $1 $2" \
	    'document.documentElement.scrollWidth <= document.documentElement.clientWidth && document.documentElement.clientWidth' \
	    '[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll > *") && e.checkVisibility() && e.getBoundingClientRect().right > document.documentElement.clientWidth).map(e => e.outerHTML)' \
	    '[...document.querySelectorAll(".scroll")].map(e => e.scrollWidth > e.clientWidth).join(" ")' \
	    'getComputedStyle(document.body).backgroundColor' "${CONTRAST//$'\n'/ }"
	[[ -z ${BERTH_SHOTS:-} ]] || echo "shot $BERTH_SHOTS/$([[ $1 == 360 ]] && echo narrow || echo wide)-$2.png"
}
# seen N WIDTH COLOUR SCROLLING: of the Nth view
seen() {
	local v
	v=$(found "[.values[] | select(. != null)][$(($1 * 5)):$(($1 * 5 + 5))] | tojson")
	echo "$v"
	(($2 - $(jq '.[0]' <<<"$v") <= 20))
	[[ $(jq -r '.[1] | length' <<<"$v") == 0 ]]
	[[ $(jq -r '.[2]' <<<"$v") == "$4" ]]
	[[ $(jq -r '.[3]' <<<"$v") == "$3" ]]
	[[ $(jq '.[4][0] >= 4.5' <<<"$v") == true ]]
}

@test "wide and narrow, light and dark: nothing scrolls sideways but tables in their boxes, and all text has contrast" {
	requires full chromium
	local steps light='rgb(245, 246, 248)' dark='rgb(17, 22, 28)'
	page_service
	echo_service "$(printf 'long%.0s' {1..15})" "$(jq -nc --arg d "$(printf 'word%.0s' {1..200})" '{description: $d}')"
	echo_service few '{"description": "Three places, the rest is refused", "limits": {"connections": 3, "overflow": ["refuse"]}}'
	sh_service date 'date' '{"description": "A program that only writes: the date, then the end"}'
	service off '{"enabled": false, "listen": "tcp:127.0.0.1:0", "exec": ["/bin/cat"]}'
	service typo '{"listen": "tcp:127.0.0.1:0", "exek": ["/bin/cat"]}'
	service absent '{"listen": "tcp:127.0.0.1:0", "exec": ["/none"]}'
	start_berthd
	open_hold 3 "$(at few)"
	held
	wait_until 10 service_is few '.active == 3'
	"$flood" -n 20 "$(at few)" >/dev/null || :
	"$flood" -n 40 "$(at date)" >/dev/null
	mapfile -t steps < <(view 1400 light; view 1400 dark; view 360 light; view 360 dark)
	browse "$T/profile" "$(page_url)" "${steps[@]}" \
	    'document.body.innerText.includes("longlong")' \
	    '[...document.querySelectorAll("td.n")].every(e => getComputedStyle(e).textAlign === "right" && getComputedStyle(e).fontVariantNumeric === "tabular-nums")'
	close_hold
	seen 0 1400 "$light" 'false false false'
	seen 1 1400 "$dark" 'false false false'
	seen 2 360 "$light" 'true true true'
	seen 3 360 "$dark" 'true true true'
	assert_equal "$(found '.values[-2:] | join(" ")')" 'true true'
	assert_equal "$(found '.complaints | length')" 0
}

@test "it refreshes itself, without being loaded anew, what was scrolled stays so; paused, it stays as it is" {
	requires full chromium
	page_service
	echo_service one
	start_berthd
	browse_in_background "$T/profile" "$(page_url)" 'view 360 light' 'document.body.dataset.refresh = 0.1' 'window.mark = "same"' \
	    'document.querySelector(".scroll").scrollLeft = 40' 'document.body.innerText.includes("latecomer")' "touch $T/loaded" \
	    'until document.body.innerText.includes("latecomer")' 'window.mark' 'document.querySelector(".scroll").scrollLeft' \
	    'document.getElementById("hold").click()' 'document.getElementById("hold").textContent' "touch $T/paused" "until document.body.dataset.since ||= performance.now()" \
	    'until performance.now() - document.body.dataset.since > 2000' 'document.body.innerText.includes("later")' \
	    'document.getElementById("hold").click()' 'until document.body.innerText.includes("later")'
	wait_until 20 test -e "$T/loaded"
	echo_service latecomer
	wait_until 20 test -e "$T/paused"
	ctl reload || :
	echo_service later
	background_found
	run found '.values | map(tostring) | join(" ")'
	assert_output --partial ' 40 false null true same 40 '
	assert_output --partial ' Go on '
	assert_output --regexp ' true false null true$'
	assert_equal "$(found '.complaints | length')" 0
}

@test "without scripts the browser loads it anew" {
	requires full chromium
	page_service
	start_berthd
	browse_in_background --no-script "$T/profile" "$(page_url)" 'document.body.innerText.includes("latecomer")' "touch $T/loaded" \
	    'until document.body.innerText.includes("latecomer")' 'document.getElementById("hold").hidden'
	wait_until 20 test -e "$T/loaded"
	echo_service latecomer
	background_found
	assert_equal "$(found '.values[0]')" false
	assert_equal "$(found '.values[-1]')" true
}

@test "a berthd that has gone: the page says so, and goes on when there is one again" {
	requires full chromium
	page_service page "{\"listen\": \"tcp:127.0.0.1:$(free_port)\"}"
	start_berthd
	browse_in_background "$T/profile" "$(page_url)" "touch $T/loaded" 'until !document.getElementById("lost").hidden' \
	    'document.getElementById("lost").textContent' 'document.body.innerText.includes("Live connections")' "touch $T/lost" \
	    'until document.getElementById("lost").hidden && document.body.innerText.includes("latecomer")'
	wait_until 20 test -e "$T/loaded"
	stop_berthd
	wait_until 30 test -e "$T/lost"
	echo_service latecomer
	start_berthd
	background_found
	run found '.values[2]'
	assert_output --regexp '^No answer for [0-9]+ s\.'
	assert_equal "$(found '.values[3]')" true
}
