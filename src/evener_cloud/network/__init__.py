"""Where ports, subnets and addresses come from. Nobody here knows what a listener is, or touches the kernel."""
