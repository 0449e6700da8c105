#!/bin/sh
# A load balancer by hand, serving what Evener would serve: what Evener's times and throughput are compared with.
#   [CERTIFICATE=FILE] [EXTRA=FILE] bench/bare.sh NAME ADDRESS/LENGTH MAC GATEWAY BRIDGE DIRECTORY MEMBER...    a MEMBER is ADDRESS:PORT
# Returns once HAProxy accepts connections. Must do no step that a careful person could leave out.
set -e
name=$1 address=$2 mac=$3 gateway=$4 bridge=$5 directory=$6
shift 6

ip netns add "$name"
ip -n "$name" link set lo up
ip link add "tap-$name" type veth peer name eth0 netns "$name"
ip link set "tap-$name" master "$bridge" up
ip -n "$name" link set eth0 address "$mac" up
ip -n "$name" address add "$address" dev eth0
ip -n "$name" route add default via "$gateway"

address=${address%/*}

mkdir -p "$directory/chroot"
cd "$directory"
cat >haproxy.conf <<END
global
    user haproxy
    group haproxy
    chroot $directory/chroot
    maxconn 8000
    hard-stop-after 300s
    max-spread-checks 100
    stats socket unix@haproxy.sock mode 600 level admin expose-fd listeners
    log /log local0 notice
defaults
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    retries 3
    option redispatch
frontend web
    mode http
    bind $address:80
    option forwardfor
    http-request set-header X-Forwarded-Port 80
    http-request set-header X-Forwarded-Proto http
    default_backend web
backend web
    mode http
    log global
    balance roundrobin
    timeout check 4s
END
number=1
for member in "$@"; do
  echo "    server web$number $member weight 1 check inter 5s fall 3 rise 1" >>haproxy.conf
  number=$((number + 1))
done
if [ -n "${CERTIFICATE:-}" ]; then
  {
    printf 'frontend tls\n    mode http\n    option forwardfor\n    default_backend web\n'
    printf '    http-request set-header X-Forwarded-%s\n' 'Port 443' 'Proto https'
    printf '    bind %s:443 ssl crt %s ssl-min-ver TLSv1.2 alpn h2,http/1.1\n' "$address" "$CERTIFICATE"
    printf 'frontend tcp\n    mode tcp\n    bind %s:81\n    default_backend tcp\n' "$address"
    printf 'backend tcp\n    mode tcp\n    log global\n    balance roundrobin\n    timeout check 4s\n'
    number=1
    for member in "$@"; do
      printf '    server tcp%s %s weight 1 check inter 5s fall 3 rise 1\n' "$number" "$member"
      number=$((number + 1))
    done
  } >>haproxy.conf
fi
[ -z "${EXTRA:-}" ] || cat "$EXTRA" >>haproxy.conf
ip netns exec "$name" haproxy -q -W -D -S unix@master.sock,mode,600 -p haproxy.pid -f haproxy.conf
