"""The client's commands for networks, routers, floating IPs, security groups and certificates.

Found by the client through the entry point `evener.commands`; imports the client and nothing of the services.
"""
