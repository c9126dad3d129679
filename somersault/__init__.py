"""What two or more services share: messages, types, errors, configuration, storage, rpc."""
