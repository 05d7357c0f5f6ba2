"""``cubekit doctor``: each check with something that is really broken."""
