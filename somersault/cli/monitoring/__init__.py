"""How a run is going: read from its services, judged, and shown."""
