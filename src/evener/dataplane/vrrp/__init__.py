"""Two hosts that serve one load balancer agree on the wire who has its VIP: keepalived, one for each load balancer."""
