"""What the author of a cube imports, re-exported by `cubekit` itself."""
