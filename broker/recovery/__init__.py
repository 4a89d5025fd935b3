"""Bringing a restored database forward to what its inbox topics prove."""
