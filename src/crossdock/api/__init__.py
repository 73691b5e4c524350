"""The admin HTTP API: models, auth, problem+json. No business rules; reads the reading models, acts by sending operators' messages."""
