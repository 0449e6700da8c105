# Ports that Neutron's Linux bridge agent connects. Sourced by lib.sh, never run; l2-openvswitch.sh has the same functions.

# l2_of_neutron: what neutron.conf has because of it.
l2_of_neutron() {
  cat <<C
[experimental]
linuxbridge = true
C
}
# l2_of_agent: what the file of Neutron's server and L2 agent has.
l2_of_agent() {
  cat <<C
[securitygroup]
enable_security_group = true
firewall_driver = iptables
[linux_bridge]
physical_interface_mappings = external:ext0
[vxlan]
enable_vxlan = false
C
}
# l2_absent: what must not be on this machine before.
l2_absent() { :; }
# l2_begin: what has to be there before Neutron's agent; ext0 leads outside. An ebtables that deletes what the agent has it
# delete is found by the agent's helpers as well, as the root_helper is not sudo, which would reset the path.
l2_begin() { PATH=$PWD/cloud/bin:$PATH; }
# l2_plug NAMESPACE TAP NETWORK PORT MAC: the server's eth0 in a namespace has its other end, a tap, connected.
l2_plug() {
  local bridge=brq${3:0:11}
  waitfor test -e "/sys/class/net/$bridge" # Neutron's agent makes it
  ip link set "$2" master "$bridge" up
}
