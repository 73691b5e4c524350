"""The operator's web console: templates and htmx, speaks only to ``api/``."""
