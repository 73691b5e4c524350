"""Configuration in a folder, secrets by reference, people and roles, the audit chain. Start at ``config.py``."""
