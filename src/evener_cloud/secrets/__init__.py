"""Where certificates come from: the interface, and the service of standalone. Knows no HTTP and no load balancer."""
