"""Invented exports of two invented hospitals, dated today: what a HIS would drop into its export folder.

Every person, card, licence and slip here is made up; names carry words such as MẪU, THỬ, GIẢ ĐỊNH. Facility codes with
a Z do not exist.

``cases``      the clinical stories, as data
``envelope``   a story as a GIAMDINHHS file (QĐ 4750 or QĐ 3176)
``story``      which files the demonstration drops, and when
"""
