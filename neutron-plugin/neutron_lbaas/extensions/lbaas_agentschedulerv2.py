"""The extension `lbaas_agent_schedulerv2`."""

from neutron_lbaas.announcing import extension, of_agents

Lbaas_agentschedulerv2 = extension("lbaas_agent_schedulerv2", of_agents)
