"""The four pillars and everything that is read from them."""
