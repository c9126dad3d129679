"""What each request passes before the gateway's routes: host names, other origins, a count of what is under way."""
