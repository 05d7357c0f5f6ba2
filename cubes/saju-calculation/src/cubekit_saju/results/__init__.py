"""What comes out of a calculation: plain data, with the names of the public JSON."""
