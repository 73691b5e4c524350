"""One folder per system, leaves: import ``kit`` and ``domain`` only, never each other."""
