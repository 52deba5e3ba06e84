"""How Throughline is put together and run."""
