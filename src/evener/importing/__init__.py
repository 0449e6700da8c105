"""Load balancers of Neutron-LBaaS and of Octavia, brought over: `evener-db-manage import`.

What each source holds becomes what a POST in its own dialect says (pure); `control.takeover` does the rest.
"""
