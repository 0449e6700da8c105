# What demo/run and demo/run-ha share: steps that are shown as they are typed. Sourced, never run; needs root.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" = 0 ] || fail "$0 needs root; make demo asks sudo for it."
export PATH="$PWD/.venv/bin:$PATH" OS_CLIENT_CONFIG_FILE=$STATE/clouds.yaml OS_CLOUD=evener
[ -z "${SUDO_USER:-}" ] || export PYTHONDONTWRITEBYTECODE=1 # nothing of root's in another user's clone
client_settings="export PATH=\"$PWD/.venv/bin:\$PATH\" OS_CLIENT_CONFIG_FILE=$STATE/clouds.yaml OS_CLOUD=evener"

title() { printf '\n%s## %s%s\n' "$bold" "$*" "$plain"; }
good() { printf '%s\n' "${green}=> $*${plain}"; }

# run 'COMMAND': shows it as typed, runs it, shows its output and keeps it in $out.
run() {
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  out=$(eval "$1") || { say "$out"; fail "That failed (exit status $?)."; }
  [ -z "$out" ] || say "$out"
}
# field NAME: its value in the table that the last command printed.
field() { awk -F'|' -v name="$1" '{ gsub(/ /, "", $2) } $2 == name { gsub(/^ +| +$/, "", $3); print $3; exit }' <<<"$out"; }
first_address() { field fixed_ips | grep -oE '([0-9]+\.){3}[0-9]+' | head -n 1; }

is_up_or_dead() { is_healthy || ! kill -0 "$1" 2>/dev/null; }
# Prints a file of the program or its settings that is newer than the server that runs, if there is one.
newer_than_server() {
  find src .venv/*.stamp /etc/evener \( -name '*.py' -o -name '*.stamp' -o -name '*.conf' \) -newer $PIDFILE -print -quit 2>/dev/null
}
start_standalone() { # [OPTION...]
  local newer
  if [ -n "$(standalone_pid)" ]; then
    newer=$(newer_than_server)
    if [ -z "$newer" ] && is_healthy; then say "evener-standalone runs already."; return; fi
    say "Starting evener-standalone anew${newer:+, since $newer has changed}; traffic goes on."
    stop_standalone
  fi
  mkdir -p $STATE
  say "${bold}\$ evener-standalone${1:+ $*} &${plain}"
  setsid evener-standalone "$@" >"$STATE/standalone.out" 2>&1 </dev/null &
  wait_until 30 is_up_or_dead $! && is_healthy || {
    tail -n 20 "$STATE/standalone.out" "$STATE/evener.log" >&2 || true
    kill $! 2>/dev/null || true
    fail "evener-standalone does not answer at the address of $STATE/clouds.yaml; it was stopped."
  }
}

answers() { [ "$(ip netns exec "$1" curl -s -m 2 "http://$2/")" = "This is $1" ]; }
start_server() { # NAME ADDRESS
  say "${bold}\$ ip netns exec $1 python demo/server.py $1 &${plain}"
  setsid ip netns exec "$1" python demo/server.py "$1" >/dev/null 2>&1 </dev/null &
  wait_until 10 answers "$1" "$2" || fail "The server in namespace $1 does not answer on $2."
}
