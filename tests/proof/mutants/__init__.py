"""Planted bugs. Each is put into the product for the time of a run and must be caught within its stated seeds.

``crossdock prove --mutants`` hunts them all; ``test_mutants.py`` fails for each that gets away.
"""

from . import deciding, exchanging, mapping, paying, refunding, returning, sending, stocking, taking

MUTANTS = (
    *taking.MUTANTS, *deciding.MUTANTS, *sending.MUTANTS, *mapping.MUTANTS, *refunding.MUTANTS, *stocking.MUTANTS,
    *exchanging.MUTANTS, *paying.MUTANTS, *returning.MUTANTS,
)  # fmt: skip

# Of the list that every release must catch: what cannot be planted yet, and why.
NOT_PLANTED = {
    "M12 tenant filter missing": "one organisation per installation: there is no filter to forget",
    "M15 erase removes the dedup key": "nobody's data is erased yet: nothing could take the key with it",
}
