# evict.bash - for the bats files about evictions: load ../lib/berth, then this
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

pool() { conf "{\"limits\": {\"connections\": $1}}"; }
evicting='{"limits": {"overflow": ["evict"]}, "evict": {"min_idle": "200ms", "goodbye": "goodbye\n"}}'
# wants a place of others, and gives none for it
asking='{"limits": {"overflow": ["evict"]}, "evict": {"min_idle": "1h"}}'
# ev NAME [JSON]: an echo whose idle clients may be evicted
ev() { echo_service "$1" "$(jq -nc --argjson a "$evicting" --argjson b "${2:-{\}}" '$a * $b')"; }

# to SERVICE: its endpoint, asked for once
declare -gA TO
to() {
	[[ -n ${TO[$1]:-} ]] || TO[$1]=$(at "$1")
	where=${TO[$1]}
}
# idle NAME SERVICE [dial options]: a session that has spoken, and is idle from now on
idle() {
	local where
	to "$2"
	open_session "$1" "$where" "${@:3}"
	say "$1" "hello $1"
	heard "$1" "^hello $1$" 10
}
# silent NAME SERVICE: one that has a handler and has said nothing
silent() {
	local n
	n=$(active_of "$2")
	open_session "$1" "$(at "$2")"
	wait_until 5 active_is "$2" $((n + 1))
}
# Everybody has been idle for min_idle
rest() { sleep 0.4; }

# gone_with NAME TEXT: got exactly this, in whole, and then the end
gone_with() {
	session_ended "$1" 10 || fail "$1 is still there, or ended badly: $(cat "$T/$1.err")"
	[[ $(cat "$T/$1.out"; echo .) == "$2." ]] || fail "$1 got: $(cat "$T/$1.out")"
}
evicted_is() { gone_with "$1" "hello $1"$'\ngoodbye\n'; }
# there NAME...: they are served
there() {
	local name
	for name; do
		say "$name" "still $name"
		heard "$name" "^still $name$"
	done
}
evictions() { log_count '^evict '; }
evictions_are() { [[ $(evictions) == "$1" ]] || fail "$(evictions) evictions: $(grep -a '^evict ' "$LOG")"; }
victims() { sed -n 's/^evict service=\([^ ]*\) .*/\1/p' "$LOG" | xargs; }
# settled: nobody is on its way any more; then accepted = pending + active + ended + failed + sum(refused)
balanced() {
	[[ $(services 'all(.[]; .accepted == .pending + .active + .ended + .failed + ([.refused[]] | add))') == true ]]
}
close_all() { local name; for name; do close_session "$name"; done; }
unix_service() { jq -nc --argjson a "$evicting" --arg t "$T" --argjson b "$1" '$a * {listen: "unix:\($t)/a.sock", socket: {mode: "0666"}} * $b'; }
