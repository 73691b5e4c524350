"""The partner API: programs of customers and portals give orders and ask, and are answered while they wait.

A door like intake: what is taken is stored as it came before it is answered, and decided by nobody here. What is
answered beside is read from what is known, each answer with its age; what is not known is called unknown. Calls no
other system: one that is away makes no answer slow or wrong. Start at ``app.py``; ``orders.py`` takes orders,
``asking.py`` answers questions.
"""
