"""The hospital's own pages, on loopback: what goes out, and the receiving desk's first board. Patients are named here.

``board``      who is coming, in the order of need: pure, for page and terminal alike
``sending``    what goes out, what waits, what a person must mend: pure
``bell``       when to ring: once for each new emergency
``entering``   who may see the pages: the control secret once, then a cookie; forms only from our own pages
``forms``      what a form may say, as the arguments of an act
``pages``      the addresses
``rendering``  templates with everything they may use
``words``      states and people in two languages
``texts``      what else stands on the pages
``formats``    times and spans as people read them
``language``   which of the two languages, and how it is switched
``assets``     style sheet and scripts, under addresses that name their content
"""
