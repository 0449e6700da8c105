"""The kernel: namespaces, links, addresses, routes. The only room that touches them; it decides nothing."""
