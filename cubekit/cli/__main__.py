"""``python -m cubekit.cli``, for environments whose scripts are not on the path."""

from cubekit.cli import main

main()
