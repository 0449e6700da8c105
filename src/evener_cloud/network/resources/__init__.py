"""The nouns of networks, as Neutron has them."""
