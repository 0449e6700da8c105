"""HTTP in and out: routes, dialects, authentication, policy, filters and paging, error bodies."""
