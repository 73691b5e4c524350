"""The partner API: in process against a real database, and as a process that is killed."""
