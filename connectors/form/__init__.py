"""The printed form "Phiếu chuyển cơ sở khám bệnh, chữa bệnh" (TT 01/2025/TT-BYT, Annex VI).

``content``  what stands on the form, as plain texts (pure)
``names``    words for codes that the form prints
``render``   PDF by typst; runs only in the short-lived child process of ``connectors.workshop``
``slip.typ`` the page
"""
