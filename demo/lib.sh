# What the demonstrations and scripts/down share: the demonstration's namespaces and the server's process. Sourced, never run.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
OURS=$STATE/demo # a file for each namespace that is the demonstration's own, so that no other is touched
MADE=$STATE/demo.made # KIND ID of what the demonstration made below LB_WEB
PIDFILE=$STATE/standalone.pid
HA=$STATE/ha # of the demonstration with two hosts: their agents' files, RabbitMQ's, and a file PROCESS.pid for each
HA_HOSTS="node-1 node-2"
HA_BRIDGES="evener-data evener-manage"

# wait_until SECONDS COMMAND...: tries it until it succeeds, ten times a second.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

has_namespace() { [ -e "/run/netns/$1" ]; }
has_link() { [ -e "/sys/class/net/$1" ]; }
is_idle() { [ -z "$(ip netns pids "$1")" ]; }

stop_processes_in() {
  local pids
  pids=$(ip netns pids "$1")
  # shellcheck disable=SC2086 # one word per process
  [ -z "$pids" ] || kill $pids 2>/dev/null || true
  wait_until 5 is_idle "$1" || fail "The processes in namespace $1 do not stop: $(ip netns pids "$1")"
}

# Removes a namespace of the demonstration with what runs in it and its tap; says so.
remove_namespace() {
  local tap
  if has_namespace "$1"; then
    stop_processes_in "$1"
    tap=$(<"$OURS/$1")
    if [ -n "$tap" ] && has_link "$tap"; then ip link delete "$tap"; fi
    ip netns delete "$1"
    say "Removed namespace $1"
  fi
  rm -f "$OURS/$1"
}

# The server as clients find it, whatever its settings say; it writes its address there itself.
is_healthy() {
  local auth_url
  auth_url=$(sed -n 's/^ *auth_url: *//p' $STATE/clouds.yaml 2>/dev/null | head -n 1)
  curl -kfs -m 2 -o /dev/null "${auth_url%/identity/*}/healthcheck"
}

# A zombie has ended too; whoever started it may never ask.
has_ended() { ! grep -qs '^State:[[:space:]]*[^[:space:]ZX]' "/proc/$1/status"; }

# Stops evener-standalone, where it runs; traffic goes on.
stop_standalone() {
  local pid
  pid=$(standalone_pid)
  [ -n "$pid" ] || return 0
  kill "$pid"
  if ! wait_until 20 has_ended "$pid"; then
    say "evener-standalone ($pid) does not stop on SIGTERM; killing it."
    kill -9 "$pid"
    wait_until 5 has_ended "$pid" || fail "evener-standalone ($pid) does not end."
  fi
  say "Stopped evener-standalone ($pid)"
}

# Prints the process id of evener-standalone, or nothing.
standalone_pid() {
  local pid=
  [ ! -s "$PIDFILE" ] || read -r pid <"$PIDFILE" || true
  if [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q evener-standalone; then say "$pid"; fi
}

# Ends at once all that runs on a host of the demonstration: its agent, and the load balancers that it serves.
kill_host() {
  local pids
  pids=$(pgrep -f "$HA/$1/" | xargs)
  # shellcheck disable=SC2086 # one word per process
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
}

# Removes the demonstration with two hosts, where it is; says so.
remove_ha() {
  local each pid
  [ -e $HA ] || return 0
  for each in $HA_HOSTS; do
    kill_host "$each"
    if has_namespace "$each"; then
      ip netns delete "$each"
      say "Removed host $each"
    fi
  done
  for each in rabbitmq epmd; do
    [ ! -s "$HA/$each.pid" ] || {
      pid=$(<"$HA/$each.pid")
      kill "$pid" 2>/dev/null || true
      wait_until 30 has_ended "$pid" || kill -9 "$pid"
    }
  done
  for each in $HA_BRIDGES; do
    ! has_link "$each" || ip link delete "$each"
  done
  rm -rf "$HA"
  say "Removed RabbitMQ, bridges and $HA"
}
