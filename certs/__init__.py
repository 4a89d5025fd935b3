"""Keys, certificates, the authority, trust decisions, seal and open.

``keys`` ``weak_keys``                    private keys in 0600 files; which keys are sound
``profiles`` ``requests``                 what each kind of certificate says; asking for one
``authority`` ``issuing`` ``register``    the authority in one folder: it signs requests, revokes, publishes lists
``base64url`` ``strict_object`` ``token`` the strict pre-parser that every token passes before a JOSE library sees it
``signatures`` ``unwrap`` ``kinds``       the inner functions, one algorithm at a time, and the words of the wire
``seal`` ``unseal``                       signed and sealed on the way out; opened, and tokens verified, on the way in
``identity`` ``chain`` ``revocation``     whom a certificate names, who vouches for it, who is revoked
``trust``                                 certificate, lists, time and owner in; facility or a reason out
``verify_message`` ``facility_token``     the numbered recipe for a message; the same for a facility's ack and status
``directory``                             the signed entry by which others learn a facility's keys
"""
