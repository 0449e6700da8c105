"""Evener's service plugin for Neutron, under the name that operators' settings know: it passes requests on.

What a request means is `evener-api`'s affair. A fault in here must not keep Neutron from starting.
"""
