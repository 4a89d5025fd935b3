"""The hospital's side: reading exports, sending, receiving, handing over.

The way out of the hospital:

``sources`` ``mapping`` ``form`` ``workshop``  an export to slips, a slip to a FHIR message and a printed form
``scanning`` ``intake`` ``intake_bundles``     files to messages in the outbox, each once
``case_of_slip`` ``preparing`` ``drafting`` ``asking``  which case a slip belongs to; what will be signed; who is asked
``sealing`` ``sending_order`` ``retry`` ``outbox``      signed, sealed, sent, repeated until a receipt is held

The way in:

``receive`` ``numbers``                        what a record of the inbox is: the numbered recipe, pure
``inbox`` ``taking_in`` ``tokens_taken`` ``progress`` ``card``  read, judged, and written with the read position
``parcel`` ``case_folder`` ``handover`` ``handover_folder`` ``handover_http``   to the hospital's own software
``reporter``                                   acks, inbox-status, our own directory entry

The people:

``actions`` ``answers`` ``raising`` ``repeating``       what they do with a case
``status`` ``metrics`` ``alarm_words`` ``papers``       what they are told
``control`` ``control_acts`` ``worklist``      the local door, and the pages behind it
``check``                                      files judged without a server

The process: ``settings`` ``settings_file`` ``keyring`` ``directory_book`` ``store`` ``link`` ``kafka_link`` ``site``
``housekeeping`` ``run``.
"""
