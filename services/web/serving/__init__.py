"""How the gateway is reached: connections, HTTP on each, and the certificate that browsers are shown."""
