"""What training and the program share: scales, sizes, classes. `model.toml` carries them to the program."""

from __future__ import annotations

RED_CELL_UM = 7.2
"""Median diameter of a red cell, micrometres: the ruler of every image."""

BOX_MARGIN = 1.12
"""Boxes are this much wider than the red cells in them, and training takes boxes for cells: a true micrometre per pixel is
divided by this before training uses it. The program multiplies the other way (`optics/scale.rs`)."""

WHITE_PERCENTILE, WHITE_LEVEL, WHITE_LOWEST = 0.95, 235, 32
"""White balance: the value 95 % of a channel's pixels do not exceed becomes 235; a darker white than 32 counts as 32."""

STAIN_HOME = (0.20, 0.32, 0.22)
"""Optical density (natural logarithm, against the background) of whole red cells in red, green and blue that colours are brought
to: near pbc's, from which most cells come."""
STAIN_LIMITS = (0.35, 2.2)
"""Least and largest factor between a channel's density and the home one that is believed."""
STAIN_WAY = 0.5
"""Part of the way home, in logarithms of density."""

TEMPER_FROM, TEMPER_RATE = 1.15, 4.0
"""How a sample's distance tempers its probabilities (distance.py). `leave-out` prints what fits best laboratories that were left out:
1.1 and 4.0. Begun a little later, so that laboratories of training on slides they never showed (chula) are not lowered much."""

DETECTOR_UM = 0.225
"""Micrometres per pixel of the detector's input: a red cell measures 32 px."""

KINDS = ["WBC", "RBC", "PLT"]

CLASSIFIER_UM = 0.165
CLASSIFIER_SIZE = 128
"""The classifier's window: 128 px of 0.165 um, 21 um wide."""

RED_UM = 0.2
RED_SIZE = 64
"""The window of the red cells' network: 64 px of 0.2 um, 12.8 um wide."""

RED_TYPES = ["RBC_NORMAL", "MACROCYTE", "MICROCYTE", "SPHEROCYTE", "TARGET", "STOMATOCYTE", "OVALOCYTE", "TEARDROP", "BURR", "SCHISTOCYTE",
             "UNK", "HYPOCHROMIC", "ELLIPTOCYTE"]
"""Types of red cells, in the order of their numbers in Chula RBC-12."""

RED_GROUPS = {"normal": ["RBC_NORMAL"], "size": ["MACROCYTE", "MICROCYTE"], "spherocyte-burr": ["SPHEROCYTE", "BURR"],
              "target-stomatocyte-hypochromic": ["TARGET", "STOMATOCYTE", "HYPOCHROMIC"],
              "not-round": ["OVALOCYTE", "TEARDROP", "SCHISTOCYTE", "ELLIPTOCYTE"]}
"""Look-alikes that even experts mix up."""

CODES = ["BAS", "EBO", "EOS", "KSC", "LYA", "LYT", "MMZ", "MOB", "MON", "MYB", "MYO", "NGB", "NGS", "PMB", "PMO"]
CLASSES = CODES + ["BLA", "PLT", "UNK"]
"""What the classifier tells apart. BLA: a blast that is neither a myeloblast nor a monoblast, or whose line is not told."""

UNNAMED = ["PLASMA", "MACROPHAGE"]
"""Labels of white cells that no class fits."""

GROUPS = {"NEU": ["NGB", "NGS"], "IG": ["MMZ", "MYB", "PMO"], "BLA": ["BLA", "MOB", "MYO"],
          "LYM": ["LYA", "LYT"], "LYMPHOBLAST": ["BLA"],
          "WBC": [*CODES, "BLA"]} | {label: [*CODES, "BLA"] for label in UNNAMED}
"""Labels that name several classes without saying which: BLA is a blast whose line is not told. A lymphoblast is the class BLA alone,
since the classes know no blast of its line."""

WEAK = ["taleqani"]
"""Sources whose labels are the patient's, not the cell's."""

TRUSTED_FROM = 100
"""A class trained from fewer cells than this is called experimental."""

SOURCES = {
    "txl": ("TXL-PBC (fields/txl)", "boxes of white cells, red cells and platelets; white-cell classes of BCCD fields from "
            "dhruvp/wbc-classification, which states no licence", "MIT"),
    "chula": ("Chula WBC-12 (fields/chula)", "boxes and classes of white cells, low-cost camera", "MIT"),
    "iml": ("IML malaria (fields/iml)", "boxes of red cells, fields without white cells", "none stated; research use"),
    "taleqani": ("Taleqani ALL (fields/taleqani)", "fields without boxes: boxed by the detector's own first stage; white cells by "
                 "their patient's diagnosis", "none stated; research use"),
    "bionet": ("Bio-net, Shams et al. 2024 (fields/bionet)", "boxes of white cells, red cells and platelets, classes of single white "
               "cells", "none stated, asks to be cited"),
    "chula_rbc": ("Chula RBC-12, Naruenatthanaset et al. 2021 (fields/chula_rbc)", "middles and types of red cells", "MIT"),
    "pbc": ("Acevedo et al. 2020 (PBC)", "single white cells and platelets with classes", "CC BY 4.0"),
    "lmu": ("AML-Cytomorphology_LMU, Matek et al. 2019", "single white cells, 15 classes", "CC BY, as published at TCIA"),
    "marrow": ("marrow aspirates (cells/marrow)", "single cells of marrow with classes", "MIT"),
    "zheng1": ("Zheng et al. 2018, set 1", "single white cells, test only", "GPL-3.0 repository"),
    "own": ("the laboratory's own cells", "single cells with classes", ""),
    "device": ("cells reviewed on the device", "single cells with classes", ""),
}
"""Every source: its name, what it gives, its licence as far as known."""
