"""The tests of the kit, one or more for each rule of the quality scale."""
