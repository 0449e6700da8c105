# Ports that Neutron's Open vSwitch agent connects, in a switch of the cloud's own with its datapath in user space, which
# needs nothing of the kernel. Sourced by lib.sh, never run; l2-linuxbridge.sh has the same functions.
export OVS_RUNDIR=$CLOUD/openvswitch

# The helpers that run ovs-ofctl and ovs-vsctl are not begun by sudo, which would lose where the switch is: Neutron is root
# already.
l2_of_neutron() {
  local each
  printf '[ovs]\novsdb_connection = unix:%s/db.sock\ndatapath_type = netdev\n' "$OVS_RUNDIR"
  for each in privsep privsep_ovs_vsctl; do
    printf '[%s]\nhelper_command = privsep-helper --config-file %s/etc/neutron.conf\n' $each "$CLOUD"
  done
}
# This firewall's connections are followed by the datapath, not by the kernel.
l2_of_agent() {
  cat <<C
[securitygroup]
enable_security_group = true
firewall_driver = openvswitch
[ovs]
bridge_mappings = external:br-ex
[agent]
tunnel_types =
C
}
l2_absent() {
  local each
  for each in ovs-netdev br-ex br-int; do
    [ ! -e "/sys/class/net/$each" ] || fail "There is an interface $each already, of another Open vSwitch"
  done
}
l2_begin() {
  local each
  for each in ovs-netdev br-ex br-int; do made link $each; done # the switch leaves them
  mkdir -p "$OVS_RUNDIR"
  ovsdb-tool create "$OVS_RUNDIR/conf.db" /usr/share/openvswitch/vswitch.ovsschema
  start ovsdb-server ovsdb-server "$OVS_RUNDIR/conf.db" --remote="punix:$OVS_RUNDIR/db.sock" --pidfile --no-chdir -vconsole:warn
  waitfor ovs-vsctl --no-wait init
  start ovs-vswitchd ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" --pidfile --no-chdir -vconsole:warn
  ovs-vsctl --timeout=60 add-br br-ex -- set Bridge br-ex datapath_type=netdev -- add-port br-ex ext0
  checksums outside ext1
}
l2_plug() {
  ovs-vsctl --timeout=60 -- --may-exist add-port br-int "$2" -- set Interface "$2" "external_ids:iface-id=$4" \
    "external_ids:attached-mac=\"$5\"" external_ids:iface-status=active
  ip link set "$2" up
  checksums "$1" eth0
}
# checksums NAMESPACE INTERFACE: computed by the kernel, for nobody else does where packets leave it by way of user space.
checksums() {
  ip netns exec "$1" .venv/bin/python -c "from evener.host import offload; offload.ensure_tx_checksums('$2')"
}
