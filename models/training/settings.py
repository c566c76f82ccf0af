"""What training and the program share: scales, sizes, classes. `model.toml` carries them to the program."""

from __future__ import annotations

RED_CELL_UM = 7.2
"""Median diameter of a red cell, micrometres: the ruler of every image."""

WHITE_PERCENTILE, WHITE_LEVEL, WHITE_LOWEST = 0.95, 235, 32
"""White balance: the value 95 % of a channel's pixels do not exceed becomes 235; a darker white than 32 counts as 32."""

DETECTOR_UM = 0.225
"""Micrometres per pixel of the detector's input: a red cell measures 32 px."""

KINDS = ["WBC", "RBC", "PLT"]

CLASSIFIER_UM = 0.165
CLASSIFIER_SIZE = 128
"""The classifier's window: 128 px of 0.165 um, 21 um wide."""

CODES = ["BAS", "EBO", "EOS", "KSC", "LYA", "LYT", "MMZ", "MOB", "MON", "MYB", "MYO", "NGB", "NGS", "PMB", "PMO"]
CLASSES = CODES + ["PLT", "UNK"]

GROUPS = {"NEU": ["NGB", "NGS"], "IG": ["MMZ", "MYB", "PMO"], "BLAST": ["MOB", "MYO"], "LYM": ["LYA", "LYT"]}
"""Labels that name several classes without saying which."""

WEAK = ["taleqani"]
"""Sources whose labels are the patient's, not the cell's."""

EXPERIMENTAL = ["KSC", "LYA", "MOB", "MYO", "PMB"]
"""Classes trained from three to six images of one source: too few to trust."""

TRAINING = [
    {"source": "TXL-PBC (fields/txl)", "what": "boxes of white cells, red cells and platelets; white-cell classes of "
     "BCCD fields from dhruvp/wbc-classification, which states no licence", "licence": "MIT", "images": 848},
    {"source": "Chula WBC-12 (fields/chula)", "what": "boxes and classes of white cells, low-cost camera",
     "licence": "MIT", "images": 233},
    {"source": "IML malaria (fields/iml)", "what": "boxes of red cells, fields without white cells",
     "licence": "none stated; research use", "images": 30},
    {"source": "Taleqani ALL (fields/taleqani)", "what": "fields without boxes, boxed by the detector's own first stage",
     "licence": "none stated; research use", "images": 250},
    {"source": "Acevedo et al. 2020 (cells/pbc)", "what": "single white cells and platelets with classes",
     "licence": "CC BY 4.0", "images": 6532},
    {"source": "AML-Cytomorphology_LMU, Matek et al. 2019 (cells/lmu)", "what": "single white cells, 15 classes",
     "licence": "CC BY, as published at TCIA", "images": 76},
]
