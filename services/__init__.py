"""The services, one folder each; they meet only through gRPC, object storage and each other's streams."""
