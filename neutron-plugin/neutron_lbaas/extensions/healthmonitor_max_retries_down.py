"""The extension `hm_max_retries_down`."""

from neutron_lbaas.announcing import extension

Healthmonitor_max_retries_down = extension("hm_max_retries_down")
