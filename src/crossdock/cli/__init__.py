"""The command line, over the same services as the API. Start at ``__init__.py``."""
