"""Who is calling: the interface, and the service of standalone. Knows no HTTP and no load balancer."""
