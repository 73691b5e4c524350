"""Channel = Crossdock = ERP: per order in existence, status, quantity and amount, and per day in a signed certificate.

Reads other systems through their connectors' listings and never writes to them: what is wrong is read back, or told
to the order, whose own decider does the rest. Knows no vendor. Start at ``compare.py`` (what differs, pure), then
``looking.py`` (one look at some orders), ``rounds.py`` (when), ``closing.py`` and ``certificate.py`` (the day).
"""
