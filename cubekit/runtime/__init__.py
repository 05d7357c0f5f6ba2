"""The runtime floor: a Plan that lives. Runs on asyncio and trio."""
