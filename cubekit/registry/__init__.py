"""Getting cubes out of registries and into them: several registries as one shelf, locks, trust, publishing."""
