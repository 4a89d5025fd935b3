"""How urgent a transfer is and of what kind: a dated rule pack that proposes, with its reasons.

``codes``     lists of diagnosis codes
``words``     words about the patient's state, the vehicle, the escort, and what denies them
``rules``     ``propose``: the decision
``proposal``  what is proposed, and how people raise it
"""
