"""Days, clocks and calendars: what the four pillars are read from."""
