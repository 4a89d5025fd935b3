"""The operator's pages: plain HTML from the server, in Vietnamese or English, without a single patient on them.

``pages``      the addresses
``filters``    the filter in a page's address
``language``   which of the two languages, and how it is switched
``formats``    times, spans and numbers as people read them
``texts``      what stands on the pages beside the words of ``broker.api.words``
``rendering``  templates with everything they may use
``assets``     the style sheet and the script, under addresses that name their content
"""
