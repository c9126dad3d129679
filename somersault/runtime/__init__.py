"""What every process of Somersault is made of: settings, logs, a service's life."""
