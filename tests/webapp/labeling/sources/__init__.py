"""Items made of what runs produced."""
