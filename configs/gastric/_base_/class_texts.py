# PatchGastric's three grades in the order of the labels, as the text encoders read them.
# Configs read this file as TEXTS instead of inheriting it: as a Python list they can
# put TEXTS into a template.
TEXTS = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma'
]
