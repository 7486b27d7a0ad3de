"""Stand-ins for what a test cannot have: a provider's service, and a network that misbehaves."""
