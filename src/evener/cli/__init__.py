"""The command-line client. It knows HTTP and nothing of the other rooms; any Neutron LBaaS v2 server will do."""
