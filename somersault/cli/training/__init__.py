"""One life of a training run, from its services' start to its end."""
