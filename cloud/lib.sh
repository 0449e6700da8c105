# What the scripts of the cloud share: where its state is, how a part is started and waited for. Sourced, never run.
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

CLOUD=${CLOUD:-/var/lib/evener-cloud}
export RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_MNESIA_BASE=$CLOUD/rabbitmq RABBITMQ_LOG_BASE=$CLOUD/log
export RABBITMQ_PID_FILE=$CLOUD/rabbitmq/pid
SOCKET=$CLOUD/mysql/mysqld.sock
KEYSTONE=http://127.0.0.1:5000/v3 NEUTRON=http://127.0.0.1:9696 BARBICAN=http://127.0.0.1:9311

# Who connects ports: Neutron's agent of that name, with its interface and mechanism drivers. A cloud stays with one.
[ ! -e "$CLOUD/l2" ] || L2=$(<"$CLOUD/l2")
l2_here=$(cloud_l2 || echo linuxbridge openvswitch)
L2=${L2:-${l2_here%% *}}
[[ " $l2_here " = *" $L2 "* ]] || fail "L2 is one of these here, not $L2: $l2_here"
. "cloud/l2-$L2.sh"

# start NAME COMMAND…: in the background, with a log and a process id of that name.
start() {
  local name=$1
  shift
  setsid "$@" </dev/null >>"$CLOUD/log/$name.log" 2>&1 &
  echo $! >"$CLOUD/run/$name.pid"
}

# made KIND NAME: noted, for `cloud/down`: a namespace, a link, a network or router of Neutron's that is on this machine.
made() { echo "$*" >>"$CLOUD/made"; }

# waitfor COMMAND…: until it succeeds. A busy machine takes its time.
waitfor() {
  local end=$((SECONDS + 300))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "This did not come about: $*; the logs are in $CLOUD/log"
    sleep 0.2
  done
}

# ending NAME: that part, with all that it has started.
ending() {
  local file=$CLOUD/run/$1.pid
  [ -e "$file" ] || return 0
  kill -TERM -- "-$(<"$file")" 2>/dev/null || true
  for _ in $(seq 100); do kill -0 -- "-$(<"$file")" 2>/dev/null || break; sleep 0.1; done
  kill -KILL -- "-$(<"$file")" 2>/dev/null || true
  rm -f "$file"
}
