"""The ground floor: colours, versions, durations, and errors with codes and places. Imports nothing of cubekit."""
