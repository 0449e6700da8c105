"""A dashboard: pages for a browser, made from the public APIs with the user's own token. It imports no other room."""
