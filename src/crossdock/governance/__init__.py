"""Who may do what, by which rules, and who did it: the config folder, secrets, people, the audit chain.

May not talk to vendors, decide about orders, or print a secret. Start at ``config.py`` (the folder as one typed value)
and ``rules.py`` (hold rules); ``people.py`` and ``audit.py`` keep their own few tables.
"""
