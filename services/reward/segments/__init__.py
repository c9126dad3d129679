"""What simulators offer, and the pool of the newest segments that queries are chosen from."""
