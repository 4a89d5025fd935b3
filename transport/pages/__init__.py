"""What every page served from this system shares: the choice of language, assets under lasting addresses, the look.

``language`` Vietnamese or English; ``assets`` own files, cached for ever; ``static/base.css`` colours, type, tables
"""
