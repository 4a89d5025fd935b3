"""The insurance export of Vietnamese hospitals: ``GIAMDINHHS`` files and the transfer slips (Table 13) in them.

Shapes, for whoever builds on them:

``Envelope``  sender, made_on, dossiers, findings                                  ``envelope.read_envelope(bytes)``
``Dossier``   position, sender, slip, summary, drugs, results, course, tables, held_back, findings   (one HOSO)
``Slip``      dialect ("4750" | "3176"), values: tag -> text, "" if empty, None if absent, in the dialect's order;
              raw and sha256 of the table as it stood in the file
``Row``       tag -> text, "" if empty, None if absent: ``summary`` (XML1 without money), ``drugs`` (XML2),
              ``results`` (XML4), ``course`` (XML5), only rows of the slip's own MA_LK
``Finding``   reason, severity, field, vi, en, fixer, table, hoso; never a value

Blanks around a text are not part of it; nothing else is changed, Unicode form included.

``documents``  one XML document, safely        ``packing``   base64, CDATA, plain
``fields``     the field tables                ``dialects``  the slip, its dialect by tag
``tables``     XML1, XML2, XML4, XML5          ``records``   one HOSO, joined on MA_LK
``envelope``   the whole file                  ``dates``     local times, parts unknown
``identity``   personal numbers, cards, codes  ``spoofing``  hidden and foreign letters
``findings``   what was found, in words        ``rules``     the verdict on a record
``checks``, ``routing``, ``timing``, ``content``, ``remarks``   what the rules look at
"""
