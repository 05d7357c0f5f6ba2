"""The composition floor: a service file and the descriptors of its cubes become a Plan. Pure: nothing runs."""
