"""One file per thing that can happen to an order; each notes what it means and lets ``advance`` do the rest."""
