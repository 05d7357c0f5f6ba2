"""Monitoring of a cubekit service: metrics, spans and logs of every cube, exported, kept, and watched by rules.

The cube is `cubekit_monitoring.cube.Monitoring`. ``python -m cubekit_monitoring`` writes a Grafana dashboard and
Prometheus alert rules.
"""
