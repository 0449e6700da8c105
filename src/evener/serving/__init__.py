"""Puts load balancing together as services beside a cloud, and serves an API over HTTP. Decides nothing."""
